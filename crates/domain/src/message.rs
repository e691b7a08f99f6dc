//! Messages to actors, their receipts, and the inbox that keeps both.
//!
//! ```text
//! accepted → routed → delivered → started → answered
//!     └────────┴──→ expired | dead | refused       routed ┄→ unconfirmed → delivered | dead
//! ```
//!
//! Invariants: an id is accepted once; a receipt only moves forward; a step is recorded after its
//! effect; messages of one priority leave in the order in which they came.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::fleet::Priority;
use crate::id::MessageId;

/// The largest text of a message, in bytes.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// A message as its sender gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The sender's id, or one made on acceptance: a repeat of it is the same message.
    pub id: MessageId,
    /// Who sent it: the principal.
    pub from: String,
    /// The text.
    pub text: String,
    /// How urgent it is.
    #[serde(default)]
    pub priority: Priority,
    /// The conversation that it belongs to.
    #[serde(default)]
    pub conversation: Option<String>,
    /// When it is no longer worth delivering.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
}

/// How far a message came. Ordered: a receipt only moves to a later one, and never from a final one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptState {
    /// Stored by its target: it will not be lost.
    Accepted,
    /// Its turn has come; it is being handed to the program.
    Routed,
    /// It was handed over, but nothing proves that the program took it.
    Unconfirmed,
    /// The program has it.
    Delivered,
    /// The program began to work on it.
    Started,
    /// Answered. Final.
    Answered,
    /// The target may not or will not take it. Final.
    Refused,
    /// Its time passed before it was delivered. Final.
    Expired,
    /// It could not be delivered. Final.
    Dead,
}

impl ReceiptState {
    /// Whether nothing more will happen to the message.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Answered | Self::Refused | Self::Expired | Self::Dead)
    }

    /// Whether a receipt in this state may come to `next`.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        !self.is_final() && next > self
    }
}

/// One step of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptStep {
    /// The state reached.
    pub state: ReceiptState,
    /// When.
    pub at: DateTime<Utc>,
    /// On which node.
    pub node: String,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The state reached.
    pub state: ReceiptState,
    /// Every step, oldest first.
    pub history: Vec<ReceiptStep>,
    /// The answer, or the reason of a final refusal.
    pub answer: Option<String>,
}

/// An inbox event, stored within the event of its actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A message was stored.
    Accepted {
        /// The message.
        message: Message,
        /// When.
        at: DateTime<Utc>,
        /// On which node.
        node: String,
    },
    /// A message came further.
    Stepped {
        /// Which message.
        id: MessageId,
        /// The state reached.
        state: ReceiptState,
        /// The answer or the reason, with a final state.
        answer: Option<String>,
        /// When.
        at: DateTime<Utc>,
        /// On which node.
        node: String,
    },
}

/// Why a message was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Refusal {
    /// Too many messages wait.
    #[error("failed to accept the message: {waiting} messages wait already; try again later")]
    Full {
        /// How many wait.
        waiting: usize,
    },
    /// The text is empty or too long.
    #[error(
        "failed to accept the message: its text has {bytes} bytes, 1 to {bytes_max} are allowed"
    )]
    Text {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// It had expired when it came.
    #[error("failed to accept the message: it expired at {at}")]
    Expired {
        /// When it expired.
        at: DateTime<Utc>,
    },
}

/// The messages that wait, and the receipts of all that came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbox {
    waiting: BTreeMap<Priority, VecDeque<Message>>,
    receipts: BTreeMap<MessageId, Receipt>,
    finished: VecDeque<MessageId>,
}

/// How many receipts of finished messages an inbox keeps; older ones are read from the log.
pub const RECEIPTS_MAX: usize = 1_000;

impl Inbox {
    /// Checks a message and says what to store: nothing where the id came before.
    ///
    /// # Errors
    /// [`Refusal`]; nothing is stored.
    pub fn accept(
        &self,
        message: Message,
        waiting_max: usize,
        at: DateTime<Utc>,
        node: &str,
    ) -> Result<Option<Event>, Refusal> {
        if self.receipts.contains_key(&message.id) {
            return Ok(None);
        }
        let bytes = message.text.len();
        if bytes == 0 || bytes > TEXT_BYTES_MAX {
            return Err(Refusal::Text { bytes, bytes_max: TEXT_BYTES_MAX });
        }
        if let Some(expired_at) = message.expires_at.filter(|expires_at| *expires_at <= at) {
            return Err(Refusal::Expired { at: expired_at });
        }
        let waiting = self.n_waiting();
        if waiting >= waiting_max {
            return Err(Refusal::Full { waiting });
        }
        Ok(Some(Event::Accepted { message, at, node: node.to_owned() }))
    }

    /// How many messages wait.
    #[must_use]
    pub fn n_waiting(&self) -> usize {
        self.waiting.values().map(VecDeque::len).sum()
    }

    /// The message whose turn it is.
    #[must_use]
    pub fn next(&self) -> Option<&Message> {
        self.waiting.values().find_map(VecDeque::front)
    }

    /// A waiting message.
    #[must_use]
    pub fn get(&self, id: MessageId) -> Option<&Message> {
        self.waiting.values().flatten().find(|message| message.id == id)
    }

    /// All waiting messages, the next first.
    pub fn waiting(&self) -> impl Iterator<Item = &Message> {
        self.waiting.values().flatten()
    }

    /// What became of a message.
    #[must_use]
    pub fn receipt(&self, id: MessageId) -> Option<&Receipt> {
        self.receipts.get(&id)
    }

    /// Every receipt that is kept.
    pub fn receipts(&self) -> impl Iterator<Item = (&MessageId, &Receipt)> {
        self.receipts.iter()
    }

    /// Folds an event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Accepted { message, at, node } => {
                let step =
                    ReceiptStep { state: ReceiptState::Accepted, at: *at, node: node.clone() };
                let receipt = Receipt { state: step.state, history: vec![step], answer: None };
                self.receipts.insert(message.id, receipt);
                self.waiting.entry(message.priority).or_default().push_back(message.clone());
            }
            Event::Stepped { id, state, answer, at, node } => {
                self.step(*id, *state, answer.as_deref(), *at, node);
            }
        }
    }

    fn step(
        &mut self,
        id: MessageId,
        state: ReceiptState,
        answer: Option<&str>,
        at: DateTime<Utc>,
        node: &str,
    ) {
        let Some(receipt) = self.receipts.get_mut(&id) else {
            return;
        };
        if !receipt.state.may_become(state) {
            return;
        }
        receipt.state = state;
        receipt.history.push(ReceiptStep { state, at, node: node.to_owned() });
        if let Some(answer) = answer {
            receipt.answer = Some(answer.to_owned());
        }
        if !state.is_final() {
            return;
        }
        for queue in self.waiting.values_mut() {
            queue.retain(|message| message.id != id);
        }
        self.finished.push_back(id);
        if self.finished.len() > RECEIPTS_MAX
            && let Some(oldest) = self.finished.pop_front()
        {
            self.receipts.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn message(n: u128, priority: Priority) -> Message {
        Message {
            id: MessageId(Uuid::from_u128(n)),
            from: "anna".to_owned(),
            text: format!("message {n}"),
            priority,
            conversation: None,
            expires_at: None,
        }
    }

    fn accept(inbox: &mut Inbox, message: Message) {
        let event = inbox.accept(message, 10, DateTime::UNIX_EPOCH, "n").expect("accepted");
        inbox.apply(&event.expect("new"));
    }

    fn step(inbox: &mut Inbox, n: u128, state: ReceiptState) {
        let id = MessageId(Uuid::from_u128(n));
        let at = DateTime::UNIX_EPOCH;
        inbox.apply(&Event::Stepped { id, state, answer: None, at, node: "n".to_owned() });
    }

    #[test]
    fn high_goes_first_and_order_is_kept_within_a_priority() {
        let mut inbox = Inbox::default();
        for (n, priority) in [(1, Priority::Normal), (2, Priority::Normal), (3, Priority::High)] {
            accept(&mut inbox, message(n, priority));
        }
        let mut order = Vec::new();
        while let Some(next) = inbox.next().map(|next| next.id.0.as_u128()) {
            order.push(next);
            step(&mut inbox, next, ReceiptState::Answered);
        }
        assert_eq!(order, [3, 1, 2]);
    }

    #[test]
    fn repeated_id_is_stored_once_even_after_its_end() {
        let mut inbox = Inbox::default();
        accept(&mut inbox, message(1, Priority::Normal));
        step(&mut inbox, 1, ReceiptState::Answered);
        let again = inbox.accept(message(1, Priority::Normal), 10, DateTime::UNIX_EPOCH, "n");
        assert_eq!(again, Ok(None));
    }

    #[test]
    fn final_receipt_never_moves() {
        let mut inbox = Inbox::default();
        accept(&mut inbox, message(1, Priority::Normal));
        step(&mut inbox, 1, ReceiptState::Dead);
        step(&mut inbox, 1, ReceiptState::Started);
        let receipt = inbox.receipt(MessageId(Uuid::from_u128(1))).expect("kept");
        assert_eq!(receipt.state, ReceiptState::Dead);
        assert_eq!(inbox.n_waiting(), 0);
    }

    #[test]
    fn receipt_never_moves_back() {
        let mut inbox = Inbox::default();
        accept(&mut inbox, message(1, Priority::Normal));
        for state in [ReceiptState::Started, ReceiptState::Routed, ReceiptState::Unconfirmed] {
            step(&mut inbox, 1, state);
        }
        let receipt = inbox.receipt(MessageId(Uuid::from_u128(1))).expect("kept");
        assert_eq!(receipt.state, ReceiptState::Started);
        assert_eq!(receipt.history.len(), 2);
    }

    #[test]
    fn full_inbox_refuses() {
        let mut inbox = Inbox::default();
        accept(&mut inbox, message(1, Priority::Normal));
        let refused = inbox.accept(message(2, Priority::Normal), 1, DateTime::UNIX_EPOCH, "n");
        assert_eq!(refused, Err(Refusal::Full { waiting: 1 }));
    }

    #[test]
    fn finished_receipts_are_bounded() {
        let mut inbox = Inbox::default();
        for n in 0..(RECEIPTS_MAX as u128 + 50) {
            accept(&mut inbox, message(n, Priority::Normal));
            step(&mut inbox, n, ReceiptState::Answered);
        }
        assert_eq!(inbox.receipts().count(), RECEIPTS_MAX);
    }
}
