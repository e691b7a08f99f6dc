//! The promises of the port, with the real git program in temporary folders.

mod checkpoint;
mod cleanup;
mod inspect;
mod integrate;
mod prepare;
mod review;
mod speed;
mod support;
