//! The command line over the HTTP interface: arguments, output, exit codes.
