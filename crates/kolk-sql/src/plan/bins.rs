//! `delivery = 'bin_packed'`: in one step where the bin key is the record key, else in two with a topic between them.

use super::draft::{Draft, PayloadKind};
use super::expressions::replace;
use super::format::{self, Formats};
use super::from::Reading;
use super::graph::Graph;
use super::sink::{self, Bins};
use super::{Planner, repartition_name};
use crate::catalog::{Columns, Stream};
use crate::error::{Problem, Result};
use crate::settings::BadRecord;
use kolk::expression::{Expression, Kind, Pseudo};
use kolk::schema::{Column, DataType, Role, Schema};
use kolk::topology::{BinPacking, Delivery, Format, Payload, Sink};

/// A query, its sink and how it writes.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) draft: Draft,
    pub(super) sink: Sink,
    pub(super) formats: Formats,
}

impl Planner<'_> {
    /// A query that packs bins; where the bin key is not the record key, another one before it that makes it so.
    pub(super) fn pack(&mut self, step: Step, bins: &Bins) -> Result<()> {
        let key = over_rows(column_at(&step.draft.schema, bins.key), &step.draft);
        // What meets others cannot be packed in the same task; its result can.
        let apart = step.sink.connector.is_some() && step.draft.graph.is_stateful();
        if apart || !is_record_key(&key, &step) {
            let between = self.repartition(step.clone(), bins)?;
            return self.pack_repartitioned(step, between, bins);
        }
        let Step { mut draft, mut sink, .. } = step;
        let order_by = over_rows(bins.order_by.clone(), &draft);
        sink.delivery = packing(&mut draft, &key, &order_by, bins);
        let query = draft.finish(sink, self);
        self.queries.push(query);
        Ok(())
    }

    /// The first of two steps: exactly once to an internal topic that is keyed by the bin key.
    fn repartition(&mut self, step: Step, bins: &Bins) -> Result<Stream> {
        let Step { mut draft, sink, formats } = step;
        let Column { name: key_name, data_type: key_type, .. } =
            draft.schema.columns[bins.key].clone();
        if !format::is_kafka(&key_type) {
            let message = format!("rows cannot be partitioned by {key_name}, which is {key_type}");
            return Err(Problem::new(bins.key_span, message, "not the record's key")
                .help("the bin key must be INT, BIGINT, DOUBLE, STRING or BYTES"));
        }
        let name = repartition_name(&draft.name);
        let topic = format!("{}-{name}", self.app);
        let between = between(&draft, &topic, formats, bins.key);
        let key = over_rows(column_at(&draft.schema, bins.key), &draft);
        draft.name.clone_from(&name);
        let first = Sink {
            name,
            topic,
            topic_settings: Vec::new(),
            key: Payload::Encoded {
                format: Format::Kafka,
                columns: vec![draft.slot(&key_name, &key)],
            },
            delivery: Delivery::ExactlyOnce,
            connector: None,
            ..sink
        };
        let query = draft.finish(first, self);
        self.queries.push(query);
        Ok(between)
    }

    /// The second of two steps: bins of what the first has brought together, its bytes unchanged.
    fn pack_repartitioned(&mut self, step: Step, between: Stream, bins: &Bins) -> Result<()> {
        let Step { draft, mut sink, .. } = step;
        let mut graph = Graph::default();
        let reading = Reading { on_bad_record: Some(BadRecord::Fail), ..Reading::default() };
        let qualifier = between.name.clone();
        let rows = self.read(between, &qualifier, &reading, &mut graph);
        let typing = self.typing(&rows.relations, "bin_order_by");
        let order_by = sink::expression(&bins.order_by_text, typing)?;
        let key = graph.column(rows.node, 0);
        let mut second = Draft {
            name: draft.name,
            graph,
            rows,
            slots: Vec::new(),
            payload: PayloadKind::Unchanged,
            schema: draft.schema,
        };
        sink.key = Payload::Unchanged;
        sink.value = Payload::Unchanged;
        sink.delivery = packing(&mut second, &key, &order_by, bins);
        if sink.timestamp.is_some() {
            // The first step has put the chosen time-stamp on the record.
            let row_time =
                Expression { kind: Kind::Pseudo(Pseudo::RowTime), data_type: DataType::Bigint };
            sink.timestamp = Some(second.slot("timestamp", &row_time));
        }
        let query = second.finish(sink, self);
        self.queries.push(query);
        Ok(())
    }
}

fn packing(draft: &mut Draft, key: &Expression, order_by: &Expression, bins: &Bins) -> Delivery {
    Delivery::BinPacked(BinPacking {
        key: draft.slot("bin_key", key),
        order_by: draft.slot("bin_order_by", order_by),
        interval: bins.interval,
        rows: bins.rows,
        header: bins.header.clone(),
    })
}

/// The column at a position of a schema.
fn column_at(schema: &Schema, index: usize) -> Expression {
    let Column { name, data_type, .. } = &schema.columns[index];
    Expression { kind: Kind::Column { index, name: name.clone() }, data_type: data_type.clone() }
}

/// An expression over what is selected as one over the rows that are projected.
pub(super) fn over_rows(mut expression: Expression, draft: &Draft) -> Expression {
    if draft.payload == PayloadKind::Encoded {
        replace(&mut expression, &mut |of| match of.kind {
            Kind::Column { index, .. } => Some(draft.slots[index].expression.clone()),
            _ => None,
        });
    }
    expression
}

/// Whether the output's record key is this column, so that its rows are together already.
fn is_record_key(key: &Expression, step: &Step) -> bool {
    let rows = &step.draft.rows;
    let Kind::Column { index, .. } = &key.kind else { return false };
    let only = matches!(&rows.key.parts[..], [part] if part.is(key));
    match &step.sink.key {
        Payload::Unchanged => only || rows.first().key_column == Some(*index),
        Payload::Encoded { columns, .. } => !columns.is_empty() && only,
    }
}

/// The internal stream between the two steps of a bin-packed query.
fn between(draft: &Draft, topic: &str, formats: Formats, key: usize) -> Stream {
    let mut columns = vec![Column { role: Role::Key, ..draft.schema.columns[key].clone() }];
    let values = draft.schema.columns.iter().enumerate();
    columns.extend(
        values
            .filter(|(index, column)| *index != key && column.role == Role::Value)
            .map(|(_, column)| column.clone()),
    );
    Stream {
        columns: Columns::Known(Schema { columns }),
        key_format: Format::Kafka,
        value_format: formats.value,
        watermark_delay: draft.rows.watermark_delay(),
        idle_timeout: draft.rows.first().idle_timeout,
        ..Stream::new(&repartition_name(&draft.name), topic)
    }
}
