//! Requests of the driver, read by a thread of their own so that a turn can be interrupted.

use std::io::BufRead;

use tokio::sync::mpsc::{Receiver, channel};

use crate::scripted::protocol::Request;

/// Requests that wait to be read; the driver's pipe holds the rest.
const REQUESTS_MAX: usize = 16;

pub(super) struct Input(Receiver<Request>);

impl Input {
    /// Starts to read standard input. The thread ends with the process.
    pub(super) fn listen() -> Self {
        let (sender, receiver) = channel(REQUESTS_MAX);
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines() {
                let Ok(line) = line else { return };
                // What is no request comes from no driver of ours.
                let Ok(request) = serde_json::from_str(&line) else { continue };
                if sender.blocking_send(request).is_err() {
                    return;
                }
            }
        });
        Self(receiver)
    }

    /// The next request; `None` when the driver closed the pipe. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Request> {
        self.0.recv().await
    }
}
