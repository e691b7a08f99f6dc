//! Drivers of agent programs: scripted, and stdio for claude.

pub mod stdio;
