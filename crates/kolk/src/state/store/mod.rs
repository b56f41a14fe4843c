//! One store of one task: keys and values in a hash table, and which of them changed since the last commit.

mod slot;
#[cfg(test)]
mod tests;

use crate::state::arena::Arena;
use crate::state::keys::Keys;
use crate::state::shape::Shape;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use slot::{Life, Slot};
use std::hash::{BuildHasher, Hasher};
use std::hint::black_box;

/// So many entries are brought near the processor at once …
const WARM_ENTRIES: usize = 128;
/// … in stores larger than its caches.
const WARM_BYTES: usize = 2 << 20;

/// Keys and values in memory. What one task remembers for one operator.
///
/// A change is noted once, however often the entry changes; [`Store::drain_changes`] tells and forgets all of them. The order of
/// [`Store::iter`] follows from the calls since the store was made: another history of the same contents may give another
/// order.
#[derive(Debug)]
pub struct Store {
    name: String,
    shape: Shape,
    hasher: RandomState,
    table: HashTable<Place>,
    slots: Vec<Slot>,
    /// Slots without entry.
    free: Vec<EntryId>,
    arena: Arena,
    /// Entries that are noted as changed, in the order of their first change.
    changed: Vec<EntryId>,
    live: usize,
    /// Bytes of the keys and values of live entries.
    data_bytes: usize,
}

/// An entry, for as long as it is not removed: later the id may stand for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(u32);

/// What the hash table holds: a hash of 32 bits, so that neither growing nor (but for one in 4 G) a wrong entry costs a look at a
/// key.
#[derive(Debug, Clone, Copy)]
struct Place {
    hash: u32,
    id: EntryId,
}

/// A hash of 32 bits as the table wants it: 64, of which it uses the upper and the lower ones.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[expect(
    clippy::expect_used,
    reason = "Kafka takes no key or value of 2 GiB, and no machine 4 G entries"
)]
fn small(len: usize) -> u32 {
    u32::try_from(len).expect("keys and values below 4 GiB, fewer than 4 G entries")
}

impl Store {
    /// An empty store. The name is for errors and reports.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            shape: Shape::default(),
            // Keyed, since keys come from outside; what follows from the key does not show.
            hasher: RandomState::default(),
            table: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            arena: Arena::new(),
            changed: Vec::new(),
            live: 0,
            data_bytes: 0,
        }
    }

    /// Says what keys and values are made of, for those who look into the store without the program.
    pub fn set_shape(&mut self, shape: Shape) {
        self.shape = shape;
    }

    /// What keys and values are made of, as far as that was said.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// The memory held, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.arena.bytes()
            + self.table.allocation_size()
            + self.slots.capacity() * size_of::<Slot>()
            + (self.free.capacity() + self.changed.capacity()) * size_of::<EntryId>()
    }

    /// The bytes of all keys and values.
    #[must_use]
    pub fn data_bytes(&self) -> usize {
        self.data_bytes
    }

    #[inline]
    fn hash(&self, key: &[u8]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        (hasher.finish() >> 32) as u32
    }

    /// The entry of a key, removed ones too.
    #[inline]
    fn lookup(&self, hash: u32, key: &[u8]) -> Option<EntryId> {
        let found =
            self.table.find(spread(hash), |place| place.hash == hash && self.key(place.id) == key);
        found.map(|place| place.id)
    }

    /// The entries of the keys of a batch, in place of what is in `into`. See [`Self::find_all`].
    pub(crate) fn probe(&self, keys: &Keys, into: &mut Vec<Option<EntryId>>) {
        self.find_each(keys.len(), |row| keys.get(row), into);
    }

    /// The entries of some keys, in place of what is in `into`.
    ///
    /// A thousand keys at a time are a good number: reads that do not wait for each other cost a fraction of those that do.
    pub fn find_all(&self, keys: &[&[u8]], into: &mut Vec<Option<EntryId>>) {
        self.find_each(keys.len(), |row| keys[row], into);
    }

    #[inline]
    fn find_each<'a>(
        &self,
        len: usize,
        key: impl Fn(usize) -> &'a [u8],
        into: &mut Vec<Option<EntryId>>,
    ) {
        into.clear();
        while into.len() < len {
            let first = into.len();
            into.extend((first..len.min(first + WARM_ENTRIES)).map(|row| {
                let hash = self.hash(key(row));
                self.table.find(spread(hash), |place| place.hash == hash).map(|place| place.id)
            }));
            self.warm(into[first..].iter().flatten().copied());
            for (row, id) in into.iter_mut().enumerate().skip(first) {
                let Some(likely) = *id else { continue };
                if self.key(likely) != key(row) {
                    *id = self.find(key(row));
                } else if !self.slot(likely).life.is_live() {
                    *id = None;
                }
            }
        }
    }

    /// Brings entries near the processor: all slots, then all blocks.
    #[inline]
    fn warm(&self, ids: impl Iterator<Item = EntryId> + Clone) {
        if self.arena.bytes() < WARM_BYTES {
            return;
        }
        let slots = ids.clone().map(|id| self.slot(id).key_len);
        // Nobody wants the sums, only that the processor reads what they are of.
        black_box(slots.fold(0, u32::wrapping_add));
        let blocks = ids.map(|id| {
            let slot = self.slot(id);
            let bytes = self.arena.get(slot.block(), slot.len());
            bytes.first().copied().unwrap_or(0) ^ bytes.last().copied().unwrap_or(0)
        });
        black_box(blocks.fold(0, |all, byte| all ^ byte));
    }

    /// The entry of a key.
    #[must_use]
    #[inline]
    pub fn find(&self, key: &[u8]) -> Option<EntryId> {
        self.lookup(self.hash(key), key).filter(|id| self.slot(*id).life.is_live())
    }

    #[inline]
    fn slot(&self, id: EntryId) -> &Slot {
        &self.slots[id.0 as usize]
    }

    #[inline]
    fn slot_mut(&mut self, id: EntryId) -> &mut Slot {
        &mut self.slots[id.0 as usize]
    }

    /// The key of an entry.
    #[must_use]
    #[inline]
    pub fn key(&self, id: EntryId) -> &[u8] {
        let slot = self.slot(id);
        self.arena.get(slot.block(), slot.key_len())
    }

    /// The value of an entry; empty once it is removed.
    #[must_use]
    #[inline]
    pub fn value(&self, id: EntryId) -> &[u8] {
        let slot = self.slot(id);
        &self.arena.get(slot.block(), slot.len())[slot.key_len()..]
    }

    /// Inserts a key with its value, or replaces its value.
    #[inline]
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> EntryId {
        let hash = self.hash(key);
        self.put_at(hash, self.lookup(hash, key), key, value)
    }

    /// The entry of a key, and whether it was made now: with this value.
    #[inline]
    pub(crate) fn find_or_insert(&mut self, key: &[u8], value: &[u8]) -> (EntryId, bool) {
        let hash = self.hash(key);
        match self.lookup(hash, key) {
            Some(id) if self.slot(id).life.is_live() => (id, false),
            found => (self.put_at(hash, found, key, value), true),
        }
    }

    /// Puts a key whose entry, if there is one, was found.
    fn put_at(&mut self, hash: u32, found: Option<EntryId>, key: &[u8], value: &[u8]) -> EntryId {
        let Some(id) = found else {
            let id = self.insert(hash, key, value, Life::New);
            self.changed.push(id);
            return id;
        };
        self.revive(id);
        self.write_value(id, value);
        self.note(id);
        id
    }

    /// The entries that changed since they were drained and are still there, in the order of their first change.
    pub(crate) fn changed(&self) -> impl Iterator<Item = EntryId> {
        self.changed.iter().copied().filter(|id| self.slot(*id).life.is_live())
    }

    /// Inserts a key that is not there.
    fn insert(&mut self, hash: u32, key: &[u8], value: &[u8], life: Life) -> EntryId {
        let block = self.arena.allocate(key.len() + value.len());
        let memory = self.arena.get_mut(block, key.len() + value.len());
        let (key_part, value_part) = memory.split_at_mut(key.len());
        key_part.copy_from_slice(key);
        value_part.copy_from_slice(value);
        let slot = Slot::new(block, small(key.len()), small(value.len()), life);
        let id = match self.free.pop() {
            Some(id) => {
                *self.slot_mut(id) = slot;
                id
            }
            None => {
                self.slots.push(slot);
                EntryId(small(self.slots.len() - 1))
            }
        };
        self.table.insert_unique(spread(hash), Place { hash, id }, |place| spread(place.hash));
        self.live += 1;
        self.data_bytes += slot.len();
        id
    }

    /// Makes an entry live that was removed since the last drain.
    fn revive(&mut self, id: EntryId) {
        let slot = self.slot_mut(id);
        if !slot.life.is_live() {
            slot.life = slot.life.revived();
            let key_len = slot.key_len();
            self.live += 1;
            self.data_bytes += key_len;
        }
    }

    fn write_value(&mut self, id: EntryId, value: &[u8]) {
        let slot = *self.slot(id);
        let (key_len, len) = (slot.key_len(), slot.key_len() + value.len());
        let block = if self.arena.fits(slot.block(), len) {
            slot.block()
        } else {
            let key = self.arena.get(slot.block(), key_len).to_vec();
            self.arena.release(slot.block());
            let block = self.arena.allocate(len);
            self.arena.get_mut(block, key_len).copy_from_slice(&key);
            block
        };
        self.arena.get_mut(block, len)[key_len..].copy_from_slice(value);
        self.data_bytes += value.len();
        self.data_bytes -= slot.value_len as usize;
        *self.slot_mut(id) = Slot::new(block, slot.key_len, small(value.len()), slot.life);
    }

    /// Notes a live entry as changed.
    #[inline]
    fn note(&mut self, id: EntryId) {
        let slot = self.slot_mut(id);
        if slot.life == Life::Clean {
            slot.life = Life::Changed;
            self.changed.push(id);
        }
    }

    /// Replaces the value of an entry. Nothing happens to one that was removed.
    #[inline]
    pub fn set(&mut self, id: EntryId, value: &[u8]) {
        if self.slot(id).life.is_live() {
            self.write_value(id, value);
            self.note(id);
        }
    }

    /// The value of an entry, to be changed in place, and noted as changed; empty for one that was removed.
    #[inline]
    pub fn update(&mut self, id: EntryId) -> &mut [u8] {
        self.note(id);
        let slot = *self.slot(id);
        &mut self.arena.get_mut(slot.block(), slot.len())[slot.key_len()..]
    }

    /// Removes an entry. Nothing happens to one that was removed.
    pub fn remove(&mut self, id: EntryId) {
        if self.slot(id).life.is_live() {
            self.note(id);
            self.bury(id);
        }
    }

    /// A live entry that is noted as changed becomes a removed one.
    fn bury(&mut self, id: EntryId) {
        let slot = self.slot_mut(id);
        let len = slot.len();
        slot.life = slot.life.buried();
        slot.value_len = 0;
        self.live -= 1;
        self.data_bytes -= len;
    }

    /// All entries, with key and value.
    pub fn iter(&self) -> impl Iterator<Item = (EntryId, &[u8], &[u8])> {
        self.iter_from(0).map(|(place, key, value)| (EntryId(place), key, value))
    }

    /// The entries from a place on, with their places.
    pub(super) fn iter_from(&self, first: u32) -> impl Iterator<Item = (u32, &[u8], &[u8])> {
        (first..small(self.slots.len()))
            .filter(|place| self.slots[*place as usize].life.is_live())
            .map(|place| (place, self.key(EntryId(place)), self.value(EntryId(place))))
    }

    /// Tells each key that changed since the last call once, in the order of the first change: with its value, or none when it was
    /// removed. Keys that came and went in between are not told.
    pub fn drain_changes(&mut self, mut each: impl FnMut(&[u8], Option<&[u8]>)) {
        let mut changed = std::mem::take(&mut self.changed);
        for ids in changed.chunks(WARM_ENTRIES) {
            self.warm(ids.iter().copied());
            for &id in ids {
                match self.slot(id).life {
                    Life::New | Life::Changed => {
                        each(self.key(id), Some(self.value(id)));
                        self.slot_mut(id).life = Life::Clean;
                    }
                    Life::Removed => {
                        each(self.key(id), None);
                        self.forget(id);
                    }
                    Life::Dropped => self.forget(id),
                    Life::Free | Life::Clean => {}
                }
            }
        }
        changed.clear();
        self.changed = changed;
    }

    /// Gives back what an entry holds.
    fn forget(&mut self, id: EntryId) {
        let hash = self.hash(self.key(id));
        if let Ok(place) = self.table.find_entry(spread(hash), |place| place.id == id) {
            place.remove();
        }
        self.arena.release(self.slot(id).block());
        *self.slot_mut(id) = Slot::default();
        self.free.push(id);
    }

    /// Inserts, replaces or (without a value) removes what a changelog tells. It is not noted as a change.
    pub fn restore(&mut self, key: &[u8], value: Option<&[u8]>) {
        let hash = self.hash(key);
        match (self.lookup(hash, key), value) {
            (None, Some(value)) => {
                self.insert(hash, key, value, Life::Clean);
            }
            (Some(id), Some(value)) => {
                self.revive(id);
                self.write_value(id, value);
            }
            (Some(id), None) if self.slot(id).life.is_live() => {
                let clean = self.slot(id).life == Life::Clean;
                self.bury(id);
                if clean {
                    self.forget(id);
                }
            }
            (_, None) => {}
        }
    }

    /// Forgets everything, the changes too, and gives the memory back.
    pub fn clear(&mut self) {
        *self = Self { shape: std::mem::take(&mut self.shape), ..Self::new(&self.name) };
    }
}
