//! Why a task's folder cannot be used.

use std::io;
use std::path::PathBuf;

/// Why a task's folder cannot be used. Whatever it is, Kafka has what was committed: the folder can be given up for the price of
/// reading the changelogs.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The disk refused: it is full, read-only, broken, or the folder belongs to somebody else.
    #[error("cannot {doing} {}: {source}{}", path.display(), advice(source))]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another process works in it.
    #[error("another process works in the state folder {}: stop it, or give this one a state folder of its own", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// A store of this name holds other columns than the query asks for; so does its changelog.
    #[error(
        "the state of store {store} in {} was written by another version of the query, with other columns: \
         reset the application (`kolk reset`), or give the query another name",
        path.display()
    )]
    OtherColumns {
        /// The folder.
        path: PathBuf,
        /// The store.
        store: String,
    },
    /// The changelog topic of a store was deleted and made again since the folder was written.
    #[error(
        "the changelog topic {topic} was deleted and made again since the state in {} was written: \
         reset the application (`kolk reset`), or bring the topic back",
        path.display()
    )]
    Recreated {
        /// The folder.
        path: PathBuf,
        /// The topic.
        topic: String,
    },
    /// A commit could not be written before: the folder is behind, and what is written behind a gap would be wrong. Open it again.
    #[error("the state folder {} is behind since a commit could not be written there", path.display())]
    Behind {
        /// The folder.
        path: PathBuf,
    },
    /// The files are damaged or of another version (only of reading them offline: opening wipes such files).
    #[error("the state in {} cannot be read: {why}", path.display())]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space there, or choose another folder with --state-dir: nothing is lost, Kafka has what was committed"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; make it writable, or choose another folder with --state-dir"
        }
        _ => "",
    }
}
