//! Producer ids and transactions, as Apache Kafka's transaction coordinator serves them, for `transaction.version` 1 and 2.
//!
//! [`Transactions`] is a pure state machine: no clock (`now_ms` is an argument), no I/O, no threads. All that must survive
//! a restart is a list of [`TransactionEntry`].
//!
//! # How a server thread uses it
//!
//! One `RwLock<Transactions>`; no call waits. Every call that can end a transaction returns an [`Outcome`]: the reply,
//! and perhaps a [`Prepared`] transaction, whose end is decided and must now be carried out:
//!
//! ```text
//! let Outcome { reply, prepared } = transactions.write().end(now_ms, &request);   // or init, tick, start
//! journal.append(transactions.take_entries())?;          // under the same lock; from here on the decision holds
//! if let Some(prepared) = prepared {
//!     drop(lock);                                        // others may call meanwhile; they meet CONCURRENT_TRANSACTIONS
//!     for each prepared.partitions: append control_batch(prepared.result, prepared.producer, prepared.coordinator_epoch)
//!     for each prepared.groups: groups.complete_transaction(group, prepared.producer, prepared.result)
//!     transactions.write().complete(now_ms, &prepared);
//!     journal.append(transactions.take_entries())?;
//! }
//! answer(reply)                                          // markers are visible when the client hears of the end
//! ```
//!
//! Markers and `complete_transaction` may be repeated: after a crash between the two journal writes the whole plan is
//! carried out again. A partition that no longer exists is passed over.
//!
//! - Start: [`Transactions::new`], [`Transactions::replay`] for every entry in order, then [`Transactions::start`], whose
//!   `Vec<Prepared>` must be carried out before requests are served. Compaction of the journal: [`Transactions::snapshot`].
//! - Time: one thread calls [`Transactions::tick`] at [`Transactions::next_deadline_ms`] and carries out what it returns:
//!   transactions older than their time-out are aborted with a bumped epoch, so that the zombie is fenced.
//! - `InitProducerId` over an open transaction replies `CONCURRENT_TRANSACTIONS` with a `Prepared` abort, and so does
//!   Kafka; a server may call `init` again after `complete` instead of sending the client away for 100 ms.
//! - A full disk: [`Transactions::give_back`] the entries that the journal refused and answer `COORDINATOR_NOT_AVAILABLE`;
//!   [`Transactions::postpone`] a plan that could not be prepared or carried out, and `tick` returns it again.
//!
//! **Asking and appending are one step.** A batch or an offset must not be written after the markers of its
//! transaction. So the lock is held from the question to the append: the read lock suffices for `verify_*`.
//!
//! ```text
//! Produce < 12:         read lock:  verify_partition, append the batch
//! Produce >= 12:        read lock:  verify_partition says NONE: append.  Otherwise
//!                       write lock: ensure_partition, journal, append the batch
//! TxnOffsetCommit < 5:  read lock:  verify_group, groups.commit_in_transaction
//! TxnOffsetCommit >= 5: write lock: add_group, journal, groups.commit_in_transaction
//! ```
//!
//! Lock order: transactions before groups. Codes for the client: [`produce_error`], [`txn_offset_commit_error`],
//! [`coordinator_error`].
//!
//! # Calls
//!
//! ```text
//! Transactions::new(settings: TransactionSettings) -> Transactions
//! replay(entry: TransactionEntry)   start() -> Vec<Prepared>   take_entries() -> Vec<TransactionEntry>
//! snapshot() -> Vec<TransactionEntry>   tick(now_ms) -> Vec<Prepared>   next_deadline_ms() -> Option<i64>
//! give_back(entries)   postpone(now_ms, Prepared)   complete(now_ms, &Prepared)
//! init(now_ms, &InitRequest {transactional_id, timeout_ms, current: Producer}) -> Outcome<Result<Producer, ErrorCode>>
//! add_partitions(now_ms, &TransactionRef {transactional_id, producer}, &[TopicPartition]) -> ErrorCode
//! add_group(now_ms, &TransactionRef, group_id) -> ErrorCode           // AddOffsetsToTxn, and TxnOffsetCommit v5+ implicitly
//! verify_partition(&TransactionRef, &TopicPartition) -> ErrorCode     // AddPartitionsToTxn v4+ verify_only, Produce < 12
//! verify_group(&TransactionRef, group_id) -> ErrorCode                // TxnOffsetCommit < 5
//! ensure_partition(now_ms, &TransactionRef, &TopicPartition) -> ErrorCode                     // Produce >= 12
//! end(now_ms, &EndRequest {transaction, result, version}) -> Outcome<Result<Producer, ErrorCode>>
//! get(transactional_id) -> Option<&Transaction>
//! ```

mod add;
mod end;
mod entry;
mod error;
mod init;
mod partition;
mod producer_ids;
mod settings;
mod state;
pub(crate) mod stored;
mod transactions;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;

pub use add::TransactionRef;
pub use end::{EndRequest, Prepared};
pub use entry::TransactionEntry;
pub use error::{coordinator_error, produce_error, txn_offset_commit_error};
pub use init::InitRequest;
pub use partition::{Producer, TopicPartition, TransactionResult};
pub use settings::{TransactionSettings, TransactionVersion};
pub use state::{Transaction, TransactionState};
pub use transactions::{Outcome, Transactions};
