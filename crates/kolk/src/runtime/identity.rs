//! Who this instance is: an id that stays the same over restarts, and that no other process uses at the same time.
//!
//! It is the `group.instance.id`, so that a restart after `kill -9` does not wait for the session time-out, and part of
//! the transactional id, so that InitProducerId aborts what the process had left open.

use super::error::StartError;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

/// Processes that may share a state directory at the same time, at most.
const SLOTS_MAX: usize = 64;

/// An instance's id. While it lives no other process gets the same one out of this state directory.
#[derive(Debug)]
pub struct InstanceIdentity {
    id: String,
    _lock: File,
}

impl InstanceIdentity {
    /// The first id below `state` that no running process has; a new one if all are in use.
    ///
    /// # Errors
    /// [`StartError::State`] when the directory cannot be used, or too many processes use it (64).
    pub fn acquire(state: &Path) -> Result<Self, StartError> {
        let folder = state.join("instances");
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| StartError::State { path, source }
        };
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        for slot in 0..SLOTS_MAX {
            let path = folder.join(slot.to_string());
            let options =
                OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
            let mut file = options.map_err(at(&path))?;
            match file.try_lock() {
                Ok(()) => {
                    let id = read_or_make(&mut file).map_err(at(&path))?;
                    return Ok(Self { id, _lock: file });
                }
                Err(fs::TryLockError::WouldBlock) => {}
                Err(fs::TryLockError::Error(source)) => return Err(at(&path)(source)),
            }
        }
        Err(at(&folder)(std::io::Error::other("too many processes use it at the same time")))
    }

    /// The id: 16 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

fn read_or_make(file: &mut File) -> std::io::Result<String> {
    let mut id = String::new();
    file.read_to_string(&mut id)?;
    // A crash between creating and writing leaves an empty file: it was never used.
    if id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(id);
    }
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    id = format!("{:016x}", u64::from_be_bytes(bytes));
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(id.as_bytes())?;
    file.sync_all()?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_keeps_its_id_and_two_at_a_time_differ() {
        let state = tempfile::tempdir().unwrap();
        let first = InstanceIdentity::acquire(state.path()).unwrap();
        let second = InstanceIdentity::acquire(state.path()).unwrap();
        assert_ne!(first.id(), second.id());
        let id = first.id().to_owned();
        drop(first);
        assert_eq!(InstanceIdentity::acquire(state.path()).unwrap().id(), id);
    }
}
