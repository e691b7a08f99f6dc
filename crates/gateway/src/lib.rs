//! The HTTP interface: commands in, views out, events as a stream.
//!
//! It decides nothing: commands go to actors through `cluster`, answers come from `views`.

mod answer;
mod ask;
pub mod config;
mod gateway;
mod guard;
mod input;
pub mod parts;
mod program;
mod repository;
mod routes;
mod state;
mod submission;
mod view;

pub use config::Config;
pub use gateway::{Gateway, StartError};
pub use parts::{Control, Defaults, Parts};
