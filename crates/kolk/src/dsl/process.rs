//! Operators of one's own, typed by serde: a row comes as a struct, what is emitted is one.

use crate::state::Store;
use crate::topology::{ProcessError, Processor, ProcessorContext};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::marker::PhantomData;

/// An operator of one's own. It must be deterministic: no clock, no I/O, no randomness. It keeps nothing in itself that must outlive
/// the process: that is what [`State`] is for.
pub trait Process: Send {
    /// A row of the input: a struct with fields named as its columns. Time-stamps are milliseconds since 1970. A record whose row
    /// is no such struct is a bad one (`on_bad_record`); where it has passed a repartition or a join before, the query stops.
    type Input: DeserializeOwned;
    /// A row of the output.
    type Output: Serialize;

    /// Takes a row.
    ///
    /// # Errors
    /// Why the row cannot be processed; the query stops and says so.
    fn process(
        &mut self,
        row: Self::Input,
        out: &mut Emitter<'_, Self::Output>,
    ) -> Result<(), String>;

    /// A timer that [`Emitter::timer`] set is due: the watermark has reached its time.
    ///
    /// # Errors
    /// Why it cannot be processed; the query stops and says so.
    fn timer(&mut self, _key: &[u8], _out: &mut Emitter<'_, Self::Output>) -> Result<(), String> {
        Ok(())
    }
}

/// Where rows go, and what there is to know and to remember.
pub struct Emitter<'a, O> {
    time: i64,
    watermark: Option<i64>,
    state: &'a mut Store,
    timers: &'a mut Vec<(i64, Vec<u8>)>,
    rows: &'a mut Vec<u8>,
    ends: &'a mut Vec<usize>,
    output: PhantomData<O>,
}

/// State by key: values of any serde type, kept over restarts, in the same transaction as what is emitted.
pub struct State<'a>(&'a mut Store);

impl<O: Serialize> Emitter<'_, O> {
    /// Emits a row; its time is that of the row at hand, or of the timer.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    pub fn emit(&mut self, row: &O) -> Result<(), String> {
        serde_json::to_writer(&mut *self.rows, row).map_err(|error| error.to_string())?;
        self.ends.push(self.rows.len());
        Ok(())
    }

    /// The event time of the row, or the time of the timer, in milliseconds since 1970.
    #[must_use]
    pub fn time(&self) -> i64 {
        self.time
    }

    /// How far event time has surely come, in milliseconds since 1970; nothing yet at the beginning.
    #[must_use]
    pub fn watermark(&self) -> Option<i64> {
        self.watermark
    }

    /// Calls [`Process::timer`] with this key when the watermark has reached this time. Setting it again changes nothing.
    pub fn timer(&mut self, time: i64, key: &[u8]) {
        self.timers.push((time, key.to_vec()));
    }

    /// What is remembered.
    pub fn state(&mut self) -> State<'_> {
        State(self.state)
    }
}

impl State<'_> {
    /// The value of a key.
    ///
    /// # Errors
    /// What is stored is of another type.
    pub fn get<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, String> {
        let Some(entry) = self.0.find(key) else { return Ok(None) };
        serde_json::from_slice(self.0.value(entry)).map(Some).map_err(|error| error.to_string())
    }

    /// Sets the value of a key.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    pub fn put<T: Serialize>(&mut self, key: &[u8], value: &T) -> Result<(), String> {
        let value = serde_json::to_vec(value).map_err(|error| error.to_string())?;
        self.0.put(key, &value);
        Ok(())
    }

    /// Forgets a key.
    pub fn remove(&mut self, key: &[u8]) {
        if let Some(entry) = self.0.find(key) {
            self.0.remove(entry);
        }
    }
}

/// A typed process as the engine sees it.
pub(super) struct Running<P>(pub(super) P);

impl<P: Process> Processor for Running<P> {
    fn process(
        &mut self,
        row: &[u8],
        context: &mut ProcessorContext<'_>,
    ) -> Result<(), ProcessError> {
        self.0.process(read(row)?, &mut emitter(context)).map_err(ProcessError::Failed)
    }

    fn timer(
        &mut self,
        key: &[u8],
        _: i64,
        context: &mut ProcessorContext<'_>,
    ) -> Result<(), String> {
        self.0.timer(key, &mut emitter(context))
    }
}

/// A row as a value.
pub(super) fn read<T: DeserializeOwned>(row: &[u8]) -> Result<T, ProcessError> {
    serde_json::from_slice(row).map_err(|error| {
        let row = String::from_utf8_lossy(row);
        ProcessError::Unreadable(format!("{error} in {row}"))
    })
}

fn emitter<'a, O>(context: &'a mut ProcessorContext<'_>) -> Emitter<'a, O> {
    let ProcessorContext { time, watermark, state, timers, rows, ends } = context;
    Emitter { time: *time, watermark: *watermark, state, timers, rows, ends, output: PhantomData }
}

impl<O> fmt::Debug for Emitter<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter").field("time", &self.time).finish_non_exhaustive()
    }
}

impl fmt::Debug for State<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("entries", &self.0.len()).finish()
    }
}
