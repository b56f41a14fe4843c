//! Expressions over the rows of a batch: one file for each family.
//!
//! An expression that fails on a row is NULL there, and the failure is counted; where the row does not need the expression
//! (a CASE branch that is not taken, the right side of `FALSE AND …`) it is not evaluated and cannot fail.

mod session;
mod literal;
mod logic;
mod compare;
mod arithmetic;
mod conditional;
mod construct;
mod cast;
mod show;
mod math;
mod round;
mod text;
mod position;
mod like;
mod nested;
mod geometry;
mod rows;
mod split;
mod regex;
mod mask;
mod bytes;
mod url;
mod collection;
mod lambda;
mod json;
mod time;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod lambda_tests;

pub(crate) use session::Session;

use crate::expression::{BinaryOperator, Expression, Family, Function, Kind, UnaryOperator};
use crate::operator::column::{Column, Vector};
use crate::schema::DataType;

/// The rows that expressions are evaluated on.
pub(crate) struct Batch<'a> {
    /// How many.
    pub(crate) rows: usize,
    /// The values by column; those that an expression names are there.
    pub(crate) columns: &'a [Option<Vector>],
    /// The values of the parameters of lambda functions around, by number.
    pub(crate) parameters: &'a [Option<Vector>],
    /// How many times an expression failed on a row.
    pub(crate) failed: &'a mut u64,
    /// In a lambda function: the rows on which arithmetic failed, if that matters to the whole.
    pub(crate) broken: Option<&'a mut [bool]>,
    pub(crate) session: &'a mut Session,
}

impl<'a> Batch<'a> {
    /// So many rows, and the columns that their expressions name.
    pub(crate) fn new(
        rows: usize,
        columns: &'a [Option<Vector>],
        failed: &'a mut u64,
        session: &'a mut Session,
    ) -> Self {
        Self { rows, columns, parameters: &[], failed, broken: None, session }
    }

    /// How many values an operation on these operands has, and whether the one value holds for all rows.
    fn extent(&self, operands: &[&Vector]) -> Extent {
        let constant = operands.iter().all(|operand| operand.constant);
        Extent { len: if constant { self.rows.min(1) } else { self.rows }, constant }
    }

    /// A value for each row.
    fn each_row(&self) -> Extent {
        Extent { len: self.rows, constant: false }
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
        let (columns, parameters) = self.taken(rows, expression);
        let mut broken = self.broken.as_ref().map(|_| vec![false; rows.len()]);
        let inner = &mut Batch {
            rows: rows.len(),
            columns: &columns,
            parameters: &parameters,
            failed: &mut *self.failed,
            broken: broken.as_deref_mut(),
            session: &mut *self.session,
        };
        let vector = evaluate(expression, inner);
        if let (Some(all), Some(broken)) = (&mut self.broken, broken) {
            rows.iter().zip(broken).for_each(|(row, broken)| all[*row] |= broken);
        }
        vector
    }

    /// Notes the rows on which arithmetic gave NULL.
    fn note_nulls(&mut self, vector: &Vector) {
        if let Some(broken) = &mut self.broken {
            for (row, broken) in broken.iter_mut().enumerate() {
                *broken |= vector.is_null(row);
            }
        }
    }

    /// Some of the rows of the columns and parameters that an expression names.
    fn taken(
        &self,
        rows: &[usize],
        expression: &Expression,
    ) -> (Vec<Option<Vector>>, Vec<Option<Vector>>) {
        let mut named = Named {
            columns: vec![false; self.columns.len()],
            parameters: vec![false; self.parameters.len()],
        };
        named.mark(expression);
        let take = |of: &[Option<Vector>], named: &[bool]| {
            let taken = of.iter().zip(named).map(|(vector, named)| {
                vector.as_ref().filter(|_| *named).map(|vector| vector.take(rows))
            });
            taken.collect()
        };
        (take(self.columns, &named.columns), take(self.parameters, &named.parameters))
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
        Kind::Array(_) | Kind::Map(_) | Kind::Struct(_) | Kind::Call { .. } => {
            // A part that fails is NULL, and what it is a part of goes on.
            let broken = batch.broken.take();
            let vector = built_or_called(expression, batch);
            batch.broken = broken;
            vector
        }
        Kind::Parameter { number, .. } => match batch.parameters.get(*number) {
            Some(Some(vector)) => vector.clone(),
            _ => literal::null(data_type),
        },
        // The function whose argument it is calls it.
        Kind::Lambda { .. } => literal::null(data_type),
    }
}

fn built_or_called(expression: &Expression, batch: &mut Batch<'_>) -> Vector {
    let data_type = &expression.data_type;
    match &expression.kind {
        Kind::Array(items) => construct::array(items, batch),
        Kind::Map(entries) => construct::map(entries, batch),
        Kind::Struct(values) => construct::structure(values, data_type, batch),
        Kind::Call { function, arguments } => call(*function, arguments, data_type, batch),
        _ => literal::null(data_type),
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
    match function.family() {
        Family::Choice => conditional::call(function, arguments, data_type, batch),
        Family::Number => math::call(function, arguments, data_type, batch),
        Family::Geometry => geometry::call(function, arguments, batch),
        Family::Text => text::call(function, arguments, batch),
        Family::Position => position::call(function, arguments, batch),
        Family::List => split::call(function, arguments, data_type, batch),
        Family::Collection => collection::call(function, arguments, data_type, batch),
        Family::Lambda => lambda::call(function, arguments, data_type, batch),
        Family::Json => json::call(function, arguments, data_type, batch),
        Family::Regex => regex::call(function, arguments, data_type, batch),
        Family::Mask => mask::call(function, arguments, data_type, batch),
        Family::Bytes => bytes::call(function, arguments, data_type, batch),
        Family::Url => url::call(function, arguments, data_type, batch),
        Family::Time => time::call(function, arguments, data_type, batch),
    }
}

/// Marks the columns that an expression names.
pub(crate) fn mark_columns(expression: &Expression, named: &mut [bool]) {
    if let Kind::Column { index, .. } = &expression.kind
        && let Some(named) = named.get_mut(*index)
    {
        *named = true;
    }
    expression.each_operand(&mut |operand| mark_columns(operand, named));
}

/// Which columns and parameters of lambda functions an expression names.
struct Named {
    columns: Vec<bool>,
    parameters: Vec<bool>,
}

impl Named {
    fn mark(&mut self, expression: &Expression) {
        let named = match &expression.kind {
            Kind::Column { index, .. } => self.columns.get_mut(*index),
            Kind::Parameter { number, .. } => self.parameters.get_mut(*number),
            _ => None,
        };
        if let Some(named) = named {
            *named = true;
        }
        expression.each_operand(&mut |operand| self.mark(operand));
    }
}

/// Whether an expression could fail on a row. Then it is evaluated only where it is needed.
fn may_fail(expression: &Expression) -> bool {
    use BinaryOperator as Op;
    let decimal = matches!(expression.data_type, DataType::Decimal { .. });
    let itself = match &expression.kind {
        Kind::Cast(_)
        | Kind::Call { .. }
        | Kind::Field { .. }
        | Kind::Element { .. }
        | Kind::Map(_) => true,
        Kind::Binary { operator, .. } => {
            matches!(operator, Op::Divide | Op::Remainder)
                || decimal && matches!(operator, Op::Add | Op::Subtract | Op::Multiply)
        }
        _ => false,
    };
    let mut found = itself;
    expression.each_operand(&mut |operand| found = found || may_fail(operand));
    found
}
