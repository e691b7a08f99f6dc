//! What the demo is asked for.

use std::path::PathBuf;

/// What the demo is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The program that drives the agents; without one scripts do.
    pub runtime: Option<String>,
    /// Whether one object is printed at the end, and nothing else on standard output.
    pub json: bool,
    /// How many nodes.
    pub nodes: u32,
    /// Whether the folder with the result is kept.
    pub keep: bool,
    /// The folder to work in, which is kept; without one a temporary one.
    pub dir: Option<PathBuf>,
}
