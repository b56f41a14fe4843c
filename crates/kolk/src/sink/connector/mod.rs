//! Stores other than Kafka. A new one says what it is ([`Kind`](crate::topology::Kind)) and how it writes ([`Connection`]); order,
//! flushes and commits stay with [`delivery`](crate::sink::delivery), repeats with the worker's thread.
//!
//! ```text
//! stage's thread                          thread of the connection
//! delivery ──rows──▶ ConnectorOutlet ──batches──▶ Connection::write ──▶ store
//!     ▲                    ◀──stored, refused, why it waits──┘
//!     └─ offsets are committed behind what is stored
//! ```
//! A store cannot take part in Kafka's transactions. What is written twice over a crash must be harmless there: by a key, or by the
//! store's own transaction. [`Promise`](crate::topology::Promise) says what a kind can do, and the planner refuses what it cannot keep.

mod batch;
mod outlet;
mod worker;

pub use batch::{ConnectorRow, Outcome, RowBatch};
pub use outlet::{Beside, ConnectorOutlet, Refused};
pub use worker::{Worker, channels};

/// Why rows could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectorError {
    /// It may go later: the store is down, slow, or busy. The rows that have no outcome are written again.
    #[error("{0}")]
    Later(String),
    /// It never goes, whatever the row: wrong credentials, a table that does not fit. The query stops.
    #[error("{0}")]
    Never(String),
}

/// An open way into a store. It blocks; a thread of its own works with it.
pub trait Connection: Send {
    /// Writes the rows of `batch` that have no outcome yet, and notes what becomes of each. Rows of one lane are stored in
    /// their order.
    ///
    /// # Errors
    /// [`ConnectorError`]. After [`ConnectorError::Later`] it is called again with the same batch: rows whose outcome is not
    /// known are written twice then.
    fn write(&mut self, batch: &mut RowBatch) -> Result<(), ConnectorError>;
}
