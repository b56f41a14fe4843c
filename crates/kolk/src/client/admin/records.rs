//! Records: delete the oldest ones of a partition.

use super::{Admin, Place, left_out, refusal};
use crate::client::error::{Action, ClientError};
use crate::client::{Offset, TopicPartition};
use kolk_wire::ErrorCode;
use kolk_wire::message::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic,
};

impl Admin {
    /// Deletes the records of `partition` before `end`; −1 is all that are replicated. Returns the first offset that is left.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] when there is no such partition, or with code `OFFSET_OUT_OF_RANGE` when `end` lies
    /// behind the last record.
    pub fn delete_records(
        &mut self,
        partition: &TopicPartition,
        end: Offset,
    ) -> Result<Offset, ClientError> {
        let what = format!("records of {partition} cannot be deleted up to {end}");
        let deadline = self.deadline();
        let mut rounds = 0;
        loop {
            // The leader carries it out; it is looked for again each time, for it may have moved.
            let topic = self.describe_topic(&partition.topic)?;
            let found = topic.partitions.iter().find(|it| it.partition == partition.partition);
            let found = found
                .ok_or_else(|| super::unknown(format!("there is no partition {partition}")))?;
            if let Some(leader) = found.leader {
                match self.delete_at(leader, partition, end, &what) {
                    Err(error) if error.code() == Some(ErrorCode::NOT_LEADER_OR_FOLLOWER) => {}
                    outcome => return outcome,
                }
            }
            rounds += 1;
            let pause = self.config.connection.retry_backoff.after(rounds);
            if self.network.now() + pause >= deadline {
                return Err(ClientError::new(Action::Retry, format!("{what}: it has no leader")));
            }
            self.pause(pause);
        }
    }

    fn delete_at(
        &mut self,
        leader: i32,
        partition: &TopicPartition,
        end: Offset,
        what: &str,
    ) -> Result<Offset, ClientError> {
        let request = DeleteRecordsRequest {
            topics: vec![DeleteRecordsTopic {
                name: partition.topic.to_string(),
                partitions: vec![DeleteRecordsPartition {
                    partition_index: partition.partition,
                    offset: end.0,
                }],
            }],
            timeout_ms: self.timeout_ms(),
        };
        let result = |response: &DeleteRecordsResponse| {
            response.topics.first().and_then(|topic| topic.partitions.first()).cloned()
        };
        let response =
            self.call(Place::Node(leader), 0..=i16::MAX, what, &request, |response, _| {
                let result = result(response).ok_or_else(|| left_out(what))?;
                match result.error_code {
                    // Asked again elsewhere, not here.
                    ErrorCode::NOT_LEADER_OR_FOLLOWER => Err(ClientError::with_code(
                        Action::Invalid,
                        result.error_code,
                        what.to_owned(),
                    )),
                    ErrorCode::OFFSET_OUT_OF_RANGE => {
                        let message = format!("{what}: the partition does not reach that far");
                        Err(ClientError::with_code(Action::Invalid, result.error_code, message))
                    }
                    code => refusal(code, what, None),
                }
            })?;
        result(&response).map(|it| Offset(it.low_watermark)).ok_or_else(|| left_out(what))
    }
}
