//! The scripted program itself: reads requests, plays scripts, writes events.

mod action;
mod input;
mod main;
mod output;
mod turn;

pub use main::{SUBCOMMAND, main};
