//! What flows through a query: batches of rows that stay slices of the fetched bytes until something is computed.

mod rows;
mod output;

pub use output::{BadRecord, BinKey, Output, OutputRow, Place};
pub use rows::{Row, Rows, Slice};
