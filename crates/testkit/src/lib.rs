//! What tests share: a scripted model server, sizes of tests, polling.

pub mod claude;
pub mod model_server;
pub mod poll;
pub mod size;
