//! A calendar that people can share without knowing each other.

pub mod cli;
pub mod date;
pub mod event;
pub mod overlap;
pub mod people;
pub mod recurrence;
pub mod sharing;
pub mod text;
