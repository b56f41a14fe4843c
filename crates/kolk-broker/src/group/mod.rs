//! Consumer groups of the classic protocol and the offsets they commit, as Apache Kafka's group coordinator serves them.
//!
//! [`Groups`] is a pure state machine: no clock (`now_ms` is an argument), no I/O, no threads, and the same calls always
//! give the same answers. All that must survive a restart is a list of [`GroupEntry`].
//!
//! # How a server thread uses it
//!
//! One `Mutex<Groups>` with one `Condvar` serves all connections.
//!
//! ```text
//! let mut groups = mutex.lock();
//! let reply = groups.join(now_ms, request);                 // or sync, heartbeat, leave, commit, ...
//! journal.append(groups.take_entries())?;                   // before anything is answered, under the same lock
//! condvar.notify_all();                                     // the call may have answered tickets of other threads
//! let reply = match reply {
//!     Reply::Now(reply) => reply,
//!     Reply::Wait(ticket) => loop {
//!         if let Some(reply) = groups.take_join(ticket) { break reply }     // take_sync after sync
//!         groups = condvar.wait(groups);
//!     },
//! };
//! ```
//!
//! A waiting thread needs no deadline of its own: every wait ends by the group's deadlines, and one thread of the server
//! makes time pass:
//!
//! ```text
//! loop {
//!     groups.tick(now_ms);                                  // sessions, rebalance time-outs, offset expiry
//!     journal.append(groups.take_entries())?;
//!     condvar.notify_all();
//!     groups = condvar.wait_timeout(groups, groups.next_deadline_ms() - now_ms);   // woken by every call above
//! }
//! ```
//!
//! - A connection that dies while its thread waits: call [`Groups::abandon`] with the ticket, or take the answer anyway.
//! - Shutdown: [`Groups::shut_down`] answers every ticket with `COORDINATOR_NOT_AVAILABLE`.
//! - A journal that refuses (a full disk): [`Groups::give_back`] the entries, and answer with an error.
//! - Start: [`Groups::new`], [`Groups::replay`] for every entry of the journal in order, then [`Groups::start`].
//! - Compaction of the journal: [`Groups::snapshot`] gives the entries that stand for the present state.
//! - Whether a topic or partition exists is the server's business: it answers `UNKNOWN_TOPIC_OR_PARTITION` itself
//!   and passes on only partitions that exist, and calls [`Groups::forget_topic`] when a topic is deleted.
//! - Transactions: `TxnOffsetCommit` is [`Groups::commit_in_transaction`] (after the transaction coordinator agreed);
//!   [`Groups::complete_transaction`] makes the offsets visible or drops them.
//!
//! # Calls
//!
//! ```text
//! Groups::new(settings: GroupSettings, seed: u64) -> Groups            // seed: random, for member ids
//! replay(entry: GroupEntry)   start(now_ms)   take_entries() -> Vec<GroupEntry>   give_back(entries)   snapshot() -> Vec<GroupEntry>
//! tick(now_ms)   next_deadline_ms() -> Option<i64>   abandon(ticket)   shut_down()
//! join(now_ms, JoinRequest) -> Reply<JoinReply>          take_join(ticket) -> Option<JoinReply>
//! sync(now_ms, SyncRequest) -> Reply<SyncReply>          take_sync(ticket) -> Option<SyncReply>
//! heartbeat(now_ms, &MemberRef) -> ErrorCode             // MemberRef {group_id, member_id, instance_id, generation}
//! leave(now_ms, group_id, &[Leaving {member_id, instance_id}]) -> Result<Vec<ErrorCode>, ErrorCode>
//! list(&ListFilter {states, types}) -> Vec<GroupListing>   describe(group_id) -> GroupDescription
//! delete(group_id) -> ErrorCode                          // per group of DeleteGroups
//! commit(now_ms, &MemberRef, Vec<OffsetToCommit>) -> Result<Vec<ErrorCode>, ErrorCode>     // Err: for every partition
//! fetch(&FetchOffsets {group_id, partitions, stability}) -> Vec<FetchedOffset>             // per group of OffsetFetch
//! delete_offsets(now_ms, group_id, &[TopicPartition]) -> Result<Vec<ErrorCode>, ErrorCode>
//! commit_in_transaction(now_ms, &MemberRef, Producer, Vec<OffsetToCommit>) -> Result<Vec<ErrorCode>, ErrorCode>
//! complete_transaction(group_id, Producer, TransactionResult)
//! forget_topic(now_ms, topic)
//! ```

mod classic;
mod commit;
mod describe;
mod entry;
mod expiry;
mod fetch;
mod groups;
mod join;
mod leave;
mod member;
mod offset;
mod rebalance;
mod recovery;
mod settings;
mod state;
mod subscription;
mod sync;
mod ticket;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod offset_tests;
#[cfg(test)]
mod tests;

pub use crate::transaction::{Producer, TopicPartition, TransactionResult};
pub use commit::OffsetToCommit;
pub use describe::{CLASSIC, GroupDescription, GroupListing, ListFilter, MemberDescription};
pub use entry::{GroupEntry, GroupImage, MemberImage};
pub use fetch::{FetchOffsets, FetchedOffset, Stability};
pub use groups::Groups;
pub use join::{JoinReply, JoinRequest, JoinedMember};
pub use leave::Leaving;
pub use member::{Client, MemberRef, Protocol};
pub use offset::{CommittedOffset, PartitionOffset};
pub use settings::GroupSettings;
pub use state::GroupState;
pub use sync::{SyncReply, SyncRequest};
pub use ticket::{Reply, Ticket};
