//! Nodes without state on chunks: filter, project, merge. On tables they keep what a change was before in step with what it is.

use crate::expression::{Expression, Kind, Pseudo};
use crate::operator::chunk::{Chunk, Old};
use crate::operator::column::Vector;
use crate::operator::evaluate::{Batch, evaluate};
use crate::operator::operate::{Context, Operate};
use crate::schema::DataType;
use crate::topology::Collection;
use arrow_array::{Int32Array, Int64Array};

/// Keeps the rows for which the predicate is true. A row of a table that is not kept deletes its key.
#[derive(Debug)]
pub(crate) struct Filter {
    predicate: Expression,
    collection: Collection,
}

/// Computes new columns.
#[derive(Debug)]
pub(crate) struct Project {
    expressions: Vec<Expression>,
}

/// Passes on what comes from any input.
#[derive(Debug)]
pub(crate) struct Merge;

impl Filter {
    /// Over rows of so many columns.
    pub(crate) fn new(predicate: &Expression, columns: usize, collection: Collection) -> Self {
        Self { predicate: over_chunk(predicate, columns), collection }
    }

    fn holds(&self, chunk: &Chunk, columns: &[Vector], context: &mut Context<'_>) -> Vec<bool> {
        let result = values(&self.predicate, chunk, columns, context);
        let holds = result.boolean();
        (0..chunk.rows).map(|row| holds.get(row) == Some(true)).collect()
    }
}

impl Operate for Filter {
    fn process(&mut self, _: usize, chunk: &Chunk, context: &mut Context<'_>) -> Chunk {
        let holds = self.holds(chunk, &chunk.columns, context);
        if self.collection == Collection::Stream {
            let kept: Vec<usize> = (0..chunk.rows).filter(|row| holds[*row]).collect();
            context.fates.filtered += (chunk.rows - kept.len()) as u64;
            return chunk.select(&kept);
        }
        let held = chunk.old.as_ref().map(|old| {
            let held = self.holds(chunk, &old.columns, context);
            (0..chunk.rows).map(|row| old.present[row] && held[row]).collect::<Vec<bool>>()
        });
        // Where it is known that the key was not there before, nothing has to be deleted.
        let was_there = |row: usize| held.as_ref().is_none_or(|held| held[row]);
        let is_there = |row: usize| holds[row] && !chunk.is_deleted(row);
        let kept: Vec<usize> =
            (0..chunk.rows).filter(|row| is_there(*row) || was_there(*row)).collect();
        context.fates.filtered += (chunk.rows - kept.len()) as u64;
        let mut result = chunk.select(&kept);
        result.deleted = kept.iter().map(|row| !is_there(*row)).collect();
        if let (Some(old), Some(held)) = (&mut result.old, held) {
            old.present = kept.iter().map(|row| held[*row]).collect();
        }
        result
    }
}

impl Project {
    /// Over rows of so many columns.
    pub(crate) fn new(expressions: &[Expression], columns: usize) -> Self {
        let expressions =
            expressions.iter().map(|expression| over_chunk(expression, columns)).collect();
        Self { expressions }
    }

    fn columns(&self, chunk: &Chunk, columns: &[Vector], context: &mut Context<'_>) -> Vec<Vector> {
        let of = |expression| values(expression, chunk, columns, context);
        self.expressions.iter().map(of).collect()
    }
}

impl Operate for Project {
    fn process(&mut self, _: usize, chunk: &Chunk, context: &mut Context<'_>) -> Chunk {
        let columns = self.columns(chunk, &chunk.columns, context);
        let old = chunk.old.as_ref().map(|old| Old {
            present: old.present.clone(),
            columns: self.columns(chunk, &old.columns, context),
        });
        Chunk {
            rows: chunk.rows,
            columns,
            times: chunk.times.clone(),
            deleted: chunk.deleted.clone(),
            old,
            origins: chunk.origins.clone(),
            marks: chunk.marks.clone(),
        }
    }
}

impl Operate for Merge {
    fn process(&mut self, _: usize, chunk: &Chunk, _: &mut Context<'_>) -> Chunk {
        chunk.clone()
    }
}

/// What every row has beside its columns stands behind them in a chunk.
const PSEUDO: [Pseudo; 3] = [Pseudo::RowTime, Pseudo::RowPartition, Pseudo::RowOffset];

/// The expression over a chunk of so many columns.
pub(crate) fn over_chunk(expression: &Expression, columns: usize) -> Expression {
    let mut expression = expression.clone();
    replace_pseudo(&mut expression, columns);
    expression
}

fn replace_pseudo(expression: &mut Expression, columns: usize) {
    if let Kind::Pseudo(pseudo) = &expression.kind {
        let index = columns + PSEUDO.iter().position(|other| other == pseudo).unwrap_or_default();
        expression.kind = Kind::Column { index, name: String::new() };
    }
    expression.each_operand_mut(&mut |operand| replace_pseudo(operand, columns));
}

/// The values of an expression on the rows of a chunk, over these columns.
pub(crate) fn values(
    expression: &Expression,
    chunk: &Chunk,
    columns: &[Vector],
    context: &mut Context<'_>,
) -> Vector {
    let mut all: Vec<Option<Vector>> = columns.iter().cloned().map(Some).collect();
    all.extend(PSEUDO.map(|pseudo| pseudo_values(pseudo, chunk)));
    let (failed, session) = (&mut context.fates.failed_expressions, &mut *context.session);
    evaluate(expression, &mut Batch::new(chunk.rows, &all, failed, session))
}

fn pseudo_values(pseudo: Pseudo, chunk: &Chunk) -> Option<Vector> {
    let origins = (!chunk.origins.is_empty()).then(|| chunk.origins.iter());
    Some(match pseudo {
        Pseudo::RowTime => Vector::each(Int64Array::from(chunk.times.clone())),
        Pseudo::RowPartition => {
            Vector::each(origins?.map(|origin| origin.partition).collect::<Int32Array>())
        }
        Pseudo::RowOffset => {
            Vector::each(origins?.map(|origin| origin.offset).collect::<Int64Array>())
        }
    })
}

/// The types of a schema's columns.
pub(crate) fn types(schema: &crate::schema::Schema) -> Vec<DataType> {
    schema.columns.iter().map(|column| column.data_type.clone()).collect()
}
