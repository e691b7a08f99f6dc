//! Programs under a guard, driven over their standard input and output: the real claude, and
//! programs that misbehave.

mod claude_real;
mod faults;
mod support;
