//! What a join of streams puts out: pairs of rows, and rows that stayed alone, gathered for a whole chunk before columns are made.

use super::buffer::Buffer;
use super::shape::{Both, Shape, Side};
use super::stored::Stored;
use crate::operator::chunk::{Chunk, Mark};
use crate::operator::column::{Vector, gather};
use crate::state::EntryId;
use crate::topology::JoinKind;

/// Who stands beside whom. Rows are of the chunk at hand, entries of the stores.
#[derive(Debug, Clone, Copy)]
enum Pair {
    /// A row and an entry of the other side.
    Met { row: usize, entry: EntryId },
    /// A row and nobody.
    Alone { row: usize },
    /// An entry of a side and nobody.
    Passed { side: Side, entry: EntryId },
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

    /// A row of the chunk has met an entry of the other side.
    #[inline]
    pub(super) fn met(&mut self, row: usize, entry: EntryId, time: i64) {
        self.pairs.push(Pair::Met { row, entry });
        self.times.push(time);
    }

    /// A row of the chunk is put out alone.
    pub(super) fn alone(&mut self, row: usize, time: i64) {
        self.pairs.push(Pair::Alone { row });
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

    /// Makes the chunk out of what there is, and forgets it. `side` is that of the chunk whose rows were joined.
    pub(super) fn finish(
        &mut self,
        side: Side,
        chunk: &Chunk,
        buffers: &Both<Buffer>,
        shape: &Shape,
    ) -> Chunk {
        let columns = if self.pairs.is_empty() {
            Vec::new()
        } else {
            self.columns(side, chunk, buffers, shape)
        };
        let rows = self.pairs.len();
        self.pairs.clear();
        Chunk {
            rows,
            columns,
            times: std::mem::take(&mut self.times),
            marks: std::mem::take(&mut self.marks),
            ..Chunk::default()
        }
    }

    fn columns(
        &self,
        side: Side,
        chunk: &Chunk,
        buffers: &Both<Buffer>,
        shape: &Shape,
    ) -> Vec<Vector> {
        let other = side.other();
        let stored = |side| Stored::new(buffers[side].codec(), &shape.types[side]);
        let (mut of_own, mut of_other) = (stored(side), stored(other));
        // Of the own side, rows of the chunk are vector 0, stored rows vector 1.
        let mut picks: Vec<(usize, usize)> = Vec::with_capacity(self.pairs.len());
        for pair in &self.pairs {
            match *pair {
                Pair::Met { row, entry } => {
                    picks.push((0, row));
                    of_other.push(buffers[other].columns(entry));
                }
                Pair::Alone { row } => {
                    picks.push((0, row));
                    of_other.push_null();
                }
                Pair::Passed { side: of, entry } => {
                    picks.push((1, of_own.len()));
                    let row = buffers[of].columns(entry);
                    of_own.push_option((of == side).then_some(row));
                    of_other.push_option((of == other).then_some(row));
                }
            }
        }
        let of_own = of_own.finish();
        let own = if chunk.rows == 0 {
            of_own
        } else {
            let both = chunk.columns.iter().zip(&of_own);
            both.map(|(rows, stored)| Vector::each(gather(&[rows, stored], &picks))).collect()
        };
        let other = of_other.finish();
        let sides = match side {
            Side::Left => Both { left: own, right: other },
            Side::Right => Both { left: other, right: own },
        };
        self.with_key(side, sides, shape)
    }

    /// The columns of the key, from whichever side is there, then those of the sides.
    fn with_key(&self, side: Side, sides: Both<Vec<Vector>>, shape: &Shape) -> Vec<Vector> {
        let of = |side: Side, column: usize| &sides[side][shape.keys[side][column]];
        let key = (0..shape.keys.left.len()).map(|column| match shape.kind {
            JoinKind::Inner | JoinKind::Left => of(Side::Left, column).clone(),
            JoinKind::Right => of(Side::Right, column).clone(),
            JoinKind::Full => {
                let from = [of(Side::Left, column), of(Side::Right, column)];
                let pick = |(row, pair): (usize, &Pair)| match pair {
                    Pair::Passed { side: Side::Right, .. } => (1, row),
                    Pair::Passed { side: Side::Left, .. } => (0, row),
                    _ => (usize::from(side == Side::Right), row),
                };
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
