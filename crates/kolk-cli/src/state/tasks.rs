//! The tasks whose state is on this machine, one after the other.

use crate::failure::Failure;
use crate::session::Context;
use crate::state::Selection;
use kolk::state::local::{Contents, LocalError, application_folder, read_folder, task_folders};
use std::path::PathBuf;

/// The folders of tasks.
#[derive(Debug)]
pub(super) struct Tasks {
    state: PathBuf,
    folders: Vec<PathBuf>,
}

impl Tasks {
    /// Those that are selected.
    ///
    /// # Errors
    /// When folders cannot be read; [`Failure`] when the application that was named has no state here.
    pub(super) fn find(selection: &Selection, context: &Context) -> anyhow::Result<Self> {
        let state = selection.state.folder(context);
        let mut folders = task_folders(&state)?;
        if let Some(app) = &selection.app {
            let of_app = application_folder(&state, app);
            folders.retain(|folder| folder.starts_with(&of_app));
            if folders.is_empty() {
                let what = format!("application {app} has no state in {}", state.display());
                let help =
                    "`kolk state list` shows what there is; --state-dir names another folder";
                return Err(Failure::usage(what).help(help).into());
            }
        }
        Ok(Self { state, folders })
    }

    /// The folder below which they are.
    pub(super) fn place(&self) -> String {
        self.state.display().to_string()
    }

    /// Reads them; those that hold nothing yet are left out.
    pub(super) fn read(&self) -> impl Iterator<Item = Result<Contents, LocalError>> {
        self.folders.iter().filter_map(|folder| read_folder(folder).transpose())
    }
}
