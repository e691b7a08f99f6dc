//! The real binary with a real node, its guards and programs: crashes, wrong input, and what people
//! do to work that is under way.

mod support;

mod crash;
mod disk;
mod input;
mod programs;
mod work;
