//! The actors as others see them, in virtual time.

mod common;
mod mailbox;
mod simulation;
mod sourced;
mod supervisor;
