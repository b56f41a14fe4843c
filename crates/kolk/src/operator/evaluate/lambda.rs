//! TRANSFORM, FILTER and REDUCE: functions that call a lambda function on the items of arrays and the entries of maps.
//!
//! A lambda function is evaluated on the items of all rows at once; REDUCE takes the first items of all rows, then the second,
//! and so on.

use super::{Batch, evaluate, literal};
use crate::codec::zone::Zone;
use crate::expression::{Expression, Function, Kind};
use crate::operator::column::{Vector, gather};
use crate::operator::value::{Value, Values, put};
use crate::schema::DataType;
use crate::topology::LambdaFailures;

/// The collections of all rows, their items one behind the other.
struct Items<'v> {
    /// The range of each row's items; `None` where there is no collection.
    ranges: Vec<Option<std::ops::Range<usize>>>,
    /// The row of each item.
    rows: Vec<usize>,
    /// The items: of maps keys and values.
    values: Vec<Vec<Value<'v>>>,
    failures: u64,
}

pub(super) fn call(
    function: Function,
    arguments: &[Expression],
    data_type: &DataType,
    batch: &mut Batch<'_>,
) -> Vector {
    match (function, arguments) {
        (Function::Transform, [collection, first, more @ ..]) => {
            transform(collection, (first, more.first()), data_type, batch)
        }
        (Function::Filter, [collection, lambda]) => filter(collection, lambda, batch),
        (Function::Reduce, [collection, state, lambda]) => reduce(collection, state, lambda, batch),
        _ => literal::null(data_type),
    }
}

/// The types of a collection's items: one, or those of keys and values.
fn item_types(collection: &DataType) -> Vec<&DataType> {
    match collection {
        DataType::Array(item) => vec![item],
        DataType::Map(key, value) => vec![key, value],
        _ => Vec::new(),
    }
}

fn items<'v>(vector: &'v Vector, data_type: &DataType, batch: &mut Batch<'_>) -> Items<'v> {
    let types = item_types(data_type).len();
    let mut items = Items {
        ranges: Vec::with_capacity(batch.rows),
        rows: Vec::new(),
        values: vec![Vec::new(); types],
        failures: 0,
    };
    for row in 0..batch.rows {
        let start = items.rows.len();
        let there = match Value::at(vector, row, data_type, &mut batch.session.zone) {
            Ok(Value::Array(found)) => {
                items.values[0].extend(found);
                true
            }
            Ok(Value::Map(mut found)) => {
                batch.session.arrange(&mut found);
                let (keys, values): (Vec<_>, Vec<_>) = found.into_iter().unzip();
                items.values[0].extend(keys);
                items.values[1].extend(values);
                true
            }
            Ok(_) => false,
            Err(_) => {
                items.failures += 1;
                false
            }
        };
        let end = items.values.first().map_or(start, Vec::len);
        items.rows.resize(end, row);
        items.ranges.push(there.then_some(start..end));
    }
    items
}

/// The values of a lambda function, whose parameters have values for each of `rows`, and where it failed so that the whole does.
fn called(
    lambda: &Expression,
    parameters: Vec<Vector>,
    rows: &[usize],
    batch: &mut Batch<'_>,
) -> (Vector, Vec<bool>) {
    let whole = batch.session.lambda_failures == LambdaFailures::Whole;
    let mut broken = vec![false; rows.len()];
    let Kind::Lambda { first, body, .. } = &lambda.kind else {
        return (literal::null(&lambda.data_type), broken);
    };
    let (columns, mut all) = batch.taken(rows, body);
    all.resize(first + parameters.len(), None);
    for (number, parameter) in parameters.into_iter().enumerate() {
        all[first + number] = Some(parameter);
    }
    let inner = &mut Batch {
        rows: rows.len(),
        columns: &columns,
        parameters: &all,
        failed: &mut *batch.failed,
        broken: whole.then_some(&mut broken),
        session: &mut *batch.session,
    };
    (evaluate(body, inner), broken)
}

impl Items<'_> {
    /// The items as parameters of a lambda function.
    fn vectors(&self, types: &[&DataType], batch: &mut Batch<'_>) -> Vec<Vector> {
        let of =
            |(values, data_type): (&Vec<Value<'_>>, &&DataType)| column(values, data_type, batch);
        self.values.iter().zip(types).map(of).collect()
    }
}

fn column<'v>(
    values: impl IntoIterator<Item = &'v Value<'v>, IntoIter: ExactSizeIterator>,
    data_type: &DataType,
    batch: &mut Batch<'_>,
) -> Vector {
    let values = values.into_iter();
    let mut builder = Values::new(data_type, batch.session.style, values.len());
    values.for_each(|value| builder.push(value, &mut batch.session.zone));
    Vector::each(builder.finish())
}

fn transform(
    collection: &Expression,
    (first, second): (&Expression, Option<&Expression>),
    data_type: &DataType,
    batch: &mut Batch<'_>,
) -> Vector {
    let vector = evaluate(collection, batch);
    let items = items(&vector, &collection.data_type, batch);
    let parameters = items.vectors(&item_types(&collection.data_type), batch);
    let (firsts, mut broken) = called(first, parameters.clone(), &items.rows, batch);
    let seconds = second.map(|second| {
        let (seconds, also) = called(second, parameters, &items.rows, batch);
        broken.iter_mut().zip(also).for_each(|(broken, also)| *broken |= also);
        (seconds, second)
    });
    let mut failures = items.failures;
    let session = &mut *batch.session;
    let mut results = Values::new(data_type, session.style, items.ranges.len());
    for range in &items.ranges {
        let Some(range) = range.clone() else {
            results.push_null();
            continue;
        };
        let result = if broken[range.clone()].contains(&true) {
            None
        } else {
            transformed(range, (&firsts, first), seconds.as_ref(), &mut session.zone)
        };
        failures += u64::from(result.is_none());
        results.push(&result.unwrap_or(Value::Null), &mut session.zone);
    }
    let extent = batch.each_row();
    batch.finish(extent, failures, results.finish())
}

/// A row's new array, or its new map: `None` where a key is NULL, or two are equal.
fn transformed<'v>(
    range: std::ops::Range<usize>,
    (firsts, first): (&'v Vector, &Expression),
    seconds: Option<&'v (Vector, &Expression)>,
    zone: &mut Zone,
) -> Option<Value<'v>> {
    let mut at = |vector: &'v Vector, row: usize, of: &DataType| {
        // What was just written is of its type.
        Value::at(vector, row, of, zone).unwrap_or(Value::Null)
    };
    let Some((seconds, second)) = seconds else {
        return Some(Value::Array(range.map(|item| at(firsts, item, &first.data_type)).collect()));
    };
    let mut entries = Vec::with_capacity(range.len());
    for item in range {
        let key = at(firsts, item, &first.data_type);
        let before = entries.len();
        if !key.is_null() {
            put(&mut entries, key, at(seconds, item, &second.data_type));
        }
        if entries.len() == before {
            return None;
        }
    }
    Some(Value::Map(entries))
}

fn filter(collection: &Expression, lambda: &Expression, batch: &mut Batch<'_>) -> Vector {
    let vector = evaluate(collection, batch);
    let mut items = items(&vector, &collection.data_type, batch);
    let parameters = items.vectors(&item_types(&collection.data_type), batch);
    let (kept, broken) = called(lambda, parameters, &items.rows, batch);
    let kept = kept.boolean();
    let session = &mut *batch.session;
    let mut results = Values::new(&collection.data_type, session.style, items.ranges.len());
    for range in &items.ranges {
        let range = range.clone().filter(|range| {
            let whole = broken[range.clone()].contains(&true);
            items.failures += u64::from(whole);
            !whole
        });
        let Some(range) = range else {
            results.push_null();
            continue;
        };
        let chosen: Vec<usize> = range.filter(|item| kept.get(*item) == Some(true)).collect();
        let mut take =
            |of: usize, item: usize| std::mem::replace(&mut items.values[of][item], Value::Null);
        let result = match collection.data_type {
            DataType::Map(..) => {
                Value::Map(chosen.iter().map(|item| (take(0, *item), take(1, *item))).collect())
            }
            _ => Value::Array(chosen.iter().map(|item| take(0, *item)).collect()),
        };
        results.push(&result, &mut session.zone);
    }
    let extent = batch.each_row();
    batch.finish(extent, items.failures, results.finish())
}

/// A NULL state stays NULL; without a collection the state is the result.
fn reduce(
    collection: &Expression,
    state: &Expression,
    lambda: &Expression,
    batch: &mut Batch<'_>,
) -> Vector {
    let vector = evaluate(collection, batch);
    let mut items = items(&vector, &collection.data_type, batch);
    let types = item_types(&collection.data_type);
    let initial = evaluate(state, batch);
    let all: Vec<(usize, usize)> = (0..batch.rows).map(|row| (0, row)).collect();
    let mut state = Vector::each(gather(&[&initial], &all));
    // Rows whose result is NULL whatever follows.
    let mut given_up = vec![false; batch.rows];
    let longest = items.ranges.iter().flatten().map(ExactSizeIterator::len).max().unwrap_or(0);
    for step in 0..longest {
        let active: Vec<usize> = (0..batch.rows)
            .filter(|row| items.ranges[*row].as_ref().is_some_and(|range| range.len() > step))
            .filter(|row| !initial.is_null(*row) && !given_up[*row])
            .collect();
        let mut parameters = vec![state.take(&active)];
        for (values, data_type) in items.values.iter().zip(&types) {
            let start = |row: &usize| items.ranges[*row].as_ref().map_or(0, |range| range.start);
            let values: Vec<&Value<'_>> =
                active.iter().map(|row| &values[start(row) + step]).collect();
            parameters.push(column(values, data_type, batch));
        }
        let (next, broken) = called(lambda, parameters, &active, batch);
        let mut picks = all.clone();
        for (at, row) in active.into_iter().enumerate() {
            picks[row] = (1, at);
            items.failures += u64::from(broken[at] && !given_up[row]);
            given_up[row] |= broken[at];
        }
        state = Vector::each(gather(&[&state, &next], &picks));
    }
    let extent = batch.each_row();
    batch.finish(extent, items.failures, state.column)
}
