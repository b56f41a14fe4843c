//! Walks over typed expressions: which columns they read, and what takes the place of parts.

use kolk::expression::{Expression, Kind};
use std::collections::BTreeSet;

/// The positions of all columns that an expression reads.
pub(super) fn columns_of(expression: &Expression, used: &mut BTreeSet<usize>) {
    if let Kind::Column { index, .. } = &expression.kind {
        used.insert(*index);
    }
    expression.each_operand(&mut |operand| columns_of(operand, used));
}

/// Replaces expressions, from the outside in: what `replace` takes over is not looked into.
pub(super) fn replace(
    expression: &mut Expression,
    by: &mut dyn FnMut(&Expression) -> Option<Expression>,
) {
    match by(expression) {
        Some(other) => *expression = other,
        None => expression.each_operand_mut(&mut |operand| replace(operand, by)),
    }
}
