//! What a driver knows of its program's language, without I/O and without time.

use callboard_agent::event::{Event, PermissionAnswer};
use callboard_agent::runtime::SessionError;
use uuid::Uuid;

/// What feeding bytes gave: events, and bytes that must be written to the program at once.
#[derive(Debug, Default, PartialEq)]
pub struct Fed {
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Answers to requests of the program that concern nobody else.
    pub replies: Vec<u8>,
}

/// Translates between one program and the port: bytes in, events and bytes out.
pub trait Codec: Send {
    /// The first bytes for the program. Its answer makes the session ready.
    fn hello(&self) -> Vec<u8>;

    /// Takes output of the program.
    fn feed(&mut self, bytes: &[u8]) -> Fed;

    /// Takes the end of the program's output.
    fn finish(&mut self) -> Fed;

    /// The bytes that give a prompt.
    ///
    /// # Errors
    /// [`SessionError::Busy`] before the program is ready and in a turn.
    fn prompt(&mut self, id: Uuid, text: &str) -> Result<Vec<u8>, SessionError>;

    /// The bytes that answer a permission request; none where it is no longer open.
    fn answer(&mut self, id: &str, answer: &PermissionAnswer) -> Vec<u8>;

    /// The bytes that interrupt the running turn; none where there is none.
    fn interrupt(&mut self) -> Vec<u8>;

    /// Whether the program answered that it is ready.
    fn is_ready(&self) -> bool;

    /// Whether a prompt was handed over whose turn did not end.
    fn in_turn(&self) -> bool;
}
