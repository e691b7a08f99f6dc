//! `message`, `receipt` and `events`.

use callboard_api::message::{Event, Receipt};

use crate::show::look::{Look, Tone, tone};
use crate::show::text::{line, lines, time};

/// `receipt`.
#[must_use]
pub fn receipt(receipt: &Receipt, look: Look) -> String {
    let Receipt { id, target, state, history, answer } = receipt;
    let mut shown = format!("{id} to {target}: {}\n", look.paint(tone(state), state));
    for step in history {
        shown.push_str(&format!("  {:<12}{} on {}\n", step.state, time(step.at), step.node));
    }
    if let Some(answer) = answer {
        shown.push_str(&format!("\n{}\n", lines(answer.trim_end())));
    }
    shown
}

/// One event, in one line.
#[must_use]
pub fn event(event: &Event, look: Look) -> String {
    let Event { seq, actor, at, epoch: _, kind, data } = event;
    let at = at.map_or_else(|| "-".to_owned(), time);
    let data = line(&data.to_string());
    let shown = format!("{seq:>8}  {at}  {actor:<24}  {kind:<24}  ");
    let shown = match look.width {
        Some(width) => {
            let n_left = width.saturating_sub(shown.chars().count()).max(8);
            format!("{shown}{}", look.paint(Tone::Dim, &crate::show::text::cut(&data, n_left)))
        }
        None => format!("{shown}{data}"),
    };
    format!("{}\n", shown.trim_end())
}
