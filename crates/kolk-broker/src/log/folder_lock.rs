//! One broker per data folder: a lock that the operating system lets go of however the process ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const FILE_NAME: &str = ".lock";

/// Why a data folder could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The lock is held. Stop the other broker, or choose another folder.
    #[error("another broker runs on this folder ({owner}): {}", folder.display())]
    Held {
        /// The data folder.
        folder: PathBuf,
        /// Who holds it: `pid N`, or `pid unknown`.
        owner: String,
    },
    /// The folder or its lock file cannot be created or opened.
    #[error("cannot lock the data folder {}: {source}", folder.display())]
    Io {
        /// The data folder.
        folder: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

/// Holds a data folder until it is dropped or the process ends (`flock`, so `kill -9` releases it too).
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Creates the folder if need be and locks it.
    ///
    /// # Errors
    /// [`LockError::Held`] with the pid of the holder; [`LockError::Io`].
    pub fn acquire(folder: &Path) -> Result<Self, LockError> {
        let io = |source| LockError::Io { folder: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(io)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join(FILE_NAME))
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held { folder: folder.to_owned(), owner: owner(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        // The pid only helps people; a full disk must not keep a broker from starting to free some of it.
        let _ = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

fn owner(file: &mut File) -> String {
    let mut text = String::new();
    let read = Read::take(&mut *file, 20).read_to_string(&mut text);
    match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(pid)) => format!("pid {pid}"),
        _ => "pid unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_broker_is_told_who_runs_and_the_folder_is_free_afterwards() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("data");
        let first = FolderLock::acquire(&folder).unwrap();
        let error = FolderLock::acquire(&folder).unwrap_err();
        let wanted = format!("another broker runs on this folder (pid {})", std::process::id());
        assert!(error.to_string().starts_with(&wanted), "{error}");
        drop(first);
        FolderLock::acquire(&folder).unwrap();
    }
}
