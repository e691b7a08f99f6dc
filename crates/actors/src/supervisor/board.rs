//! Where children's lives are noted for their supervisor.
//!
//! Bounded by construction: an incarnation is noted twice at most, and a child has one.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::exit::{Lifecycle, Report};
use crate::mailbox::Handle;
use crate::supervisor::handle::Message;

pub(crate) struct Note {
    pub(crate) key: u64,
    pub(crate) incarnation: u64,
    pub(crate) lifecycle: Lifecycle,
}

#[derive(Default)]
pub(crate) struct Board {
    notes: Mutex<Vec<Note>>,
    /// For a supervisor that is stopping and reads no mailbox any more.
    posted: Notify,
}

impl Board {
    pub(crate) fn take(&self) -> Vec<Note> {
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) async fn posted(&self) {
        self.posted.notified().await;
    }

    /// The report of one incarnation.
    pub(crate) fn report(
        self: &Arc<Self>,
        key: u64,
        incarnation: u64,
        supervisor: Handle<Message>,
    ) -> Report {
        let board = Arc::clone(self);
        Report::new(move |lifecycle| {
            let note = Note { key, incarnation, lifecycle };
            let mut notes = board.notes.lock().unwrap_or_else(PoisonError::into_inner);
            notes.push(note);
            drop(notes);
            board.posted.notify_one();
            // A full lane does no harm: every message makes the supervisor read the board.
            drop(supervisor.control(Message::Look));
        })
    }
}
