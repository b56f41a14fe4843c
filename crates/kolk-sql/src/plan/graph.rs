//! From a drafted query to nodes: only the columns that are used are read.

use super::projection::Output;
use crate::catalog::Stream;
use crate::settings::{BadRecord, Settings};
use kolk::expression::{Expression, Kind};
use kolk::schema::{Column, Role, Schema};
use kolk::topology::{
    Conventions, EventTime, Format, Node, OnBadRecord, Operator, Query, Sink, Source,
};
use std::collections::BTreeSet;

/// A query of one input, its expressions over all columns of the input.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// The query's name.
    pub(super) name: String,
    /// What is read.
    pub(super) input: Stream,
    /// The condition.
    pub(super) filter: Option<Expression>,
    /// What the sink may refer to, by position.
    pub(super) slots: Vec<Output>,
    /// Whether all slots are written; otherwise the sink passes bytes on, and slots only help it.
    pub(super) payload: PayloadKind,
    /// The columns of the stream that it makes, as the next query sees them.
    pub(super) schema: Schema,
}

/// What the sink writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PayloadKind {
    /// The bytes of the input.
    Unchanged,
    /// Slots.
    Encoded,
}

impl Draft {
    /// The position of a slot with this expression, made if there is none.
    pub(super) fn slot(&mut self, name: &str, expression: &Expression) -> usize {
        if let Some(at) = self.slots.iter().position(|slot| slot.expression == *expression) {
            return at;
        }
        let mut unique = name.to_owned();
        while self.slots.iter().any(|slot| slot.column.name == unique) {
            unique.push('_');
        }
        let column =
            Column { name: unique, data_type: expression.data_type.clone(), role: Role::Value };
        self.slots.push(Output {
            column,
            expression: expression.clone(),
            span: crate::source::Span::default(),
        });
        self.slots.len() - 1
    }

    /// The query; `sink` refers to slots.
    pub(super) fn finish(
        self,
        mut sink: Sink,
        on_bad_record: OnBadRecord,
        settings: &Settings,
    ) -> Query {
        let mut used = BTreeSet::new();
        if let EventTime::Column { index, .. } = &self.input.event_time {
            used.insert(*index);
        }
        self.filter.iter().for_each(|filter| columns_of(filter, &mut used));
        self.slots.iter().for_each(|slot| columns_of(&slot.expression, &mut used));
        let all = self.input.columns.schema();
        with_whole_part(&mut used, &all, (Role::Key, self.input.key_format));
        with_whole_part(&mut used, &all, (Role::Value, self.input.value_format));
        let used: Vec<usize> = used.into_iter().collect();
        let place = |index: usize| used.binary_search(&index).unwrap_or_default();

        let schema =
            Schema { columns: used.iter().map(|index| all.columns[*index].clone()).collect() };
        let mut source = source(&self.input, &place, on_bad_record, settings);
        source.key_column = self.input.key_column.and_then(|index| used.binary_search(&index).ok());
        let mut nodes = vec![Node {
            inputs: Vec::new(),
            operator: Operator::Source(source),
            schema: schema.clone(),
        }];
        let mut push = |operator: Operator, schema: Schema| {
            let inputs = vec![nodes.len() - 1];
            nodes.push(Node { inputs, operator, schema });
        };
        if let Some(mut filter) = self.filter {
            remap(&mut filter, &place);
            push(Operator::Filter(filter), schema);
        }
        let plain = |slot: &Output| match slot.expression.kind {
            Kind::Column { index, .. } => Some(place(index)),
            _ => None,
        };
        let direct: Option<Vec<usize>> = match self.payload {
            PayloadKind::Unchanged => self.slots.iter().map(plain).collect(),
            PayloadKind::Encoded => None,
        };
        match direct {
            // The sink only looks at columns of the source: nothing is to be computed.
            Some(places) => renumber(&mut sink, &|slot| places[slot]),
            None => {
                let (columns, expressions) = self
                    .slots
                    .into_iter()
                    .map(|mut slot| {
                        remap(&mut slot.expression, &place);
                        (slot.column, slot.expression)
                    })
                    .unzip();
                push(Operator::Project(expressions), Schema { columns });
            }
        }
        push(Operator::Sink(sink), self.schema);
        let conventions: Conventions = settings.conventions.clone();
        Query { name: self.name, nodes, conventions }
    }
}

fn source(
    input: &Stream,
    place: &dyn Fn(usize) -> usize,
    on_bad_record: OnBadRecord,
    settings: &Settings,
) -> Source {
    let event_time = match &input.event_time {
        EventTime::Record => EventTime::Record,
        EventTime::Column { index, format } => {
            EventTime::Column { index: place(*index), format: format.clone() }
        }
    };
    Source {
        name: input.name.clone(),
        topic: input.topic.clone(),
        partitions: input.partitions,
        key_column: None,
        key_format: input.key_format,
        value_format: input.value_format,
        event_time,
        watermark_delay: input.watermark_delay,
        idle_timeout: input.idle_timeout,
        offset_reset: settings.offset_reset,
        on_bad_record,
        window: input.window,
        ..Source::new(&input.topic)
    }
}

/// Where one column is read that can only be read among all others, they are read too: fields are found by their number, and
/// a JSON key of one column is another thing than one of several.
fn with_whole_part(used: &mut BTreeSet<usize>, schema: &Schema, (role, format): (Role, Format)) {
    let whole = match format {
        Format::Delimited { .. } => true,
        Format::Json => role == Role::Key,
        Format::BareJson | Format::Kafka | Format::None => false,
    };
    let columns = schema.columns.iter().enumerate();
    let of_role: Vec<usize> =
        columns.filter(|(_, column)| column.role == role).map(|(index, _)| index).collect();
    if whole && of_role.iter().any(|column| used.contains(column)) {
        used.extend(of_role);
    }
}

/// What becomes of records of `input` that cannot be read: the query's word, the stream's, the session's.
pub(super) fn on_bad_record(
    input: &Stream,
    of_query: Option<BadRecord>,
    topic_of_query: Option<String>,
    settings: &Settings,
) -> OnBadRecord {
    match of_query.or(input.on_bad_record).unwrap_or(settings.on_bad_record) {
        BadRecord::Fail => OnBadRecord::Fail,
        BadRecord::Skip => OnBadRecord::Skip,
        BadRecord::DeadLetter => OnBadRecord::DeadLetter {
            topic: topic_of_query
                .or_else(|| input.dead_letter_topic.clone())
                .unwrap_or_else(|| format!("{}-dead-letter", input.topic)),
        },
    }
}

fn renumber(sink: &mut Sink, place: &dyn Fn(usize) -> usize) {
    use kolk::topology::{Delivery, Payload};
    for payload in [&mut sink.key, &mut sink.value] {
        if let Payload::Encoded { columns, .. } = payload {
            columns.iter_mut().for_each(|column| *column = place(*column));
        }
    }
    sink.timestamp = sink.timestamp.map(place);
    if let Delivery::BinPacked(bins) = &mut sink.delivery {
        bins.key = place(bins.key);
        bins.order_by = place(bins.order_by);
    }
}

/// The positions of all columns that an expression reads.
fn columns_of(expression: &Expression, used: &mut BTreeSet<usize>) {
    if let Kind::Column { index, .. } = &expression.kind {
        used.insert(*index);
    }
    expression.each_operand(&mut |operand| columns_of(operand, used));
}

/// Gives columns their new positions.
fn remap(expression: &mut Expression, place: &dyn Fn(usize) -> usize) {
    if let Kind::Column { index, .. } = &mut expression.kind {
        *index = place(*index);
    }
    expression.each_operand_mut(&mut |operand| remap(operand, place));
}

/// Puts the expressions of slots in place of the columns that stand for them.
pub(super) fn substitute(expression: &mut Expression, slots: &[Output]) {
    if let Kind::Column { index, .. } = &expression.kind {
        *expression = slots[*index].expression.clone();
        return;
    }
    expression.each_operand_mut(&mut |operand| substitute(operand, slots));
}
