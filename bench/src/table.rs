//! Tables in Markdown, padded so that they can be read as they are.

use std::fmt::Write;

/// A table under construction.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With these titles. The first column holds text, the others numbers.
    pub(crate) fn new(titles: &[&str]) -> Self {
        Self { rows: vec![titles.iter().map(|&title| title.to_owned()).collect()] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table.
    pub(crate) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
        let width = |column: usize| {
            self.rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0).max(3)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            for (column, width) in widths.iter().copied().enumerate() {
                let cell = cell(row, column);
                let _ = match column {
                    0 => write!(text, "| {cell:<width$} "),
                    _ => write!(text, "| {cell:>width$} "),
                };
            }
            text.push_str("|\n");
            if number == 0 {
                for (column, width) in widths.iter().copied().enumerate() {
                    let _ = match column {
                        0 => write!(text, "|{:-<1$}", "", width + 2),
                        _ => write!(text, "|{:-<1$}:", "", width + 1),
                    };
                }
                text.push_str("|\n");
            }
        }
        text
    }
}

/// A number of nanoseconds with three digits.
pub(crate) fn nanos(value: f64) -> String {
    if value.abs() >= 9995.0 {
        format!("{:.1} µs", value / 1000.0)
    } else if value.abs() >= 1000.0 {
        format!("{:.2} µs", value / 1000.0)
    } else if value.abs() >= 99.95 {
        format!("{value:.0} ns")
    } else {
        format!("{value:.1} ns")
    }
}

/// A number of bytes in MiB.
pub(crate) fn mebibytes(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / (1024.0 * 1024.0))
}

/// A number of records per second.
pub(crate) fn rate(value: f64) -> String {
    if value >= 1e6 { format!("{:.2} M/s", value / 1e6) } else { format!("{:.0} k/s", value / 1e3) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["who", "ns"]);
        table.row(["Kolk".to_owned(), nanos(61.04)]);
        table.row(["a µ rival".to_owned(), nanos(1_174.6)]);
        let expected = concat!(
            "| who       |      ns |\n",
            "|-----------|--------:|\n",
            "| Kolk      | 61.0 ns |\n",
            "| a µ rival | 1.17 µs |\n",
        );
        assert_eq!(table.render(), expected);
    }
}
