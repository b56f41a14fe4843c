//! Which cases of a matrix are run: CI's few, or what `cargo xtask soak` says in the environment.

use crate::world;

/// Which cases are run.
#[derive(Debug)]
pub(crate) struct Extent {
    pub(crate) seeds: Vec<u64>,
    pub(crate) visits: u32,
    /// Only cases whose name contains this.
    pub(crate) only: String,
    /// Also those that tell little beyond the others.
    pub(crate) whole: bool,
    /// Where the table goes, as Markdown.
    pub(crate) table: Option<String>,
}

impl Extent {
    /// In CI one seed and so many visits; `table` is the variable that says where the table goes.
    pub(crate) fn read(visits_in_ci: u32, table: &str) -> Self {
        let number =
            |name: &str| world::variable(name).map(|text| text.parse::<u64>().expect("a number"));
        let first = number("KOLK_SOAK_SEED").unwrap_or(1);
        let count = number("KOLK_SOAK_SEEDS").unwrap_or(1);
        let visits = number("KOLK_SOAK_VISITS")
            .map(|visits| u32::try_from(visits).expect("a moderate number"));
        Self {
            seeds: (first..first + count).collect(),
            visits: visits.unwrap_or(visits_in_ci),
            only: world::variable("KOLK_SOAK_ONLY").unwrap_or_default(),
            whole: visits.is_some(),
            table: world::variable(table),
        }
    }
}
