//! The driver's side of the protocol, without I/O.
//!
//! Invariants: one turn at a time; an answer goes to an open request only, and once. What is not an
//! event of the protocol is shown as output, never obeyed.

use std::collections::BTreeSet;

use callboard_agent::event::{Event, PermissionAnswer};
use callboard_agent::runtime::SessionError;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::protocol::{Request, line};
use crate::codec::{Codec, Fed};
use crate::lines::{Line, Lines};

/// The limits of the codec.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The longest line taken from the program; a longer one is shown as output, cut.
    pub line_len_max: usize,
    /// The longest text in an event, in bytes; a longer one is cut.
    pub text_len_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { line_len_max: 1 << 20, text_len_max: 16 << 10 }
    }
}

/// Translates between the scripted program and the port.
#[derive(Debug)]
pub(super) struct ScriptedCodec {
    cfg: Config,
    lines: Lines,
    ready: bool,
    turn: Option<Uuid>,
    open: BTreeSet<String>,
}

impl ScriptedCodec {
    pub(super) fn new(cfg: Config) -> Self {
        let lines = Lines::new(cfg.line_len_max);
        Self { cfg, lines, ready: false, turn: None, open: BTreeSet::new() }
    }

    fn take(&mut self, line: Line, fed: &mut Fed) {
        let event = match line {
            Line::Whole(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|_| output(&bytes)),
            Line::Cut(bytes) => output(&bytes),
        };
        match &event {
            // Only the end of the process is one.
            Event::Exited { .. } => return,
            Event::Ready { .. } => self.ready = true,
            Event::TurnEnded { .. } => {
                self.turn = None;
                self.open.clear();
            }
            Event::PermissionRequested(request) => {
                self.open.insert(request.id.clone());
            }
            Event::PermissionCancelled { id } => {
                self.open.remove(id);
            }
            _ => {}
        }
        fed.events.push(self.cut(event));
    }

    fn cut(&self, mut event: Event) -> Event {
        if let Event::Output { text }
        | Event::Progress { text }
        | Event::TurnEnded { summary: text, .. } = &mut event
        {
            text.truncate(text.floor_char_boundary(self.cfg.text_len_max));
        }
        event
    }
}

fn output(bytes: &[u8]) -> Event {
    Event::Output { text: String::from_utf8_lossy(bytes).into_owned() }
}

impl Codec for ScriptedCodec {
    fn hello(&self) -> Vec<u8> {
        Vec::new()
    }

    fn feed(&mut self, bytes: &[u8]) -> Fed {
        let mut fed = Fed::default();
        for line in self.lines.feed(bytes) {
            self.take(line, &mut fed);
        }
        fed
    }

    fn finish(&mut self) -> Fed {
        let mut fed = Fed::default();
        if let Some(line) = self.lines.finish() {
            self.take(line, &mut fed);
        }
        fed
    }

    fn prompt(&mut self, id: Uuid, text: &str) -> Result<Vec<u8>, SessionError> {
        if !self.ready || self.turn.is_some() {
            return Err(SessionError::Busy);
        }
        self.turn = Some(id);
        Ok(line(&Request::Prompt { id, text: text.to_owned() }))
    }

    fn answer(&mut self, id: &str, answer: &PermissionAnswer) -> Vec<u8> {
        match self.open.remove(id) {
            true => line(&Request::Answer { id: id.to_owned(), answer: answer.clone() }),
            false => Vec::new(),
        }
    }

    fn interrupt(&mut self) -> Vec<u8> {
        match self.turn {
            Some(_) => line(&Request::Interrupt),
            None => Vec::new(),
        }
    }

    fn is_ready(&self) -> bool {
        self.ready
    }

    fn in_turn(&self) -> bool {
        self.turn.is_some()
    }
}

#[cfg(test)]
mod tests {
    use callboard_agent::event::TurnOutcome;

    use super::*;

    fn codec() -> ScriptedCodec {
        ScriptedCodec::new(Config { line_len_max: 256, text_len_max: 4 })
    }

    fn ready() -> Event {
        Event::Ready { session: "s".to_owned(), in_flight: None }
    }

    fn text(text: &str) -> Event {
        Event::Output { text: text.to_owned() }
    }

    #[test]
    fn prompt_waits_for_ready_and_for_the_turn_before() {
        let (mut codec, id) = (codec(), Uuid::nil());
        assert!(matches!(codec.prompt(id, "a"), Err(SessionError::Busy)));
        assert_eq!(codec.feed(&line(&ready())).events, [ready()]);
        let request = Request::Prompt { id, text: "a".to_owned() };
        assert_eq!(codec.prompt(id, "a").ok(), Some(line(&request)));
        assert!(matches!(codec.prompt(id, "b"), Err(SessionError::Busy)));
        assert_eq!(codec.interrupt(), line(&Request::Interrupt));
        let (outcome, summary) = (TurnOutcome::Completed, String::new());
        codec.feed(&line(&Event::TurnEnded { prompt: id, outcome, summary }));
        assert!(!codec.in_turn() && codec.interrupt().is_empty());
        assert!(codec.prompt(id, "b").is_ok());
    }

    #[test]
    fn request_is_answered_once() {
        let mut codec = codec();
        let request = r#"{"type":"permission_requested","id":"r","tool":"Bash","command":"ls","files":[],"folder":"/","description":""}"#;
        assert_eq!(codec.feed(format!("{request}\n").as_bytes()).events.len(), 1);
        assert!(codec.answer("other", &PermissionAnswer::Allow).is_empty());
        let answer = Request::Answer { id: "r".to_owned(), answer: PermissionAnswer::Allow };
        assert_eq!(codec.answer("r", &PermissionAnswer::Allow), line(&answer));
        assert!(codec.answer("r", &PermissionAnswer::Allow).is_empty());
    }

    #[test]
    fn what_is_no_event_is_output_and_texts_are_cut() {
        let mut codec = codec();
        let exited = Event::Exited { code: Some(0), signal: None, stderr: String::new() };
        let mut bytes = b"{oops\n".to_vec();
        bytes.extend(line(&exited));
        bytes.extend(line(&text("abcdef")));
        bytes.extend(line(&text(&"x".repeat(500))));
        let events = codec.feed(&bytes).events;
        assert_eq!(events, [text("{oop"), text("abcd"), text("{\"ty")]);
        codec.feed(b"end");
        assert_eq!(codec.finish().events, [text("end")]);
    }
}
