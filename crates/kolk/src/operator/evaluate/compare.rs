//! Comparisons, IS DISTINCT FROM and IN.

use super::{Batch, evaluate, may_fail};
use crate::codec::decimal;
use crate::codec::zone::Zone;
use crate::expression::{BinaryOperator, Expression};
use crate::operator::column::{Column, Lane, Vector};
use crate::operator::value::Value;
use crate::schema::DataType;
use crate::topology::NullComparisons;
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
    let types = (&left.data_type, &right.data_type);
    let (left, right) = (evaluate(left, batch), evaluate(right, batch));
    let extent = batch.extent(&[&left, &right]);
    let zone = &mut batch.session.zone;
    let sides = Sides { left: &left, right: &right, types, len: extent.len };
    let column = match operator {
        BinaryOperator::IsDistinct | BinaryOperator::IsNotDistinct => {
            let distinct = operator == BinaryOperator::IsDistinct;
            let column = sides.distinct(distinct, zone);
            return batch.finish(extent, 0, column);
        }
        BinaryOperator::Equal if is_nested(types.0) => sides.equal(true, zone),
        BinaryOperator::NotEqual if is_nested(types.0) => sides.equal(false, zone),
        BinaryOperator::Equal => sides.all(Equal),
        BinaryOperator::NotEqual => sides.all(NotEqual),
        BinaryOperator::Less => sides.all(Less),
        BinaryOperator::LessOrEqual => sides.all(LessOrEqual),
        BinaryOperator::Greater => sides.turned().all(Less),
        _ => sides.turned().all(LessOrEqual),
    };
    let column = known(column, batch.session.null_comparisons);
    batch.finish(extent, 0, column)
}

/// NULL made FALSE, if the dialect says so.
fn known(column: BooleanArray, conventions: NullComparisons) -> BooleanArray {
    match (conventions, column.nulls()) {
        (NullComparisons::False, Some(nulls)) => {
            BooleanArray::new(column.values() & nulls.inner(), None)
        }
        _ => column,
    }
}

fn is_nested(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Array(_) | DataType::Map(..) | DataType::Struct(_))
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

/// What is compared.
#[derive(Clone, Copy)]
struct Sides<'a> {
    left: &'a Vector,
    right: &'a Vector,
    types: (&'a DataType, &'a DataType),
    /// Rows.
    len: usize,
}

impl Sides<'_> {
    fn turned(self) -> Self {
        let types = (self.types.1, self.types.0);
        Self { left: self.right, right: self.left, types, ..self }
    }

    /// Compares all rows; NULL where a side is.
    fn all(self, relation: impl Holds) -> BooleanArray {
        let Self { left, right, len, .. } = self;
        let scales = (scale(self.types.0), scale(self.types.1));
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

    /// Whether nested values are equal, or are not.
    fn equal(self, wanted: bool, zone: &mut Zone) -> BooleanArray {
        let mut values = Vec::with_capacity(self.len);
        self.each(zone, |_, order| {
            values.push(order.map(|order| (order == Some(Ordering::Equal)) == wanted));
        });
        values.into()
    }

    /// IS DISTINCT FROM, or its opposite.
    fn distinct(self, distinct: bool, zone: &mut Zone) -> BooleanArray {
        let mut differ = Vec::with_capacity(self.len);
        self.each(zone, |row, order| {
            let equal = match order {
                Some(order) => order == Some(Ordering::Equal),
                None => self.left.is_null(row) && self.right.is_null(row),
            };
            differ.push(equal != distinct);
        });
        differ.into()
    }

    /// Calls `visit` with the order of both sides for each row: `None` when one is NULL, `Some(None)` when they are in no order.
    #[inline]
    fn each(self, zone: &mut Zone, mut visit: impl FnMut(usize, Option<Option<Ordering>>)) {
        let Self { left, right, types, len } = self;
        let scales = (scale(types.0), scale(types.1));
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
            Column::Text(_) if is_nested(types.0) => {
                for row in 0..len {
                    let left = Value::at(left, row, types.0, zone);
                    let right = Value::at(right, row, types.1, zone);
                    // What is not of its type equals nothing.
                    let order = match (left, right) {
                        (Ok(Value::Null), _) | (_, Ok(Value::Null)) => None,
                        (Ok(a), Ok(b)) => Some((a == b).then_some(Ordering::Equal)),
                        _ => Some(None),
                    };
                    visit(row, order);
                }
            }
            Column::Text(_) => by!(text, |(a, b)| Some(a.cmp(b))),
            Column::Bytes(_) => by!(bytes, |(a, b)| Some(a.cmp(b))),
        }
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
    let of_value = &value.data_type;
    let value = evaluate(value, batch);
    // NULL until something is equal, or it is known that nothing is.
    let mut found = vec![Some(false); batch.rows];
    for item in list {
        let types = (of_value, &item.data_type);
        let open: Vec<usize> = (0..batch.rows).filter(|row| found[*row] != Some(true)).collect();
        let narrowed = may_fail(item) && open.len() < batch.rows;
        let right = if narrowed { batch.on(&open, item) } else { evaluate(item, batch) };
        let (left, len) =
            if narrowed { (value.take(&open), open.len()) } else { (value.clone(), batch.rows) };
        let sides = Sides { left: &left, right: &right, types, len };
        sides.each(&mut batch.session.zone, |at, order| {
            let row = if narrowed { open[at] } else { at };
            match order {
                Some(Some(Ordering::Equal)) => found[row] = Some(true),
                None if found[row] == Some(false) => found[row] = None,
                _ => {}
            }
        });
    }
    Vector::each(known(found.into(), batch.session.null_comparisons))
}
