//! `doctor`: looks at this machine and says what to do. It changes nothing.

mod files;
mod finding;
mod host;
mod run;

pub use run::{NodeFound, Options, has_problem, run};
