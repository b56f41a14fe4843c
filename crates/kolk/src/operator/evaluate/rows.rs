//! Functions that are computed row by row, on values instead of columns.

use super::{Batch, Session, evaluate};
use crate::expression::Expression;
use crate::operator::column::Vector;
use crate::operator::value::{Value, Values};
use crate::schema::DataType;

/// A function that cannot be computed on a row: it is NULL there, and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failed;

/// What a function gives for a row.
pub(super) type Outcome<'v> = Result<Value<'v>, Failed>;

/// The arguments of a row; those that are missing are NULL.
pub(super) struct Arguments<'v>(Vec<Value<'v>>);

impl<'v> Arguments<'v> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// One of them.
    pub(super) fn get(&self, at: usize) -> &Value<'v> {
        self.0.get(at).unwrap_or(&Value::Null)
    }

    /// One of them, which is NULL from then on.
    pub(super) fn take(&mut self, at: usize) -> Value<'v> {
        self.0.get_mut(at).map_or(Value::Null, |value| std::mem::replace(value, Value::Null))
    }

    /// The items of an array.
    pub(super) fn array(&mut self, at: usize) -> Option<Vec<Value<'v>>> {
        match self.take(at) {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a map.
    pub(super) fn map(&mut self, at: usize) -> Option<Vec<(Value<'v>, Value<'v>)>> {
        match self.take(at) {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// A text.
    pub(super) fn text(&self, at: usize) -> Option<&str> {
        if let Value::Text(text) = self.get(at) { Some(text) } else { None }
    }

    /// BYTES.
    pub(super) fn bytes(&self, at: usize) -> Option<&[u8]> {
        if let Value::Bytes(bytes) = self.get(at) { Some(bytes) } else { None }
    }

    /// An INTEGER.
    pub(super) fn integer(&self, at: usize) -> Option<i32> {
        if let Value::Integer(value) = self.get(at) { Some(*value) } else { None }
    }
}

/// Computes a function for each row.
pub(super) fn each(
    arguments: &[Expression],
    data_type: &DataType,
    batch: &mut Batch<'_>,
    mut compute: impl for<'v> FnMut(Arguments<'v>, &mut Session) -> Outcome<'v>,
) -> Vector {
    let vectors: Vec<Vector> = arguments.iter().map(|argument| evaluate(argument, batch)).collect();
    let extent = batch.extent(&vectors.iter().collect::<Vec<_>>());
    let session = &mut *batch.session;
    let (mut results, mut failures) = (Values::new(data_type, session.style, extent.len), 0);
    for row in 0..extent.len {
        let values = vectors.iter().zip(arguments).map(|(vector, argument)| {
            Value::at(vector, row, &argument.data_type, &mut session.zone)
        });
        let values: Result<Vec<Value<'_>>, _> = values.collect();
        let result = match values {
            Ok(values) => compute(Arguments(values), session),
            Err(_) => Err(Failed),
        };
        failures += u64::from(result.is_err());
        results.push(&result.unwrap_or(Value::Null), &mut session.zone);
    }
    batch.finish(extent, failures, results.finish())
}

/// A value, or NULL.
pub(super) fn or_null<'v>(value: Option<Value<'v>>) -> Outcome<'v> {
    Ok(value.unwrap_or(Value::Null))
}
