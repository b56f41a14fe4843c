//! Functions of time-stamps.

use super::{Batch, Session, evaluate, literal};
use crate::codec::pattern::Pattern;
use crate::codec::zone::Zone;
use crate::expression::{Expression, Function};
use crate::operator::column::{Column, Vector};
use crate::schema::DataType;
use arrow_array::Int64Array;
use arrow_array::builder::LargeStringBuilder;

/// Formats and zones that are kept compiled, at most; when there are more, all are forgotten.
const REMEMBERED_MAX: usize = 256;

pub(super) fn call(function: Function, arguments: &[Expression], batch: &mut Batch<'_>) -> Vector {
    let values: Vec<Vector> = arguments.iter().map(|argument| evaluate(argument, batch)).collect();
    let operands: Vec<&Vector> = values.iter().collect();
    let extent = batch.extent(&operands);
    let mut failures = 0;
    let session = &mut *batch.session;
    let column: Column = match (function, &*operands) {
        (Function::FromUnixTime | Function::UnixTimestamp, [ms, ..]) => return (*ms).clone(),
        (Function::ParseTimestamp, [text, format, zone @ ..]) => (0..extent.len)
            .map(|row| {
                let (text, format) = (text.text().get(row)?, format.text().get(row)?);
                let parsed = with(format, zone.first().copied(), row, session, |pattern, zone| {
                    pattern.parse(text, zone)
                })?;
                failures += u64::from(parsed.is_none());
                parsed
            })
            .collect::<Int64Array>()
            .into(),
        (Function::FormatTimestamp, [time, format, zone @ ..]) => {
            let mut builder = LargeStringBuilder::new();
            for row in 0..extent.len {
                let shown =
                    time.int64().get(row).zip(format.text().get(row)).and_then(|(ms, format)| {
                        let shown =
                            with(format, zone.first().copied(), row, session, |pattern, zone| {
                                let mut text = String::new();
                                pattern.write(ms, zone, &mut text);
                                Some(text)
                            })?;
                        failures += u64::from(shown.is_none());
                        shown
                    });
                builder.append_option(shown);
            }
            builder.finish().into()
        }
        _ => return literal::null(&DataType::Timestamp),
    };
    batch.finish(extent, failures, column)
}

/// Runs `f` with a compiled format and zone (the session's when no argument names one): `None` when the zone is NULL,
/// `Some(None)` when format or zone mean nothing or `f` finds nothing.
fn with<T>(
    format: &str,
    zone: Option<&Vector>,
    row: usize,
    session: &mut Session,
    f: impl FnOnce(&Pattern, &mut Zone) -> Option<T>,
) -> Option<Option<T>> {
    let Session { patterns, zones, zone: own, .. } = session;
    let zone = match zone {
        None => Some(own),
        Some(name) => {
            let name = name.text().get(row)?;
            if zones.len() >= REMEMBERED_MAX && !zones.contains_key(name) {
                zones.clear();
            }
            zones.entry_ref(name).or_insert_with(|| Zone::named(name)).as_mut()
        }
    };
    if patterns.len() >= REMEMBERED_MAX && !patterns.contains_key(format) {
        patterns.clear();
    }
    let pattern = patterns.entry_ref(format).or_insert_with(|| Pattern::new(format).ok());
    Some(pattern.as_ref().zip(zone).and_then(|(pattern, zone)| f(pattern, zone)))
}
