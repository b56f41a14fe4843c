//! `cargo xtask soak`: the whole fault matrix.

use anyhow::{Result, bail};
use std::path::Path;

/// Runs the matrix.
pub(crate) fn run(_root: &Path, _arguments: &[String]) -> Result<()> {
    bail!("the fault matrix is not here yet")
}
