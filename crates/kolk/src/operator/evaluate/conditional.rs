//! CASE, COALESCE, IFNULL, NULLIF, GREATEST and LEAST: which of several values a row gets.

use super::{Batch, compare, evaluate, literal};
use crate::expression::{BinaryOperator, Expression, Function};
use crate::operator::column::{Column, Vector, gather};
use crate::schema::DataType;
use std::cmp::Ordering;

pub(super) fn call(
    function: Function,
    arguments: &[Expression],
    data_type: &DataType,
    batch: &mut Batch<'_>,
) -> Vector {
    match function {
        Function::NullIf => null_if(arguments, data_type, batch),
        Function::Greatest | Function::Least => extreme(function, arguments, data_type, batch),
        _ => coalesce(arguments, data_type, batch),
    }
}

/// Values from several vectors, to be put together.
struct Choice {
    vectors: Vec<Vector>,
    /// The vector and the row in it, for each row.
    picks: Vec<(usize, usize)>,
}

impl Choice {
    /// NULL for each row, until something else is chosen.
    fn new(data_type: &DataType, rows: usize) -> Self {
        Self { vectors: vec![literal::null(data_type)], picks: vec![(0, 0); rows] }
    }

    /// Chooses the values of `vector`, one for each of `rows`.
    fn choose(&mut self, rows: &[usize], vector: Vector) {
        self.vectors.push(vector);
        for (at, row) in rows.iter().enumerate() {
            self.picks[*row] = (self.vectors.len() - 1, at);
        }
    }

    fn finish(self) -> Vector {
        let vectors: Vec<&Vector> = self.vectors.iter().collect();
        Vector::each(gather(&vectors, &self.picks))
    }
}

pub(super) fn case(
    branches: &[(Expression, Expression)],
    otherwise: Option<&Expression>,
    data_type: &DataType,
    batch: &mut Batch<'_>,
) -> Vector {
    let mut choice = Choice::new(data_type, batch.rows);
    let mut open: Vec<usize> = (0..batch.rows).collect();
    for (when, then) in branches {
        if open.is_empty() {
            break;
        }
        let holds = batch.on(&open, when);
        let holds = holds.boolean();
        let (mut taken, mut rest) = (Vec::new(), Vec::new());
        for (at, row) in open.iter().enumerate() {
            if holds.get(at) == Some(true) { taken.push(*row) } else { rest.push(*row) }
        }
        if !taken.is_empty() {
            let values = batch.on(&taken, then);
            choice.choose(&taken, values);
        }
        open = rest;
    }
    if let Some(otherwise) = otherwise
        && !open.is_empty()
    {
        let values = batch.on(&open, otherwise);
        choice.choose(&open, values);
    }
    choice.finish()
}

fn coalesce(arguments: &[Expression], data_type: &DataType, batch: &mut Batch<'_>) -> Vector {
    let mut choice = Choice::new(data_type, batch.rows);
    let mut open: Vec<usize> = (0..batch.rows).collect();
    for argument in arguments {
        if open.is_empty() {
            break;
        }
        let values = batch.on(&open, argument);
        let rest = open.iter().enumerate().filter(|(at, _)| values.is_null(*at));
        let rest: Vec<usize> = rest.map(|(_, row)| *row).collect();
        choice.choose(&open, values);
        open = rest;
    }
    choice.finish()
}

fn null_if(arguments: &[Expression], data_type: &DataType, batch: &mut Batch<'_>) -> Vector {
    let [value, other] = arguments else { return literal::null(data_type) };
    let equal = compare::compare(BinaryOperator::Equal, value, other, batch);
    let failed = *batch.failed;
    let values = evaluate(value, batch);
    // It was evaluated for the comparison too: a failure counts once.
    *batch.failed = failed;
    let equal = equal.boolean();
    let mut choice = Choice::new(data_type, batch.rows);
    choice.vectors.push(values);
    for row in 0..batch.rows {
        if equal.get(row) != Some(true) {
            choice.picks[row] = (1, row);
        }
    }
    choice.finish()
}

fn extreme(
    function: Function,
    arguments: &[Expression],
    data_type: &DataType,
    batch: &mut Batch<'_>,
) -> Vector {
    let wanted = if function == Function::Greatest { Ordering::Greater } else { Ordering::Less };
    let mut choice = Choice::new(data_type, batch.rows);
    for argument in arguments {
        let values = evaluate(argument, batch);
        choice.vectors.push(values);
        let new = choice.vectors.len() - 1;
        for row in 0..batch.rows {
            let (best, at) = choice.picks[row];
            let (best, new_one) = (&choice.vectors[best], &choice.vectors[new]);
            if !new_one.is_null(row)
                && (best.is_null(at) || order(new_one, row, best, at) == Some(wanted))
            {
                choice.picks[row] = (new, row);
            }
        }
    }
    choice.finish()
}

fn order(a: &Vector, at_a: usize, b: &Vector, at_b: usize) -> Option<Ordering> {
    fn compare<T: PartialOrd>((a, b): (T, T)) -> Option<Ordering> {
        a.partial_cmp(&b)
    }
    macro_rules! by {
        ($lane:ident) => {
            a.$lane().get(at_a).zip(b.$lane().get(at_b)).and_then(compare)
        };
    }
    match &a.column {
        Column::Boolean(_) => by!(boolean),
        Column::Int32(_) => by!(int32),
        Column::Int64(_) => by!(int64),
        Column::Double(_) => by!(double),
        Column::Decimal(_) => by!(decimal),
        Column::Text(_) => by!(text),
        Column::Bytes(_) => by!(bytes),
    }
}
