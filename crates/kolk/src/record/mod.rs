//! What flows through a query: batches of rows that stay slices of the fetched bytes until something is computed.

mod rows;
mod output;
mod decode;

pub use decode::{ROWS_BYTES_MAX, ROWS_MAX, RowsReader};
pub use output::{Addressed, BadRecord, BinKey, Destination, Output, OutputRow, Place};
pub use rows::{Row, Rows, Slice, WholeBatch};
