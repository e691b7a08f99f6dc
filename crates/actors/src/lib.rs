//! The thin shell over actix: mailboxes, supervision, event sourcing, timers, staged stop.
