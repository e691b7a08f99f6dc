//! The state of one session of the protocol, and the way of each message to its handler.
//!
//! ```text
//! starting --initialize answered--> idle --prompt()--> handed over --"started"--> working
//!                                    ^                                              |
//!                                    +------------------- result -------------------+
//! ```
//!
//! Invariants: a turn that started ends exactly once; only a result ends it. A result of a turn
//! that the program began by itself ends no prompt. Each permission request is answered at most
//! once. What is reported as used adds up to what the program reports.

use std::collections::BTreeMap;

use callboard_agent::event::{Event, PermissionAnswer, Usage};
use callboard_agent::runtime::SessionError;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::messages::{ControlRequest, Message, System};
use super::{control, outcome, outgoing, output};
use crate::codec::Fed;
use crate::lines::{Line, Lines};

/// The limits of a codec.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The longest line taken from the program; a longer one is reported as output, cut.
    pub line_len_max: usize,
    /// The longest text in an event; a longer one is cut.
    pub text_len_max: usize,
    /// How many permission requests may be open; the next is denied.
    pub open_requests_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { line_len_max: 16 << 20, text_len_max: 16 << 10, open_requests_max: 64 }
    }
}

/// Translates between one program and the port.
#[derive(Debug)]
pub struct Codec {
    pub(super) cfg: Config,
    pub(super) session: String,
    pub(super) folder: String,
    pub(super) in_flight: Option<String>,
    lines: Lines,
    pub(super) ready: bool,
    pub(super) turn: Option<Turn>,
    /// Whether this program says itself when a prompt starts.
    lifecycle: bool,
    /// Requests that wait for an answer, with the input to allow.
    pub(super) open: BTreeMap<String, Box<RawValue>>,
    n_interrupts: u64,
    pub(super) ledger: outcome::Ledger,
}

#[derive(Debug)]
pub(super) struct Turn {
    pub(super) prompt: Uuid,
    pub(super) started: bool,
    pub(super) interrupted: bool,
}

impl Codec {
    /// The codec of a new conversation; `folder` is the program's working directory.
    #[must_use]
    pub fn new(cfg: Config, session: String, folder: String) -> Self {
        let lines = Lines::new(cfg.line_len_max);
        Self {
            cfg,
            session,
            folder,
            in_flight: None,
            lines,
            ready: false,
            turn: None,
            lifecycle: false,
            open: BTreeMap::new(),
            n_interrupts: 0,
            ledger: outcome::Ledger::fresh(),
        }
    }

    /// The codec of a conversation that goes on; `in_flight` is the step whose outcome is unknown.
    #[must_use]
    pub fn resumed(
        cfg: Config,
        session: String,
        folder: String,
        in_flight: Option<String>,
    ) -> Self {
        let ledger = outcome::Ledger::resumed();
        Self { in_flight, ledger, ..Self::new(cfg, session, folder) }
    }

    fn line(&mut self, line: &Line, fed: &mut Fed) {
        let bytes = match line {
            Line::Cut(bytes) => {
                return fed.events.push(output::unreadable(&self.cfg, "a line too long", bytes));
            }
            Line::Whole(bytes) => bytes,
        };
        // A raw value cannot be read through a tag, so requests are told apart first.
        if kind(bytes).as_deref() == Some("control_request") {
            match serde_json::from_slice::<ControlRequest>(bytes) {
                Ok(request) => control::requested(self, request, fed),
                Err(_) => fed.events.push(output::unreadable(&self.cfg, "a bad request", bytes)),
            }
            return;
        }
        match serde_json::from_slice::<Message>(bytes) {
            Ok(message) => self.message(message, fed),
            Err(_) => fed.events.push(output::unreadable(&self.cfg, "no message", bytes)),
        }
    }

    fn message(&mut self, message: Message, fed: &mut Fed) {
        match message {
            Message::System(System::Init { session_id }) => {
                self.started_without_word(fed);
                output::initialised(self, &session_id, fed);
            }
            Message::System(retry @ System::ApiRetry { .. }) => {
                output::retried(&self.cfg, retry, fed);
            }
            Message::RateLimitEvent { rate_limit_info } => {
                output::rate_limited(&rate_limit_info, fed);
            }
            Message::Assistant(said) => {
                self.started_without_word(fed);
                self.ledger.heard(&said.message, fed);
                output::assistant(&self.cfg, said, fed);
            }
            Message::User(said) => output::user(said, fed),
            Message::Result(result) => {
                self.started_without_word(fed);
                outcome::ended(self, *result, fed);
            }
            Message::ControlResponse { response } => control::answered(self, response, fed),
            Message::ControlCancelRequest { request_id } => {
                control::cancelled(self, request_id, fed);
            }
            Message::CommandLifecycle { command_uuid, state } => {
                self.lifecycle(command_uuid, &state, fed);
            }
            Message::System(System::Unknown) | Message::Unknown => {}
        }
    }

    fn lifecycle(&mut self, prompt: Uuid, state: &str, fed: &mut Fed) {
        self.lifecycle = true;
        if state == "started" && self.turn.as_ref().is_some_and(|turn| turn.prompt == prompt) {
            self.started(fed);
        }
    }

    /// Programs that do not say when a prompt starts show it by their first message after it.
    fn started_without_word(&mut self, fed: &mut Fed) {
        if !self.lifecycle {
            self.started(fed);
        }
    }

    fn started(&mut self, fed: &mut Fed) {
        if let Some(turn) = &mut self.turn
            && !turn.started
        {
            turn.started = true;
            fed.events.push(Event::TurnStarted { prompt: turn.prompt });
        }
    }
}

impl crate::codec::Codec for Codec {
    fn hello(&self) -> Vec<u8> {
        outgoing::initialize()
    }

    fn feed(&mut self, bytes: &[u8]) -> Fed {
        let mut fed = Fed::default();
        for line in self.lines.feed(bytes) {
            self.line(&line, &mut fed);
        }
        fed
    }

    fn finish(&mut self) -> Fed {
        let mut fed = Fed::default();
        if let Some(line) = self.lines.finish() {
            self.line(&line, &mut fed);
        }
        fed
    }

    fn prompt(&mut self, id: Uuid, text: &str) -> Result<Vec<u8>, SessionError> {
        if !self.ready || self.turn.is_some() {
            return Err(SessionError::Busy);
        }
        self.turn = Some(Turn { prompt: id, started: false, interrupted: false });
        Ok(outgoing::prompt(id, text))
    }

    fn answer(&mut self, id: &str, answer: &PermissionAnswer) -> Vec<u8> {
        match (self.open.remove(id), answer) {
            (None, _) => Vec::new(),
            (Some(input), PermissionAnswer::Allow) => outgoing::allow(id, &input),
            (Some(_), PermissionAnswer::Deny { reason }) => outgoing::deny(id, reason),
        }
    }

    fn interrupt(&mut self) -> Vec<u8> {
        let Some(turn) = &mut self.turn else { return Vec::new() };
        turn.interrupted = true;
        self.n_interrupts += 1;
        outgoing::interrupt(self.n_interrupts)
    }

    fn is_ready(&self) -> bool {
        self.ready
    }

    fn in_turn(&self) -> bool {
        self.turn.is_some()
    }
}

fn kind(line: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Kind {
        r#type: String,
    }
    serde_json::from_slice::<Kind>(line).ok().map(|kind| kind.r#type)
}

/// Reports usage, where there is some.
pub(super) fn report(usage: Usage, fed: &mut Fed) {
    if usage != Usage::default() {
        fed.events.push(Event::Usage(usage));
    }
}
