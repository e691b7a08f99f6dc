//! Commands that need no node: demo, doctor, init.
