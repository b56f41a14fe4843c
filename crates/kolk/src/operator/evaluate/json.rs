//! Functions of JSON text.

use super::rows::{Arguments, Failed, Outcome, each, or_null};
use super::{Batch, Session, show};
use crate::codec::json::value::{self, write_compact};
use crate::codec::json::{self, Kind, Token, each_item, each_member, plain_name, write_quoted};
use crate::codec::{decimal, number};
use crate::expression::{Expression, Function};
use crate::operator::column::Vector;
use crate::operator::encode::Style;
use crate::operator::value::{Value, put, write_json};
use crate::schema::DataType;
use crate::topology::{JsonNulls, JsonTimestamps};

pub(super) fn call(
    function: Function,
    arguments: &[Expression],
    data_type: &DataType,
    batch: &mut Batch<'_>,
) -> Vector {
    use Function as F;
    let types: Vec<&DataType> = arguments.iter().map(|argument| &argument.data_type).collect();
    each(arguments, data_type, batch, |mut row, session| match function {
        F::ExtractJsonField => extract(&row),
        F::IsJsonString => {
            Ok(Value::Boolean(row.text(0).is_some_and(|text| whole(text).is_some())))
        }
        F::JsonArrayContains => Ok(Value::Boolean(contains(&row, types.get(1).copied()))),
        F::JsonArrayLength => {
            let Some((token, text)) = parsed(&row, 0)? else { return Ok(Value::Null) };
            if token.kind != Kind::Array {
                return Ok(Value::Null);
            }
            let mut count = 0;
            each_item(token.of(text), |_| count += 1);
            Ok(Value::Integer(count))
        }
        F::JsonConcat => concatenated(&row),
        F::JsonItems => {
            let Some((token, text)) = parsed(&row, 0)? else { return Ok(Value::Null) };
            if token.kind != Kind::Array {
                return Err(Failed);
            }
            let (text, mut items) = (token.of(text), Vec::new());
            each_item(text, |item| items.push(compact(item, text)));
            Ok(Value::Array(items))
        }
        F::JsonKeys | F::JsonRecords => records(function, &row),
        _ => Ok(Value::Text(written(&row.take(0), types.first().copied(), session)?.into())),
    })
}

/// The document that a text is, whatever follows it; `None` for NULL.
fn parsed<'a>(row: &'a Arguments<'_>, at: usize) -> Result<Option<(Token, &'a [u8])>, Failed> {
    let Some(text) = row.text(at) else { return Ok(None) };
    let text = text.as_bytes();
    json::document(text).map(|token| Some((token, text))).map_err(|_| Failed)
}

/// The document, if nothing follows it.
fn whole(text: &str) -> Option<Token> {
    let token = json::document(text.as_bytes()).ok()?;
    let end = (token.start + token.len) as usize;
    text.get(end..)?.trim_matches([' ', '\n', '\r', '\t']).is_empty().then_some(token)
}

fn compact(token: Token, text: &[u8]) -> Value<'static> {
    let mut json = Vec::new();
    write_compact(token.of(text), &mut json);
    Value::Text(String::from_utf8_lossy(&json).into_owned().into())
}

fn name(token: Token, text: &[u8]) -> String {
    String::from_utf8_lossy(&plain_name(token, text)).into_owned()
}

/// Whether an array has an item equal to a value: numbers by what they are worth.
fn contains(row: &Arguments<'_>, of: Option<&DataType>) -> bool {
    let Ok(Some((token, text))) = parsed(row, 0) else { return false };
    if token.kind != Kind::Array {
        return false;
    }
    let (text, wanted, mut found) = (token.of(text), row.get(1), false);
    each_item(text, |item| {
        let number = matches!(item.kind, Kind::Integer | Kind::Number);
        let exact = || decimal::parse(item.of(text));
        found = found
            || match wanted {
                Value::Null => item.kind == Kind::Null,
                Value::Boolean(wanted) => value::boolean(item) == Ok(*wanted),
                Value::Integer(wanted) => number && same(exact(), ((*wanted).into(), 0)),
                Value::Bigint(wanted) => number && same(exact(), ((*wanted).into(), 0)),
                Value::Double(wanted) => {
                    number && number::parse_f64(item.of(text)) == Some(*wanted)
                }
                Value::Decimal(digits) => {
                    let scale =
                        if let Some(DataType::Decimal { scale, .. }) = of { *scale } else { 0 };
                    number && same(exact(), (*digits, scale.into()))
                }
                Value::Text(wanted) => {
                    value::plain_text(item, text).is_some_and(|text| *text == *wanted.as_bytes())
                }
                _ => false,
            };
    });
    found
}

/// Whether two decimals are the same number.
fn same(a: Option<(i128, i32)>, b: (i128, i32)) -> bool {
    fn plain((mut digits, mut scale): (i128, i32)) -> (i128, i32) {
        while digits != 0 && digits % 10 == 0 {
            (digits, scale) = (digits / 10, scale - 1);
        }
        if digits == 0 { (0, 0) } else { (digits, scale) }
    }
    a.is_some_and(|a| plain(a) == plain(b))
}

/// JSON_CONCAT, by the rules of PostgreSQL's `||`: objects are united, anything else becomes one array.
fn concatenated<'v>(row: &Arguments<'v>) -> Outcome<'v> {
    let mut documents = Vec::with_capacity(row.len());
    for at in 0..row.len() {
        let Some(document) = parsed(row, at)? else { return Ok(Value::Null) };
        documents.push(document);
    }
    let mut json = Vec::new();
    if documents.iter().all(|(token, _)| token.kind == Kind::Object) {
        let mut members: Vec<(String, Vec<u8>)> = Vec::new();
        for (token, text) in documents {
            let text = token.of(text);
            each_member(text, |key, member| {
                let (key, mut value) = (name(key, text), Vec::new());
                write_compact(member.of(text), &mut value);
                match members.iter_mut().find(|(known, _)| *known == key) {
                    Some(known) => known.1 = value,
                    None => members.push((key, value)),
                }
            });
        }
        json.push(b'{');
        for (i, (key, value)) in members.iter().enumerate() {
            json.extend((i > 0).then_some(b','));
            write_quoted(key.as_bytes(), &mut json);
            json.push(b':');
            json.extend_from_slice(value);
        }
        json.push(b'}');
    } else {
        json.push(b'[');
        for (token, text) in documents {
            let (text, inner) = (token.of(text), token.kind == Kind::Array);
            let mut add = |item: &[u8]| {
                json.extend((json.len() > 1).then_some(b','));
                write_compact(item, &mut json);
            };
            if inner { each_item(text, |item| add(item.of(text))) } else { add(text) }
        }
        json.push(b']');
    }
    String::from_utf8(json).map(|json| Value::Text(json.into())).map_err(|_| Failed)
}

/// JSON_KEYS and JSON_RECORDS; NULL for what is no object.
fn records<'v>(function: Function, row: &Arguments<'v>) -> Outcome<'v> {
    let Some((token, text)) = parsed(row, 0)? else { return Ok(Value::Null) };
    if token.kind != Kind::Object {
        return Ok(Value::Null);
    }
    let (text, mut entries) = (token.of(text), Vec::new());
    each_member(text, |key, member| {
        let value = match value::plain_text(member, text) {
            Some(text) => Value::Text(String::from_utf8_lossy(&text).into_owned().into()),
            None => compact(member, text),
        };
        put(&mut entries, Value::Text(name(key, text).into()), value);
    });
    Ok(if function == Function::JsonKeys {
        Value::Array(entries.into_iter().map(|(key, _)| key).collect())
    } else {
        Value::Map(entries)
    })
}

/// TO_JSON_STRING: dates and times as text, everything else as JSON has it.
fn written(
    value: &Value<'_>,
    of: Option<&DataType>,
    session: &mut Session,
) -> Result<String, Failed> {
    let of = of.unwrap_or(&DataType::String);
    let mut text = Vec::new();
    match (value, of) {
        (Value::Integer(_), DataType::Date | DataType::Time)
        | (Value::Bigint(_), DataType::Timestamp) => {
            text.push(b'"');
            show::write(value, of, session, &mut text);
            text.push(b'"');
        }
        _ => {
            let style = Style { timestamps: JsonTimestamps::Iso8601, nulls: JsonNulls::Write };
            write_json(value, of, (style, &mut session.zone), &mut text);
        }
    }
    String::from_utf8(text).map_err(|_| Failed)
}

/// EXTRACTJSONFIELD: the text at a path like `$.a.b[0]`, NULL when nothing is there.
fn extract<'v>(row: &Arguments<'v>) -> Outcome<'v> {
    let (Some((token, text)), Some(path)) = (parsed(row, 0)?, row.text(1)) else {
        return Ok(Value::Null);
    };
    let (mut found, mut place) = (token, text);
    let mut rest = path.strip_prefix('$').ok_or(Failed)?;
    while !rest.is_empty() {
        let next = if let Some(tail) = rest.strip_prefix('.') {
            let end = tail.find(['.', '[']).unwrap_or(tail.len());
            let (name, tail) = tail.split_at(end);
            rest = tail;
            place = found.of(place);
            super::nested::exact_member(place, name)
        } else {
            let step = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
            let (index, tail) = step.ok_or(Failed)?;
            rest = tail;
            place = found.of(place);
            match index.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
                Some(name) => super::nested::exact_member(place, name),
                None => {
                    let index = index.parse::<i64>().ok().and_then(|index| index.checked_add(1));
                    super::nested::item(place, index.ok_or(Failed)?)
                }
            }
        };
        match next {
            Some(next) => found = next,
            None => return Ok(Value::Null),
        }
    }
    if found.kind == Kind::Null {
        return Ok(Value::Null);
    }
    let text = String::from_utf8(value::text(found, place).into_owned());
    or_null(text.ok().map(|text| Value::Text(text.into())))
}
