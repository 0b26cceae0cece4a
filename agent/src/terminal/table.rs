//! Columns of text, as wide as what is in them.

use std::fmt::Write as _;

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) title: &'static str,
    /// Numbers stand at the right.
    pub(super) right: bool,
}

/// A column of words.
pub(super) const fn words(title: &'static str) -> Column {
    Column {
        title,
        right: false,
    }
}

/// A column of numbers.
pub(super) const fn numbers(title: &'static str) -> Column {
    Column { title, right: true }
}

/// The titles and the rows, two blanks between columns, none at the end of a line.
pub(super) fn render<const N: usize>(columns: [Column; N], rows: &[[String; N]]) -> String {
    let mut widths = columns.map(|column| column.title.len());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    put(
        &mut text,
        &columns,
        &widths,
        &columns.map(|column| column.title.to_owned()),
    );
    for row in rows {
        put(&mut text, &columns, &widths, row);
    }
    text
}

fn put(text: &mut String, columns: &[Column], widths: &[usize], row: &[String]) {
    let mut line = String::new();
    for ((column, &width), cell) in columns.iter().zip(widths).zip(row) {
        // Writing to a string does not fail.
        let _ = if column.right {
            write!(line, "{cell:>width$}  ")
        } else {
            write!(line, "{cell:<width$}  ")
        };
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::{numbers, render, words};

    #[test]
    fn columns_are_as_wide_as_their_cells() {
        let rows = [["web", "12"], ["database", "3"]].map(|row| row.map(str::to_owned));
        let text = render([words("SERVICE"), numbers("N")], &rows);
        assert_eq!(text, "SERVICE    N\nweb       12\ndatabase   3\n");
    }
}
