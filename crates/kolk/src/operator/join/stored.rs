//! Rows out of a store, as columns in the making.

use crate::operator::appender::Appender;
use crate::operator::column::Vector;
use crate::schema::DataType;
use crate::state::row::{Corrupt, RowCodec};

/// Columns that grow by a stored row, or one of NULLs, at a time.
#[derive(Debug)]
pub(super) struct Stored {
    codec: RowCodec,
    appenders: Vec<Appender>,
    len: usize,
}

impl Stored {
    pub(super) fn new(codec: &RowCodec, types: &[DataType]) -> Self {
        Self { codec: codec.clone(), appenders: types.iter().map(Appender::new).collect(), len: 0 }
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a row. Stores are checked when they are restored; what cannot be read all the same is NULL.
    #[inline]
    pub(super) fn push(&mut self, row: &[u8]) {
        self.len += 1;
        if self.codec.decode(row, &mut self.appenders).is_err() {
            for appender in &mut self.appenders {
                if appender.len() < self.len {
                    appender.push_null();
                }
            }
        }
    }

    /// Adds a row of NULLs.
    #[inline]
    pub(super) fn push_null(&mut self) {
        self.len += 1;
        self.appenders.iter_mut().for_each(Appender::push_null);
    }

    /// Adds a row if there is one, else NULLs.
    #[inline]
    pub(super) fn push_option(&mut self, row: Option<&[u8]>) {
        match row {
            Some(row) => self.push(row),
            None => self.push_null(),
        }
    }

    /// The columns.
    pub(super) fn finish(mut self) -> Vec<Vector> {
        self.appenders.iter_mut().map(|appender| Vector::each(appender.finish())).collect()
    }
}

/// Reads rows only to see whether they can be read.
#[derive(Debug)]
pub(super) struct Check {
    appenders: Vec<Appender>,
}

impl Check {
    /// For rows of these types.
    pub(super) fn new(types: &[DataType]) -> Self {
        Self { appenders: types.iter().map(Appender::new).collect() }
    }

    /// Whether this is one.
    ///
    /// # Errors
    /// [`Corrupt`] if not.
    pub(super) fn row(&mut self, codec: &RowCodec, row: &[u8]) -> Result<(), Corrupt> {
        const ROWS: usize = 1024;
        codec.decode(row, &mut self.appenders)?;
        if self.appenders.first().is_some_and(|first| first.len() >= ROWS) {
            self.appenders.iter_mut().for_each(|appender| drop(appender.finish()));
        }
        Ok(())
    }
}
