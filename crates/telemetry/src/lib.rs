//! Logs, set up once.
