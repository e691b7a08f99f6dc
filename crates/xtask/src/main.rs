//! Checks and long runs of this repository: tidy, soak.

fn main() {}
