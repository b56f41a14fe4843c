//! Functions of dates and times.

use super::rows::{Arguments, Failed, Outcome, each};
use super::{Batch, Session};
use crate::codec::calendar::{DAY_MS, Day};
use crate::codec::pattern::Pattern;
use crate::codec::zone::Zone;
use crate::expression::{Expression, Function};
use crate::operator::column::Vector;
use crate::operator::value::Value;
use crate::schema::DataType;

/// Formats, zones and patterns that are kept compiled, at most; when there are more, all are forgotten.
pub(super) const REMEMBERED_MAX: usize = 256;

pub(super) fn call(
    function: Function,
    arguments: &[Expression],
    data_type: &DataType,
    batch: &mut Batch<'_>,
) -> Vector {
    use Function as F;
    each(arguments, data_type, batch, |mut row, session| {
        if (0..row.len()).any(|at| row.get(at).is_null()) {
            return Ok(Value::Null);
        }
        match function {
            F::FromUnixTime | F::UnixTimestamp | F::FromDays | F::UnixDate => Ok(row.take(0)),
            F::ParseTimestamp | F::StringToTimestamp => {
                parsed(&row, session, Pattern::parse).map(Value::Bigint)
            }
            F::ParseDate | F::StringToDate => {
                // As in ksqlDB a date may be followed by anything.
                let read =
                    if function == F::ParseDate { Pattern::parse_start } else { Pattern::parse };
                let days = parsed(&row, session, read)?.div_euclid(DAY_MS);
                i32::try_from(days).map(Value::Integer).map_err(|_| Failed)
            }
            F::ParseTime => {
                let ms = parsed(&row, session, Pattern::parse)?.rem_euclid(DAY_MS);
                i32::try_from(ms).map(Value::Integer).map_err(|_| Failed)
            }
            F::FormatTimestamp
            | F::TimestampToString
            | F::FormatDate
            | F::DateToString
            | F::FormatTime => shown(function, &row, session),
            F::ConvertTz => converted(&row, session),
            _ => moved(function, &row),
        }
    })
}

/// The zone that an argument names; without one that of the session for time-stamps, UTC for what has no zone.
fn zone<'s>(
    row: &Arguments<'_>,
    at: usize,
    zones: &'s mut hashbrown::HashMap<String, Option<Zone>>,
    otherwise: &'s mut Zone,
) -> Result<&'s mut Zone, Failed> {
    let Some(name) = row.text(at) else { return Ok(otherwise) };
    if zones.len() >= REMEMBERED_MAX && !zones.contains_key(name) {
        zones.clear();
    }
    zones.entry_ref(name).or_insert_with(|| Zone::named(name)).as_mut().ok_or(Failed)
}

fn pattern<'s>(
    format: &str,
    patterns: &'s mut hashbrown::HashMap<String, Option<Pattern>>,
) -> Result<&'s Pattern, Failed> {
    if patterns.len() >= REMEMBERED_MAX && !patterns.contains_key(format) {
        patterns.clear();
    }
    patterns.entry_ref(format).or_insert_with(|| Pattern::new(format).ok()).as_ref().ok_or(Failed)
}

/// Milliseconds since 1970 of a text in a format, perhaps in a zone.
fn parsed(
    row: &Arguments<'_>,
    session: &mut Session,
    read: fn(&Pattern, &str, &mut Zone) -> Option<i64>,
) -> Result<i64, Failed> {
    let Session { patterns, zones, zone: own, .. } = session;
    let (Some(text), Some(format)) = (row.text(0), row.text(1)) else { return Err(Failed) };
    let zone = zone(row, 2, zones, own)?;
    read(pattern(format, patterns)?, text, zone).ok_or(Failed)
}

fn shown<'v>(function: Function, row: &Arguments<'_>, session: &mut Session) -> Outcome<'v> {
    let Session { patterns, zones, zone: own, .. } = session;
    let format = row.text(1).ok_or(Failed)?;
    let mut utc = Zone::utc();
    let (ms, otherwise) = match (function, row.get(0)) {
        (Function::FormatTime, Value::Integer(ms)) => (i64::from(*ms), &mut utc),
        (_, Value::Integer(days)) => (i64::from(*days) * DAY_MS, &mut utc),
        (_, Value::Bigint(ms)) => (*ms, own),
        _ => return Err(Failed),
    };
    let zone = zone(row, 2, zones, otherwise)?;
    let mut text = String::new();
    pattern(format, patterns)?.write(ms, zone, &mut text);
    Ok(Value::Text(text.into()))
}

/// CONVERT_TZ: the time that clocks of the second zone show when those of the first show the argument's.
fn converted<'v>(row: &Arguments<'_>, session: &mut Session) -> Outcome<'v> {
    let Value::Bigint(ms) = *row.get(0) else { return Err(Failed) };
    let mut utc = Zone::utc();
    let from = zone(row, 1, &mut session.zones, &mut utc)?.offset_at(ms);
    let to = zone(row, 2, &mut session.zones, &mut utc)?.offset_at(ms);
    let by = (i64::from(to) - i64::from(from)) * 1000;
    ms.checked_add(by).map(Value::Bigint).ok_or(Failed)
}

/// How far a unit reaches.
enum Reach {
    Months(i64),
    Milliseconds(i64),
}

fn reach(unit: &str) -> Option<Reach> {
    Some(match unit {
        "YEARS" => Reach::Months(12),
        "MONTHS" => Reach::Months(1),
        "WEEKS" => Reach::Milliseconds(7 * DAY_MS),
        "DAYS" => Reach::Milliseconds(DAY_MS),
        "HOURS" => Reach::Milliseconds(3_600_000),
        "MINUTES" => Reach::Milliseconds(60_000),
        "SECONDS" => Reach::Milliseconds(1000),
        "MILLISECONDS" => Reach::Milliseconds(1),
        _ => return None,
    })
}

/// DATEADD and its kin. A date stays a date, a time of day comes round at midnight.
fn moved<'v>(function: Function, row: &Arguments<'_>) -> Outcome<'v> {
    use Function as F;
    let reach = row.text(0).and_then(reach).ok_or(Failed)?;
    let count = i64::from(row.integer(1).ok_or(Failed)?);
    let back = matches!(function, F::DateSub | F::TimeSub | F::TimestampSub);
    let count = if back { -count } else { count };
    let ms = match (function, row.get(2)) {
        (F::DateAdd | F::DateSub, Value::Integer(days)) => i64::from(*days) * DAY_MS,
        (_, Value::Integer(ms)) => (*ms).into(),
        (_, Value::Bigint(ms)) => *ms,
        _ => return Err(Failed),
    };
    let ms = match reach {
        Reach::Milliseconds(unit) => count.checked_mul(unit).and_then(|by| ms.checked_add(by)),
        Reach::Months(unit) => months_later(ms, count * unit),
    };
    let ms = ms.ok_or(Failed)?;
    match function {
        F::DateAdd | F::DateSub => {
            i32::try_from(ms.div_euclid(DAY_MS)).map(Value::Integer).map_err(|_| Failed)
        }
        F::TimeAdd | F::TimeSub => {
            i32::try_from(ms.rem_euclid(DAY_MS)).map(Value::Integer).map_err(|_| Failed)
        }
        _ => Ok(Value::Bigint(ms)),
    }
}

/// The same day and time so many months later, or the last day of a month that is too short.
fn months_later(ms: i64, months: i64) -> Option<i64> {
    let day = Day::from_number(ms.div_euclid(DAY_MS));
    let month = day.year.checked_mul(12)?.checked_add(i64::from(day.month) - 1 + months)?;
    let (year, month) = (month.div_euclid(12), u32::try_from(month.rem_euclid(12)).ok()? + 1);
    let number = (1..=day.day).rev().find_map(|day| Day { year, month, day }.number())?;
    number.checked_mul(DAY_MS)?.checked_add(ms.rem_euclid(DAY_MS))
}
