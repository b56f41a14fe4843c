//! The log of a generation: commits, one behind the other.

use crate::state::local::folder::Folder;
use crate::state::local::frame;
use crate::state::local::{LocalError, Settings};
use std::fs::{File, OpenOptions};
use std::path::PathBuf;

pub(super) const KIND: &[u8; 8] = b"KOLK-LOG";

/// A log that is being written.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) generation: u64,
    path: PathBuf,
    file: File,
    settings: Settings,
    bytes: u64,
}

impl Log {
    /// A new log.
    pub(super) fn begin(
        folder: &Folder,
        generation: u64,
        settings: Settings,
    ) -> Result<Self, LocalError> {
        let path = folder.log(generation);
        let options = OpenOptions::new().append(true).create_new(true).open(&path);
        let file = folder.io("make", &path, options)?;
        let mut log = Self { generation, path, file, settings, bytes: 0 };
        log.append(folder, &frame::head(KIND))?;
        Ok(log)
    }

    /// A log that is there, of which only the first `bytes` bytes are of use.
    pub(super) fn resume(
        folder: &Folder,
        (generation, bytes): (u64, u64),
        settings: Settings,
    ) -> Result<Self, LocalError> {
        let path = folder.log(generation);
        if bytes < frame::HEAD as u64 {
            folder.remove(&path)?;
            return Self::begin(folder, generation, settings);
        }
        let file = folder.io("open", &path, OpenOptions::new().append(true).open(&path))?;
        folder.io("cut", &path, file.set_len(bytes))?;
        Ok(Self { generation, path, file, settings, bytes })
    }

    /// Adds bytes: all of them, or after an error none.
    pub(super) fn append(&mut self, folder: &Folder, bytes: &[u8]) -> Result<(), LocalError> {
        let outcome = (self.settings.write)(&mut self.file, bytes);
        if outcome.is_err() {
            // If even this fails, the checksum tells what is torn.
            let _ = self.file.set_len(self.bytes);
        }
        folder.io("write state to", &self.path, outcome)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}
