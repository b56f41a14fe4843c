//! Where the key of the output comes from: which selected columns are it, and how it is written.

use super::Planner;
use super::draft::{Draft, PayloadKind};
use super::format::{self, Formats};
use super::projection::Output;
use super::rows::{KeyOrigin, KeyPart, RecordKey, WindowColumns};
use crate::ast::Select;
use crate::error::{Problem, Result};
use crate::options::Options;
use crate::settings::ProjectedKeys;
use crate::source::Span;
use kolk::expression::Expression;
use kolk::schema::{Column, Role, Schema};
use kolk::topology::{Collection, Format, Payload, SinkWindow};

/// The bytes of output records.
#[derive(Debug)]
pub(super) struct Payloads {
    pub(super) key: Payload,
    pub(super) value: Payload,
    pub(super) window: Option<SinkWindow>,
}

/// Nothing at all.
const NULL: Payload = Payload::Encoded { format: Format::None, columns: Vec::new() };

/// Selected columns with those of the key in front; each part of the key must be selected once.
pub(super) fn moved(
    mut slots: Vec<Output>,
    key: &RecordKey,
    select: &Select,
) -> Result<Vec<Output>> {
    let mut missing = Vec::new();
    for (number, part) in key.parts.iter().enumerate() {
        let candidates = part.candidates();
        let selected = |slot: &Output, candidate: &Expression| slot.expression == *candidate;
        let Some(chosen) =
            candidates.iter().find(|candidate| slots.iter().any(|slot| selected(slot, candidate)))
        else {
            missing.push(part.shown.as_str());
            continue;
        };
        let places = slots.iter().enumerate().filter(|(_, slot)| selected(slot, chosen));
        let places: Vec<usize> = places.map(|(at, _)| at).collect();
        if let [_, second, ..] = places[..] {
            let message = format!("the {} {} is selected twice", key.origin.noun(), part.shown);
            return Err(Problem::new(slots[second].span, message, "the second time")
                .help(format!("AS_VALUE({}) copies it to the value", part.name)));
        }
        let mut slot = slots.remove(places[0]);
        slot.column.role = Role::Key;
        // Of a join's side that is missing, the key is there all the same.
        slot.expression.clone_from(&part.expression);
        slots.insert(number.min(slots.len()), slot);
    }
    if !missing.is_empty() {
        let all: Vec<&str> = key.parts.iter().map(|part| part.shown.as_str()).collect();
        let (plural, are) = if missing.len() == 1 { ("", "is") } else { ("s", "are") };
        let (noun, missing) = (key.origin.noun(), missing.join(" and "));
        let message = format!("the {noun}{plural} {missing} {are} not selected");
        return Err(Problem::new(select.span, message, "the output would have no key")
            .help(format!("add to the SELECT what is missing; the key is {}", all.join(", "))));
    }
    if slots.iter().all(|slot| slot.column.role == Role::Key) {
        let message = "all selected columns are keys, so the value would be empty";
        return Err(Problem::new(select.span, message, "no value column"));
    }
    Ok(slots)
}

impl Planner<'_> {
    /// The formats of the output: what the options say, else what the input has.
    pub(super) fn output_formats(&self, options: &Options, draft: &Draft) -> Result<Formats> {
        let rows = &draft.rows;
        let of_input = match (rows.key_format(), rows.key.origin) {
            // New keys of an input without.
            (Format::None, KeyOrigin::Join | KeyOrigin::Partition | KeyOrigin::Group) => {
                self.settings.key_format
            }
            (format, _) => format,
        };
        let fits = |format| {
            let columns = key_columns(draft);
            let columns: Vec<_> = columns.iter().map(|column| (column, Span::default())).collect();
            format::check_part(format, "key", &columns).is_ok()
        };
        let moved = self.settings.projected_keys == ProjectedKeys::Key;
        let key = if moved || rows.keeps_key() || fits(of_input) { of_input } else { Format::Json };
        let inherited = Formats { key, ..format::inherited(rows.first(), &self.settings) };
        let formats = format::formats(options, inherited)?;
        if draft.payload == PayloadKind::Unchanged {
            return Ok(formats);
        }
        let values = value_columns(&draft.schema, moved);
        format::wrapping(options, values.len(), formats, &self.settings)
    }

    /// What becomes of key and value; `span` is the place of the output's name.
    pub(super) fn payloads(
        &self,
        draft: &mut Draft,
        formats: Formats,
        span: Span,
    ) -> Result<Payloads> {
        let value = self.value(draft, formats)?;
        let key = self.key(draft, formats.key, span)?;
        let window = match (&key, draft.rows.window) {
            (Payload::Encoded { .. }, Some(window)) => Some(sink_window(draft, window)),
            // The window's bytes are those of the input's key.
            _ => None,
        };
        Ok(Payloads { key, value, window })
    }

    fn value(&self, draft: &Draft, formats: Formats) -> Result<Payload> {
        if draft.payload == PayloadKind::Unchanged {
            return Ok(Payload::Unchanged);
        }
        let all = self.settings.projected_keys == ProjectedKeys::Value;
        let columns = value_columns(&draft.schema, !all);
        let placed: Vec<_> =
            columns.iter().map(|at| (&draft.slots[*at].column, draft.slots[*at].span)).collect();
        format::check_part(formats.value, "value", &placed)?;
        Ok(Payload::Encoded { format: formats.value, columns })
    }

    fn key(&self, draft: &mut Draft, format: Format, span: Span) -> Result<Payload> {
        let key = draft.rows.key.clone();
        let moved = self.settings.projected_keys == ProjectedKeys::Key
            && draft.payload == PayloadKind::Encoded;
        if key.parts.is_empty() {
            return self.unnamed_key(draft, format, moved, span);
        }
        let table = draft.rows.collection == Collection::Table;
        if format == Format::None && !moved && !table {
            return Ok(NULL);
        }
        let columns = key_columns(draft);
        let spans: Vec<Span> = key.parts.iter().map(|part| span_of(draft, part, span)).collect();
        let placed: Vec<_> = columns.iter().zip(spans).collect();
        format::check_part(format, "key", &placed)?;
        // ksqlDB writes keys anew; only in format KAFKA do equal keys have equal bytes whoever wrote them.
        let alike = format == draft.rows.key_format() && (!moved || format == Format::Kafka);
        if draft.rows.keeps_key() && alike {
            return Ok(Payload::Unchanged);
        }
        let mut slots = Vec::with_capacity(key.parts.len());
        for part in &key.parts {
            let selected = draft.slots.iter().position(|slot| {
                part.is(&slot.expression) && (!moved || slot.column.role == Role::Key)
            });
            let at =
                selected.unwrap_or_else(|| draft.hidden(&part.name, &part.expression, Role::Value));
            if table {
                draft.slots[at].column.role = Role::Key;
            }
            slots.push(at);
        }
        Ok(Payload::Encoded { format, columns: slots })
    }

    /// The key where nothing is known of what it holds.
    fn unnamed_key(
        &self,
        draft: &Draft,
        format: Format,
        moved: bool,
        span: Span,
    ) -> Result<Payload> {
        if format == Format::None || moved || !draft.rows.keeps_key() {
            return Ok(NULL);
        }
        if format == draft.rows.key_format() {
            return Ok(Payload::Unchanged);
        }
        let name = &draft.rows.first().name;
        let message = format!("{name} declares no KEY column that could be written as {format}");
        Err(Problem::new(span, message, "asks for another key_format").help(
            "declare it: (name type KEY, …), or leave out key_format to keep the key's bytes",
        ))
    }
}

/// The selected columns that are written to the value: where keys are moved to the key, all others.
fn value_columns(schema: &Schema, moved: bool) -> Vec<usize> {
    let columns = schema.columns.iter().enumerate();
    columns.filter(|(_, column)| !moved || column.role == Role::Value).map(|(at, _)| at).collect()
}

/// The columns of the key.
pub(super) fn key_columns(draft: &Draft) -> Vec<Column> {
    let columns = draft.rows.key.parts.iter().map(|part| {
        let selected = draft.schema.columns.iter().zip(&draft.slots);
        let mut named =
            selected.filter(|(column, slot)| column.role == Role::Key && part.is(&slot.expression));
        Column {
            name: named.next().map_or_else(|| part.name.clone(), |(column, _)| column.name.clone()),
            data_type: part.expression.data_type.clone(),
            role: Role::Key,
        }
    });
    columns.collect()
}

fn span_of(draft: &Draft, part: &KeyPart, otherwise: Span) -> Span {
    let selected = draft.slots.iter().find(|slot| part.is(&slot.expression));
    selected.map_or(otherwise, |slot| slot.span)
}

fn sink_window(draft: &mut Draft, window: WindowColumns) -> SinkWindow {
    let node = draft.rows.node;
    let mut slot = |index: usize, role: Role| {
        let expression = draft.graph.column(node, index);
        let name = draft.graph.schema(node).columns[index].name.clone();
        draft.hidden(&name, &expression, role)
    };
    let start = slot(window.start, Role::WindowStart);
    let end = slot(window.end, Role::WindowEnd);
    SinkWindow { start, end, form: window.form }
}
