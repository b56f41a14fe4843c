//! The rows of one side of a join of streams that may still meet somebody.
//!
//! A row's key in the store is its join key, its event time and its number; its value a byte that says whether it waits to be put
//! out alone, and its columns. Rows of the same join key and the same slot of time make a chain; slots are as wide as partners may
//! be apart, so that all partners of a row lie in two of them, however long rows are kept.

use super::chains::{Chains, Row, Ticket};
use super::stored::Check;
use crate::operator::column::Vector;
use crate::schema::DataType;
use crate::state::row::{Corrupt, RowCodec};
use crate::state::{EntryId, Store, TimeIndex};

/// Event time and number behind the join key.
const SUFFIX: usize = 16;
const WAITS: u8 = 1;

/// Rows of one side.
#[derive(Debug)]
pub(super) struct Buffer {
    pub(super) store: Store,
    chains: Chains,
    /// All rows by event time, for when they can meet nobody any more. Some are gone already.
    ends: TimeIndex<Ticket>,
    codec: RowCodec,
    /// The width of a slot, in milliseconds.
    width: i64,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// A join key with its hash.
#[derive(Debug, Clone, Copy)]
pub(super) struct HashedKey<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) hash: u64,
}

impl HashedKey<'_> {
    /// The hash of the key in a slot.
    #[inline]
    fn in_slot(self, slot: i64) -> u32 {
        let mixed =
            (self.hash ^ slot.cast_unsigned()).wrapping_mul(0xff51_afd7_ed55_8ccd).to_le_bytes();
        let [.., a, b, c, d] = mixed;
        u32::from_le_bytes([a, b, c, d])
    }
}

impl Buffer {
    /// An empty buffer for rows of these types.
    pub(super) fn new(name: &str, types: &[DataType], width: i64) -> Self {
        Self {
            store: Store::new(name),
            chains: Chains::default(),
            ends: TimeIndex::new(),
            codec: RowCodec::new(types),
            width,
            key: Vec::new(),
            value: Vec::new(),
        }
    }

    /// What it holds beside the store, in bytes.
    pub(super) fn index_bytes(&self) -> usize {
        self.chains.bytes() + self.ends.bytes()
    }

    /// The slot that a time lies in.
    #[inline]
    pub(super) fn slot(&self, time: i64) -> i64 {
        time.div_euclid(self.width)
    }

    /// Whether there is no row.
    pub(super) fn is_empty(&self) -> bool {
        self.chains.len() == 0
    }

    /// The newest row of a key in a slot.
    #[inline]
    pub(super) fn newest(&self, key: HashedKey<'_>, slot: i64) -> Option<Ticket> {
        self.chains.newest(key.in_slot(slot), |row| self.is_of(row, key.bytes, slot))
    }

    #[inline]
    fn is_of(&self, row: &Row, key: &[u8], slot: i64) -> bool {
        self.slot(row.time) == slot && join_key(self.store.key(row.entry)) == key
    }

    /// The chains by which rows are found.
    #[inline]
    pub(super) fn chains(&self) -> &Chains {
        &self.chains
    }

    /// A row's columns, as [`Self::codec`] writes them.
    #[inline]
    pub(super) fn columns(&self, entry: EntryId) -> &[u8] {
        self.store.value(entry).get(1..).unwrap_or_default()
    }

    /// What reads and writes rows.
    pub(super) fn codec(&self) -> &RowCodec {
        &self.codec
    }

    /// Takes in row `at` of some columns; `row.entry` is of no matter.
    pub(super) fn insert(
        &mut self,
        key: HashedKey<'_>,
        (time, number, waits): (i64, u64, bool),
        columns: &[&Vector],
        at: usize,
    ) -> Ticket {
        self.key.clear();
        self.key.extend_from_slice(key.bytes);
        self.key.extend_from_slice(&(time ^ i64::MIN).to_be_bytes());
        self.key.extend_from_slice(&number.to_be_bytes());
        self.value.clear();
        self.value.push(u8::from(waits));
        self.codec.encode(columns, at, &mut self.value);
        let entry = self.store.put(&self.key, &self.value);
        self.link(key, Row { entry, time, number, waits })
    }

    fn link(&mut self, key: HashedKey<'_>, row: Row) -> Ticket {
        let slot = self.slot(row.time);
        let (store, width) = (&self.store, self.width);
        let is_same = |other: &Row| {
            other.time.div_euclid(width) == slot && join_key(store.key(other.entry)) == key.bytes
        };
        let ticket = self.chains.insert(key.in_slot(slot), row, is_same);
        self.ends.insert(row.time, ticket);
        ticket
    }

    /// The row does not wait any more, if it did.
    #[inline]
    pub(super) fn settle(&mut self, ticket: Ticket) {
        if let Some(row) = self.chains.get_mut(ticket).filter(|row| row.waits) {
            row.waits = false;
            if let Some(flags) = self.store.update(row.entry).first_mut() {
                *flags &= !WAITS;
            }
        }
    }

    /// The first row with a time of at most `time`, which is not told again.
    pub(super) fn next_end(&mut self, time: i64) -> Option<Ticket> {
        while let Some((_, ticket)) = self.ends.pop_until(time) {
            if self.chains.get(ticket).is_some() {
                return Some(ticket);
            }
        }
        None
    }

    /// Lets nobody meet a row any more. The store keeps it until it is told.
    pub(super) fn unlink(&mut self, ticket: Ticket) -> Option<Row> {
        self.chains.remove(ticket)
    }

    /// The rows that the store has, in no order of meaning. `types` are those of their columns.
    ///
    /// # Errors
    /// [`Corrupt`] for an entry that no buffer of such rows has written.
    pub(super) fn stored(&self, types: &[DataType]) -> Result<Vec<Row>, Corrupt> {
        let mut rows = Vec::with_capacity(self.store.len());
        let mut check = Check::new(types);
        for (entry, key, value) in self.store.iter() {
            let (time, number) = suffix(key)?;
            let (flags, columns) =
                value.split_first().ok_or(Corrupt("a row of a join has no flags"))?;
            check.row(&self.codec, columns)?;
            rows.push(Row { entry, time, number, waits: flags & WAITS != 0 });
        }
        Ok(rows)
    }

    /// Makes a stored row one that can be met.
    pub(super) fn relink(&mut self, row: Row, hash: impl Fn(&[u8]) -> u64) -> Ticket {
        let key = join_key(self.store.key(row.entry)).to_vec();
        self.link(HashedKey { bytes: &key, hash: hash(&key) }, row)
    }

    /// Forgets by which way rows are found.
    pub(super) fn unlink_all(&mut self) {
        self.chains.clear();
        self.ends.clear();
    }
}

/// The join key in front of time and number.
#[inline]
pub(super) fn join_key(key: &[u8]) -> &[u8] {
    &key[..key.len().saturating_sub(SUFFIX)]
}

fn suffix(key: &[u8]) -> Result<(i64, u64), Corrupt> {
    const SHORT: Corrupt = Corrupt("a key of a join has no time");
    let (rest, number) = key.split_last_chunk::<8>().ok_or(SHORT)?;
    let (_, time) = rest.split_last_chunk::<8>().ok_or(SHORT)?;
    Ok((i64::from_be_bytes(*time) ^ i64::MIN, u64::from_be_bytes(*number)))
}
