//! NOT, AND, OR and IS NULL, three-valued.

use super::{Batch, evaluate, may_fail};
use crate::expression::{BinaryOperator, Expression};
use crate::operator::column::Vector;
use arrow_array::BooleanArray;

pub(super) fn not(operand: &Expression, batch: &mut Batch<'_>) -> Vector {
    let operand = evaluate(operand, batch);
    let (extent, values) = (batch.extent(&[&operand]), operand.boolean());
    let column: BooleanArray =
        (0..extent.len).map(|row| values.get(row).map(|value| !value)).collect();
    batch.finish(extent, 0, column)
}

pub(super) fn is_null(operand: &Expression, batch: &mut Batch<'_>) -> Vector {
    let operand = evaluate(operand, batch);
    let extent = batch.extent(&[&operand]);
    let column: BooleanArray = (0..extent.len).map(|row| Some(operand.is_null(row))).collect();
    batch.finish(extent, 0, column)
}

pub(super) fn and_or(
    operator: BinaryOperator,
    left: &Expression,
    right: &Expression,
    batch: &mut Batch<'_>,
) -> Vector {
    // The value that decides alone.
    let decisive = operator == BinaryOperator::Or;
    let left = evaluate(left, batch);
    if may_fail(right) {
        return and_or_where_open(decisive, &left, right, batch);
    }
    let right = evaluate(right, batch);
    let extent = batch.extent(&[&left, &right]);
    let (left, right) = (left.boolean(), right.boolean());
    let column: BooleanArray =
        (0..extent.len).map(|row| decide(decisive, left.get(row), right.get(row))).collect();
    batch.finish(extent, 0, column)
}

fn and_or_where_open(
    decisive: bool,
    left: &Vector,
    right: &Expression,
    batch: &mut Batch<'_>,
) -> Vector {
    let left = left.boolean();
    let open: Vec<usize> = (0..batch.rows).filter(|row| left.get(*row) != Some(decisive)).collect();
    let right = batch.on(&open, right);
    let (right, mut next) = (right.boolean(), 0);
    let column: BooleanArray = (0..batch.rows)
        .map(|row| {
            let mut other = None;
            if open.get(next) == Some(&row) {
                other = right.get(next);
                next += 1;
            }
            decide(decisive, left.get(row), other)
        })
        .collect();
    Vector::each(column)
}

#[inline]
fn decide(decisive: bool, left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(value), _) | (_, Some(value)) if value == decisive => Some(decisive),
        (Some(_), Some(_)) => Some(!decisive),
        _ => None,
    }
}
