//! A task's folder as tools see it: read, and left as it is.

use crate::state::local::changes::OnChange;
use crate::state::local::folder::Folder;
use crate::state::local::recovery::{self, Found};
use crate::state::local::{Layout, LocalError, by_name};
use std::collections::BTreeMap;
use std::path::Path;

/// What is in a task's folder, for tools. A process may be working in it: then it is what was committed a moment ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// What the stores hold.
    pub layout: Layout,
    /// The next offset of each changelog, by the store's name.
    pub positions: BTreeMap<String, i64>,
    /// The epoch of the last commit.
    pub epoch: i64,
    /// What was left out at the end of the log.
    pub cut: Option<String>,
}

/// Reads a task's folder without changing it: entries and changes in their order, later ones replacing earlier ones. `None` when
/// it holds no state. When a process replaces the files meanwhile, it begins anew.
///
/// # Errors
/// [`LocalError::Io`], [`LocalError::Damaged`].
pub fn read_folder(
    path: &Path,
    begin: &mut dyn FnMut(&Layout),
    each: &mut OnChange<'_>,
) -> Result<Option<Contents>, LocalError> {
    let folder = Folder::new(path);
    loop {
        let before = folder.files()?;
        let outcome = read_once(&folder, begin, each);
        let unchanged = folder.files()? == before;
        match outcome {
            Err(_) if !unchanged => {}
            outcome => return outcome,
        }
    }
}

fn read_once(
    folder: &Folder,
    begin: &mut dyn FnMut(&Layout),
    each: &mut OnChange<'_>,
) -> Result<Option<Contents>, LocalError> {
    let damaged = |why| LocalError::Damaged { path: folder.path.clone(), why };
    let recovery = match recovery::find(folder)? {
        Found::Nothing => return Ok(None),
        Found::Damaged(why) => return Err(damaged(why)),
        Found::State(recovery) => *recovery,
    };
    let layout = recovery.layout().clone();
    begin(&layout);
    let recovered = recovery.read(folder, each)?.map_err(damaged)?;
    let positions = by_name(&layout, &recovered.positions);
    Ok(Some(Contents { layout, positions, epoch: recovered.epoch, cut: recovered.cut }))
}
