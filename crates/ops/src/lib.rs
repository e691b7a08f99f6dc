//! Commands that need no node: demo, doctor, init.

pub mod config_show;
pub mod demo;
pub mod doctor;
pub mod init;
pub mod program;
