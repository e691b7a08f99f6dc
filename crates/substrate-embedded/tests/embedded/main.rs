//! What the embedded substrate promises, tested from outside.

mod blobs;
mod busy;
mod conformance;
mod full_disk;
mod kill;
mod open;
mod support;
mod verify;
