//! Why an application does not start, and why a query stops.

use crate::client::error::ClientError;
use crate::operator::PlanError;
use crate::state::budget::Report;
use std::path::PathBuf;
use std::time::Duration;

/// Why an application does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state directory cannot be used.
    #[error("cannot use the state directory {}: {source}", path.display())]
    State {
        /// The directory or file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The cluster cannot be reached or refuses.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A setting does not fit.
    #[error(transparent)]
    Config(#[from] crate::client::config::ConfigError),
    /// A statement cannot be run.
    #[error("query {query}: {source}")]
    Plan {
        /// The query.
        query: String,
        /// Why.
        source: PlanError,
    },
    /// An input topic is missing.
    #[error(
        "topic '{topic}', which {query} reads, does not exist: create it with `kolk topic create {topic}`, or give \
         the statement that declares it partitions = N"
    )]
    NoTopic {
        /// The topic.
        topic: String,
        /// The query that reads it.
        query: String,
    },
    /// Rows of one key do not lie in partitions of one number.
    #[error(
        "query {query} joins by key what lies in topics of different size: '{}' has {} partitions, '{}' has {}. Give \
         '{}' {} partitions, too (a topic that is made larger must be written anew, for keys change their partition), or \
         copy it with PARTITION BY into a topic that has",
        small.0, small.1, large.0, large.1, small.0, large.1
    )]
    Copartition {
        /// The query.
        query: String,
        /// The topic with less partitions, and how many.
        small: (String, i32),
        /// The other one.
        large: (String, i32),
    },
    /// The inputs of a query with state have more or less partitions than before.
    #[error(
        "query {query} keeps its state in {count} partitions (topic '{changelog}'), and its input '{input}' has {tasks}: one of \
         them has grown, and keys have changed their partition. Start over with `kolk reset`"
    )]
    Grown {
        /// The query.
        query: String,
        /// A changelog topic of its state.
        changelog: String,
        /// How many partitions that has.
        count: i32,
        /// The input with most partitions.
        input: String,
        /// How many that has.
        tasks: i32,
    },
    /// A query cannot be cut into stages.
    #[error(transparent)]
    Physical(#[from] crate::topology::PhysicalError),
    /// Nothing to run.
    #[error(
        "the program has no persistent statement (CREATE STREAM … AS SELECT …): there is nothing to run"
    )]
    Empty,
    /// No thread can be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// Why a query stops before it is told to.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// A record cannot be processed, and the statement says `on_bad_record = 'fail'`.
    #[error(
        "the record at {topic}-{partition} offset {offset} cannot be processed: {reason}. Mend the statement, or pass \
         over such records with on_bad_record = 'skip' (they are counted) or 'dead_letter'"
    )]
    BadRecord {
        /// Its topic.
        topic: String,
        /// Its partition.
        partition: i32,
        /// Its offset.
        offset: i64,
        /// What is wrong with it.
        reason: String,
    },
    /// State is not what it should be.
    #[error("the state of query {query}, partition {task}, cannot be used: {why}")]
    State {
        /// The query.
        query: String,
        /// The partition whose task it is of.
        task: i32,
        /// What is wrong, and what to do.
        why: String,
    },
    /// State on the local disk cannot be read or written.
    #[error(transparent)]
    Local(#[from] crate::state::local::LocalError),
    /// A row cannot be written.
    #[error("query {query}: {why}")]
    Row {
        /// The query.
        query: String,
        /// What is wrong.
        why: String,
    },
    /// The sink refuses a row for good.
    #[error(
        "topic {topic}, partition {partition} refuses a row: {why}. Raise the topic's max.message.bytes (and \
         max.request.size) or message.timestamp.after.max.ms, whichever it is about, or pass over such rows with on_bad_record = 'skip'"
    )]
    Refused {
        /// The output topic.
        topic: String,
        /// Its partition.
        partition: u32,
        /// What the broker says.
        why: String,
    },
    /// The store that takes the rows cannot be worked with.
    #[error("query {query}: {why}")]
    Store {
        /// The query.
        query: String,
        /// What the connector says, and what to do.
        why: String,
    },
    /// The store refuses a row for good.
    #[error(
        "query {query}: the store refuses a row: {why}. Mend the statement, or pass over such rows with \
         on_bad_record = 'skip' (they are counted) or 'dead_letter'"
    )]
    RowRefused {
        /// The query.
        query: String,
        /// What the store says.
        why: String,
    },
    /// The input is not what it was: offsets out of range, a topic created again, a log cut off.
    #[error("{what}")]
    Input {
        /// What happened, where, and what to do.
        what: String,
    },
    /// Another instance has taken this one's place.
    #[error(
        "another instance runs with the transactional id '{id}' of this one: this one stops. Give each its own state \
         directory (--state-dir)"
    )]
    Fenced {
        /// The transactional id.
        id: String,
    },
    /// Memory is used up, and nothing has become free.
    #[error(
        "query {query} waited {} s for memory, and nothing became free: {report}. Raise memory_max, or bound the state by \
         windows, GRACE PERIOD and RETENTION",
        waited.as_secs()
    )]
    Memory {
        /// The query.
        query: String,
        /// For how long it waited.
        waited: Duration,
        /// Who holds how much.
        report: Report,
    },
    /// The client gives up.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The query's thread died: a defect of Kolk.
    #[error("the query's thread panicked; this is a defect of Kolk")]
    Panicked,
}
