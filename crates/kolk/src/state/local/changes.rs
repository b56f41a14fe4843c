//! The changes of one commit, as they stand in the log.

use crate::state::local::frame;
use crate::state::row::{Corrupt, put_bytes, put_varint, take, take_bytes, take_varint};

/// Bytes before the changes: a frame's prefix, sequence number, epoch, length of the changes.
const HEAD: usize = frame::PREFIX + 24;

/// The changes of one commit, gathered while they go to the changelog topics, written once the transaction is through.
#[derive(Debug)]
pub struct Changes {
    /// Begins with room for what is known last.
    bytes: Vec<u8>,
    len: usize,
}

impl Default for Changes {
    fn default() -> Self {
        Self::new()
    }
}

impl Changes {
    /// No changes.
    #[must_use]
    pub fn new() -> Self {
        Self { bytes: vec![0; HEAD], len: 0 }
    }

    /// Adds a change of a store, by its place in the layout: the key's new value, or none when it was removed.
    pub fn push(&mut self, store: usize, key: &[u8], value: Option<&[u8]>) {
        put_change(store, key, value, &mut self.bytes);
        self.len += 1;
    }

    /// The number of changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How much there is to write, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets the changes, and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.truncate(HEAD);
        self.len = 0;
    }

    /// Adds what makes a commit of the changes, until `write` has returned with the frame.
    pub(super) fn with_commit<T>(&mut self, commit: &Commit, write: impl FnOnce(&[u8]) -> T) -> T {
        let changes = self.bytes.len();
        let numbers = [commit.sequence, commit.epoch.cast_unsigned(), (changes - HEAD) as u64];
        for (slot, number) in self.bytes[frame::PREFIX..HEAD].chunks_exact_mut(8).zip(numbers) {
            slot.copy_from_slice(&number.to_le_bytes());
        }
        put_positions(&commit.positions, &mut self.bytes);
        frame::end(&mut self.bytes, 0);
        let result = write(&self.bytes);
        self.bytes.truncate(changes);
        result
    }
}

/// What a commit says besides its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commit {
    /// Commits are numbered without a gap.
    pub(super) sequence: u64,
    pub(super) epoch: i64,
    /// The next offset of each store's changelog, by place in the layout.
    pub(super) positions: Vec<Option<i64>>,
}

impl Commit {
    /// Reads a commit; the second part is its changes, for [`each_change`].
    pub(super) fn read(frame: &[u8]) -> Result<(Self, &[u8]), Corrupt> {
        let rest = &mut { frame };
        let sequence = u64::from_le_bytes(take(rest)?);
        let epoch = i64::from_le_bytes(take(rest)?);
        let len = usize::try_from(u64::from_le_bytes(take(rest)?)).map_err(|_| LENGTH)?;
        let (changes, mut positions) = rest.split_at_checked(len).ok_or(LENGTH)?;
        let positions = take_positions(&mut positions)?;
        Ok((Self { sequence, epoch, positions }, changes))
    }
}

const LENGTH: Corrupt = Corrupt("its changes are longer than it is");

/// Writes a change: store, key, and 0 for none or the value behind its length and 1.
pub(super) fn put_change(store: usize, key: &[u8], value: Option<&[u8]>, into: &mut Vec<u8>) {
    put_varint(store as u64, into);
    put_bytes(key, into);
    match value {
        None => into.push(0),
        Some(value) => {
            put_varint(value.len() as u64 + 1, into);
            into.extend_from_slice(value);
        }
    }
}

/// What is told of an entry or change: the store's place in the layout, the key, the value or none where it was removed.
pub(super) type OnChange<'a> = dyn FnMut(usize, &[u8], Option<&[u8]>) + 'a;

/// Hands on changes that [`put_change`] wrote.
pub(super) fn each_change(mut bytes: &[u8], each: &mut OnChange<'_>) -> Result<(), Corrupt> {
    while !bytes.is_empty() {
        let store = usize::try_from(take_varint(&mut bytes)?).map_err(|_| LENGTH)?;
        let key = take_bytes(&mut bytes)?;
        let value = match take_varint(&mut bytes)?.checked_sub(1) {
            None => None,
            Some(len) => {
                let len = usize::try_from(len).map_err(|_| LENGTH)?;
                let (value, behind) = bytes.split_at_checked(len).ok_or(LENGTH)?;
                bytes = behind;
                Some(value)
            }
        };
        each(store, key, value);
    }
    Ok(())
}

/// Writes the position of each store: 0 for none or the offset and 1.
pub(super) fn put_positions(positions: &[Option<i64>], into: &mut Vec<u8>) {
    put_varint(positions.len() as u64, into);
    for position in positions {
        let offset = position.map_or(0, |offset| offset.cast_unsigned().wrapping_add(1));
        put_varint(offset, into);
    }
}

pub(super) fn take_positions(rest: &mut &[u8]) -> Result<Vec<Option<i64>>, Corrupt> {
    let mut positions = Vec::new();
    for _ in 0..take_varint(rest)? {
        let offset = take_varint(rest)?.checked_sub(1);
        positions.push(offset.map(u64::cast_signed));
    }
    Ok(positions)
}
