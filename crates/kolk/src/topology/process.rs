//! Operators of one's own: a name, what they are made by, and the columns whose rows they must see together.

use std::fmt;
use std::sync::Arc;

/// An operator of one's own. Two are equal when they have the same name and keys: code cannot be compared.
#[derive(Clone)]
pub struct Process {
    /// Its name, for people and stores.
    pub name: String,
    /// The columns of the input whose equal values must meet in one task, by position; none when it does not matter.
    pub keys: Vec<usize>,
    /// Whether it has a store and timers. One without looks at each row alone, and its rows stay those of their records.
    pub keeps_state: bool,
    /// Makes one for each task.
    pub make: Arc<dyn Fn() -> Box<dyn Processor> + Send + Sync>,
}

/// Why an operator of one's own does not process a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcessError {
    /// The row is not what the code reads: as far as it is still that of a record, the source's `on_bad_record` decides; otherwise the
    /// query stops.
    Unreadable(String),
    /// The query stops.
    Failed(String),
}

/// What an operator of one's own does with rows as JSON text. Programs implement the typed [`crate::dsl::Process`].
///
/// It must be deterministic: no clock, no I/O, no randomness, or a restart gives other results than the first run.
pub trait Processor: Send {
    /// Takes a row: a JSON object of the input's columns, time-stamps as milliseconds.
    ///
    /// # Errors
    /// Why the row cannot be processed.
    fn process(
        &mut self,
        row: &[u8],
        context: &mut ProcessorContext<'_>,
    ) -> Result<(), ProcessError>;

    /// A timer is due: the watermark has reached its time.
    ///
    /// # Errors
    /// Why it cannot be processed; the query stops and says so.
    fn timer(
        &mut self,
        key: &[u8],
        time: i64,
        context: &mut ProcessorContext<'_>,
    ) -> Result<(), String>;
}

/// What a processor works with: its state, timers, and where its rows go.
pub struct ProcessorContext<'a> {
    /// The event time of the row, or the time of the timer, in milliseconds since 1970.
    pub time: i64,
    /// The watermark that it meets.
    pub watermark: Option<i64>,
    /// The state.
    pub state: &'a mut crate::state::Store,
    /// Timers to set: time and key. Each is due once; setting it again changes nothing.
    pub timers: &'a mut Vec<(i64, Vec<u8>)>,
    /// The rows that it makes, as JSON objects one behind the other, and where each ends.
    pub rows: &'a mut Vec<u8>,
    /// Where each of the rows ends in `rows`.
    pub ends: &'a mut Vec<usize>,
}

impl fmt::Debug for ProcessorContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessorContext").field("time", &self.time).finish_non_exhaustive()
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for Process {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.keys, self.keeps_state) == (&other.name, &other.keys, other.keeps_state)
    }
}
