//! The state that a task's folder holds: the last whole snapshot, and the commits behind it up to the first that is torn.

use crate::state::local::changes::{Commit, OnChange, each_change};
use crate::state::local::folder::Folder;
use crate::state::local::frame::{self, Frames, Next};
use crate::state::local::log;
use crate::state::local::snapshot::{End, SnapshotReader, not_a_file};
use crate::state::local::{Layout, LocalError};
use std::io;

/// What is in a folder, before its entries are read.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// Files that are of no use, and why.
    Damaged(String),
    /// State.
    State(Box<Recovery>),
}

/// A folder whose entries can be read.
#[derive(Debug)]
pub(super) struct Recovery {
    snapshot: SnapshotReader,
    generation: u64,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recovered {
    pub(super) positions: Vec<Option<i64>>,
    pub(super) epoch: i64,
    /// The sequence number of the next commit.
    pub(super) next: u64,
    /// The generation of the snapshot.
    pub(super) generation: u64,
    /// The generation of the last log that is of use, and where it ends.
    pub(super) last_log: (u64, u64),
    /// Bytes of all logs of use.
    pub(super) log_bytes: u64,
    /// What was left out at the end.
    pub(super) cut: Option<String>,
}

/// Looks what is there.
pub(super) fn find(folder: &Folder) -> Result<Found, LocalError> {
    let files = folder.files()?;
    let Some(&generation) = files.snapshots.last() else {
        // The snapshot of an empty state comes before the first commit.
        let commits = files.logs.iter().map(|log| std::fs::metadata(folder.log(*log)));
        let some = commits.flatten().any(|file| file.len() > frame::HEAD as u64);
        let lost = || Found::Damaged(format!("{} has no snapshot", folder.path.display()));
        return Ok(if some { lost() } else { Found::Nothing });
    };
    Ok(match SnapshotReader::open(folder, generation)? {
        Ok(snapshot) => Found::State(Box::new(Recovery { snapshot, generation })),
        Err(why) => Found::Damaged(why),
    })
}

impl Recovery {
    /// What the stores hold.
    pub(super) fn layout(&self) -> &Layout {
        &self.snapshot.layout
    }

    /// Hands on all entries and changes in their order. With the text of what is wrong, they are of no use.
    pub(super) fn read(
        self,
        folder: &Folder,
        each: &mut OnChange<'_>,
    ) -> Result<Result<Recovered, String>, LocalError> {
        let generation = self.generation;
        let End { from, until, epoch, positions, .. } = match self.snapshot.read(folder, each)? {
            Ok(end) => end,
            Err(why) => return Ok(Err(why)),
        };
        // Without even a head it is begun anew.
        let last_log = (generation, 0);
        let mut recovered = Recovered {
            positions,
            epoch,
            next: from,
            generation,
            last_log,
            log_bytes: 0,
            cut: None,
        };
        for log in generation.. {
            match read_log(folder, log, &mut recovered, each)? {
                Log::Whole => {}
                Log::Missing => break,
                Log::Cut(why) => {
                    recovered.cut = Some(why);
                    break;
                }
            }
        }
        if recovered.next < until {
            let why = recovered.cut.unwrap_or_else(|| "the log is missing".to_owned());
            return Ok(Err(format!("{why}, and the snapshot is not whole without it")));
        }
        Ok(Ok(recovered))
    }
}

enum Log {
    Whole,
    Missing,
    /// From there on it is of no use.
    Cut(String),
}

fn read_log(
    folder: &Folder,
    generation: u64,
    recovered: &mut Recovered,
    each: &mut OnChange<'_>,
) -> Result<Log, LocalError> {
    let path = folder.log(generation);
    let frames = match Frames::open(&path, log::KIND) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Log::Missing),
        frames => folder.io("read", &path, frames)?,
    };
    let mut frames = match frames {
        Ok(frames) => frames,
        Err(foreign) => return Ok(Log::Cut(not_a_file(&path.display(), &foreign))),
    };
    recovered.last_log = (generation, frames.end());
    recovered.log_bytes += frames.end();
    loop {
        let before = frames.end();
        let why = match folder.io("read", &path, frames.next())? {
            Next::End => return Ok(Log::Whole),
            Next::Damaged => "is torn or damaged",
            Next::Frame(bytes) => match Commit::read(bytes) {
                Ok((commit, _)) if commit.sequence != recovered.next => "belongs elsewhere",
                Ok((commit, changes)) => match each_change(changes, each) {
                    Ok(()) => {
                        recovered.epoch = commit.epoch;
                        recovered.positions = commit.positions;
                        recovered.next += 1;
                        ""
                    }
                    Err(_) => "cannot be read",
                },
                Err(_) => "cannot be read",
            },
        };
        if !why.is_empty() {
            return Ok(Log::Cut(format!("{} {why} from byte {before} on", path.display())));
        }
        recovered.last_log.1 = frames.end();
        recovered.log_bytes += frames.end() - before;
    }
}
