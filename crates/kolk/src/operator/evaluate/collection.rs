//! Functions of arrays and maps.

use super::rows::{Arguments, Failed, Outcome, each, or_null};
use super::{Batch, Session, show};
use crate::expression::{Expression, Function};
use crate::operator::column::Vector;
use crate::operator::value::{Value, put};
use crate::schema::DataType;
use hashbrown::HashSet;
use std::cmp::Ordering;

/// Items of an array that a function makes out of nothing, at most; more are a failure.
const ITEMS_MAX: usize = 1 << 20;

pub(super) fn call(
    function: Function,
    arguments: &[Expression],
    data_type: &DataType,
    batch: &mut Batch<'_>,
) -> Vector {
    use Function as F;
    let first = arguments.first().map_or(&DataType::String, |first| &first.data_type);
    each(arguments, data_type, batch, |mut row, session| match function {
        F::ArrayLength => or_null(
            row.array(0).and_then(|items| Some(Value::Integer(items.len().try_into().ok()?))),
        ),
        F::ArrayContains => {
            Ok(Value::Boolean(row.array(0).is_some_and(|items| items.contains(row.get(1)))))
        }
        F::ArrayConcat => Ok(concatenated(row.take(0), row.take(1))),
        F::ArrayDistinct => or_null(row.array(0).map(|items| Value::Array(distinct(items)))),
        F::ArrayExcept | F::ArrayIntersect | F::ArrayUnion => set(function, &mut row),
        F::ArrayJoin => joined(row, first, session),
        F::ArrayMax => Ok(extreme(row.array(0), Ordering::Greater)),
        F::ArrayMin => Ok(extreme(row.array(0), Ordering::Less)),
        F::ArraySum => sum(row.array(0), data_type),
        F::ArrayRemove => or_null(row.array(0).map(|items| {
            Value::Array(items.into_iter().filter(|item| item != row.get(1)).collect())
        })),
        F::ArraySort => Ok(sorted(row)),
        F::GenerateSeries => series(&row),
        F::Slice => Ok(slice(row)),
        F::CubeExplode => cube(row.array(0)),
        _ => of_map(function, row, session),
    })
}

fn of_map<'v>(function: Function, mut row: Arguments<'v>, session: &mut Session) -> Outcome<'v> {
    use Function as F;
    let map = |row: &mut Arguments<'v>| {
        let mut entries = row.map(0)?;
        session.arrange(&mut entries);
        Some(entries)
    };
    or_null(match function {
        F::AsMap => {
            let (Some(keys), Some(values)) = (row.array(0), row.array(1)) else {
                return Ok(Value::Null);
            };
            let mut entries = Vec::with_capacity(keys.len().min(values.len()));
            for (key, value) in keys.into_iter().zip(values) {
                if key.is_null() {
                    return Err(Failed);
                }
                put(&mut entries, key, value);
            }
            Some(Value::Map(entries))
        }
        F::Entries => map(&mut row).map(|mut entries| {
            if matches!(row.get(1), Value::Boolean(true)) {
                entries.sort_by(|(a, _), (b, _)| a.order(b));
            }
            let entry = |(key, value)| Value::Struct(vec![key, value]);
            Value::Array(entries.into_iter().map(entry).collect())
        }),
        F::MapKeys => map(&mut row)
            .map(|entries| Value::Array(entries.into_iter().map(|(key, _)| key).collect())),
        F::MapValues => map(&mut row)
            .map(|entries| Value::Array(entries.into_iter().map(|(_, value)| value).collect())),
        F::MapUnion => match (row.map(0), row.map(1)) {
            (Some(mut entries), Some(more)) => {
                more.into_iter().for_each(|(key, value)| put(&mut entries, key, value));
                Some(Value::Map(entries))
            }
            (one, other) => one.or(other).map(Value::Map),
        },
        _ => None,
    })
}

/// The sum of numbers; it fails where it does not fit its type.
fn sum<'v>(items: Option<Vec<Value<'_>>>, data_type: &DataType) -> Outcome<'v> {
    let Some(items) = items else { return Ok(Value::Null) };
    let (mut whole, mut double) = (0_i128, 0.0);
    for item in items {
        match item {
            Value::Integer(value) => whole += i128::from(value),
            Value::Bigint(value) => whole += i128::from(value),
            Value::Decimal(value) => whole = whole.checked_add(value).ok_or(Failed)?,
            Value::Double(value) => double += value,
            _ => {}
        }
    }
    match data_type {
        DataType::Double => Ok(Value::Double(double)),
        DataType::Decimal { precision, .. } => {
            let limit = 10_i128.pow((*precision).into());
            if -limit < whole && whole < limit { Ok(Value::Decimal(whole)) } else { Err(Failed) }
        }
        DataType::Integer => whole.try_into().map(Value::Integer).map_err(|_| Failed),
        _ => whole.try_into().map(Value::Bigint).map_err(|_| Failed),
    }
}

fn concatenated<'v>(first: Value<'v>, second: Value<'v>) -> Value<'v> {
    match (first, second) {
        (Value::Array(mut items), Value::Array(more)) => {
            items.extend(more);
            Value::Array(items)
        }
        (Value::Null, other) | (other, _) => other,
    }
}

/// Each item where it comes first.
fn distinct(items: Vec<Value<'_>>) -> Vec<Value<'_>> {
    let mut seen = HashSet::with_capacity(items.len());
    let firsts: Vec<bool> = items.iter().map(|item| seen.insert(item)).collect();
    drop(seen);
    items.into_iter().zip(firsts).filter_map(|(item, first)| first.then_some(item)).collect()
}

fn set<'v>(function: Function, row: &mut Arguments<'v>) -> Outcome<'v> {
    let (Some(left), Some(right)) = (row.array(0), row.array(1)) else { return Ok(Value::Null) };
    let items = if function == Function::ArrayUnion {
        left.into_iter().chain(right).collect()
    } else {
        let others: HashSet<&Value<'_>> = right.iter().collect();
        let wanted = function == Function::ArrayIntersect;
        left.into_iter().filter(|item| others.contains(item) == wanted).collect()
    };
    Ok(Value::Array(distinct(items)))
}

/// The items as text with a separator between them.
fn joined<'v>(mut row: Arguments<'v>, of: &DataType, session: &mut Session) -> Outcome<'v> {
    let Some(items) = row.array(0) else { return Ok(Value::Null) };
    let DataType::Array(of) = of else { return Ok(Value::Null) };
    let separator = if row.len() < 2 { "," } else { row.text(1).unwrap_or("") };
    let mut text = Vec::new();
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            text.extend_from_slice(separator.as_bytes());
        }
        show::write(item, of, session, &mut text);
    }
    String::from_utf8(text).map(|text| Value::Text(text.into())).map_err(|_| Failed)
}

/// The greatest or least item; NULLs are passed over.
fn extreme(items: Option<Vec<Value<'_>>>, wanted: Ordering) -> Value<'_> {
    let items = items.into_iter().flatten().filter(|item| !item.is_null());
    items
        .reduce(|best, item| if item.order(&best) == wanted { item } else { best })
        .unwrap_or(Value::Null)
}

/// The items in order, or in reverse order; NULLs are last in both.
fn sorted(mut row: Arguments<'_>) -> Value<'_> {
    let Some(mut items) = row.array(0) else { return Value::Null };
    let direction = row.text(1).unwrap_or("ASC").to_ascii_uppercase();
    let descending = match &*direction {
        _ if row.len() > 1 && row.get(1).is_null() => return Value::Null,
        "ASC" | "ASCENDING" => false,
        "DESC" | "DESCENDING" => true,
        _ => return Value::Null,
    };
    items.sort_by(|a, b| match (a.is_null(), b.is_null()) {
        (false, false) if descending => b.order(a),
        (false, false) => a.order(b),
        (a, b) => a.cmp(&b),
    });
    Value::Array(items)
}

/// GENERATE_SERIES: both ends belong to it. Without a step it goes by one towards the end.
fn series<'v>(row: &Arguments<'v>) -> Outcome<'v> {
    let number = |at: usize| match row.get(at) {
        Value::Integer(value) => Some(i64::from(*value)),
        Value::Bigint(value) => Some(*value),
        _ => None,
    };
    let (Some(from), Some(to)) = (number(0), number(1)) else { return Ok(Value::Null) };
    let step = match number(2) {
        Some(step) => step,
        None if row.len() > 2 => return Ok(Value::Null),
        None => {
            if from <= to {
                1
            } else {
                -1
            }
        }
    };
    if step == 0 || (step > 0) != (from <= to) && from != to {
        return Err(Failed);
    }
    let count = from.abs_diff(to) / step.unsigned_abs();
    let count = usize::try_from(count).ok().filter(|count| *count < ITEMS_MAX).ok_or(Failed)?;
    let bigint = matches!(row.get(0), Value::Bigint(_));
    let mut items = Vec::with_capacity(count + 1);
    let mut next = from;
    for _ in 0..=count {
        items.push(match i32::try_from(next) {
            Ok(next) if !bigint => Value::Integer(next),
            _ => Value::Bigint(next),
        });
        next = next.wrapping_add(step);
    }
    Ok(Value::Array(items))
}

/// SLICE: from and to count from 1 and belong to it; NULL where they are outside.
fn slice(mut row: Arguments<'_>) -> Value<'_> {
    let Some(mut items) = row.array(0) else { return Value::Null };
    let len = items.len();
    let at = |value: &Value<'_>, otherwise: usize| match value {
        Value::Integer(value) => usize::try_from(*value).ok(),
        _ => Some(otherwise),
    };
    let start = at(row.get(1), 1).and_then(|from| from.checked_sub(1));
    let (Some(start), Some(end)) = (start, at(row.get(2), len)) else { return Value::Null };
    if start > end || end > len {
        return Value::Null;
    }
    items.truncate(end);
    items.drain(..start);
    Value::Array(items)
}

/// CUBE_EXPLODE: the array with each of its items there or NULL, in all combinations; an item that is NULL already has one.
fn cube(items: Option<Vec<Value<'_>>>) -> Outcome<'_> {
    let Some(items) = items else { return Ok(Value::Null) };
    let present = items.iter().filter(|item| !item.is_null()).count();
    let rows = u32::try_from(present).ok().and_then(|present| 1_usize.checked_shl(present));
    let rows = rows.filter(|rows| rows.saturating_mul(items.len().max(1)) <= ITEMS_MAX);
    let combination = |number: usize| {
        let mut left = present;
        let item = |item: &Value<'_>| {
            if item.is_null() {
                return Value::Null;
            }
            left -= 1;
            // The last item changes first.
            if number >> left & 1 == 1 { item.clone().owned() } else { Value::Null }
        };
        Value::Array(items.iter().map(item).collect())
    };
    Ok(Value::Array((0..rows.ok_or(Failed)?).map(combination).collect()))
}
