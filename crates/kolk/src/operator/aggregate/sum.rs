//! SUM and AVG: NULLs add nothing; sums of whole numbers and decimals are exact, and NULL while they do not fit their type.

use super::accumulator::Fixed;
use super::bytes::{f64_at, i64_at, i128_at, put_f64, put_i64, put_i128};
use super::scalar::Scalar;
use crate::operator::appender::Appender;
use crate::operator::column::Vector;
use crate::schema::DataType;
use std::marker::PhantomData;

/// Stands for an exact sum that has left 128 bits, which only decimals of 38 digits can: it stays unknown.
const LOST: i128 = i128::MIN;

/// The sum of whole numbers or of the digits of decimals: 16 bytes.
#[derive(Debug)]
pub(super) struct Sum<T> {
    fits: Fits,
    of: PhantomData<T>,
}

/// What a sum must fit.
#[derive(Debug, Clone, Copy)]
enum Fits {
    Integer,
    Bigint,
    Decimal { limit: i128 },
}

/// The sum of doubles: 8 bytes.
#[derive(Debug)]
pub(super) struct SumDouble;

/// The mean of whole numbers: their sum, and how many, 24 bytes.
#[derive(Debug)]
pub(super) struct Mean<T>(PhantomData<T>);

/// The mean of doubles: their sum, and how many, 16 bytes.
#[derive(Debug)]
pub(super) struct MeanDouble;

impl<T> Sum<T> {
    /// With a result of this type.
    pub(super) fn new(result: &DataType) -> Self {
        let fits = match result {
            DataType::Integer => Fits::Integer,
            DataType::Decimal { precision, .. } => {
                Fits::Decimal { limit: 10_i128.pow((*precision).into()) }
            }
            _ => Fits::Bigint,
        };
        Self { fits, of: PhantomData }
    }
}

impl<T> Mean<T> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

#[inline]
fn add_exact(state: &mut [u8], value: i128) {
    let sum = match i128_at(state, 0) {
        LOST => LOST,
        sum => sum.checked_add(value).unwrap_or(LOST),
    };
    put_i128(state, 0, sum);
}

impl<T: Scalar + Into<i128>> Fixed for Sum<T> {
    fn width(&self) -> usize {
        16
    }

    #[inline]
    fn add(&self, of: &[&Vector], row: usize, state: &mut [u8]) {
        if let Some(value) = T::of(of[0], row) {
            add_exact(state, value.into());
        }
    }

    fn undo(&self, of: &[&Vector], row: usize, state: &mut [u8]) {
        if let Some(value) = T::of(of[0], row) {
            add_exact(state, -value.into());
        }
    }

    fn merge(&self, state: &mut [u8], other: &[u8]) {
        let other = i128_at(other, 0);
        if other == LOST {
            put_i128(state, 0, LOST);
        } else {
            add_exact(state, other);
        }
    }

    #[inline]
    fn result(&self, state: &[u8], into: &mut Appender) -> bool {
        let sum = i128_at(state, 0);
        let pushed = match self.fits {
            Fits::Integer => i32::try_from(sum).map(|sum| into.push_i32(sum)).ok(),
            Fits::Bigint => i64::try_from(sum).map(|sum| into.push_i64(sum)).ok(),
            Fits::Decimal { limit } => (-limit < sum && sum < limit).then(|| into.push_i128(sum)),
        };
        if pushed.is_none() {
            into.push_null();
        }
        pushed.is_some()
    }
}

impl Fixed for SumDouble {
    fn width(&self) -> usize {
        8
    }

    #[inline]
    fn add(&self, of: &[&Vector], row: usize, state: &mut [u8]) {
        if let Some(value) = of[0].double().get(row) {
            put_f64(state, 0, f64_at(state, 0) + value);
        }
    }

    fn undo(&self, of: &[&Vector], row: usize, state: &mut [u8]) {
        if let Some(value) = of[0].double().get(row) {
            put_f64(state, 0, f64_at(state, 0) - value);
        }
    }

    fn merge(&self, state: &mut [u8], other: &[u8]) {
        put_f64(state, 0, f64_at(state, 0) + f64_at(other, 0));
    }

    #[inline]
    fn result(&self, state: &[u8], into: &mut Appender) -> bool {
        into.push_f64(f64_at(state, 0));
        true
    }
}

/// Appends sum / count; 0.0 for the mean of nothing, as ksqlDB has it.
fn push_mean(sum: f64, count: i64, into: &mut Appender) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "no group has 2^53 rows")]
    into.push_f64(if count == 0 { 0.0 } else { sum / count as f64 });
    true
}

impl<T: Scalar + Into<i128>> Fixed for Mean<T> {
    fn width(&self) -> usize {
        24
    }

    #[inline]
    fn add(&self, of: &[&Vector], row: usize, state: &mut [u8]) {
        if let Some(value) = T::of(of[0], row) {
            add_exact(state, value.into());
            put_i64(state, 16, i64_at(state, 16) + 1);
        }
    }

    fn undo(&self, of: &[&Vector], row: usize, state: &mut [u8]) {
        if let Some(value) = T::of(of[0], row) {
            add_exact(state, -value.into());
            put_i64(state, 16, i64_at(state, 16) - 1);
        }
    }

    fn merge(&self, state: &mut [u8], other: &[u8]) {
        add_exact(state, i128_at(other, 0));
        put_i64(state, 16, i64_at(state, 16) + i64_at(other, 16));
    }

    #[inline]
    fn result(&self, state: &[u8], into: &mut Appender) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "a DOUBLE has no more digits")]
        push_mean(i128_at(state, 0) as f64, i64_at(state, 16), into)
    }
}

impl Fixed for MeanDouble {
    fn width(&self) -> usize {
        16
    }

    #[inline]
    fn add(&self, of: &[&Vector], row: usize, state: &mut [u8]) {
        if let Some(value) = of[0].double().get(row) {
            put_f64(state, 0, f64_at(state, 0) + value);
            put_i64(state, 8, i64_at(state, 8) + 1);
        }
    }

    fn undo(&self, of: &[&Vector], row: usize, state: &mut [u8]) {
        if let Some(value) = of[0].double().get(row) {
            put_f64(state, 0, f64_at(state, 0) - value);
            put_i64(state, 8, i64_at(state, 8) - 1);
        }
    }

    fn merge(&self, state: &mut [u8], other: &[u8]) {
        put_f64(state, 0, f64_at(state, 0) + f64_at(other, 0));
        put_i64(state, 8, i64_at(state, 8) + i64_at(other, 8));
    }

    #[inline]
    fn result(&self, state: &[u8], into: &mut Appender) -> bool {
        push_mean(f64_at(state, 0), i64_at(state, 8), into)
    }
}
