//! What tests share: a scripted model server, node processes, polling.

pub mod claude;
pub mod model_server;
pub mod size;
