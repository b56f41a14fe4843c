//! What flows between operators: rows as columns, and the watermark marks between them, in order.

use crate::operator::column::Vector;
use std::ops::Range;

/// Rows and marks, in order. Operators give the same output for the same sequence however it is cut into chunks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chunk {
    /// How many rows.
    pub(crate) rows: usize,
    /// A vector for each column of the node's schema, of `rows` values or one that holds for all.
    pub(crate) columns: Vec<Vector>,
    /// The event time of each row, in milliseconds since 1970.
    pub(crate) times: Vec<i64>,
    /// Rows without a value: on a table they delete their key, on a stream they carry nothing but the key. Empty: none.
    pub(crate) deleted: Vec<bool>,
    /// On tables, what each row's key held before, where somebody behind needs to know.
    pub(crate) old: Option<Old>,
    /// Where each row comes from. Empty behind operators that make new rows.
    pub(crate) origins: Vec<Origin>,
    /// Watermarks, by the row before which they are reached; those behind the last row stand at `rows`.
    pub(crate) marks: Vec<Mark>,
}

/// The rows of a table before their change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Old {
    /// Whether there was one.
    pub(crate) present: Vec<bool>,
    /// A vector for each column of the node's schema; NULL where there was none.
    pub(crate) columns: Vec<Vector>,
}

/// Where a row stands in its topic. (time-stamp, partition, offset) is append order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin {
    /// The record's time-stamp.
    pub(crate) timestamp: i64,
    /// The source partition.
    pub(crate) partition: i32,
    /// The record's offset.
    pub(crate) offset: i64,
}

/// A watermark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The row before which it is reached.
    pub(crate) at: usize,
    /// Milliseconds since 1970.
    pub(crate) watermark: i64,
}

/// One step of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The row of this number.
    Row(usize),
    /// The watermark has come so far.
    Watermark(i64),
}

impl Chunk {
    /// Rows and marks, one after the other.
    pub(crate) fn events(&self) -> impl Iterator<Item = Event> + '_ {
        let mut marks = self.marks.iter().peekable();
        let mut row = 0;
        std::iter::from_fn(move || {
            if let Some(mark) = marks.next_if(|mark| mark.at <= row) {
                return Some(Event::Watermark(mark.watermark));
            }
            (row < self.rows).then(|| {
                row += 1;
                Event::Row(row - 1)
            })
        })
    }

    /// Whether a row has no value.
    #[inline]
    pub(crate) fn is_deleted(&self, row: usize) -> bool {
        self.deleted.get(row).copied().unwrap_or_default()
    }

    /// Whether a table's row was there before.
    #[inline]
    pub(crate) fn had_old(&self, row: usize) -> bool {
        self.old.as_ref().is_some_and(|old| old.present[row])
    }

    /// Whether there is nothing in it, marks neither.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0 && self.marks.is_empty()
    }

    /// Some of the rows, which are numbered in rising order, and all marks.
    pub(crate) fn select(&self, kept: &[usize]) -> Self {
        if kept.len() == self.rows {
            return self.clone();
        }
        let of = |columns: &[Vector]| columns.iter().map(|column| column.take(kept)).collect();
        let old = self.old.as_ref().map(|old| Old {
            present: kept.iter().map(|row| old.present[*row]).collect(),
            columns: of(&old.columns),
        });
        Self {
            rows: kept.len(),
            columns: of(&self.columns),
            times: kept.iter().map(|row| self.times[*row]).collect(),
            deleted: pick(&self.deleted, kept),
            old,
            origins: pick(&self.origins, kept),
            marks: moved(&self.marks, kept),
        }
    }

    /// Rows that stand one behind the other, without marks and what there was before; columns stay where they are.
    pub(crate) fn slice(&self, rows: Range<usize>) -> Self {
        let deleted = self.deleted.get(rows.clone()).unwrap_or_default();
        Self {
            rows: rows.len(),
            columns: self.columns.iter().map(|column| column.slice(rows.clone())).collect(),
            times: self.times[rows.clone()].to_vec(),
            deleted: if deleted.contains(&true) { deleted.to_vec() } else { Vec::new() },
            old: None,
            origins: self.origins.get(rows).unwrap_or_default().to_vec(),
            marks: Vec::new(),
        }
    }

    /// The one row and the marks right before it; the last one has those behind it too.
    pub(crate) fn single(&self, row: usize) -> Self {
        let last = row + 1 == self.rows;
        let mut one = Self { marks: Vec::new(), ..self.clone() }.select(&[row]);
        one.marks = self
            .marks
            .iter()
            .filter(|mark| mark.at == row || last && mark.at > row)
            .map(|mark| Mark { at: mark.at.min(row + 1) - row, ..*mark })
            .collect();
        one
    }
}

fn pick<T: Copy>(from: &[T], kept: &[usize]) -> Vec<T> {
    if from.is_empty() { Vec::new() } else { kept.iter().map(|row| from[*row]).collect() }
}

/// The marks between the rows that are kept. Of several in one place the last says it all.
fn moved(marks: &[Mark], kept: &[usize]) -> Vec<Mark> {
    let mut at = 0;
    let mut moved: Vec<Mark> = Vec::with_capacity(marks.len().min(kept.len() + 1));
    for mark in marks {
        while kept.get(at).is_some_and(|row| *row < mark.at) {
            at += 1;
        }
        match moved.last_mut() {
            Some(last) if last.at == at => last.watermark = mark.watermark,
            _ => moved.push(Mark { at, ..*mark }),
        }
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::Int64Array;

    fn chunk(times: &[i64], marks: &[(usize, i64)]) -> Chunk {
        Chunk {
            rows: times.len(),
            columns: vec![Vector::each(Int64Array::from(times.to_vec()))],
            times: times.to_vec(),
            marks: marks
                .iter()
                .map(|(at, watermark)| Mark { at: *at, watermark: *watermark })
                .collect(),
            ..Chunk::default()
        }
    }

    #[test]
    fn marks_stand_before_their_row() {
        let events: Vec<Event> = chunk(&[5, 6], &[(0, 1), (2, 4)]).events().collect();
        let expected = [Event::Watermark(1), Event::Row(0), Event::Row(1), Event::Watermark(4)];
        assert_eq!(events, expected);
    }

    #[test]
    fn marks_keep_their_place_among_the_rows_that_stay() {
        let kept = chunk(&[5, 6, 7, 8], &[(1, 1), (2, 2), (3, 3), (4, 4)]).select(&[0, 3]);
        assert_eq!(kept.times, [5, 8]);
        let marks: Vec<(usize, i64)> =
            kept.marks.iter().map(|mark| (mark.at, mark.watermark)).collect();
        assert_eq!(marks, [(1, 3), (2, 4)]);
    }

    #[test]
    fn single_rows_take_all_marks_with_them() {
        let all = chunk(&[5, 6], &[(0, 1), (1, 2), (2, 3)]);
        let marks = |row: usize| -> Vec<(usize, i64)> {
            all.single(row).marks.iter().map(|mark| (mark.at, mark.watermark)).collect()
        };
        assert_eq!(marks(0), [(0, 1)]);
        assert_eq!(marks(1), [(0, 2), (1, 3)]);
    }
}
