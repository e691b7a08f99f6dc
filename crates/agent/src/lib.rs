//! The port to agent programs and their workspaces, and the descriptions of programs.
//!
//! A runtime drives one kind of program; a session is one running program. Decisions live in
//! `domain`; effects in `orchestration`; drivers in `runtimes`.

pub mod description;
pub mod event;
pub mod output;
pub mod runtime;
pub mod workspace;

pub use description::Description;
pub use event::Event;
pub use runtime::{Launch, Runtime, Session, StartError};
pub use workspace::Workspaces;
