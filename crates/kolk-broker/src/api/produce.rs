//! Produce: appends batches, after the transaction coordinator agreed where they are transactional.

use super::{Context, Handle};
use crate::log::AppendInfo;
use crate::partition::Partition;
use crate::topics::Topic;
use crate::transaction::{Producer, TopicPartition, TransactionRef, produce_error};
use kolk_wire::message::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceData, TopicProduceResponse,
};
use kolk_wire::record::{BatchHeader, HEADER_SIZE, MAGIC};
use kolk_wire::{ErrorCode, Spliced};

/// Where a batch's format stands, in every format.
const MAGIC_PLACE: usize = 16;
/// From this version on topics are named by their ids (KIP-516).
const BY_ID_FROM: i16 = 13;
/// From this version on writing to a partition takes it into the transaction (KIP-890).
const IMPLICIT_ADD_FROM: i16 = 12;

impl Handle for ProduceRequest {
    fn handle(self, context: &Context<'_>) -> Option<ProduceResponse> {
        let (acks, transactional_id) = (self.acks, self.transactional_id);
        let valid_acks = matches!(acks, -1..=1);
        let mut responses = Vec::with_capacity(self.topic_data.len());
        for topic in self.topic_data {
            let by_name = context.version < BY_ID_FROM;
            let found = if by_name {
                context.state.topic(&topic.name)
            } else {
                context.state.topics().by_id(topic.topic_id).cloned()
            };
            let append = Append {
                context,
                transactional_id: transactional_id.as_deref(),
                topic: found.as_deref(),
            };
            let unknown = if by_name {
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            } else {
                ErrorCode::UNKNOWN_TOPIC_ID
            };
            let refusal = if valid_acks { unknown } else { ErrorCode::INVALID_REQUIRED_ACKS };
            let TopicProduceData { name, topic_id, partition_data } = topic;
            let append = |partition: PartitionProduceData| {
                if valid_acks {
                    append.partition(&partition, refusal)
                } else {
                    refused(partition.index, refusal)
                }
            };
            let partition_responses = partition_data.into_iter().map(append).collect();
            responses.push(TopicProduceResponse { name, topic_id, partition_responses });
        }
        if acks != 0 {
            return Some(ProduceResponse { responses, ..ProduceResponse::default() });
        }
        let mut partitions = responses.iter().flat_map(|topic| &topic.partition_responses);
        // There is no other way to tell a producer that waits for no answer.
        context.hang_up.set(partitions.any(|partition| !partition.error_code.is_none()));
        None
    }
}

fn refused(index: i32, error_code: ErrorCode) -> PartitionProduceResponse {
    PartitionProduceResponse { index, error_code, ..PartitionProduceResponse::default() }
}

/// What is wrong with bytes that do not begin with a batch's header: no batch at all, one of the formats before Kafka 0.11,
/// or damage.
fn unreadable(records: &[u8]) -> ErrorCode {
    match records.get(MAGIC_PLACE) {
        Some(&magic) if magic >= MAGIC && records.len() >= HEADER_SIZE => {
            ErrorCode::CORRUPT_MESSAGE
        }
        _ => ErrorCode::INVALID_RECORD,
    }
}

/// Appends to the partitions of one topic.
struct Append<'a> {
    context: &'a Context<'a>,
    transactional_id: Option<&'a str>,
    topic: Option<&'a Topic>,
}

impl Append<'_> {
    fn partition(
        &self,
        data: &PartitionProduceData,
        unknown: ErrorCode,
    ) -> PartitionProduceResponse {
        let index = data.index;
        let Some(topic) = self.topic else { return refused(index, unknown) };
        let partition = usize::try_from(index).ok().and_then(|index| topic.partitions.get(index));
        let Some(partition) = partition else {
            return refused(index, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        };
        let Some(records) = data.records.clone().map(Spliced::into_bytes) else {
            return refused(index, ErrorCode::INVALID_RECORD);
        };
        let Ok(header) = BatchHeader::parse(&records) else {
            return refused(index, unreadable(&records));
        };
        let response = if header.is_transactional() {
            self.in_transaction(topic, index, partition, (&header, &records))
        } else {
            Ok(self.append(index, partition, &records))
        };
        partition.wake();
        response.unwrap_or_else(|error| refused(index, produce_error(error, self.context.version)))
    }

    /// The coordinator's lock is held from the question to the append: no marker can come between.
    fn in_transaction(
        &self,
        topic: &Topic,
        index: i32,
        partition: &Partition,
        (header, records): (&BatchHeader, &bytes::Bytes),
    ) -> Result<PartitionProduceResponse, ErrorCode> {
        let state = self.context.state;
        let transaction = TransactionRef {
            transactional_id: self.transactional_id.unwrap_or_default().to_owned(),
            producer: Producer { id: header.producer_id, epoch: header.producer_epoch },
        };
        let at = TopicPartition::new(&*topic.name, index);
        let desk = state.transactions();
        let verified = desk.transactions.verify_partition(&transaction, &at);
        // What the journal has refused may be known here and unknown after a restart, which then could not end it.
        if verified.is_none() && !desk.transactions.has_entries() {
            return Ok(self.append(index, partition, records));
        }
        drop(desk);
        if !verified.is_none() && self.context.version < IMPLICIT_ADD_FROM {
            return Err(verified);
        }
        let mut desk = state.transactions_mut();
        let added = desk.transactions.ensure_partition(state.steady_ms(), &transaction, &at);
        if !added.is_none() {
            return Err(added);
        }
        desk.save()?;
        Ok(self.append(index, partition, records))
    }

    fn append(
        &self,
        index: i32,
        partition: &Partition,
        records: &bytes::Bytes,
    ) -> PartitionProduceResponse {
        let Some(mut log) = partition.live_log() else {
            return refused(index, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        };
        let appended = log.append(records, self.context.state.now_ms());
        drop(log);
        match appended {
            Ok(AppendInfo { base_offset, log_append_time, log_start_offset, .. }) => {
                PartitionProduceResponse {
                    index,
                    base_offset,
                    log_append_time_ms: log_append_time,
                    log_start_offset,
                    ..PartitionProduceResponse::default()
                }
            }
            Err(error) => {
                let record_errors =
                    error.record_errors().iter().map(|record| BatchIndexAndErrorMessage {
                        batch_index: record.index,
                        batch_index_error_message: Some(record.message.clone()),
                    });
                PartitionProduceResponse {
                    record_errors: record_errors.collect(),
                    error_message: Some(error.to_string()),
                    ..refused(index, error.code())
                }
            }
        }
    }
}
