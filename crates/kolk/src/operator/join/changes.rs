//! What a join of tables puts out for a chunk: changes of the result, with what was there before.

use crate::operator::appender::Appender;
use crate::operator::chunk::{Chunk, Mark, Old};
use crate::operator::column::Vector;
use crate::schema::DataType;

/// Changes in the making, columns aside.
#[derive(Debug, Default)]
pub(super) struct Changes {
    times: Vec<i64>,
    deleted: Vec<bool>,
    present: Vec<bool>,
    marks: Vec<Mark>,
}

/// One change of the result.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub(super) time: i64,
    /// Whether the result has the row afterwards.
    pub(super) is: bool,
    /// Whether it had it before.
    pub(super) was: bool,
}

impl Changes {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    /// Adds a change.
    pub(super) fn push(&mut self, Change { time, is, was }: Change) {
        self.times.push(time);
        self.deleted.push(!is);
        self.present.push(was);
    }

    /// The watermark behind what there is so far.
    pub(super) fn mark(&mut self, watermark: i64) {
        put_mark(&mut self.marks, self.times.len(), watermark);
    }

    /// The chunk with these columns, as they are and as they were.
    pub(super) fn finish(self, columns: Vec<Vector>, old: Vec<Vector>) -> Chunk {
        let Self { times, deleted, present, marks } = self;
        if times.is_empty() {
            return Chunk { marks, ..Chunk::default() };
        }
        Chunk {
            rows: times.len(),
            columns,
            times,
            deleted: if deleted.contains(&true) { deleted } else { Vec::new() },
            old: Some(Old { present, columns: old }),
            origins: Vec::new(),
            marks,
        }
    }
}

/// Adds a watermark behind so many rows. Of several in one place the last says it all.
pub(super) fn put_mark(marks: &mut Vec<Mark>, at: usize, watermark: i64) {
    match marks.last_mut() {
        Some(last) if last.at == at => last.watermark = watermark,
        _ => marks.push(Mark { at, watermark }),
    }
}

/// Some rows of columns, and rows of NULLs between them.
pub(super) fn pick(columns: &[Vector], types: &[DataType], rows: &[Option<usize>]) -> Vec<Vector> {
    let one = |(column, data_type): (&Vector, &DataType)| {
        let mut appender = Appender::new(data_type);
        for row in rows {
            match row {
                Some(row) => appender.push_from(column, *row),
                None => appender.push_null(),
            }
        }
        Vector::each(appender.finish())
    };
    columns.iter().zip(types).map(one).collect()
}

/// The key's columns, those of the left and those of the right, in the order of a result.
pub(super) fn side_by_side(key: &[Vector], left: &[Vector], right: &[Vector]) -> Vec<Vector> {
    [key, left, right].concat()
}
