//! A small durable journal: what the broker knows besides records (topics, configs, group offsets, transactions).
//!
//! Entries are bytes that mean something to their owner. Each is on its way to the disk (`write(2)`) before
//! [`Journal::append`] returns, so it survives `kill -9`; a torn last entry is cut on open. When the file has grown well
//! past what it says ([`Journal::wants_rewrite`]), the owner writes its present state with [`Journal::rewrite`], which
//! replaces the file in one step.
//!
//! ```text
//! "KOLKJNL1"  then per entry:  length u32 | CRC-32C of the entry u32 | entry      (big endian)
//! ```

use crate::log::files::{Files, OsFiles};
use kolk_wire::record::crc32c;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"KOLKJNL1";
const PREFIX: usize = 8;
/// The longest entry, in bytes: what looks longer on open is damage.
pub const ENTRY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// A journal below this size, in bytes, is never worth rewriting.
const REWRITE_FLOOR: u64 = 1024 * 1024;

/// Why a journal cannot be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk refused, for example because it is full. The journal is as it was before the call.
    #[error("cannot write or read the journal {}: {source}", path.display())]
    Io {
        /// The journal's file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is something else. Nothing was changed; move it away or choose another data folder.
    #[error("{} is not a journal of this version of Kolk", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The entry exceeds [`ENTRY_BYTES_MAX`].
    #[error("a journal entry of {size} bytes is longer than the limit of {ENTRY_BYTES_MAX} bytes")]
    TooLong {
        /// Its length in bytes.
        size: usize,
    },
}

/// An append-only file of entries. Dropping it needs no ceremony: there is nothing left to write.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    files: Arc<dyn Files>,
    size: u64,
    size_at_rewrite: u64,
}

impl Journal {
    /// Opens or creates the journal and hands every entry to `replay`, oldest first. A torn or damaged tail is cut off.
    ///
    /// # Errors
    /// [`JournalError::Io`], [`JournalError::Foreign`].
    pub fn open(path: &Path, replay: impl FnMut(&[u8])) -> Result<Self, JournalError> {
        Self::open_with(path, Arc::new(OsFiles), replay)
    }

    /// [`Self::open`] on other files, for tests of failing disks.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(
        path: &Path,
        files: Arc<dyn Files>,
        mut replay: impl FnMut(&[u8]),
    ) -> Result<Self, JournalError> {
        let io = |source| JournalError::Io { path: path.to_owned(), source };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(io)?;
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(io)?;
        let contents = std::fs::read(path).map_err(io)?;
        let mut size = MAGIC.len();
        if contents.len() < size && MAGIC.starts_with(&contents) {
            files.write_at(&file, MAGIC, 0).map_err(io)?;
        } else if !contents.starts_with(MAGIC) {
            return Err(JournalError::Foreign { path: path.to_owned() });
        }
        while let Some(entry) = contents.get(size..).and_then(first_entry) {
            replay(entry);
            size += PREFIX + entry.len();
        }
        if contents.len() > size {
            file.set_len(size as u64).map_err(io)?;
        }
        let size = size as u64;
        Ok(Self { path: path.to_owned(), file, files, size, size_at_rewrite: size })
    }

    /// Appends one entry. Either the whole entry is replayed by a later open, or (after an error or a crash) none of it.
    ///
    /// # Errors
    /// [`JournalError::Io`]: nothing was appended, and the journal can be used again once the disk has space.
    /// [`JournalError::TooLong`].
    pub fn append(&mut self, entry: &[u8]) -> Result<(), JournalError> {
        self.append_all([entry])
    }

    /// Appends several entries with one write. After an error none of them is there; after a crash on the way the first
    /// few may be.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_all<E: AsRef<[u8]>>(
        &mut self,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<(), JournalError> {
        let mut bytes = Vec::new();
        for entry in entries {
            encode(entry.as_ref(), &mut bytes)?;
        }
        if let Err(source) = self.files.write_at(&self.file, &bytes, self.size) {
            // If even this fails, the next append overwrites the torn one, and the CRC tells on it until then.
            let _ = self.file.set_len(self.size);
            return Err(JournalError::Io { path: self.path.clone(), source });
        }
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Replaces everything by `entries` in one step: a crash leaves either the old journal or the new one.
    ///
    /// # Errors
    /// As [`Self::append`]; the old journal is then still there.
    pub fn rewrite<E: AsRef<[u8]>>(
        &mut self,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<(), JournalError> {
        let mut bytes = MAGIC.to_vec();
        for entry in entries {
            encode(entry.as_ref(), &mut bytes)?;
        }
        let io = |source| JournalError::Io { path: self.path.clone(), source };
        self.file = self.files.replace_synced(&self.path, &bytes).map_err(io)?;
        self.size = bytes.len() as u64;
        self.size_at_rewrite = self.size;
        Ok(())
    }

    /// Whether the journal has doubled since the last rewrite (or open), and is over a megabyte.
    #[must_use]
    pub fn wants_rewrite(&self) -> bool {
        self.size > REWRITE_FLOOR && self.size > self.size_at_rewrite.saturating_mul(2)
    }

    /// The file's size in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size
    }

    /// Waits until everything is on the disk itself: survives a power cut too.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn sync(&self) -> Result<(), JournalError> {
        let io = |source| JournalError::Io { path: self.path.clone(), source };
        self.file.sync_data().map_err(io)
    }
}

fn encode(entry: &[u8], into: &mut Vec<u8>) -> Result<(), JournalError> {
    let size = entry.len();
    let length = u32::try_from(size).ok().filter(|_| size <= ENTRY_BYTES_MAX);
    let length = length.ok_or(JournalError::TooLong { size })?;
    into.extend_from_slice(&length.to_be_bytes());
    into.extend_from_slice(&crc32c(entry).to_be_bytes());
    into.extend_from_slice(entry);
    Ok(())
}

/// The entry at the start of `bytes`, unless it is torn or damaged.
fn first_entry(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let entry = rest.get(..length).filter(|_| length <= ENTRY_BYTES_MAX)?;
    // A run of zeroes, as a power cut leaves, would pass as empty entries but for the CRC of nothing being 0.
    (length > 0 && crc32c(entry) == u32::from_be_bytes(*crc)).then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::files::tests::SmallDisk;
    use proptest::prelude::*;

    fn replayed(path: &Path) -> Vec<Vec<u8>> {
        let mut seen = Vec::new();
        Journal::open(path, |entry| seen.push(entry.to_vec())).unwrap();
        seen
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Whatever byte the file ends at, exactly the entries that were whole come back, and appending goes on.
        #[test]
        fn a_torn_tail_is_cut_at_any_byte(
            entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 1..20),
            kept_permille in 0u64..=1000,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("journal");
            let mut journal = Journal::open(&path, |_| unreachable!("it is new")).unwrap();
            let mut ends = vec![journal.size_bytes()];
            for entry in &entries {
                journal.append(entry).unwrap();
                ends.push(journal.size_bytes());
            }
            let kept = 8 + (journal.size_bytes() - 8) * kept_permille / 1000;
            drop(journal);
            OpenOptions::new().write(true).open(&path).unwrap().set_len(kept).unwrap();
            let whole = ends.iter().filter(|end| **end <= kept).count() - 1;
            prop_assert_eq!(&replayed(&path), &entries[..whole]);
            Journal::open(&path, |_| ()).unwrap().append(b"next").unwrap();
            prop_assert_eq!(replayed(&path).pop(), Some(b"next".to_vec()));
        }
    }

    #[test]
    fn a_damaged_entry_ends_the_journal_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path, |_| ()).unwrap();
        for entry in [b"one", b"two"] {
            journal.append(entry).unwrap();
        }
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(replayed(&path), [b"one"]);
        bytes.truncate(19);
        bytes.extend_from_slice(&[0; 64]);
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(replayed(&path), [b"one"], "zeroes are no entries");
    }

    #[test]
    fn a_rewrite_replaces_and_is_wanted_only_after_growth() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path, |_| ()).unwrap();
        let entry = vec![7; 300 * 1024];
        while !journal.wants_rewrite() {
            journal.append(&entry).unwrap();
        }
        assert_eq!(journal.size_bytes(), 8 + 4 * (8 + entry.len() as u64));
        journal.rewrite([b"state"]).unwrap();
        assert!(!journal.wants_rewrite());
        journal.append(b"more").unwrap();
        assert_eq!(replayed(&path), [&b"state"[..], b"more"]);
    }

    #[test]
    fn a_full_disk_loses_nothing_that_was_written_and_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let disk = SmallDisk::with_free_bytes(100);
        let mut journal =
            Journal::open_with(&path, Arc::<SmallDisk>::clone(&disk), |_| ()).unwrap();
        journal.append(&[1; 50]).unwrap();
        let error = journal.append(&[2; 50]).unwrap_err();
        assert!(matches!(error, JournalError::Io { .. }), "{error}");
        assert!(journal.append_all([[5; 10], [6; 10], [7; 10], [8; 10]]).is_err());
        assert!(journal.rewrite([[3; 200]]).is_err());
        disk.set_free_bytes(1000);
        journal.append_all([[4; 50], [9; 50]]).unwrap();
        assert_eq!(replayed(&path), [[1; 50], [4; 50], [9; 50]]);
    }

    #[test]
    fn another_kind_of_file_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        std::fs::write(&path, "precious text").unwrap();
        assert!(matches!(Journal::open(&path, |_| ()), Err(JournalError::Foreign { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious text");
    }
}
