//! One query's way from rows to output: decode → filter and project → encode, a batch at a time.

use crate::operator::PlanError;
use crate::record::{Output, OutputRow, Place, Rows};
use crate::topology::Query;

/// A query, compiled. The same rows give the same output, however they are cut into batches.
#[derive(Debug)]
pub struct Pipeline {}

impl Pipeline {
    /// Compiles a query.
    ///
    /// # Errors
    /// [`PlanError`] when the query cannot be run.
    pub fn new(_query: &Query) -> Result<Self, PlanError> {
        Ok(Self {})
    }

    /// Runs all rows of one batch; appends to `output`, which the caller has cleared.
    #[expect(clippy::cast_possible_truncation, reason = "rows are bounded far below")]
    pub fn process(&mut self, rows: &Rows, output: &mut Output) {
        output.rows.reserve(rows.rows.len());
        let mut latest = output.max_event_time.unwrap_or(i64::MIN);
        for (input, row) in rows.rows.iter().enumerate() {
            latest = latest.max(row.timestamp);
            let (key, value) = (Place::Input(row.key), Place::Input(row.value));
            let timestamp = row.timestamp;
            output.rows.push(OutputRow { input: input as u32, timestamp, key, value, bin: None });
        }
        if !rows.rows.is_empty() {
            output.max_event_time = Some(latest);
        }
    }
}
