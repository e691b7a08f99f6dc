//! Events for the driver. Writing waits where the driver does not read: that is the back-pressure.

use std::io::Write;

use callboard_agent::event::Event;

use crate::scripted::protocol::line;

#[derive(Debug, Default)]
pub(super) struct Output(());

impl Output {
    pub(super) fn tell(&self, event: &Event) {
        let mut stdout = std::io::stdout().lock();
        // Without a driver there is nobody to tell; the guard ends this process.
        let _ = stdout.write_all(&line(event)).and_then(|()| stdout.flush());
    }

    pub(super) fn say(&self, text: impl Into<String>) {
        self.tell(&Event::Output { text: text.into() });
    }
}
