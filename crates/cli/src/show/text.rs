//! Small pieces of text: sizes, times, cleaned lines.

use chrono::{DateTime, Utc};

/// One line without control characters.
#[must_use]
pub fn line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Several lines without control characters besides line ends and tabs.
#[must_use]
pub fn lines(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// Cut to so many characters, with an ellipsis.
#[must_use]
pub fn cut(text: &str, n_max: usize) -> String {
    if text.chars().count() <= n_max {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(n_max.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// A size.
#[must_use]
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit_idx = 0;
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let mut value = n as f64;
    while value >= 1024.0 && unit_idx + 1 < UNITS.len() {
        value /= 1024.0;
        unit_idx += 1;
    }
    let n_digits = usize::from(unit_idx > 0 && value < 10.0);
    format!("{value:.n_digits$} {}", UNITS[unit_idx])
}

/// A point in time, in UTC.
#[must_use]
pub fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// How long something took.
#[must_use]
pub fn span(from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    let seconds = (to - from).num_seconds().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// `1 task`, `2 tasks`.
#[must_use]
pub fn count(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// The first characters of a commit.
#[must_use]
pub fn commit(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}

/// What is not there.
#[must_use]
pub fn or_dash(text: Option<&str>) -> String {
    text.map_or_else(|| "-".to_owned(), line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_two_digits_and_a_unit() {
        let shown = [0, 1_023, 1_536, 20 << 20, 3 << 30].map(bytes);
        assert_eq!(shown, ["0 B", "1023 B", "1.5 KiB", "20 MiB", "3.0 GiB"]);
    }

    #[test]
    fn escape_sequences_of_agents_do_not_reach_the_terminal() {
        assert_eq!(line("a\u{1b}[2J\r\nb\tc"), "a [2J b c");
        assert_eq!(lines("a\u{1b}[2J\r\nb\tc"), "a[2J\nb\tc");
    }

    #[test]
    fn a_cut_counts_characters() {
        assert_eq!(cut("größer", 6), "größer");
        assert_eq!(cut("größere", 6), "größe…");
    }
}
