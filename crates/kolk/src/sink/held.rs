//! Rows that wait for their turn: copied out of the fetched bytes, so that those can go.

use crate::record::{BinKey, Output, OutputRow, Place, Row, Rows, Slice};
use crate::sink::progress::{InputPartition, Lane};

/// One row as the sink sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkRow<'a> {
    /// The record's key.
    pub key: Option<&'a [u8]>,
    /// The record's value.
    pub value: Option<&'a [u8]>,
    /// The headers as they stand in a record batch: a varint count and that many headers; empty for none.
    pub headers: &'a [u8],
    /// Key, value and headers together as they stand in a record batch, lengths included, if they do.
    pub fields: Option<&'a [u8]>,
    /// The row's time, in milliseconds since 1970.
    pub timestamp: i64,
    /// The input partition that it came from.
    pub partition: InputPartition,
    /// The offset there of the record that it was made from; a record may make several rows. -1 where rows are not told apart by it.
    pub offset: i64,
}

impl<'a> SinkRow<'a> {
    /// The row of `output` that came of `input`.
    #[inline]
    #[must_use]
    pub fn of(input: &'a Rows, output: &'a Output, row: &OutputRow) -> Self {
        let read = input.rows.get(row.input as usize);
        let headers = read.map_or(Slice::NULL, |read| read.headers);
        let unchanged = |read: &&Row| {
            row.key == Place::Input(read.key) && row.value == Place::Input(read.value)
        };
        Self {
            key: output.bytes(input, row.key),
            value: output.bytes(input, row.value),
            headers: headers.of(&input.buffer).unwrap_or_default(),
            fields: read.filter(unchanged).and_then(|read| read.fields.of(&input.buffer)),
            timestamp: row.timestamp,
            partition: InputPartition { source: input.source, partition: input.partition },
            offset: read.map_or(-1, |read| read.offset),
        }
    }
}

/// Rows with their own memory, in the order in which they were put in.
#[derive(Debug, Default)]
pub struct HeldRows {
    bytes: Vec<u8>,
    rows: Vec<Held>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    key: Slice,
    value: Slice,
    headers: Slice,
    timestamp: i64,
    partition: InputPartition,
    offset: i64,
    lane: Lane,
    bin: Option<BinKey>,
}

impl HeldRows {
    /// Copies a row. `lane` is the one that it will take, `bin` its key and order for packing.
    pub fn push(&mut self, row: &SinkRow<'_>, lane: Lane, bin: Option<(&[u8], &[u8])>) {
        let held = Held {
            key: self.copy(row.key),
            value: self.copy(row.value),
            headers: self.copy(Some(row.headers)),
            timestamp: row.timestamp,
            partition: row.partition,
            offset: row.offset,
            lane,
            bin: bin.map(|(key, order)| BinKey {
                key: self.copy(Some(key)),
                order: self.copy(Some(order)),
            }),
        };
        self.rows.push(held);
    }

    fn copy(&mut self, bytes: Option<&[u8]>) -> Slice {
        let Some(bytes) = bytes else { return Slice::NULL };
        // Holders stay far below 4 GiB: they are bounded in rows and bytes.
        let start = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(bytes);
        Slice::new(start, u32::try_from(bytes.len()).unwrap_or(u32::MAX - 1))
    }

    /// How many rows wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The memory that the rows' bytes take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// All memory that the rows take: their bytes, and what is noted of each.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.bytes.len() + self.rows.len() * size_of::<Held>()
    }

    /// The row put in as number `index`, and its lane.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<(SinkRow<'_>, Lane)> {
        let held = self.rows.get(index)?;
        let row = SinkRow {
            key: held.key.of(&self.bytes),
            value: held.value.of(&self.bytes),
            headers: held.headers.of(&self.bytes).unwrap_or_default(),
            fields: None,
            timestamp: held.timestamp,
            partition: held.partition,
            offset: held.offset,
        };
        Some((row, held.lane))
    }

    /// What the row put in as number `index` is packed by: key and order.
    #[must_use]
    pub fn bin(&self, index: usize) -> (&[u8], &[u8]) {
        let bin = self.rows.get(index).and_then(|held| held.bin);
        bin.map_or((&[], &[]), |bin| {
            (
                bin.key.of(&self.bytes).unwrap_or_default(),
                bin.order.of(&self.bytes).unwrap_or_default(),
            )
        })
    }

    /// Forgets the first `count` rows. Costs as much as the rows that stay, so call it for many at a time.
    pub fn drop_front(&mut self, count: usize) {
        let start = |held: &Held| {
            let parts = [held.key, held.value, held.headers];
            parts.iter().filter(|slice| !slice.is_null()).map(|slice| slice.start()).min()
        };
        let cut = self.rows.get(count).and_then(start);
        let cut = cut.unwrap_or(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
        self.rows.drain(..count.min(self.rows.len()));
        self.bytes.drain(..cut as usize);
        for held in &mut self.rows {
            held.key = held.key.moved_down(cut);
            held.value = held.value.moved_down(cut);
            held.headers = held.headers.moved_down(cut);
            held.bin = held.bin.map(|bin| BinKey {
                key: bin.key.moved_down(cut),
                order: bin.order.moved_down(cut),
            });
        }
    }

    /// Forgets the rows of `partition` from row number `from` on.
    pub fn drop_partition(&mut self, partition: InputPartition, from: usize) {
        let mut index = 0;
        // Their bytes stay until the rows before them go: this is rare, and bounded like all that waits.
        self.rows.retain(|held| {
            index += 1;
            index <= from || held.partition != partition
        });
    }

    /// Forgets all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.rows.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stay_what_they_are_when_those_before_them_go() {
        let mut held = HeldRows::default();
        let partition = InputPartition { source: 0, partition: 0 };
        for i in 0..5u8 {
            let (key, value) = ([i], [i, i]);
            let row = SinkRow {
                key: (i != 3).then_some(&key[..]),
                value: Some(&value),
                headers: &[],
                fields: None,
                timestamp: 0,
                partition,
                offset: 0,
            };
            held.push(&row, Lane(u32::from(i)), None);
        }
        held.drop_front(3);
        assert_eq!((held.len(), held.bytes()), (2, 5));
        let (three, lane) = held.get(0).unwrap();
        assert_eq!((three.key, three.value, lane), (None, Some(&[3, 3][..]), Lane(3)));
        assert_eq!(held.get(1).unwrap().0.key, Some(&[4][..]));
        held.drop_front(2);
        assert_eq!((held.len(), held.bytes()), (0, 0));
    }
}
