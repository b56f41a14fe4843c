//! Stores other than Kafka. A new one says what it is ([`Kind`](crate::topology::Kind)) and how it writes ([`Connection`]); order,
//! flushes and commits stay with [`delivery`](crate::sink::delivery), repeats with the worker's thread.
//!
//! ```text
//! stage's thread                          thread of the connection
//! delivery ──rows──▶ ConnectorOutlet ──batches──▶ Connection::write ──▶ store
//!     ▲                    ◀──stored, refused, why it waits──┘
//!     └─ offsets are committed behind what is stored
//! ```
//! A store cannot take part in Kafka's transactions. What is written twice over a crash must be harmless there: by a key, or because
//! the store's own transactions hold positions beside the rows ([`Ledger`]). [`Promise`](crate::topology::Promise) says what a kind can
//! do, and the planner refuses what it cannot keep.

mod batch;
mod ledger;
mod origin;
mod outlet;
mod worker;

pub use batch::{ConnectorRow, Outcome, RowBatch};
pub use ledger::{Advance, Claim, Ledger};
pub use origin::{InputTopic, Origin, Place, Span};
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
    /// Another instance has taken over partitions of which these rows come. Nothing of the batch was stored; the query goes back to its
    /// committed offsets, and hears of it.
    #[error("{0}")]
    Fenced(String),
}

/// An open way into a store. It blocks; a thread of its own works with it.
pub trait Connection: Send {
    /// Writes the rows of `batch` that have no outcome yet, and notes what becomes of each. Rows of one lane are stored in
    /// their order.
    ///
    /// Where [`Target::reader`](crate::topology::Target::reader) is given, the open rows and the positions behind them are one transaction
    /// ([`Ledger`]). If some of them are refused then nothing is stored, and the others stay open: they come again once the
    /// refused ones have their place elsewhere, for the position would pass over those.
    ///
    /// # Errors
    /// [`ConnectorError`]. After [`ConnectorError::Later`] it is called again with the same batch: rows whose outcome is not
    /// known are written twice then.
    fn write(&mut self, batch: &mut RowBatch) -> Result<(), ConnectorError>;
}
