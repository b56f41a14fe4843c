//! What a store must be able to do, to be tried by every fault.

use super::input::Row;
use std::net::SocketAddr;

/// What is in a store when rows have been written to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// The last row of each key.
    LastOfKey,
    /// Every row, those of a key in order; rows may be there again when an outcome was unknown or the process died.
    Every,
    /// Every row once, those of a key in order.
    EveryOnce,
}

/// Why a query cannot go on, and how that is told.
#[derive(Debug, Clone)]
pub(crate) struct Misfit {
    /// The options of the statement, as [`Store::options`] gives them.
    pub(crate) options: String,
    /// What `kolk run` must say, all of it.
    pub(crate) says: &'static [&'static str],
    /// What it must not say: a secret.
    pub(crate) hides: &'static str,
}

/// A store under test, with a server of its own that runs when it is made and ends when it is dropped.
///
/// A *place* is where the rows of one case go, a table or a stream; its name has small letters, digits and `_`. Its rows have the
/// columns `id` (STRING, the key), `number` (BIGINT) and `note` (STRING).
pub(crate) trait Store: Send + Sync {
    /// As `connector = '…'` calls it.
    fn name(&self) -> &'static str;

    /// What is there when rows have been written.
    fn keeps(&self) -> Keeps;

    /// Where the server serves, also after a restart. The proxy stands in front of it.
    fn address(&self) -> SocketAddr;

    /// `kill -9`; returns when the process is gone. Does nothing when it is.
    fn kill(&self);

    /// Starts it again on its data and its address; returns when it serves. Does nothing when it runs.
    fn revive(&self);

    /// Makes a place.
    fn create(&self, place: &str);

    /// What stands between the parentheses of `WITH (…)` in a statement that writes to `place` through `address`. Time-outs, if it has
    /// them, are a few seconds.
    fn options(&self, place: &str, address: SocketAddr) -> String;

    /// All rows of a place, in the store's own order, by a foreign client that does not go through the proxy.
    fn rows(&self, place: &str) -> Vec<Row>;

    /// The same options with credentials that the server refuses; none where it refuses nobody.
    fn wrong_credentials(&self, place: &str, address: SocketAddr) -> Option<Misfit>;

    /// What `kolk run` must say, all of it, when a place was spoilt under it; none where places have no schema.
    fn says_spoilt(&self) -> Option<&'static [&'static str]>;

    /// Changes a place so that rows do not fit any more, and loses none that is there: renames a column.
    fn spoil(&self, place: &str);

    /// Takes back what [`Self::spoil`] did.
    fn mend(&self, place: &str);

    /// From now on a share of the entries of each call is refused for the moment and the others are taken, or no longer. Returns how
    /// many were refused so far; none where a call is taken as a whole or not at all.
    fn refuse_some(&self, on: bool) -> Option<usize>;
}
