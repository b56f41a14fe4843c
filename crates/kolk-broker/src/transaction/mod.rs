//! Producer ids and transactions, as Apache Kafka's transaction coordinator serves them, for `transaction.version` 1 and 2.
//!
//! [`Transactions`] is a pure state machine: no clock (`now_ms` is an argument), no I/O, no threads. All that must survive
//! a restart is a list of [`TransactionEntry`].
//!
//! # How a server thread uses it
//!
//! One `Mutex<Transactions>`; no call waits. Every call that can end a transaction returns an [`Outcome`]: the reply,
//! and perhaps a [`Prepared`] transaction, whose end is decided and must now be carried out:
//!
//! ```text
//! let Outcome { reply, prepared } = transactions.end(now_ms, &request);        // or init, tick, start
//! journal.append(transactions.take_entries())?;                                // from here on the decision holds
//! if let Some(prepared) = prepared {
//!     drop(lock);                                                              // others may call meanwhile; they meet
//!                                                                              // CONCURRENT_TRANSACTIONS where it matters
//!     for each prepared.partitions: append control_batch(prepared.result, prepared.producer, prepared.coordinator_epoch)
//!     for each prepared.groups: groups.complete_transaction(now_ms, group, prepared.producer, prepared.result)
//!     transactions.lock().complete(now_ms, &prepared);
//!     journal.append(transactions.take_entries())?;
//! }
//! answer(reply)                                                                // markers are visible when the client hears
//! ```
//!
//! Markers and `complete_transaction` may be repeated: after a crash between the two journal writes the whole plan is
//! carried out again. A partition that no longer exists is passed over.
//!
//! - Start: [`Transactions::new`], [`Transactions::replay`] for every entry in order, then [`Transactions::start`], whose
//!   `Vec<Prepared>` must be carried out before requests are served.
//! - Time: one thread calls [`Transactions::tick`] at [`Transactions::next_deadline_ms`] and carries out what it returns:
//!   transactions older than their time-out are aborted with a bumped epoch, so that the zombie is fenced.
//! - `InitProducerId` over an open transaction replies `CONCURRENT_TRANSACTIONS` with a `Prepared` abort, and so does
//!   Kafka; a server may call `init` again after `complete` instead of sending the client away for 100 ms.
//! - Produce with a transactional batch: Produce v12+ calls [`Transactions::ensure_partition`] (adds it, KIP-890), older
//!   versions [`Transactions::verify_partition`]; both before the append. Codes for the client: see there.
//!
//! # Calls
//!
//! ```text
//! Transactions::new(settings: TransactionSettings) -> Transactions
//! replay(entry: TransactionEntry)   start(now_ms) -> Vec<Prepared>   take_entries() -> Vec<TransactionEntry>
//! snapshot() -> Vec<TransactionEntry>   tick(now_ms) -> Vec<Prepared>   next_deadline_ms() -> Option<i64>
//! init(now_ms, &InitRequest {transactional_id, timeout_ms, current: Option<Producer>, version})
//!     -> Outcome<Result<Producer, ErrorCode>>
//! add_partitions(now_ms, &TransactionRef {transactional_id, producer, version}, &[TopicPartition]) -> ErrorCode
//! add_group(now_ms, &TransactionRef, group_id) -> ErrorCode           // AddOffsetsToTxn, and TxnOffsetCommit v5+ implicitly
//! verify_partition(&TransactionRef, &TopicPartition) -> ErrorCode     // AddPartitionsToTxn v4+ verify_only, Produce < 12
//! verify_group(&TransactionRef, group_id) -> ErrorCode                // TxnOffsetCommit < 5
//! ensure_partition(now_ms, &TransactionRef, &TopicPartition) -> ErrorCode                     // Produce >= 12
//! end(now_ms, &EndRequest {transaction: TransactionRef, result}) -> Outcome<Result<Producer, ErrorCode>>
//! complete(now_ms, &Prepared)
//! forget_topic(topic)
//! ```
