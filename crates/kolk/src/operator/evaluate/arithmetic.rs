//! `+ - * / %` and the minus sign, as ksqlDB computes them.
//!
//! Integers wrap around as Java's do, division cuts off the fraction; a division of integers or decimals by zero fails, of
//! doubles it gives an infinity or NaN. Decimals are exact; a result beyond the planned precision fails.

use super::{Batch, Extent, evaluate};
use crate::codec::decimal::{self, Rounding};
use crate::expression::{BinaryOperator as Op, Expression};
use crate::operator::column::{Column, Vector};
use crate::schema::DataType;
use arrow_array::builder::LargeStringBuilder;
use arrow_array::{Decimal128Array, Float64Array, Int32Array, Int64Array, LargeStringArray};
use arrow_buffer::i256;

pub(super) fn negate(operand: &Expression, batch: &mut Batch<'_>) -> Vector {
    let operand = evaluate(operand, batch);
    let extent = batch.extent(&[&operand]);
    let rows = 0..extent.len;
    let column: Column = match &operand.column {
        Column::Int32(_) => {
            let lane = operand.int32();
            rows.map(|row| lane.get(row).map(i32::wrapping_neg)).collect::<Int32Array>().into()
        }
        Column::Int64(_) => {
            let lane = operand.int64();
            rows.map(|row| lane.get(row).map(i64::wrapping_neg)).collect::<Int64Array>().into()
        }
        Column::Decimal(_) => {
            let lane = operand.decimal();
            rows.map(|row| lane.get(row).map(|v| -v)).collect::<Decimal128Array>().into()
        }
        _ => {
            let lane = operand.double();
            rows.map(|row| lane.get(row).map(|v| -v)).collect::<Float64Array>().into()
        }
    };
    let negated = batch.finish(extent, 0, column);
    batch.note_nulls(&negated);
    negated
}

pub(super) fn binary(
    operator: Op,
    (left, right): (&Expression, &Expression),
    data_type: &DataType,
    batch: &mut Batch<'_>,
) -> Vector {
    let scales = (scale(&left.data_type), scale(&right.data_type));
    let (left, right) = (evaluate(left, batch), evaluate(right, batch));
    let extent = batch.extent(&[&left, &right]);
    let mut failures = 0;
    let column: Column = match data_type {
        DataType::Integer => {
            let (a, b) = (left.int32(), right.int32());
            let op = integers::<i32>(operator);
            apply(extent, &mut failures, |row| Some((a.get(row)?, b.get(row)?)), op)
                .collect::<Int32Array>()
                .into()
        }
        DataType::Bigint => {
            let (a, b) = (left.int64(), right.int64());
            let op = integers::<i64>(operator);
            apply(extent, &mut failures, |row| Some((a.get(row)?, b.get(row)?)), op)
                .collect::<Int64Array>()
                .into()
        }
        DataType::Double => {
            let (a, b) = (left.double(), right.double());
            let op = doubles(operator);
            (0..extent.len)
                .map(|row| Some(op(a.get(row)?, b.get(row)?)))
                .collect::<Float64Array>()
                .into()
        }
        DataType::Decimal { precision, scale } => {
            let (a, b) = (left.decimal(), right.decimal());
            let fit = (*precision, *scale);
            let op = |a, b| decimals(operator, (a, scales.0), (b, scales.1), fit);
            apply(extent, &mut failures, |row| Some((a.get(row)?, b.get(row)?)), op)
                .collect::<Decimal128Array>()
                .into()
        }
        _ => {
            let column = joined(&left, &right, extent);
            return batch.finish(extent, 0, column);
        }
    };
    let result = batch.finish(extent, failures, column);
    batch.note_nulls(&result);
    result
}

fn scale(data_type: &DataType) -> u8 {
    match data_type {
        DataType::Decimal { scale, .. } => *scale,
        _ => 0,
    }
}

/// The results of `op` where both sides are there; those that are not there are counted.
fn apply<T: Copy, U>(
    extent: Extent,
    failures: &mut u64,
    mut sides: impl FnMut(usize) -> Option<(T, T)>,
    op: impl Fn(T, T) -> Option<U>,
) -> impl Iterator<Item = Option<U>> {
    (0..extent.len).map(move |row| {
        let (a, b) = sides(row)?;
        let result = op(a, b);
        *failures += u64::from(result.is_none());
        result
    })
}

trait Wrapping: Copy {
    fn divide(self, by: Self) -> Option<Self>;
    fn remainder(self, by: Self) -> Option<Self>;
    fn add(self, other: Self) -> Self;
    fn subtract(self, other: Self) -> Self;
    fn multiply(self, other: Self) -> Self;
}

macro_rules! wrapping {
    ($type:ty) => {
        impl Wrapping for $type {
            fn divide(self, by: Self) -> Option<Self> {
                (by != 0).then(|| self.wrapping_div(by))
            }
            fn remainder(self, by: Self) -> Option<Self> {
                (by != 0).then(|| self.wrapping_rem(by))
            }
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            fn subtract(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            fn multiply(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
        }
    };
}

wrapping!(i32);
wrapping!(i64);

fn integers<T: Wrapping>(operator: Op) -> fn(T, T) -> Option<T> {
    match operator {
        Op::Subtract => |a, b| Some(a.subtract(b)),
        Op::Multiply => |a, b| Some(a.multiply(b)),
        Op::Divide => T::divide,
        Op::Remainder => T::remainder,
        _ => |a, b| Some(a.add(b)),
    }
}

fn doubles(operator: Op) -> fn(f64, f64) -> f64 {
    match operator {
        Op::Subtract => |a, b| a - b,
        Op::Multiply => |a, b| a * b,
        Op::Divide => |a, b| a / b,
        Op::Remainder => |a, b| a % b,
        _ => |a, b| a + b,
    }
}

/// Computes with 256 bits, rounds half up to the scale of the result; `None` when it does not fit.
fn decimals(
    operator: Op,
    a: (i128, u8),
    b: (i128, u8),
    (precision, scale): (u8, u8),
) -> Option<i128> {
    let wide = |digits: i128| i256::from_i128(digits);
    let ten = |by: u8| i256::from_i128(10).checked_pow(u32::from(by));
    let (of_a, of_b) = (a.1, b.1);
    let common = of_a.max(of_b);
    let same = || -> Option<(i256, i256)> {
        let a = wide(a.0).checked_mul(ten(common - of_a)?)?;
        Some((a, wide(b.0).checked_mul(ten(common - of_b)?)?))
    };
    let (digits, own) = match operator {
        Op::Subtract => (same().and_then(|(a, b)| a.checked_sub(b))?, common),
        Op::Multiply => (wide(a.0).checked_mul(wide(b.0))?, of_a + of_b),
        Op::Remainder => (same().and_then(|(a, b)| a.checked_rem(b))?, common),
        Op::Divide => return divide((wide(a.0), of_a), (wide(b.0), of_b), (precision, scale)),
        _ => (same().and_then(|(a, b)| a.checked_add(b))?, common),
    };
    if let Some(digits) = digits.to_i128() {
        return decimal::fit((digits, own.into()), (precision, scale), Rounding::HalfUp);
    }
    let divisor = ten(own.checked_sub(scale)?)?;
    within(round(digits, divisor)?, precision)
}

fn divide(a: (i256, u8), b: (i256, u8), (precision, scale): (u8, u8)) -> Option<i128> {
    let ten = |by: u8| i256::from_i128(10).checked_pow(u32::from(by));
    // a / 10^sa over b / 10^sb, times 10^scale.
    let (up, down) = (i16::from(scale) + i16::from(b.1), i16::from(a.1));
    let (mut a, mut b) = (a.0, b.0);
    if up >= down {
        a = a.checked_mul(ten(u8::try_from(up - down).ok()?)?)?;
    } else {
        b = b.checked_mul(ten(u8::try_from(down - up).ok()?)?)?;
    }
    within(round(a, b)?, precision)
}

/// The quotient, rounded to the nearest, halves away from zero; `None` for division by zero.
fn round(a: i256, b: i256) -> Option<i256> {
    let zero = i256::from_i128(0);
    let (quotient, remainder) = (a.checked_div(b)?, a.checked_rem(b)?);
    let twice = remainder.checked_abs()?.checked_mul(i256::from_i128(2))?;
    if twice < b.checked_abs()? {
        return Some(quotient);
    }
    let one = i256::from_i128(1);
    if (a < zero) == (b < zero) { quotient.checked_add(one) } else { quotient.checked_sub(one) }
}

fn within(digits: i256, precision: u8) -> Option<i128> {
    let digits = digits.to_i128()?;
    decimal::fit((digits, 0), (precision, 0), Rounding::Refuse)
}

/// `+` of texts.
fn joined(left: &Vector, right: &Vector, extent: Extent) -> LargeStringArray {
    let (left, right) = (left.text(), right.text());
    let mut builder = LargeStringBuilder::new();
    let mut whole = String::new();
    for row in 0..extent.len {
        let sides = left.get(row).zip(right.get(row));
        builder.append_option(sides.map(|(a, b)| {
            whole.clear();
            whole.push_str(a);
            whole.push_str(b);
            whole.as_str()
        }));
    }
    builder.finish()
}
