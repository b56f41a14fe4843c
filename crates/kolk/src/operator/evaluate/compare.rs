//! Comparisons, IS DISTINCT FROM and IN.

use super::{Batch, evaluate, may_fail};
use crate::codec::decimal;
use crate::expression::{BinaryOperator, Expression};
use crate::operator::column::{Column, Lane, Vector};
use crate::schema::DataType;
use arrow_array::BooleanArray;
use arrow_array::array::{Array, ArrayAccessor};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use std::cmp::Ordering;

pub(super) fn compare(
    operator: BinaryOperator,
    left: &Expression,
    right: &Expression,
    batch: &mut Batch<'_>,
) -> Vector {
    let scales = (scale(&left.data_type), scale(&right.data_type));
    let (left, right) = (evaluate(left, batch), evaluate(right, batch));
    let extent = batch.extent(&[&left, &right]);
    let column: BooleanArray = match operator {
        BinaryOperator::IsDistinct | BinaryOperator::IsNotDistinct => {
            let distinct = operator == BinaryOperator::IsDistinct;
            let mut differ = Vec::with_capacity(extent.len);
            each(&left, &right, scales, extent.len, |row, order| {
                let equal = match order {
                    Some(order) => order == Some(Ordering::Equal),
                    None => left.is_null(row) && right.is_null(row),
                };
                differ.push(equal != distinct);
            });
            differ.into()
        }
        BinaryOperator::Equal => all(&left, &right, scales, extent.len, Equal),
        BinaryOperator::NotEqual => all(&left, &right, scales, extent.len, NotEqual),
        BinaryOperator::Less => all(&left, &right, scales, extent.len, Less),
        BinaryOperator::LessOrEqual => all(&left, &right, scales, extent.len, LessOrEqual),
        BinaryOperator::Greater => all(&right, &left, (scales.1, scales.0), extent.len, Less),
        _ => all(&right, &left, (scales.1, scales.0), extent.len, LessOrEqual),
    };
    batch.finish(extent, 0, column)
}

/// What holds between two values; nothing but inequality does for NaN.
trait Holds: Copy {
    fn holds<T: PartialOrd>(self, a: T, b: T) -> bool;
}

macro_rules! relation {
    ($name:ident, $operator:tt) => {
        #[derive(Clone, Copy)]
        struct $name;

        impl Holds for $name {
            #[inline]
            fn holds<T: PartialOrd>(self, a: T, b: T) -> bool {
                a $operator b
            }
        }
    };
}

relation!(Equal, ==);
relation!(NotEqual, !=);
relation!(Less, <);
relation!(LessOrEqual, <=);

/// Compares all rows; NULL where a side is.
fn all(
    left: &Vector,
    right: &Vector,
    scales: (u8, u8),
    len: usize,
    relation: impl Holds,
) -> BooleanArray {
    macro_rules! by {
        ($lane:ident) => {
            lanes(left.$lane(), right.$lane(), len, |a, b| relation.holds(a, b))
        };
    }
    match &left.column {
        Column::Boolean(_) => by!(boolean),
        Column::Int32(_) => by!(int32),
        Column::Int64(_) => by!(int64),
        Column::Double(_) => by!(double),
        Column::Decimal(_) => lanes(left.decimal(), right.decimal(), len, |a, b| {
            relation.holds(decimals(a, b, scales), Ordering::Equal)
        }),
        Column::Text(_) => by!(text),
        Column::Bytes(_) => by!(bytes),
    }
}

fn lanes<'a, A: Array>(
    left: Lane<'a, A>,
    right: Lane<'a, A>,
    len: usize,
    holds: impl Fn(<&'a A as ArrayAccessor>::Item, <&'a A as ArrayAccessor>::Item) -> bool,
) -> BooleanArray
where
    &'a A: ArrayAccessor,
{
    let nulls = NullBuffer::union(left.nulls(len).as_ref(), right.nulls(len).as_ref());
    let values = BooleanBuffer::collect_bool(len, |row| holds(left.raw(row), right.raw(row)));
    BooleanArray::new(values, nulls)
}

fn scale(data_type: &DataType) -> u8 {
    match data_type {
        DataType::Decimal { scale, .. } => *scale,
        _ => 0,
    }
}

/// Calls `visit` with the order of both sides for each row: `None` when one is NULL, `Some(None)` when they are in no order.
#[inline]
fn each(
    left: &Vector,
    right: &Vector,
    scales: (u8, u8),
    len: usize,
    mut visit: impl FnMut(usize, Option<Option<Ordering>>),
) {
    macro_rules! by {
        ($lane:ident, $order:expr) => {{
            let (left, right) = (left.$lane(), right.$lane());
            for row in 0..len {
                visit(row, left.get(row).zip(right.get(row)).map($order));
            }
        }};
    }
    match &left.column {
        Column::Boolean(_) => by!(boolean, |(a, b)| Some(a.cmp(&b))),
        Column::Int32(_) => by!(int32, |(a, b)| Some(a.cmp(&b))),
        Column::Int64(_) => by!(int64, |(a, b)| Some(a.cmp(&b))),
        Column::Double(_) => by!(double, |(a, b)| a.partial_cmp(&b)),
        Column::Decimal(_) => by!(decimal, |(a, b)| Some(decimals(a, b, scales))),
        Column::Text(_) => by!(text, |(a, b)| Some(a.cmp(b))),
        Column::Bytes(_) => by!(bytes, |(a, b)| Some(a.cmp(b))),
    }
}

/// Compares digits of two scales.
fn decimals(a: i128, b: i128, (of_a, of_b): (u8, u8)) -> Ordering {
    let by = |digits: i128, own: u8, other: u8| {
        digits.checked_mul(decimal::power(u32::from(other.saturating_sub(own)))?)
    };
    match (by(a, of_a, of_b), by(b, of_b, of_a)) {
        (Some(a), Some(b)) => a.cmp(&b),
        // The side that has no room for the other's scale is the larger one, away from zero.
        (None, _) => a.cmp(&0),
        (_, None) => 0.cmp(&b),
    }
}

/// `value IN (list)`.
pub(super) fn is_in(value: &Expression, list: &[Expression], batch: &mut Batch<'_>) -> Vector {
    let of_value = scale(&value.data_type);
    let value = evaluate(value, batch);
    // NULL until something is equal, or it is known that nothing is.
    let mut found = vec![Some(false); batch.rows];
    for item in list {
        let scales = (of_value, scale(&item.data_type));
        let open: Vec<usize> = (0..batch.rows).filter(|row| found[*row] != Some(true)).collect();
        let narrowed = may_fail(item) && open.len() < batch.rows;
        let vector = if narrowed { batch.on(&open, item) } else { evaluate(item, batch) };
        let (left, rows) =
            if narrowed { (value.take(&open), open.len()) } else { (value.clone(), batch.rows) };
        each(&left, &vector, scales, rows, |at, order| {
            let row = if narrowed { open[at] } else { at };
            match order {
                Some(Some(Ordering::Equal)) => found[row] = Some(true),
                None if found[row] == Some(false) => found[row] = None,
                _ => {}
            }
        });
    }
    let column: BooleanArray = found.into();
    Vector::each(column)
}
