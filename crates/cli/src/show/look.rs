//! How output looks: width and colour. Colour only repeats what the words say.

/// How output looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns; without one nothing is cut.
    pub width: Option<usize>,
    /// Whether colour may be used.
    pub colour: bool,
}

impl Look {
    /// For files and pipes.
    pub const PLAIN: Self = Self { width: None, colour: false };

    /// The text in its tone.
    #[must_use]
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Strong => "1",
            Tone::Dim => "2",
            Tone::Good => "32",
            Tone::Warn => "33",
            Tone::Bad => "31",
        };
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// What a text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    Plain,
    /// A heading.
    Strong,
    /// Of less interest.
    Dim,
    /// All is well.
    Good,
    /// A person may have to do something.
    Warn,
    /// Something is wrong.
    Bad,
}

/// The tone of a state of anything.
#[must_use]
pub fn tone(state: &str) -> Tone {
    match state {
        "ok" | "ready" | "done" | "idle" | "working" | "running" | "open" | "active"
        | "answered" | "accepted" => Tone::Good,
        "awaiting-approval" | "warning" | "cordoned" | "draining" | "stopped" | "queued"
        | "conflict" | "unconfirmed" | "reserved" => Tone::Warn,
        "failed" | "quarantined" | "gone" | "problem" | "refused" | "expired" | "dead" => Tone::Bad,
        "archived" | "cancelled" | "discarded" => Tone::Dim,
        _ => Tone::Plain,
    }
}
