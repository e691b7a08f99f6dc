//! `init`: sets a repository up. It looks, asks where somebody can answer, and writes two files.

mod answers;
mod ask;
mod detect;
mod files;
mod run;

pub use answers::{Answers, Key};
pub use detect::check_command;
pub use run::{Done, Error, Options, run};
