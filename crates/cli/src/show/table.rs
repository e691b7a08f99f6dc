//! Tables that fit the width: the widest columns are cut first, never below a readable rest, and
//! names and states, which people type and act upon, last of all.

use crate::show::look::{Look, Tone};
use crate::show::text;

/// Columns are never made narrower than this, or than their content.
const CELL_WIDTH_MIN: usize = 8;
/// The first columns: the name and the state.
const KEPT_COLUMNS: usize = 2;
const GAP: &str = "  ";

/// A table under construction.
pub(crate) struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<(Tone, String)>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(header: [&'static str; N]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new() }
    }

    /// Adds a row with as many cells as the header has.
    pub(crate) fn row<const N: usize>(&mut self, cells: [(Tone, String); N]) {
        assert_eq!(N, self.header.len(), "a cell per column");
        let cleaned = cells.into_iter().map(|(tone, cell)| (tone, text::line(&cell)));
        self.rows.push(cleaned.collect());
    }

    pub(crate) fn show(&self, look: Look) -> String {
        let widths = self.widths(look.width);
        let header = self.header.iter().map(|it| (Tone::Dim, (*it).to_owned()));
        let mut shown = show_row(&header.collect::<Vec<_>>(), &widths, look);
        for row in &self.rows {
            shown.push_str(&show_row(row, &widths, look));
        }
        shown
    }

    fn widths(&self, width_max: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> = self.header.iter().map(|it| it.chars().count()).collect();
        for row in &self.rows {
            for (width, (_, cell)) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let Some(width_max) = width_max else { return widths };
        let gaps = GAP.len() * widths.len().saturating_sub(1);
        for first_idx in [KEPT_COLUMNS.min(widths.len()), 0] {
            while widths.iter().sum::<usize>() + gaps > width_max {
                match widths[first_idx..].iter_mut().max() {
                    Some(widest) if *widest > CELL_WIDTH_MIN => *widest -= 1,
                    _ => break,
                }
            }
        }
        widths
    }
}

fn show_row(cells: &[(Tone, String)], widths: &[usize], look: Look) -> String {
    let mut shown = String::new();
    let last_idx = cells.len().saturating_sub(1);
    for (idx, ((tone, cell), width)) in cells.iter().zip(widths).enumerate() {
        let cell = text::cut(cell, *width);
        let n_pad = if idx == last_idx { 0 } else { width - cell.chars().count() };
        shown.push_str(&look.paint(*tone, &cell));
        shown.push_str(&" ".repeat(n_pad));
        if idx != last_idx {
            shown.push_str(GAP);
        }
    }
    format!("{}\n", shown.trim_end())
}

/// A cell without a tone.
pub(crate) fn plain(text: impl Into<String>) -> (Tone, String) {
    (Tone::Plain, text.into())
}

/// A cell with the tone of its state.
pub(crate) fn state(text: &str) -> (Tone, String) {
    (crate::show::look::tone(text), text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["ID", "TITLE"]);
        table.row([plain("t-1"), plain("a title that is much too long for the screen")]);
        table
    }

    #[test]
    fn a_table_fits_the_width() {
        let shown = table().show(Look { width: Some(24), colour: false });
        assert_eq!(shown, "ID   TITLE\nt-1  a title that is mu…\n");
    }

    #[test]
    fn without_a_width_nothing_is_cut() {
        let shown = table().show(Look::PLAIN);
        assert!(shown.ends_with("for the screen\n"), "{shown}");
    }

    #[test]
    fn colour_does_not_move_columns() {
        let shown = table().show(Look { width: Some(24), colour: true });
        assert!(shown.contains("t-1  a title"), "{shown}");
    }
}
