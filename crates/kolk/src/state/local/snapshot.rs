//! All entries of a task's stores in one file, written piece by piece while the task works on.
//!
//! ```text
//! frame "layout" | frames of entries … | frame "end": numbers of the log's commits, positions, epoch, number of entries
//! ```
//! Entries are written as they are when their turn comes, so the parts of a snapshot are of different times: it is the state only
//! together with the log that was begun before it, up to the commit that its end names. All of that is one format with
//! [`super::changes`]: an entry is a change.

use crate::state::local::changes::{
    OnChange, each_change, put_change, put_positions, take_positions,
};
use crate::state::local::folder::Folder;
use crate::state::local::frame::{self, Foreign, Frames, Next};
use crate::state::local::{Layout, LocalError, Settings};
use crate::state::row::{Corrupt, take};
use crate::state::store::Store;
use std::fs::{self, File, OpenOptions};
use std::path::PathBuf;

pub(super) const KIND: &[u8; 8] = b"KOLKSNAP";
const LAYOUT: u8 = 0;
const ENTRIES: u8 = 1;
const END: u8 = 2;

/// What a snapshot says at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    /// The first commit of the log that belongs to it.
    pub(super) from: u64,
    /// The state is whole from this commit on: the log must reach it (exclusive).
    pub(super) until: u64,
    pub(super) epoch: i64,
    pub(super) positions: Vec<Option<i64>>,
    pub(super) entries: u64,
}

/// A snapshot in the making.
#[derive(Debug)]
pub(super) struct SnapshotWriter {
    pub(super) generation: u64,
    path: PathBuf,
    file: File,
    settings: Settings,
    buffer: Vec<u8>,
    /// The entry whose turn it is: store, and place in it.
    next: (usize, u32),
    entries: u64,
    bytes: u64,
}

impl SnapshotWriter {
    pub(super) fn begin(
        folder: &Folder,
        generation: u64,
        layout: &Layout,
        settings: Settings,
    ) -> Result<Self, LocalError> {
        let path = folder.unfinished(generation);
        let options = OpenOptions::new().write(true).create(true).truncate(true).open(&path);
        let file = folder.io("make", &path, options)?;
        let mut buffer = frame::head(KIND).to_vec();
        let start = frame::begin(&mut buffer);
        buffer.push(LAYOUT);
        layout.encode(&mut buffer);
        frame::end(&mut buffer, start);
        let mut writer =
            Self { generation, path, file, settings, buffer, next: (0, 0), entries: 0, bytes: 0 };
        writer.flush(folder)?;
        Ok(writer)
    }

    fn flush(&mut self, folder: &Folder) -> Result<(), LocalError> {
        let outcome = (self.settings.write)(&mut self.file, &self.buffer);
        folder.io("write state to", &self.path, outcome)?;
        self.bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Writes about `bytes` bytes of entries; tells whether those were the last.
    pub(super) fn advance(
        &mut self,
        folder: &Folder,
        stores: &[&Store],
        bytes: u64,
    ) -> Result<bool, LocalError> {
        let until = self.bytes + bytes;
        while let Some(store) = stores.get(self.next.0) {
            if self.bytes >= until {
                return Ok(false);
            }
            let start = frame::begin(&mut self.buffer);
            self.buffer.push(ENTRIES);
            let empty = self.buffer.len();
            let mut after = None;
            for (place, key, value) in store.iter_from(self.next.1) {
                if self.buffer.len() >= self.settings.frame_bytes {
                    after = Some(place);
                    break;
                }
                put_change(self.next.0, key, Some(value), &mut self.buffer);
                self.entries += 1;
            }
            self.next = match after {
                Some(place) => (self.next.0, place),
                None => (self.next.0 + 1, 0),
            };
            if self.buffer.len() > empty {
                frame::end(&mut self.buffer, start);
                self.flush(folder)?;
            }
            self.buffer.clear();
        }
        Ok(true)
    }

    /// Ends the snapshot: from now on it counts. Returns its size in bytes.
    pub(super) fn finish(
        mut self,
        folder: &Folder,
        from: u64,
        until: u64,
        (epoch, positions): (i64, &[Option<i64>]),
    ) -> Result<u64, LocalError> {
        let start = frame::begin(&mut self.buffer);
        self.buffer.push(END);
        for number in [from, until, epoch.cast_unsigned(), self.entries] {
            self.buffer.extend_from_slice(&number.to_le_bytes());
        }
        put_positions(positions, &mut self.buffer);
        frame::end(&mut self.buffer, start);
        self.flush(folder)?;
        let renamed = fs::rename(&self.path, folder.snapshot(self.generation));
        folder.io("rename", &self.path, renamed)?;
        Ok(self.bytes)
    }
}

/// A snapshot that is being read.
#[derive(Debug)]
pub(super) struct SnapshotReader {
    path: PathBuf,
    frames: Frames,
    pub(super) layout: Layout,
}

impl SnapshotReader {
    /// Opens the snapshot of a generation; the text says what is wrong with it.
    pub(super) fn open(
        folder: &Folder,
        generation: u64,
    ) -> Result<Result<Self, String>, LocalError> {
        let path = folder.snapshot(generation);
        let frames = folder.io("read", &path, Frames::open(&path, KIND))?;
        let mut frames = match frames {
            Ok(frames) => frames,
            Err(foreign) => return Ok(Err(not_a_file(&path.display(), &foreign))),
        };
        let first = folder.io("read", &path, frames.next())?;
        let layout = match first {
            Next::Frame([LAYOUT, rest @ ..]) => Layout::decode(&mut { rest }),
            _ => Err(Corrupt("there is no layout")),
        };
        Ok(match layout {
            Ok(layout) => Ok(Self { path, frames, layout }),
            Err(corrupt) => Err(format!("{}: {corrupt}", path.display())),
        })
    }

    /// Hands on all entries; the text says what is wrong with the rest.
    pub(super) fn read(
        mut self,
        folder: &Folder,
        each: &mut OnChange<'_>,
    ) -> Result<Result<End, String>, LocalError> {
        let mut entries = 0;
        loop {
            let next = folder.io("read", &self.path, self.frames.next())?;
            let outcome = match next {
                Next::Frame([ENTRIES, rest @ ..]) => each_change(rest, &mut |store, key, value| {
                    entries += 1;
                    each(store, key, value);
                })
                .map(|()| None),
                Next::Frame([END, rest @ ..]) => read_end(rest).map(Some),
                Next::Frame(_) => Err(Corrupt("there is an unknown frame")),
                Next::End => Err(Corrupt("it has no end")),
                Next::Damaged => Err(Corrupt("a checksum is wrong")),
            };
            match outcome {
                Ok(None) => {}
                Ok(Some(end)) if end.entries == entries => return Ok(Ok(end)),
                Ok(Some(_)) => {
                    return Ok(Err(format!("{}: entries are missing", self.path.display())));
                }
                Err(corrupt) => return Ok(Err(format!("{}: {corrupt}", self.path.display()))),
            }
        }
    }
}

fn read_end(mut rest: &[u8]) -> Result<End, Corrupt> {
    let mut number = || Ok(u64::from_le_bytes(take(&mut rest)?));
    let (from, until, epoch, entries) = (number()?, number()?, number()?.cast_signed(), number()?);
    Ok(End { from, until, epoch, entries, positions: take_positions(&mut rest)? })
}

/// What is wrong with a file that is of another kind or version.
pub(super) fn not_a_file(path: &dyn std::fmt::Display, foreign: &Foreign) -> String {
    match foreign {
        Foreign::Kind => format!("{path} is no file of Kolk's state"),
        Foreign::Version(version) => {
            format!("{path} has format version {version}, this is version {}", frame::VERSION)
        }
    }
}
