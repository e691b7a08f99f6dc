//! Shapes of the HTTP interface and of every `--json` output, with error and exit codes.
