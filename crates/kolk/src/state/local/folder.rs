//! The folder of a task: where it is, which files it has, and whose it is.

use crate::state::local::LocalError;
use crate::state::local::frame;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The folder that holds the ids of instances, beside those of applications.
const INSTANCES: &str = "instances";
/// A log that is longer has commits.
const HEAD: u64 = frame::HEAD as u64;
/// Names longer than this are cut, and told apart by a hash.
const NAME_MAX: usize = 180;

/// The folder of a task: `STATE_DIR/APPLICATION/STAGE/PARTITION`.
///
/// Letters, digits, `.`, `_` and `-` of names stay; other bytes become `%` and two hexadecimal digits, so no name leads elsewhere.
#[must_use]
pub fn task_folder(state: &Path, application: &str, stage: &str, partition: i32) -> PathBuf {
    let application = application_folder(state, application);
    application.join(file_name(stage)).join(partition.to_string())
}

/// The tasks of a stage of which there is state, by their partition, in order. What cannot be read counts as none: nobody but a hint
/// is lost.
#[must_use]
pub fn tasks_kept(state: &Path, application: &str, stage: &str) -> Vec<i32> {
    let folder = application_folder(state, application).join(file_name(stage));
    let number = |path: PathBuf| -> Option<i32> {
        let number = path.file_name()?.to_str()?.parse().ok()?;
        let files = Folder::new(&path).files().ok()?;
        let has_commits =
            |log: &u64| fs::metadata(Folder::new(&path).log(*log)).is_ok_and(|of| of.len() > HEAD);
        let has_state = files.snapshots.iter().any(|snapshot| *snapshot > 0)
            || files.logs.iter().any(has_commits);
        has_state.then_some(number)
    };
    let mut numbers: Vec<i32> =
        entries(&folder).unwrap_or_default().into_iter().filter_map(number).collect();
    numbers.sort_unstable();
    numbers
}

/// The folder of an application's tasks.
#[must_use]
pub fn application_folder(state: &Path, application: &str) -> PathBuf {
    let name = file_name(application);
    state.join(if name == INSTANCES { "%69nstances" } else { &name })
}

fn file_name(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        let plain =
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || (byte == b'.' && at > 0);
        if plain {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    if text.is_empty() {
        return "%".to_owned();
    }
    if text.len() > NAME_MAX {
        use sha2::{Digest, Sha256};
        text.truncate(NAME_MAX - 17);
        let digest = Sha256::digest(name.as_bytes());
        text.push('~');
        text.extend(digest.iter().take(8).map(|byte| format!("{byte:02x}")));
    }
    text
}

/// The folders of tasks below a state folder, in the order of their paths.
///
/// # Errors
/// [`LocalError::Io`].
pub fn task_folders(state: &Path) -> Result<Vec<PathBuf>, LocalError> {
    let mut folders = vec![state.to_owned()];
    for level in 0..3 {
        let mut below = Vec::new();
        for folder in folders {
            for entry in entries(&folder)? {
                if entry.is_dir() && !(level == 0 && entry.ends_with(INSTANCES)) {
                    below.push(entry);
                }
            }
        }
        folders = below;
    }
    folders.sort();
    Ok(folders)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, LocalError> {
    let at = |source| LocalError::Io { doing: "read the folder", path: folder.to_owned(), source };
    let listing = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.map_err(at)?,
    };
    listing.map(|entry| Ok(entry.map_err(at)?.path())).collect()
}

/// The files of a task's folder. Each generation is a snapshot and the log of what was committed since.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
}

/// The files that are there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Files {
    /// Generations of which there is a whole snapshot, ascending.
    pub(super) snapshots: Vec<u64>,
    /// Generations of which there is a log, ascending.
    pub(super) logs: Vec<u64>,
    /// Snapshots that were not finished.
    pub(super) unfinished: Vec<u64>,
}

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    pub(super) fn snapshot(&self, generation: u64) -> PathBuf {
        self.path.join(format!("snapshot-{generation}"))
    }

    /// A snapshot that is being written.
    pub(super) fn unfinished(&self, generation: u64) -> PathBuf {
        self.path.join(format!("snapshot-{generation}.new"))
    }

    pub(super) fn log(&self, generation: u64) -> PathBuf {
        self.path.join(format!("log-{generation}"))
    }

    pub(super) fn files(&self) -> Result<Files, LocalError> {
        let mut files = Files::default();
        for path in entries(&self.path)? {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if let Some(generation) = name.strip_prefix("log-") {
                files.logs.extend(generation.parse::<u64>());
            } else if let Some(rest) = name.strip_prefix("snapshot-") {
                match rest.strip_suffix(".new") {
                    Some(generation) => files.unfinished.extend(generation.parse::<u64>()),
                    None => files.snapshots.extend(rest.parse::<u64>()),
                }
            }
        }
        files.snapshots.sort_unstable();
        files.logs.sort_unstable();
        Ok(files)
    }

    /// Makes the folder, and keeps other processes out while the file is open.
    pub(super) fn lock(&self) -> Result<File, LocalError> {
        self.io("make the folder", &self.path, fs::create_dir_all(&self.path))?;
        let path = self.path.join("lock");
        let options = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = self.io("open", &path, options)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(LocalError::Locked { path: self.path.clone() }),
            Err(TryLockError::Error(source)) => self.io("lock", &path, Err(source)),
        }
    }

    pub(super) fn remove(&self, path: &Path) -> Result<(), LocalError> {
        match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => self.io("delete", path, outcome),
        }
    }

    /// Removes all files but the lock.
    pub(super) fn empty(&self) -> Result<(), LocalError> {
        let files = self.files()?;
        // Snapshots first: a log without one is nothing, a snapshot without its log would be damage.
        for generation in files.snapshots {
            self.remove(&self.snapshot(generation))?;
        }
        for generation in files.unfinished {
            self.remove(&self.unfinished(generation))?;
        }
        for generation in files.logs {
            self.remove(&self.log(generation))?;
        }
        Ok(())
    }

    /// An outcome with what was tried where.
    #[expect(clippy::unused_self, reason = "reads as the folder's own")]
    pub(super) fn io<T>(
        &self,
        doing: &'static str,
        path: &Path,
        outcome: io::Result<T>,
    ) -> Result<T, LocalError> {
        outcome.map_err(|source| LocalError::Io { doing, path: path.to_owned(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside_the_state_folder_and_apart() {
        let folder = |application: &str, stage: &str| {
            let path = task_folder(Path::new("s"), application, stage, 7);
            path.to_str().unwrap().to_owned()
        };
        assert_eq!(folder("shop", "VISITS-aggregate-1"), "s/shop/VISITS-aggregate-1/7");
        assert_eq!(folder("..", "a/../b"), "s/%2E./a%2F..%2Fb/7");
        assert_eq!(folder("instances", ""), "s/%69nstances/%/7");
        let (long, longer) = (folder("a", &"x".repeat(200)), folder("a", &"x".repeat(201)));
        assert_eq!(long.len(), "s/a//7".len() + NAME_MAX);
        assert_ne!(long, longer);
    }

    #[test]
    fn a_folder_is_locked_while_somebody_works_in_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(&task_folder(root.path(), "app", "stage", 0));
        let lock = folder.lock().unwrap();
        assert!(matches!(folder.lock(), Err(LocalError::Locked { .. })));
        drop(lock);
        folder.lock().unwrap();
        assert_eq!(tasks_kept(root.path(), "app", "stage"), [0; 0], "it has no files");
        fs::write(folder.log(0), [0; frame::HEAD]).unwrap();
        assert_eq!(tasks_kept(root.path(), "app", "stage"), [0; 0], "nothing was committed");
        fs::write(folder.log(1), [0; frame::HEAD + 1]).unwrap();
        assert_eq!(tasks_kept(root.path(), "app", "stage"), [0]);
        fs::create_dir_all(root.path().join("instances/x/y")).unwrap();
        assert_eq!(task_folders(root.path()).unwrap(), [folder.path]);
    }
}
