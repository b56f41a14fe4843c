//! COUNT: how many rows, or how many values that are not NULL.

use super::accumulator::Fixed;
use super::bytes::{i64_at, put_i64};
use crate::operator::appender::Appender;
use crate::operator::column::Vector;

/// `COUNT(*)` without arguments, `COUNT(value)` with one.
#[derive(Debug)]
pub(super) struct Count;

fn weight(of: &[&Vector], row: usize) -> i64 {
    i64::from(!of.first().is_some_and(|value| value.is_null(row)))
}

impl Fixed for Count {
    fn width(&self) -> usize {
        8
    }

    #[inline]
    fn add(&self, of: &[&Vector], row: usize, state: &mut [u8]) {
        put_i64(state, 0, i64_at(state, 0) + weight(of, row));
    }

    fn undo(&self, of: &[&Vector], row: usize, state: &mut [u8]) {
        put_i64(state, 0, i64_at(state, 0) - weight(of, row));
    }

    fn merge(&self, state: &mut [u8], other: &[u8]) {
        put_i64(state, 0, i64_at(state, 0) + i64_at(other, 0));
    }

    #[inline]
    fn result(&self, state: &[u8], into: &mut Appender) -> bool {
        into.push_i64(i64_at(state, 0));
        true
    }
}
