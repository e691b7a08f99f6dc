//! The structs of version 1. Frozen: they are changed by adding a `v2`, never here.

pub mod guard;
pub mod node;
