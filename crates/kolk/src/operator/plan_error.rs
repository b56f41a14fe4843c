//! Why a query cannot be run: found when it is compiled, before any record is read.

/// A query that cannot be run. The front ends make none of them; who builds a topology by hand is told what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The graph is not one that can be run.
    #[error("query {query}: {why}")]
    Graph {
        /// The query's name.
        query: String,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// A column cannot be read from, or written in, its format.
    #[error("column {column}: {why}")]
    Column {
        /// The column's name.
        column: String,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// A setting that is not what it must be.
    #[error("{setting} = '{value}': {why}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What is wrong, and what would be right.
        why: String,
    },
}
