//! Which node an actor goes to, and why: a pure function.
