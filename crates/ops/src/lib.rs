//! Commands that need no node: demo, doctor, init.

pub mod doctor;
pub mod init;
pub mod program;
