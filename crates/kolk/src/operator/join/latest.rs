//! A table as a join remembers it: the latest row of each key, with its event time.

use super::stored::Check;
use crate::operator::column::Vector;
use crate::schema::DataType;
use crate::state::keys::Keys;
use crate::state::row::{Corrupt, RowCodec};
use crate::state::{EntryId, Store};

/// Event time in front of the columns.
const TIME: usize = 8;

/// The latest row of each key. A value of the store is the event time, what the join puts in front (nothing, mostly), and the columns.
#[derive(Debug)]
pub(super) struct Latest {
    pub(super) store: Store,
    codec: RowCodec,
    value: Vec<u8>,
}

impl Latest {
    /// An empty table of rows of these types.
    pub(super) fn new(name: &str, types: &[DataType]) -> Self {
        Self { store: Store::new(name), codec: RowCodec::new(types), value: Vec::new() }
    }

    /// What reads and writes rows.
    pub(super) fn codec(&self) -> &RowCodec {
        &self.codec
    }

    /// The rows of the keys of a batch, in place of what is in `into`.
    pub(super) fn probe(&self, keys: &Keys, into: &mut Vec<Option<EntryId>>) {
        self.store.probe(keys, into);
    }

    /// The row of a key.
    pub(super) fn find(&self, key: &[u8]) -> Option<EntryId> {
        self.store.find(key)
    }

    /// A row's event time.
    #[inline]
    pub(super) fn time(&self, entry: EntryId) -> i64 {
        self.store.value(entry).first_chunk().map_or(i64::MIN, |time| i64::from_le_bytes(*time))
    }

    /// What stands behind the time: what the join put in front, and the columns.
    #[inline]
    pub(super) fn columns(&self, entry: EntryId) -> &[u8] {
        self.store.value(entry).get(TIME..).unwrap_or_default()
    }

    /// Replaces the row of a key by row `at` of some columns.
    pub(super) fn put(
        &mut self,
        key: &[u8],
        time: i64,
        front: &[u8],
        (columns, at): (&[&Vector], usize),
    ) -> EntryId {
        self.value.clear();
        self.value.extend_from_slice(&time.to_le_bytes());
        self.value.extend_from_slice(front);
        self.codec.encode(columns, at, &mut self.value);
        self.store.put(key, &self.value)
    }

    /// Deletes a row.
    pub(super) fn remove(&mut self, entry: EntryId) {
        self.store.remove(entry);
    }

    /// Whether all rows can be read. `behind` takes off what the join put in front.
    ///
    /// # Errors
    /// [`Corrupt`] for an entry that no such table has written.
    pub(super) fn check(
        &self,
        types: &[DataType],
        behind: for<'a> fn(&'a [u8]) -> Result<&'a [u8], Corrupt>,
    ) -> Result<(), Corrupt> {
        let mut check = Check::new(types);
        for (_, _, value) in self.store.iter() {
            let columns = value.get(TIME..).ok_or(Corrupt("a row of a table has no time"))?;
            check.row(&self.codec, behind(columns)?)?;
        }
        Ok(())
    }
}

/// What is behind nothing.
#[expect(clippy::unnecessary_wraps, reason = "what is in front may be damaged")]
pub(super) fn whole(columns: &[u8]) -> Result<&[u8], Corrupt> {
    Ok(columns)
}
