//! What a join of streams puts out: pairs of rows, and rows that stayed alone, gathered for a whole chunk before columns are made.

use super::buffer::Buffer;
use super::shape::{Both, Shape, Side};
use super::stored::Stored;
use crate::operator::chunk::{Chunk, Mark};
use crate::operator::column::{Vector, gather};
use crate::state::EntryId;
use crate::topology::JoinKind;

/// Who stands beside whom. Rows are of the side's chunk at hand, entries of the stores.
#[derive(Debug, Clone, Copy)]
enum Pair {
    /// A row of this side and an entry of the other.
    Met { side: Side, row: usize, entry: EntryId },
    /// A row and nobody.
    Alone { side: Side, row: usize },
    /// An entry of a side and nobody.
    Passed { side: Side, entry: EntryId },
}

/// What a pair has of one side.
enum Half {
    Row(usize),
    Entry(EntryId),
    Nobody,
}

impl Pair {
    #[inline]
    fn half(self, of: Side) -> Half {
        match self {
            Self::Met { side, row, .. } | Self::Alone { side, row } if side == of => Half::Row(row),
            Self::Met { entry, .. } => Half::Entry(entry),
            Self::Passed { side, entry } if side == of => Half::Entry(entry),
            Self::Alone { .. } | Self::Passed { .. } => Half::Nobody,
        }
    }

    /// The side that is there for certain.
    fn side(self) -> Side {
        let (Self::Met { side, .. } | Self::Alone { side, .. } | Self::Passed { side, .. }) = self;
        side
    }
}

/// The result for a chunk in the making.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    pairs: Vec<Pair>,
    times: Vec<i64>,
    marks: Vec<Mark>,
}

impl Pairs {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// A row of a side's chunk has met an entry of the other side.
    #[inline]
    pub(super) fn met(&mut self, side: Side, row: usize, entry: EntryId, time: i64) {
        self.pairs.push(Pair::Met { side, row, entry });
        self.times.push(time);
    }

    /// A row of the chunk is put out alone.
    pub(super) fn alone(&mut self, side: Side, row: usize, time: i64) {
        self.pairs.push(Pair::Alone { side, row });
        self.times.push(time);
    }

    /// An entry that waited is put out alone.
    pub(super) fn passed(&mut self, side: Side, entry: EntryId, time: i64) {
        self.pairs.push(Pair::Passed { side, entry });
        self.times.push(time);
    }

    /// The watermark behind what there is so far.
    pub(super) fn mark(&mut self, watermark: i64) {
        let at = self.pairs.len();
        match self.marks.last_mut() {
            Some(last) if last.at == at => last.watermark = watermark,
            _ => self.marks.push(Mark { at, watermark }),
        }
    }

    /// Makes the chunk out of what there is, and forgets it. `chunks` are those whose rows were joined.
    pub(super) fn finish(
        &mut self,
        chunks: &Both<&Chunk>,
        buffers: &Both<Buffer>,
        shape: &Shape,
    ) -> Chunk {
        let rows = self.pairs.len();
        let columns = if rows == 0 {
            Vec::new()
        } else {
            let of = |side: Side| self.columns(side, chunks[side], &buffers[side], shape);
            self.with_key(Both { left: of(Side::Left), right: of(Side::Right) }, shape)
        };
        self.pairs.clear();
        Chunk {
            rows,
            columns,
            times: std::mem::take(&mut self.times),
            marks: std::mem::take(&mut self.marks),
            ..Chunk::default()
        }
    }

    /// The columns of a side.
    fn columns(&self, side: Side, chunk: &Chunk, buffer: &Buffer, shape: &Shape) -> Vec<Vector> {
        let mut stored = Stored::new(buffer.codec(), &shape.types[side]);
        // Rows of the chunk are vector 0, stored rows vector 1.
        let mut picks: Vec<(usize, usize)> = Vec::with_capacity(self.pairs.len());
        for pair in &self.pairs {
            let entry = match pair.half(side) {
                Half::Row(row) => {
                    picks.push((0, row));
                    continue;
                }
                Half::Entry(entry) => Some(buffer.columns(entry)),
                Half::Nobody => None,
            };
            picks.push((1, stored.len()));
            stored.push_option(entry);
        }
        let all_stored = stored.len() == picks.len();
        let stored = stored.finish();
        if all_stored {
            return stored;
        }
        let both = chunk.columns.iter().zip(&stored);
        both.map(|(rows, stored)| Vector::each(gather(&[rows, stored], &picks))).collect()
    }

    /// The columns of the key, from whichever side is there, then those of the sides.
    fn with_key(&self, sides: Both<Vec<Vector>>, shape: &Shape) -> Vec<Vector> {
        let of = |side: Side, column: usize| &sides[side][shape.keys[side][column]];
        let key = (0..shape.keys.left.len()).map(|column| match shape.kind {
            JoinKind::Inner | JoinKind::Left => of(Side::Left, column).clone(),
            JoinKind::Right => of(Side::Right, column).clone(),
            JoinKind::Full => {
                let from = [of(Side::Left, column), of(Side::Right, column)];
                let pick =
                    |(row, pair): (usize, &Pair)| (usize::from(pair.side() == Side::Right), row);
                let picks: Vec<(usize, usize)> = self.pairs.iter().enumerate().map(pick).collect();
                Vector::each(gather(&from, &picks))
            }
        });
        let mut columns: Vec<Vector> = key.collect();
        columns.extend(sides.left);
        columns.extend(sides.right);
        columns
    }
}
