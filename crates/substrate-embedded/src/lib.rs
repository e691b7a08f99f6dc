//! The ports on one machine: SQLite with group commit, and files.
