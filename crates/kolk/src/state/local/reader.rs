//! A task's folder as tools see it: read, and left as it is.

use crate::state::local::folder::Folder;
use crate::state::local::recovery::{self, Found};
use crate::state::local::{Layout, LocalError, by_name};
use crate::state::store::Store;
use std::collections::BTreeMap;
use std::path::Path;

/// What is in a task's folder. A process may be working in it: then it is what was committed a moment ago.
#[derive(Debug)]
pub struct Contents {
    /// What the stores hold.
    pub layout: Layout,
    /// The stores, in the order of the layout.
    pub stores: Vec<Store>,
    /// The next offset of each changelog, by the store's name.
    pub positions: BTreeMap<String, i64>,
    /// The epoch of the last commit.
    pub epoch: i64,
    /// What was left out at the end of the log.
    pub cut: Option<String>,
}

/// Reads a task's folder without changing it; `None` when it holds no state. When a process replaces the files meanwhile, it begins
/// anew.
///
/// # Errors
/// [`LocalError::Io`], [`LocalError::Damaged`].
pub fn read_folder(path: &Path) -> Result<Option<Contents>, LocalError> {
    let folder = Folder::new(path);
    loop {
        let before = folder.files()?;
        let outcome = read_once(&folder);
        if outcome.is_ok() || folder.files()? == before {
            return outcome;
        }
    }
}

fn read_once(folder: &Folder) -> Result<Option<Contents>, LocalError> {
    let damaged = |why| LocalError::Damaged { path: folder.path.clone(), why };
    let recovery = match recovery::find(folder)? {
        Found::Nothing => return Ok(None),
        Found::Damaged(why) => return Err(damaged(why)),
        Found::State(recovery) => *recovery,
    };
    let layout = recovery.layout().clone();
    let mut stores: Vec<Store> =
        layout.stores.iter().map(|store| Store::new(&store.name)).collect();
    let recovered = recovery.read(folder, &mut |store, key, value| {
        if let Some(store) = stores.get_mut(store) {
            store.restore(key, value);
        }
    })?;
    let recovered = recovered.map_err(damaged)?;
    let positions = by_name(&layout, &recovered.positions);
    Ok(Some(Contents { layout, stores, positions, epoch: recovered.epoch, cut: recovered.cut }))
}
