//! Functions of regular expressions. A pattern is compiled once and kept.

use super::rows::{Arguments, Failed, Outcome, each};
use super::{Batch, Session};
use crate::codec::regex::{Groups, Regex};
use crate::expression::{Expression, Function};
use crate::operator::column::Vector;
use crate::operator::value::Value;
use crate::schema::DataType;

pub(super) fn call(
    function: Function,
    arguments: &[Expression],
    data_type: &DataType,
    batch: &mut Batch<'_>,
) -> Vector {
    // Where text and pattern stand.
    let (text, pattern) = match function {
        Function::RegexpExtract | Function::RegexpExtractAll => (1, 0),
        _ => (0, 1),
    };
    each(arguments, data_type, batch, |row, session| {
        let (Some(text), Some(pattern)) = (row.text(text), row.text(pattern)) else {
            return Ok(Value::Null);
        };
        let regex = compiled(pattern, session).ok_or(Failed)?;
        match function {
            Function::RegexpExtract | Function::RegexpExtractAll => {
                extract(function, &row, (text, regex))
            }
            Function::RegexpReplace => {
                let Some(replacement) = row.text(2) else { return Ok(Value::Null) };
                let replaced = regex.replace(text, replacement).map_err(|_| Failed)?;
                Ok(Value::Text(replaced.into()))
            }
            _ => Ok(Value::Array(split(text, regex))),
        }
    })
}

fn compiled<'s>(pattern: &str, session: &'s mut Session) -> Option<&'s Regex> {
    let known = &mut session.regexes;
    if known.len() >= super::time::REMEMBERED_MAX && !known.contains_key(pattern) {
        known.clear();
    }
    known.entry_ref(pattern).or_insert_with(|| Regex::new(pattern).ok()).as_ref()
}

/// The first match, or all; a group of it if one is asked for. NULL when the pattern has fewer groups.
fn extract<'v>(
    function: Function,
    row: &Arguments<'_>,
    (text, regex): (&str, &Regex),
) -> Outcome<'v> {
    let number = match row.get(2) {
        Value::Null if row.len() > 2 => return Ok(Value::Null),
        Value::Integer(number) => usize::try_from(*number).map_err(|_| Failed)?,
        _ => 0,
    };
    if number > regex.groups() {
        return Ok(Value::Null);
    }
    let shown = |groups: &Groups| match groups.get(number) {
        Some(Some(range)) => Value::Text(text[range.clone()].to_owned().into()),
        _ => Value::Null,
    };
    Ok(if function == Function::RegexpExtract {
        regex.find(text).map_or(Value::Null, |groups| shown(&groups))
    } else {
        Value::Array(regex.matches(text).map(|groups| shown(&groups)).collect())
    })
}

/// The parts between matches. A match of nothing cuts between characters, not at the ends.
fn split<'v>(text: &str, regex: &Regex) -> Vec<Value<'v>> {
    let part = |part: &str| Value::Text(part.to_owned().into());
    let (mut parts, mut start) = (Vec::new(), 0);
    for groups in regex.matches(text) {
        let Some(Some(range)) = groups.into_iter().next() else { continue };
        if range.is_empty() && (range.start == 0 || range.start == text.len()) {
            continue;
        }
        parts.push(part(&text[start..range.start]));
        start = range.end;
    }
    parts.push(part(&text[start..]));
    parts
}
