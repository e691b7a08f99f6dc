//! What may be done without a person: the allow and deny policy.
//!
//! Pure. Invariants (promise P9): a command is allowed only if it is one simple command whose words
//! are known exactly and match an allow pattern; whatever is not understood goes to a person; deny
//! goes before allow, and allow before asking.

pub mod command;
pub mod decision;
pub mod inner;
pub mod path;
pub mod pattern;
pub mod policy;

pub use decision::{Decision, Request};
pub use policy::Policy;
