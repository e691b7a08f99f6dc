//! This crate against real processes.

mod command;
mod guard;
mod support;
