//! Owned processes: the guard, its client, and plain commands with a deadline.
