//! The few file operations that a log and a journal need, behind a trait so that tests can fill the disk.

use kolk_wire::record::crc32c;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Writing to files. All that must not be lost goes through here; reads do not.
pub trait Files: std::fmt::Debug + Send + Sync {
    /// Writes all of `bytes` at `position`; on error some of them may be in the file.
    ///
    /// # Errors
    /// What the operating system says, above all [`io::ErrorKind::StorageFull`].
    fn write_at(&self, file: &File, bytes: &[u8], position: u64) -> io::Result<()>;

    /// Waits until the file's data is on the disk.
    ///
    /// # Errors
    /// What the operating system says.
    fn sync(&self, file: &File) -> io::Result<()>;

    /// Creates an empty file for reading and writing, in place of any that is there.
    ///
    /// # Errors
    /// What the operating system says.
    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)
    }

    /// Puts `bytes` in place of the file in one step: a crash leaves the old contents or the new. The open new file is
    /// returned.
    ///
    /// # Errors
    /// What the operating system says; the old file is then still there.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<File> {
        let beside = with_suffix(path, ".new");
        rename_or_remove(&beside, path, || {
            let file = self.create(&beside)?;
            self.write_at(&file, bytes, 0)?;
            Ok(file)
        })
    }

    /// [`Self::replace`] for what cannot be made anew: the new contents are on the disk before the old ones go, so that a
    /// power cut leaves one of the two as well.
    ///
    /// # Errors
    /// As [`Self::replace`].
    fn replace_synced(&self, path: &Path, bytes: &[u8]) -> io::Result<File> {
        let beside = with_suffix(path, ".new");
        rename_or_remove(&beside, path, || {
            let file = self.create(&beside)?;
            self.write_at(&file, bytes, 0)?;
            self.sync(&file)?;
            Ok(file)
        })
    }
}

/// The operating system's files.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsFiles;

impl Files for OsFiles {
    fn write_at(&self, file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
        file.write_all_at(bytes, position)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// Writes `beside` and gives it the name `path`; gives the space back if that fails.
fn rename_or_remove(
    beside: &Path,
    path: &Path,
    write: impl FnOnce() -> io::Result<File>,
) -> io::Result<File> {
    let written = write().and_then(|file| {
        std::fs::rename(beside, path)?;
        Ok(file)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(beside);
    }
    written
}

/// `path` with `suffix` after its whole name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Appends the CRC of everything before it: the last step of writing a small file.
pub(crate) fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_be_bytes());
    bytes
}

/// The contents of a file written with [`seal`] that begins with `magic`, after the magic. `None` if it is damaged.
pub(crate) fn unseal<'a>(bytes: &'a [u8], magic: &[u8; 8]) -> Option<&'a [u8]> {
    let (body, crc) = bytes.split_last_chunk::<4>()?;
    let sound = crc32c(body) == u32::from_be_bytes(*crc);
    body.strip_prefix(magic).filter(|_| sound)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// A disk with little space: a write that does not fit is done in part, then refused, as a real one does it.
    #[derive(Debug)]
    pub(crate) struct SmallDisk {
        free: AtomicU64,
    }

    impl SmallDisk {
        pub(crate) fn with_free_bytes(free: u64) -> Arc<Self> {
            Arc::new(Self { free: AtomicU64::new(free) })
        }

        pub(crate) fn set_free_bytes(&self, free: u64) {
            self.free.store(free, Ordering::Relaxed);
        }
    }

    impl Files for SmallDisk {
        fn write_at(&self, file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
            let free = self.free.load(Ordering::Relaxed);
            let fits = usize::try_from(free).unwrap().min(bytes.len());
            file.write_all_at(&bytes[..fits], position)?;
            self.free.store(free - fits as u64, Ordering::Relaxed);
            if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }

        fn sync(&self, _: &File) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_sealed_file_tells_damage() {
        let sealed = seal(b"KOLKTEST and its contents".to_vec());
        assert_eq!(unseal(&sealed, b"KOLKTEST"), Some(&b" and its contents"[..]));
        assert_eq!(unseal(&sealed, b"KOLKOTHR"), None);
        assert_eq!(unseal(&sealed[..sealed.len() - 1], b"KOLKTEST"), None);
        assert_eq!(unseal(&[], b"KOLKTEST"), None);
    }
}
