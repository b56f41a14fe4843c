//! Where things are: the repository, the build's output, the folder that a run works in.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Folders of a run.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The repository.
    pub(crate) root: PathBuf,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
    /// What the bench keeps: Kafka's data, logs of contenders.
    pub(crate) work: PathBuf,
    /// This program.
    pub(crate) program: PathBuf,
}

impl Place {
    /// Finds the folders, and makes the one to work in.
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let root = root.context("the bench's folder is in the repository")?.to_owned();
        let program = std::env::current_exe().context("cannot tell which file this program is")?;
        // target/PROFILE/bench
        let target = program.parent().and_then(Path::parent);
        let target = target.context("the program is not in a target folder")?.to_owned();
        let work = target.join("bench");
        // What contenders of an earlier run left behind.
        let _ = fs::remove_dir_all(work.join("runs"));
        fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
        Ok(Self { root, target, work, program })
    }

    /// A new folder for a contender.
    pub(crate) fn fresh(&self, name: &str) -> Result<PathBuf> {
        let folder = self.work.join("runs").join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }
}
