//! InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn: the transaction coordinator's own requests.

use super::{Context, Handle};
use crate::transaction::{
    EndRequest, InitRequest, Producer, TopicPartition, TransactionRef, TransactionResult,
    TransactionVersion, coordinator_error,
};
use kolk_wire::ErrorCode;
use kolk_wire::message::add_offsets_to_txn::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};
use kolk_wire::message::add_partitions_to_txn::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    AddPartitionsToTxnResult, AddPartitionsToTxnTopic, AddPartitionsToTxnTopicResult,
    AddPartitionsToTxnTransaction,
};
use kolk_wire::message::end_txn::{EndTxnRequest, EndTxnResponse};
use kolk_wire::message::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

/// The first versions whose clients know PRODUCER_FENCED (KIP-588).
const INIT_FENCED_FROM: i16 = 4;
const OTHERS_FENCED_FROM: i16 = 2;
/// From this version on a request is about several transactions (KIP-890; brokers among themselves).
const BATCHED_FROM: i16 = 4;

impl Handle for InitProducerIdRequest {
    fn handle(self, context: &Context<'_>) -> Option<InitProducerIdResponse> {
        let state = context.state;
        let request = InitRequest {
            transactional_id: self.transactional_id,
            timeout_ms: self.transaction_timeout_ms,
            current: Producer { id: self.producer_id, epoch: self.producer_epoch },
        };
        let init = || state.decide(|transactions| transactions.init(state.steady_ms(), &request));
        let reply = match init() {
            // An open transaction has just been aborted: Kafka lets the client find that out by asking again.
            (Err(ErrorCode::CONCURRENT_TRANSACTIONS), true) => init().0,
            (reply, _) => reply,
        };
        Some(match reply {
            Ok(Producer { id, epoch }) => InitProducerIdResponse {
                producer_id: id,
                producer_epoch: epoch,
                ..InitProducerIdResponse::default()
            },
            Err(error) => InitProducerIdResponse {
                error_code: coordinator_error(error, context.version, INIT_FENCED_FROM),
                producer_id: -1,
                producer_epoch: -1,
                ..InitProducerIdResponse::default()
            },
        })
    }
}

impl Handle for AddPartitionsToTxnRequest {
    fn handle(self, context: &Context<'_>) -> Option<AddPartitionsToTxnResponse> {
        if context.version >= BATCHED_FROM {
            let results =
                self.transactions.into_iter().map(|transaction| AddPartitionsToTxnResult {
                    transactional_id: transaction.transactional_id.clone(),
                    topic_results: add_partitions(context, transaction),
                });
            return Some(AddPartitionsToTxnResponse {
                results_by_transaction: results.collect(),
                ..AddPartitionsToTxnResponse::default()
            });
        }
        let transaction = AddPartitionsToTxnTransaction {
            transactional_id: self.v3_and_below_transactional_id,
            producer_id: self.v3_and_below_producer_id,
            producer_epoch: self.v3_and_below_producer_epoch,
            verify_only: false,
            topics: self.v3_and_below_topics,
        };
        Some(AddPartitionsToTxnResponse {
            results_by_topic_v3_and_below: add_partitions(context, transaction),
            ..AddPartitionsToTxnResponse::default()
        })
    }
}

fn add_partitions(
    context: &Context<'_>,
    request: AddPartitionsToTxnTransaction,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let state = context.state;
    let AddPartitionsToTxnTransaction {
        transactional_id,
        producer_id,
        producer_epoch,
        verify_only,
        topics,
    } = request;
    let producer = Producer { id: producer_id, epoch: producer_epoch };
    let transaction = TransactionRef { transactional_id, producer };
    let exists = |at: &TopicPartition| state.partition(&at.topic, at.partition).is_some();
    let partitions: Vec<TopicPartition> = topics
        .iter()
        .flat_map(|topic| {
            topic.partitions.iter().map(|one| TopicPartition::new(topic.name.as_str(), *one))
        })
        .collect();
    if !partitions.iter().all(exists) {
        return results(topics, |at| match exists(&at) {
            true => ErrorCode::OPERATION_NOT_ATTEMPTED,
            false => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        });
    }
    if verify_only {
        let desk = state.transactions();
        return results(topics, |at| desk.transactions.verify_partition(&transaction, &at));
    }
    let now_ms = state.steady_ms();
    let added = state.with_transactions(|transactions| {
        transactions.add_partitions(now_ms, &transaction, &partitions)
    });
    let error = added.unwrap_or_else(|error| error);
    results(topics, |_| coordinator_error(error, context.version, OTHERS_FENCED_FROM))
}

fn results(
    topics: Vec<AddPartitionsToTxnTopic>,
    answer: impl Fn(TopicPartition) -> ErrorCode,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let of_topic = |topic: AddPartitionsToTxnTopic| {
        let partitions = topic.partitions.iter().map(|index| AddPartitionsToTxnPartitionResult {
            partition_index: *index,
            partition_error_code: answer(TopicPartition::new(topic.name.as_str(), *index)),
        });
        AddPartitionsToTxnTopicResult {
            results_by_partition: partitions.collect(),
            name: topic.name,
        }
    };
    topics.into_iter().map(of_topic).collect()
}

impl Handle for AddOffsetsToTxnRequest {
    fn handle(self, context: &Context<'_>) -> Option<AddOffsetsToTxnResponse> {
        let state = context.state;
        let transaction = TransactionRef {
            transactional_id: self.transactional_id,
            producer: Producer { id: self.producer_id, epoch: self.producer_epoch },
        };
        let now_ms = state.steady_ms();
        let added = state.with_transactions(|transactions| {
            transactions.add_group(now_ms, &transaction, &self.group_id)
        });
        let error = added.unwrap_or_else(|error| error);
        let error_code = coordinator_error(error, context.version, OTHERS_FENCED_FROM);
        Some(AddOffsetsToTxnResponse { error_code, ..AddOffsetsToTxnResponse::default() })
    }
}

impl Handle for EndTxnRequest {
    fn handle(self, context: &Context<'_>) -> Option<EndTxnResponse> {
        let state = context.state;
        let request = EndRequest {
            transaction: TransactionRef {
                transactional_id: self.transactional_id,
                producer: Producer { id: self.producer_id, epoch: self.producer_epoch },
            },
            result: if self.committed {
                TransactionResult::Commit
            } else {
                TransactionResult::Abort
            },
            version: TransactionVersion::of_end_txn(context.version),
        };
        let (reply, _) = state.decide(|transactions| transactions.end(state.steady_ms(), &request));
        Some(match reply {
            Ok(Producer { id, epoch }) => EndTxnResponse {
                producer_id: id,
                producer_epoch: epoch,
                ..EndTxnResponse::default()
            },
            Err(error) => EndTxnResponse {
                error_code: coordinator_error(error, context.version, OTHERS_FENCED_FROM),
                ..EndTxnResponse::default()
            },
        })
    }
}
