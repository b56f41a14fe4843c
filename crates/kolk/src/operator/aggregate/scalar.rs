//! Values of fixed size: out of columns, into states, and out as results.

use super::bytes;
use crate::operator::appender::Appender;
use crate::operator::column::Vector;
use std::cmp::Ordering;
use std::fmt::Debug;

/// A value of fixed size.
pub(super) trait Scalar: Copy + Debug + Send {
    /// Its bytes in a state.
    const WIDTH: usize;

    /// The value of a row; none for NULL.
    fn of(vector: &Vector, row: usize) -> Option<Self>;
    fn read(state: &[u8], at: usize) -> Self;
    fn write(self, state: &mut [u8], at: usize);
    fn push(self, into: &mut Appender);
    /// As Java compares them: NaN is the greatest number, and -0.0 is less than 0.0.
    fn compare(self, other: Self) -> Ordering;
}

macro_rules! scalars {
    ($( $of:ty, $lane:ident, $push:ident, $get:ident, $put:ident, $width:literal, $compare:expr );* $(;)?) => {
        $(
            impl Scalar for $of {
                const WIDTH: usize = $width;

                #[inline]
                fn of(vector: &Vector, row: usize) -> Option<Self> {
                    vector.$lane().get(row)
                }

                #[inline]
                fn read(state: &[u8], at: usize) -> Self {
                    bytes::$get(state, at)
                }

                #[inline]
                fn write(self, state: &mut [u8], at: usize) {
                    bytes::$put(state, at, self);
                }

                #[inline]
                fn push(self, into: &mut Appender) {
                    into.$push(self);
                }

                #[inline]
                fn compare(self, other: Self) -> Ordering {
                    $compare(&self, &other)
                }
            }
        )*
    };
}

scalars! {
    i32, int32, push_i32, i32_at, put_i32, 4, Ord::cmp;
    i64, int64, push_i64, i64_at, put_i64, 8, Ord::cmp;
    i128, decimal, push_i128, i128_at, put_i128, 16, Ord::cmp;
    f64, double, push_f64, f64_at, put_f64, 8, java;
}

impl Scalar for bool {
    const WIDTH: usize = 1;

    #[inline]
    fn of(vector: &Vector, row: usize) -> Option<Self> {
        vector.boolean().get(row)
    }

    #[inline]
    fn read(state: &[u8], at: usize) -> Self {
        state.get(at).is_some_and(|byte| *byte != 0)
    }

    #[inline]
    fn write(self, state: &mut [u8], at: usize) {
        if let Some(byte) = state.get_mut(at) {
            *byte = self.into();
        }
    }

    #[inline]
    fn push(self, into: &mut Appender) {
        into.push_bool(self);
    }

    #[inline]
    fn compare(self, other: Self) -> Ordering {
        self.cmp(&other)
    }
}

fn java(left: &f64, right: &f64) -> Ordering {
    match (left.is_nan(), right.is_nan()) {
        (false, false) => left.total_cmp(right),
        (left, right) => left.cmp(&right),
    }
}
