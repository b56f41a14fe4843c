//! The stream or table that a query makes, as later statements read it.

use super::declaration::window_bounds;
use super::draft::{Draft, PayloadKind};
use super::format::Formats;
use super::keys::key_columns;
use super::rows::KeyOrigin;
use super::sink::Wanted;
use crate::catalog::{Columns, Stream};
use crate::options::Options;
use kolk::expression::Kind;
use kolk::schema::{DataType, Role, Schema};
use kolk::topology::{Collection, Delivery, EventTime, Format, Payload, Sink};

/// The stream or table that a query makes.
pub(super) fn made(
    draft: &Draft,
    sink: &Sink,
    options: &Options,
    formats: Formats,
    wanted: &Wanted,
) -> Stream {
    let columns = columns(draft, sink);
    Stream {
        collection: draft.rows.collection,
        query: Some(draft.name.clone()),
        event_time: event_time(draft, sink, wanted, &columns),
        key_column: key_column(draft, sink, &columns),
        columns,
        key_format: formats.key,
        value_format: formats.value,
        window: draft.rows.window.map(|window| window.form),
        watermark_delay: options
            .duration("watermark_delay")
            .unwrap_or_else(|| draft.rows.watermark_delay()),
        idle_timeout: options.duration("idle_timeout").or(draft.rows.first().idle_timeout),
        ..Stream::new(&draft.name, &sink.topic)
    }
}

/// The columns that can be read from it: what is selected, and a key that is not.
fn columns(draft: &Draft, sink: &Sink) -> Columns {
    let mut schema = match draft.payload {
        PayloadKind::Unchanged if draft.rows.key.origin == KeyOrigin::Input => {
            return draft.rows.first().columns.clone();
        }
        PayloadKind::Unchanged if draft.rows.first().columns == Columns::Unknown => {
            return Columns::Unknown;
        }
        PayloadKind::Unchanged | PayloadKind::Encoded => draft.schema.clone(),
    };
    let written = sink.key != Payload::Encoded { format: Format::None, columns: Vec::new() };
    let new =
        draft.rows.key.origin != KeyOrigin::Input || draft.rows.collection == Collection::Table;
    if written && new {
        with_key(&mut schema, draft);
    }
    if draft.rows.window.is_some() {
        schema.columns.extend(window_bounds());
    }
    Columns::Known(schema)
}

/// Key columns that are not selected as such are read from the key too.
fn with_key(schema: &mut Schema, draft: &Draft) {
    let parts = draft.rows.key.parts.iter().zip(key_columns(draft));
    for (number, (part, column)) in parts.enumerate() {
        let selected = match draft.payload {
            PayloadKind::Encoded => draft.slots.iter().position(|slot| part.is(&slot.expression)),
            PayloadKind::Unchanged => match part.expression.kind {
                Kind::Column { index, .. } => Some(index),
                _ => None,
            },
        };
        match selected.and_then(|at| schema.columns.get_mut(at)) {
            Some(selected) => selected.role = Role::Key,
            None => {
                let mut column = column;
                while schema.position(&column.name).is_some() {
                    column.name.push('_');
                }
                schema.columns.push(column);
                // Keys stand in front, where people look for them.
                let last = schema.columns.len() - 1;
                schema.columns[number..=last].rotate_right(1);
            }
        }
    }
}

/// Where its event time stands.
fn event_time(draft: &Draft, sink: &Sink, wanted: &Wanted, columns: &Columns) -> EventTime {
    // Exactly once keeps the row's time in the record; the other modes stamp records when they are handed over.
    let kept = sink.timestamp.is_some() || matches!(wanted, Wanted::Plain(Delivery::ExactlyOnce));
    let EventTime::Column { index: time, format } = &draft.rows.first().event_time else {
        return EventTime::Record;
    };
    if kept || draft.rows.streams.len() > 1 || draft.rows.key.origin == KeyOrigin::Group {
        return EventTime::Record;
    }
    if draft.payload == PayloadKind::Unchanged && *columns == draft.rows.first().columns {
        return draft.rows.first().event_time.clone();
    }
    let same = |column: &usize| {
        let slot = draft.slots.get(*column);
        slot.is_some_and(
            |slot| matches!(slot.expression.kind, Kind::Column { index, .. } if index == *time),
        )
    };
    let selected = (0..draft.schema.columns.len()).find(same);
    let named = selected.map(|at| &draft.schema.columns[at].name);
    match named.and_then(|name| columns.schema().position(name)) {
        Some(index) => EventTime::Column { index, format: format.clone() },
        None => EventTime::Record,
    }
}

/// The column of its value whose text is the record key's.
fn key_column(draft: &Draft, sink: &Sink, columns: &Columns) -> Option<usize> {
    if sink.key != Payload::Unchanged || draft.rows.collection == Collection::Table {
        return None;
    }
    let input = draft.rows.first();
    if draft.payload == PayloadKind::Unchanged {
        return input.key_column;
    }
    // Only text is the same in a key of format KAFKA and in a value.
    let text =
        |data_type: &DataType| input.key_format == Format::Kafka && *data_type == DataType::String;
    let holds_key = |index: usize| {
        let only = match &draft.rows.key.parts[..] {
            [part] => {
                matches!(part.expression.kind, Kind::Column { index: key, .. } if key == index)
                    && text(&part.expression.data_type)
            }
            _ => false,
        };
        input.key_column == Some(index) || only
    };
    let schema = columns.schema();
    let found = draft.schema.columns.iter().zip(&draft.slots).find(|(column, slot)| {
        column.role == Role::Value
            && matches!(slot.expression.kind, Kind::Column { index, .. } if holds_key(index))
    });
    found.and_then(|(column, _)| schema.position(&column.name))
}
