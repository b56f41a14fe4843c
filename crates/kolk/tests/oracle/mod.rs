//! What windows and sessions must give, in plain code: nothing of the engine, and nothing fast. Tests compare the engine with it.
//!
//! Each result names the rows that it is made of, in the order in which they were taken; a test computes from them what it asked for.

mod sessions;
mod windows;

#[allow(unused_imports, reason = "not every test needs all of it")]
pub(crate) use sessions::{Sessions, Timeouts};
#[allow(unused_imports, reason = "not every test needs all of it")]
pub(crate) use windows::Windows;

/// One step of an input. A watermark is the operator's own, as it stands behind the row before it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step<K, V> {
    /// A row; one without a key belongs to no group.
    Row {
        /// Its group.
        key: Option<K>,
        /// Its event time, in milliseconds.
        time: i64,
        /// What it says.
        value: V,
    },
    /// The watermark has come so far.
    Watermark(i64),
}

/// One step of an output.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Output<K, V> {
    /// A result.
    Change(Change<K, V>),
    /// The watermark, behind what it made due.
    Watermark(i64),
}

/// A result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change<K, V> {
    /// The group.
    pub(crate) key: K,
    /// Start and end of the window.
    pub(crate) window: Option<(i64, i64)>,
    /// The rows inside; none when the window is no more.
    pub(crate) rows: Option<Vec<V>>,
    /// The result's own time.
    pub(crate) time: i64,
}

/// When results go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Emits {
    /// With every change.
    Changes,
    /// Once, when the window has closed.
    Final,
}

/// What came out, and what was left out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Results<K, V> {
    /// Results and watermarks, in order.
    pub(crate) outputs: Vec<Output<K, V>>,
    /// The rows that came too late, by their number among the rows.
    pub(crate) late: Vec<usize>,
    /// How many rows had no key.
    pub(crate) without_key: usize,
}

impl<K, V> Default for Results<K, V> {
    fn default() -> Self {
        Self { outputs: Vec::new(), late: Vec::new(), without_key: 0 }
    }
}
