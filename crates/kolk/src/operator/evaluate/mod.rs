//! Expressions over the rows of a batch: one file for each family.
//!
//! An expression that fails on a row is NULL there, and the failure is counted; where the row does not need the expression
//! (a CASE branch that is not taken, the right side of `FALSE AND …`) it is not evaluated and cannot fail.

mod literal;
mod logic;
mod compare;
mod arithmetic;
mod conditional;
mod cast;
mod math;
mod text;
mod position;
mod like;
mod nested;
mod time;
#[cfg(test)]
mod tests;

use crate::codec::zone::Zone;
use crate::expression::{BinaryOperator, Expression, Function, Kind, UnaryOperator};
use crate::operator::column::{Column, Vector};
use crate::schema::DataType;
use crate::topology::JsonTimestamps;
use hashbrown::HashMap;

/// What is the same for all rows, and memory that lasts from batch to batch.
#[derive(Debug)]
pub(crate) struct Session {
    /// Where text without an offset is read, and time-stamps are written.
    pub(crate) zone: Zone,
    /// How time-stamps are written as text.
    pub(crate) timestamps: JsonTimestamps,
    /// Formats and zones that expressions named, compiled.
    pub(crate) patterns: HashMap<String, Option<crate::codec::pattern::Pattern>>,
    pub(crate) zones: HashMap<String, Option<Zone>>,
}

/// The rows that expressions are evaluated on.
pub(crate) struct Batch<'a> {
    /// How many.
    pub(crate) rows: usize,
    /// The values by column; those that an expression names are there.
    pub(crate) columns: &'a [Option<Vector>],
    /// How many times an expression failed on a row.
    pub(crate) failed: &'a mut u64,
    pub(crate) session: &'a mut Session,
}

impl Batch<'_> {
    /// How many values an operation on these operands has, and whether the one value holds for all rows.
    fn extent(&self, operands: &[&Vector]) -> Extent {
        let constant = operands.iter().all(|operand| operand.constant);
        Extent { len: if constant { self.rows.min(1) } else { self.rows }, constant }
    }

    /// A column of as many values as `extent` says, `failures` of which are NULL because the expression failed.
    fn finish(&mut self, extent: Extent, failures: u64, column: impl Into<Column>) -> Vector {
        // What fails once for all rows fails on each of them, however rows are cut into batches.
        let weight = if extent.constant { self.rows as u64 } else { 1 };
        *self.failed += failures * weight;
        let column = column.into();
        // A constant is read at row 0 even where there is no row.
        if column.len() == 0 && extent.constant {
            return self::literal::null_like(&column);
        }
        Vector { column, constant: extent.constant }
    }

    /// Evaluates on some of the rows.
    fn on(&mut self, rows: &[usize], expression: &Expression) -> Vector {
        if rows.len() == self.rows {
            return evaluate(expression, self);
        }
        let mut named = vec![false; self.columns.len()];
        mark_columns(expression, &mut named);
        let columns: Vec<Option<Vector>> = self
            .columns
            .iter()
            .zip(named)
            .map(|(column, named)| {
                column.as_ref().filter(|_| named).map(|column| column.take(rows))
            })
            .collect();
        let (failed, session) = (&mut *self.failed, &mut *self.session);
        evaluate(expression, &mut Batch { rows: rows.len(), columns: &columns, failed, session })
    }
}

/// NULL of a type, for all rows.
pub(crate) fn literal_null(data_type: &DataType) -> Vector {
    literal::null(data_type)
}

/// How many values, and whether one holds for all rows.
#[derive(Debug, Clone, Copy)]
struct Extent {
    len: usize,
    constant: bool,
}

/// The values of an expression on all rows of a batch.
pub(crate) fn evaluate(expression: &Expression, batch: &mut Batch<'_>) -> Vector {
    let data_type = &expression.data_type;
    match &expression.kind {
        Kind::Column { index, .. } => match batch.columns.get(*index) {
            Some(Some(vector)) => vector.clone(),
            _ => literal::null(data_type),
        },
        // Pseudo columns were made columns when the query was compiled.
        Kind::Pseudo(_) => literal::null(data_type),
        Kind::Literal(value) => literal::vector(value, data_type),
        Kind::Field { of, name } => nested::field(of, name, data_type, batch),
        Kind::Element { of, index } => nested::element(of, index, data_type, batch),
        Kind::Unary { operator: UnaryOperator::Not, operand } => logic::not(operand, batch),
        Kind::Unary { operator: UnaryOperator::Negate, operand } => {
            arithmetic::negate(operand, batch)
        }
        Kind::Binary { operator, left, right } => binary(*operator, left, right, expression, batch),
        Kind::Case { branches, otherwise } => {
            conditional::case(branches, otherwise.as_deref(), data_type, batch)
        }
        Kind::Cast(operand) => cast::cast(operand, data_type, batch),
        Kind::Like { value, pattern, escape } => like::like(value, pattern, *escape, batch),
        Kind::In { value, list } => compare::is_in(value, list, batch),
        Kind::IsNull(operand) => logic::is_null(operand, batch),
        Kind::Call { function, arguments } => call(*function, arguments, data_type, batch),
    }
}

fn binary(
    operator: BinaryOperator,
    left: &Expression,
    right: &Expression,
    whole: &Expression,
    batch: &mut Batch<'_>,
) -> Vector {
    use BinaryOperator as Op;
    match operator {
        Op::And | Op::Or => logic::and_or(operator, left, right, batch),
        Op::Add | Op::Subtract | Op::Multiply | Op::Divide | Op::Remainder => {
            arithmetic::binary(operator, (left, right), &whole.data_type, batch)
        }
        Op::Equal
        | Op::NotEqual
        | Op::Less
        | Op::LessOrEqual
        | Op::Greater
        | Op::GreaterOrEqual
        | Op::IsDistinct
        | Op::IsNotDistinct => compare::compare(operator, left, right, batch),
    }
}

fn call(
    function: Function,
    arguments: &[Expression],
    data_type: &DataType,
    batch: &mut Batch<'_>,
) -> Vector {
    use Function as F;
    match function {
        F::Coalesce | F::IfNull => conditional::coalesce(arguments, data_type, batch),
        F::NullIf => conditional::null_if(arguments, data_type, batch),
        F::Greatest | F::Least => conditional::extreme(function, arguments, data_type, batch),
        F::Abs | F::Ceil | F::Floor | F::Round | F::Sign | F::Sqrt | F::Exp | F::Ln => {
            math::call(function, arguments, data_type, batch)
        }
        F::Ucase
        | F::Lcase
        | F::InitCap
        | F::Len
        | F::Trim
        | F::Concat
        | F::ConcatWs
        | F::Replace
        | F::Chr => text::call(function, arguments, batch),
        F::Substring | F::Instr | F::Lpad | F::Rpad => position::call(function, arguments, batch),
        F::Split | F::ExtractJsonField | F::ArrayLength | F::ArrayContains => {
            nested::call(function, arguments, batch)
        }
        F::ParseTimestamp | F::FormatTimestamp | F::FromUnixTime | F::UnixTimestamp => {
            time::call(function, arguments, batch)
        }
    }
}

/// Marks the columns that an expression names.
pub(crate) fn mark_columns(expression: &Expression, named: &mut [bool]) {
    if let Kind::Column { index, .. } = &expression.kind
        && let Some(named) = named.get_mut(*index)
    {
        *named = true;
    }
    each_operand(expression, &mut |operand| mark_columns(operand, named));
}

/// Calls `visit` with each direct operand.
pub(crate) fn each_operand<'a>(expression: &'a Expression, visit: &mut impl FnMut(&'a Expression)) {
    match &expression.kind {
        Kind::Column { .. } | Kind::Pseudo(_) | Kind::Literal(_) => {}
        Kind::Field { of: operand, .. }
        | Kind::Unary { operand, .. }
        | Kind::Cast(operand)
        | Kind::IsNull(operand) => visit(operand),
        Kind::Element { of: left, index: right }
        | Kind::Binary { left, right, .. }
        | Kind::Like { value: left, pattern: right, .. } => {
            visit(left);
            visit(right);
        }
        Kind::Case { branches, otherwise } => {
            for (when, then) in branches {
                visit(when);
                visit(then);
            }
            otherwise.iter().for_each(|otherwise| visit(otherwise));
        }
        Kind::In { value, list } => {
            visit(value);
            list.iter().for_each(visit);
        }
        Kind::Call { arguments, .. } => arguments.iter().for_each(visit),
    }
}

/// Calls `visit` with each direct operand.
pub(crate) fn each_operand_mut(
    expression: &mut Expression,
    visit: &mut impl FnMut(&mut Expression),
) {
    match &mut expression.kind {
        Kind::Column { .. } | Kind::Pseudo(_) | Kind::Literal(_) => {}
        Kind::Field { of: operand, .. }
        | Kind::Unary { operand, .. }
        | Kind::Cast(operand)
        | Kind::IsNull(operand) => visit(operand),
        Kind::Element { of: left, index: right }
        | Kind::Binary { left, right, .. }
        | Kind::Like { value: left, pattern: right, .. } => {
            visit(left);
            visit(right);
        }
        Kind::Case { branches, otherwise } => {
            for (when, then) in branches {
                visit(when);
                visit(then);
            }
            otherwise.iter_mut().for_each(|otherwise| visit(otherwise));
        }
        Kind::In { value, list } => {
            visit(value);
            list.iter_mut().for_each(visit);
        }
        Kind::Call { arguments, .. } => arguments.iter_mut().for_each(visit),
    }
}

/// Whether an expression could fail on a row. Then it is evaluated only where it is needed.
fn may_fail(expression: &Expression) -> bool {
    use BinaryOperator as Op;
    let decimal = matches!(expression.data_type, DataType::Decimal { .. });
    let itself = match &expression.kind {
        Kind::Cast(_) | Kind::Call { .. } | Kind::Field { .. } | Kind::Element { .. } => true,
        Kind::Binary { operator, .. } => {
            matches!(operator, Op::Divide | Op::Remainder)
                || decimal && matches!(operator, Op::Add | Op::Subtract | Op::Multiply)
        }
        _ => false,
    };
    let mut found = itself;
    each_operand(expression, &mut |operand| found = found || may_fail(operand));
    found
}
