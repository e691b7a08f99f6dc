//! The binary: parses the command line, starts a node or calls the client.

fn main() {}
