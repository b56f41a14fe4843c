//! What a running query says about itself.

use crate::account::Account;

/// Where a query stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryPhase {
    /// It joins its group and learns where to read.
    Starting,
    /// It reads and delivers.
    Running,
    /// It finishes what it has read, and commits.
    Stopping,
    /// It has ended in order.
    Stopped,
    /// It has ended with an error.
    Failed,
}

/// A query at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryStatus {
    /// The query's name.
    pub name: String,
    /// The topic that it writes.
    pub topic: String,
    /// How it delivers, as SQL calls it.
    pub delivery: &'static str,
    /// Where it stands.
    pub phase: QueryPhase,
    /// Its books.
    pub account: Account,
    /// Records that lie in the inputs and are not delivered: those not read, and rows that are on their way or held back.
    pub lag: u64,
    /// The watermark of its input, in milliseconds since 1970; `None` while there is none.
    pub watermark: Option<i64>,
    /// Input partitions that this instance owns.
    pub partitions: usize,
    /// Rows handed over and not acknowledged.
    pub unacknowledged: u64,
    /// Commits so far.
    pub commits: u64,
    /// How often it went back to its committed offsets.
    pub rewinds: u64,
    /// Rows that a store other than Kafka was sent again, because it had not taken them or had not said so.
    pub sent_again: u64,
    /// Records read from changelogs to restore state.
    pub replayed: u64,
    /// What it waits for, if something is in the way: a broker that does not answer, a refused batch. Of a failed query: why.
    pub waiting: Option<String>,
    /// Input offsets that it passed over because the log no longer had them, and `auto.offset.reset` says where to go on.
    pub passed_over: u64,
    /// What was found and what was done about it, oldest first; the last hundred.
    pub notices: Vec<String>,
    /// When it began, or the process did: milliseconds from the start to the first delivered row, once there was one.
    pub first_output_ms: Option<u64>,
}

impl QueryStatus {
    pub(super) fn new(name: &str, topic: &str, delivery: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            topic: topic.to_owned(),
            delivery,
            phase: QueryPhase::Starting,
            account: Account::default(),
            lag: 0,
            watermark: None,
            partitions: 0,
            unacknowledged: 0,
            commits: 0,
            rewinds: 0,
            sent_again: 0,
            replayed: 0,
            waiting: None,
            passed_over: 0,
            notices: Vec::new(),
            first_output_ms: None,
        }
    }
}
