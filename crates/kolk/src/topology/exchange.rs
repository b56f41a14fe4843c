//! The way from one stage of a query to the next: rows change partitions by way of a repartition topic.

use crate::topology::Format;

/// A repartition topic between two stages. Each record of it holds a batch of rows for one target partition, or tells how far a
/// task of the stage before has come; `operator/block.rs` says how they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The columns (of the schema that both sides share) whose values choose the target partition.
    pub keys: Vec<usize>,
    /// What these columns are called in the topic that the rows will meet: where a key is a JSON object its bytes depend on it.
    pub key_names: Vec<String>,
    /// How they are written to choose it: as in the topic that the rows will meet, so that equal keys meet.
    pub key_format: Format,
}
