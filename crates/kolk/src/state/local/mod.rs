//! The state of a task on the local disk, so that a restart reads only the tail of the changelogs.
//!
//! A commit is appended to the log once Kafka's transaction is through, with the positions in the changelogs and the epoch: what is
//! here is never ahead of Kafka, and what is missing is read from there. Nothing waits for the disk itself: what a power cut
//! leaves half-written is found by its checksums and read from Kafka again.
//!
//! **Rewriting.** When the log has outgrown twice the entries that are alive, a new log is begun, and with each commit a piece of
//! a new snapshot is written: as many bytes as twice the commit's, at least 4 MiB. 1 GB takes at most 250 commits, each some
//! milliseconds longer, and never more than half of 1 GB of further log. The old files go when the new snapshot is whole.

mod changes;
mod error;
mod folder;
mod frame;
mod layout;
mod log;
mod reader;
mod recovery;
mod snapshot;
#[cfg(test)]
mod tests;

pub use changes::Changes;
pub use error::LocalError;
pub use folder::{application_folder, task_folder, task_folders, tasks_kept};
pub use layout::{Layout, StoreLayout, changelog_topic};
pub use reader::{Contents, read_folder};

use crate::state::store::Store;
use changes::Commit;
use folder::Folder;
use log::Log;
use recovery::{Found, Recovered, Recovery};
use snapshot::SnapshotWriter;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

/// What tests change.
#[derive(Debug, Clone, Copy)]
struct Settings {
    /// How bytes get into a file.
    write: fn(&mut File, &[u8]) -> io::Result<()>,
    /// A log below this size is never worth rewriting.
    rewrite_min: u64,
    /// With each commit at least so many bytes of a snapshot are written.
    piece_min: u64,
    /// A snapshot's frame of entries ends when it has so many bytes.
    frame_bytes: usize,
}

const SETTINGS: Settings = Settings {
    write: |file, bytes| file.write_all(bytes),
    rewrite_min: 4 << 20,
    piece_min: 4 << 20,
    frame_bytes: 256 << 10,
};

/// A snapshot counts when so many commits followed its last entry: what the entries had that was not committed is in them.
const COMMITS_AFTER: u64 = 2;

/// A task's folder. No other process can use it meanwhile.
#[derive(Debug)]
pub struct LocalState {
    folder: Folder,
    layout: Layout,
    commit: Commit,
    log: Log,
    /// Bytes of all logs since the last whole snapshot.
    log_bytes: u64,
    rewriting: Option<Rewriting>,
    settings: Settings,
    /// Whether a commit could not be written.
    behind: bool,
    lock: File,
}

/// A new snapshot in the making.
#[derive(Debug)]
struct Rewriting {
    snapshot: SnapshotWriter,
    /// The first commit of its log.
    from: u64,
    /// The commit that came next when the last entry was written.
    scanned: Option<u64>,
    /// Bytes of the older logs.
    older: u64,
}

/// What [`LocalState::open`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// The next offset of each changelog, by the store's name; missing where the changelog is to be read from the start.
    pub positions: BTreeMap<String, i64>,
    /// The epoch of the last commit; 0 if there is none.
    pub epoch: i64,
    /// Why there was state that could not be used, and was deleted: damage, another version, other stores.
    pub wiped: Option<String>,
    /// What was left out at the end of the log: torn by a crash, or damaged. It comes again from the changelog.
    pub cut: Option<String>,
}

impl LocalState {
    /// Opens or makes a task's folder, and fills the stores, which are empty, and in the layout's order.
    ///
    /// The caller compares the positions with the changelogs: one beyond the last committed offset or before the first one that
    /// is left means [`Self::wipe`]. It reads what follows, restores it into the stores and appends it here too.
    ///
    /// # Errors
    /// [`LocalError`], but not for files that are damaged or of another version: those are deleted, and [`Restored::wiped`] tells.
    pub fn open(
        path: &Path,
        layout: Layout,
        stores: &mut [&mut Store],
    ) -> Result<(Self, Restored), LocalError> {
        Self::open_with(path, layout, stores, SETTINGS)
    }

    fn open_with(
        path: &Path,
        layout: Layout,
        stores: &mut [&mut Store],
        settings: Settings,
    ) -> Result<(Self, Restored), LocalError> {
        let folder = Folder::new(path);
        let lock = folder.lock()?;
        let found = match recovery::find(&folder)? {
            Found::Nothing => Err(None),
            Found::Damaged(why) => Err(Some(why)),
            Found::State(recovery) => read(&folder, *recovery, &layout, stores)?.map_err(Some),
        };
        match found {
            Ok(recovered) => {
                let restored = Restored {
                    positions: by_name(&layout, &recovered.positions),
                    epoch: recovered.epoch,
                    wiped: None,
                    cut: recovered.cut.clone(),
                };
                Ok((Self::resume(folder, lock, layout, recovered, settings)?, restored))
            }
            Err(wiped) => {
                for store in stores {
                    store.clear();
                }
                let state = Self::begin(folder, lock, layout, settings)?;
                Ok((state, Restored { wiped, ..Restored::default() }))
            }
        }
    }

    fn begin(
        folder: Folder,
        lock: File,
        layout: Layout,
        settings: Settings,
    ) -> Result<Self, LocalError> {
        folder.empty()?;
        let log = Log::begin(&folder, 0, settings)?;
        let commit = Commit { sequence: 0, epoch: 0, positions: vec![None; layout.stores.len()] };
        let snapshot = SnapshotWriter::begin(&folder, 0, &layout, settings)?;
        snapshot.finish(&folder, 0, 0, (0, &commit.positions))?;
        let (log_bytes, rewriting, behind) = (frame::HEAD as u64, None, false);
        Ok(Self { folder, layout, commit, log, log_bytes, rewriting, settings, behind, lock })
    }

    fn resume(
        folder: Folder,
        lock: File,
        layout: Layout,
        recovered: Recovered,
        settings: Settings,
    ) -> Result<Self, LocalError> {
        let Recovered { positions, epoch, next, generation, last_log, log_bytes, .. } = recovered;
        let files = folder.files()?;
        for unfinished in files.unfinished {
            folder.remove(&folder.unfinished(unfinished))?;
        }
        for old in files.snapshots.into_iter().filter(|snapshot| *snapshot != generation) {
            folder.remove(&folder.snapshot(old))?;
        }
        let useless = |log: &u64| *log < generation || *log > last_log.0;
        for log in files.logs.into_iter().filter(useless) {
            folder.remove(&folder.log(log))?;
        }
        let log = Log::resume(&folder, last_log, settings)?;
        let commit = Commit { sequence: next, epoch, positions };
        let (rewriting, behind) = (None, false);
        Ok(Self { folder, layout, commit, log, log_bytes, rewriting, settings, behind, lock })
    }

    /// What the stores hold.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Appends a commit: the changes, which are empty then, and for stores whose changelog grew its next offset.
    ///
    /// Call it when Kafka's transaction is through, and before the changes after it are drained from the stores: pieces of a new
    /// snapshot are taken from these.
    ///
    /// # Errors
    /// [`LocalError::Io`]: of the commit nothing or all is there. The folder is of no more use until it is opened again:
    /// [`LocalError::Behind`].
    pub fn append(
        &mut self,
        changes: &mut Changes,
        positions: &[(usize, i64)],
        epoch: i64,
        stores: &[&Store],
    ) -> Result<(), LocalError> {
        if self.behind {
            return Err(LocalError::Behind { path: self.folder.path.clone() });
        }
        self.behind = true;
        self.commit.epoch = epoch;
        for (store, position) in positions {
            if let Some(slot) = self.commit.positions.get_mut(*store) {
                *slot = Some(*position);
            }
        }
        let (log, folder) = (&mut self.log, &self.folder);
        let bytes = changes.with_commit(&self.commit, |frame| {
            log.append(folder, frame).map(|()| frame.len() as u64)
        })?;
        self.commit.sequence += 1;
        self.log_bytes += bytes;
        changes.clear();
        self.rewrite(bytes, stores)?;
        self.behind = false;
        Ok(())
    }

    /// Writes the next piece of a new snapshot, if one is wanted.
    fn rewrite(&mut self, appended: u64, stores: &[&Store]) -> Result<(), LocalError> {
        if self.rewriting.is_none() {
            let alive: usize = stores.iter().map(|store| store.data_bytes()).sum();
            if self.log_bytes <= self.settings.rewrite_min.max(2 * alive as u64) {
                return Ok(());
            }
            self.begin_rewriting()?;
        }
        let next = self.commit.sequence;
        let Some(rewriting) = &mut self.rewriting else { return Ok(()) };
        match rewriting.scanned {
            None => {
                let bytes = self.settings.piece_min.max(2 * appended);
                if rewriting.snapshot.advance(&self.folder, stores, bytes)? {
                    rewriting.scanned = Some(next);
                }
                Ok(())
            }
            Some(scanned) if next >= scanned + COMMITS_AFTER => self.end_rewriting(),
            Some(_) => Ok(()),
        }
    }

    fn begin_rewriting(&mut self) -> Result<(), LocalError> {
        let generation = self.log.generation + 1;
        let snapshot =
            SnapshotWriter::begin(&self.folder, generation, &self.layout, self.settings)?;
        self.log = Log::begin(&self.folder, generation, self.settings)?;
        let (from, older) = (self.commit.sequence, self.log_bytes);
        self.log_bytes += frame::HEAD as u64;
        self.rewriting = Some(Rewriting { snapshot, from, scanned: None, older });
        Ok(())
    }

    fn end_rewriting(&mut self) -> Result<(), LocalError> {
        let Some(Rewriting { snapshot, from, older, .. }) = self.rewriting.take() else {
            return Ok(());
        };
        let (generation, Commit { sequence, epoch, positions }) =
            (snapshot.generation, &self.commit);
        snapshot.finish(&self.folder, from, *sequence, (*epoch, positions))?;
        self.log_bytes -= older;
        let files = self.folder.files()?;
        for old in files.snapshots.into_iter().filter(|old| *old < generation) {
            self.folder.remove(&self.folder.snapshot(old))?;
        }
        for old in files.logs.into_iter().filter(|old| *old < generation) {
            self.folder.remove(&self.folder.log(old))?;
        }
        Ok(())
    }

    /// Deletes what is there and begins anew, for example because the positions do not fit to the changelogs.
    ///
    /// # Errors
    /// [`LocalError::Io`].
    pub fn wipe(&mut self) -> Result<(), LocalError> {
        self.behind = true;
        self.rewriting = None;
        let lock = self.folder.io("keep", &self.folder.path, self.lock.try_clone())?;
        *self = Self::begin(self.folder.clone(), lock, self.layout.clone(), self.settings)?;
        Ok(())
    }
}

fn by_name(layout: &Layout, positions: &[Option<i64>]) -> BTreeMap<String, i64> {
    let named = layout.stores.iter().zip(positions);
    named.filter_map(|(store, position)| Some((store.name.clone(), (*position)?))).collect()
}

/// Fills the stores; the text says why the files are of no use.
fn read(
    folder: &Folder,
    recovery: Recovery,
    wanted: &Layout,
    stores: &mut [&mut Store],
) -> Result<Result<Recovered, String>, LocalError> {
    let found = recovery.layout();
    if (&found.application, &found.stage, found.partition)
        != (&wanted.application, &wanted.stage, wanted.partition)
    {
        let Layout { application, stage, partition, .. } = found;
        return Ok(Err(format!(
            "it is that of {stage}, partition {partition}, of application {application}"
        )));
    }
    for store in &wanted.stores {
        let Some(before) = found.stores.iter().find(|before| before.name == store.name) else {
            continue;
        };
        let path = folder.path.clone();
        if before.shape != store.shape {
            return Err(LocalError::OtherColumns { path, store: store.name.clone() });
        }
        let known = [before.topic_id, store.topic_id].iter().all(|id| *id != [0; 16]);
        if known && before.topic_id != store.topic_id {
            let topic = store.changelog(&wanted.application);
            return Err(LocalError::Recreated { path, topic });
        }
    }
    let names = |layout: &Layout| -> Vec<String> {
        layout.stores.iter().map(|store| store.name.clone()).collect()
    };
    let (before, now) = (names(found), names(wanted));
    if before != now {
        return Ok(Err(format!("it holds the stores {before:?}, the query has {now:?}")));
    }
    recovery.read(folder, &mut |store, key, value| {
        if let Some(store) = stores.get_mut(store) {
            store.restore(key, value);
        }
    })
}
