//! MIN and MAX: of values of fixed size, and of texts and bytes; NULLs are passed over.

use super::accumulator::{Fixed, Growth, Scope, Variable};
use super::scalar::Scalar;
use crate::operator::appender::Appender;
use crate::operator::column::{Column, Vector};
use std::cmp::Ordering;
use std::marker::PhantomData;

/// Which end is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Least,
    Greatest,
}

impl End {
    #[inline]
    fn is_better(self, order: Ordering) -> bool {
        order == if self == Self::Least { Ordering::Less } else { Ordering::Greater }
    }
}

/// Of values of fixed size: whether there is one, and it.
#[derive(Debug)]
pub(super) struct Extreme<T> {
    end: End,
    of: PhantomData<T>,
}

/// Of texts and bytes: 1 and the bytes.
#[derive(Debug)]
pub(super) struct ExtremeBytes {
    end: End,
}

impl<T> Extreme<T> {
    pub(super) fn new(end: End) -> Self {
        Self { end, of: PhantomData }
    }
}

impl<T: Scalar> Extreme<T> {
    #[inline]
    fn take(&self, state: &mut [u8], value: T) {
        let is_first = state[0] == 0;
        if is_first || self.end.is_better(value.compare(T::read(state, 1))) {
            state[0] = 1;
            value.write(state, 1);
        }
    }
}

impl<T: Scalar> Fixed for Extreme<T> {
    fn width(&self) -> usize {
        1 + T::WIDTH
    }

    #[inline]
    fn add(&self, of: &[&Vector], row: usize, state: &mut [u8]) {
        if let Some(value) = T::of(of[0], row) {
            self.take(state, value);
        }
    }

    fn merge(&self, state: &mut [u8], other: &[u8]) {
        if other[0] != 0 {
            self.take(state, T::read(other, 1));
        }
    }

    #[inline]
    fn result(&self, state: &[u8], into: &mut Appender) -> bool {
        if state[0] == 0 {
            into.push_null();
        } else {
            T::read(state, 1).push(into);
        }
        true
    }
}

impl ExtremeBytes {
    pub(super) fn new(end: End) -> Self {
        Self { end }
    }
}

/// The bytes of a text or of bytes.
pub(super) fn bytes_of(vector: &Vector, row: usize) -> Option<&[u8]> {
    match &vector.column {
        Column::Bytes(_) => vector.bytes().get(row),
        _ => vector.text().get(row).map(str::as_bytes),
    }
}

/// Appends bytes to a column of texts or of bytes.
pub(super) fn push_bytes(bytes: &[u8], into: &mut Appender) {
    match into {
        Appender::Text(_) => match std::str::from_utf8(bytes) {
            Ok(text) => into.push_text(text),
            Err(_) => into.push_null(),
        },
        _ => into.push_bytes(bytes),
    }
}

impl Variable for ExtremeBytes {
    fn add(&self, of: &[&Vector], row: usize, growth: Growth<'_>, _: &mut Scope<'_>) -> bool {
        let Some(value) = bytes_of(of[0], row) else { return false };
        let is_better = match growth.state.split_first() {
            None => true,
            Some((_, held)) => self.end.is_better(value.cmp(held)),
        };
        if is_better {
            growth.new.push(1);
            growth.new.extend_from_slice(value);
        }
        is_better
    }

    fn merge(&self, Growth { state, new }: Growth<'_>, other: &[u8]) {
        let is_better =
            state.is_empty() || !other.is_empty() && self.end.is_better(other.cmp(state));
        new.extend_from_slice(if is_better { other } else { state });
    }

    fn result(&self, state: &[u8], into: &mut Appender, _: &mut Vec<u8>) {
        match state.split_first() {
            None => into.push_null(),
            Some((_, value)) => push_bytes(value, into),
        }
    }
}
