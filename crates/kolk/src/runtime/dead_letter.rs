//! Records that cannot be processed: the error that stops a query, or the letter to the dead-letter topic.

use super::error::QueryError;
use crate::sink::held::SinkRow;
use crate::sink::kafka::{KafkaOutlet, Side};
use crate::sink::progress::Lane;

/// A record that cannot be processed.
#[derive(Debug, Clone, Copy)]
pub(super) struct DeadLetter<'a> {
    /// It as it came.
    pub(super) row: SinkRow<'a>,
    /// Where it stands.
    pub(super) topic: &'a str,
    /// Unknown for a row that the sink's store did not want.
    pub(super) offset: Option<i64>,
    /// What is wrong with it.
    pub(super) reason: &'a str,
}

impl DeadLetter<'_> {
    /// Puts it into the dead-letter topic, as it came and with headers that tell why; the lane that it took.
    ///
    /// # Errors
    /// The error of the record when it cannot be sent either.
    pub(super) fn send(&self, to: Side, outlet: &mut KafkaOutlet) -> Result<Lane, QueryError> {
        let partition = self.row.partition.partition;
        let number = partition.to_string();
        let offset = self.offset.map(|offset| offset.to_string());
        let mut headers = vec![
            ("kolk.error", self.reason),
            ("kolk.topic", self.topic),
            ("kolk.partition", number.as_str()),
        ];
        headers.extend(offset.as_deref().map(|offset| ("kolk.offset", offset)));
        let lane = to.lane(partition);
        outlet.append_beside(lane, &self.row, &headers).map_err(|error| {
            let reason = self.reason;
            let why = format!("{reason}; nor can it be sent to the dead-letter topic: {error}");
            self.error_saying(why)
        })?;
        Ok(lane)
    }

    /// The error that stops the query because of it.
    pub(super) fn error(&self) -> QueryError {
        self.error_saying(self.reason.to_owned())
    }

    fn error_saying(&self, reason: String) -> QueryError {
        QueryError::BadRecord {
            topic: self.topic.to_owned(),
            partition: self.row.partition.partition,
            offset: self.offset.unwrap_or(-1),
            reason,
        }
    }
}
