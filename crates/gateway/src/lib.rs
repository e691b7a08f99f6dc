//! The HTTP interface: commands in, views out, events as a stream.
//!
//! It decides nothing: commands go to actors through `cluster`, answers come from `views`.

mod answer;
pub mod config;
mod gateway;
mod guard;
pub mod parts;
mod routes;
#[expect(dead_code, reason = "the routes that use it follow")]
mod state;
#[expect(dead_code, reason = "the routes that use it follow")]
mod view;

pub use config::Config;
pub use gateway::{Gateway, StartError};
pub use parts::{Control, Defaults, Parts};
