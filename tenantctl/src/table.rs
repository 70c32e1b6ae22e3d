//! Tables: aligned columns without lines, so that other programs can read them too.

use unicode_width::UnicodeWidthStr;

/// The colour of a text on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    /// As everything else.
    Plain,
    /// Good.
    Green,
    /// Worth a look.
    Yellow,
    /// Bad.
    Red,
    /// The headline.
    Bold,
}

impl Colour {
    /// The text with the terminal's codes around it.
    pub(crate) fn paint(self, text: &str) -> String {
        let code = match self {
            Self::Plain => return text.to_owned(),
            Self::Green => 32,
            Self::Yellow => 33,
            Self::Red => 31,
            Self::Bold => 1,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// The colour of a tenant's or an execution's status.
    pub(crate) fn of_status(status: &str) -> Self {
        match status {
            "active" | "SUCCEEDED" | "provisioned" | "updated" | "deprovisioned" => Self::Green,
            "deploying" | "suspended" | "draining" | "retired" | "RUNNING" => Self::Yellow,
            "partial" | "degraded" | "unhealthy" | "unreachable" | "FAILED" | "TIMED_OUT" | "ABORTED" => Self::Red,
            _ => Self::Plain,
        }
    }
}

/// A table under construction.
#[derive(Debug)]
pub(crate) struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<(String, Colour)>>,
}

impl Table {
    /// A table with these columns.
    pub(crate) fn new(heads: &[&'static str]) -> Self {
        Self { heads: heads.to_vec(), rows: Vec::new() }
    }

    /// Adds a row. A cell in the column `STATUS` has the colour of the status.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let colour = |head: &str, cell: &str| if head == "STATUS" { Colour::of_status(cell) } else { Colour::Plain };
        let cells = self.heads.iter().zip(cells).map(|(head, cell)| (cell.replace('\n', " "), colour(head, &cell)));
        self.rows.push(cells.collect());
    }

    /// The table as text. Columns in which no row has a value are left out.
    pub(crate) fn text(&self, coloured: bool) -> String {
        let cells = |column: usize| self.rows.iter().filter_map(move |row| row.get(column));
        let shown: Vec<_> =
            (0..self.heads.len()).filter(|column| cells(*column).any(|(text, _)| !text.is_empty())).collect();
        let width = |column: usize| {
            let widths = cells(column).map(|(text, _)| text.width());
            widths.chain([self.heads[column].width()]).max().unwrap_or_default()
        };
        let line = |row: &[(String, Colour)]| {
            let cells = shown.iter().filter_map(|column| {
                let (text, colour) = row.get(*column)?;
                let padding = " ".repeat(width(*column).saturating_sub(text.width()));
                let painted = if coloured { colour.paint(text) } else { text.clone() };
                Some(format!("{painted}{padding}"))
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let heads: Vec<_> = self.heads.iter().map(|head| ((*head).to_owned(), Colour::Bold)).collect();
        let lines: Vec<_> = [line(&heads)].into_iter().chain(self.rows.iter().map(|row| line(row))).collect();
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["TENANT", "STATUS", "TITLE", "LACKS"]);
        table.row(["1", "active", "花屋", ""].map(str::to_owned));
        table.row(["22", "partial", "ab", ""].map(str::to_owned));
        table
    }

    #[test]
    fn columns_are_aligned_by_what_a_terminal_shows_and_an_empty_one_is_left_out() {
        assert_eq!(table().text(false), "TENANT  STATUS   TITLE\n1       active   花屋\n22      partial  ab");
    }

    #[test]
    fn colours_do_not_move_the_columns() {
        let coloured = table().text(true);
        assert!(coloured.contains("\x1b[32mactive\x1b[0m   花屋"), "{coloured:?}");
    }
}
