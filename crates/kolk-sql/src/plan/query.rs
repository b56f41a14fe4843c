//! `CREATE STREAM name WITH (…) AS SELECT …`: a query and the stream that it makes.

use super::declaration;
use super::format::{self, Formats};
use super::graph::{self, Draft, PayloadKind};
use super::projection::{Projection, projection};
use super::sink::{self, Bins, Wanted};
use super::{Planner, repartition_name};
use crate::ast::{Collection, CreateAs, Emit, Select};
use crate::catalog::{Columns, Stream, written};
use crate::error::{Problem, Result};
use crate::options::{Options, Statement};
use crate::resolve::Scope;
use crate::settings::ProjectedKeys;
use crate::source::Span;
use crate::typing::Typing;
use kolk::expression::{Expression, Kind, Pseudo};
use kolk::schema::{Column, DataType, Role, Schema};
use kolk::topology::{BinPacking, Delivery, EventTime, Format, OnBadRecord, Payload, Sink};

impl Planner<'_> {
    pub(super) fn create_by_query(&mut self, create: &CreateAs) -> Result<()> {
        let names = self.settings.names;
        refuse_unplanned(create)?;
        let options = Options::read(&create.options, Statement::Query)?;
        let input = self.catalog.find(&create.query.from.name, names)?.clone();
        let mut formats = format::formats(&options, format::inherited(&input, &self.settings))?;
        let mut draft = self.draft(create, &input, formats)?;
        if draft.payload == PayloadKind::Encoded {
            formats = format::wrapping(&options, &draft.schema, formats, &self.settings)?;
        }
        let (key, value) = self.payloads(&mut draft, formats, create)?;
        let mut sink = described(&draft.name, &options, key, value);
        if options.text("kafka_topic").is_none() {
            sink.topic.insert_str(0, &self.settings.topic_prefix);
        }
        refuse_own_output(create, &options, &sink, &input)?;

        let visible = draft.schema.clone();
        // Options name what the query selects; bytes that are passed on are still those of the input.
        let (named, columns) = match draft.payload {
            PayloadKind::Unchanged => (input.name.as_str(), &input.columns),
            PayloadKind::Encoded => (create.name.text.as_str(), &Columns::Known(Schema::default())),
        };
        let typing = self.typing(named, &visible, columns);
        let wanted = sink::delivery(&options, &self.settings, typing)?;
        if let Some(timestamp) = sink::timestamp(&options, typing)? {
            let timestamp = over_source(timestamp, &draft);
            sink.timestamp = Some(draft.slot("timestamp", &timestamp));
        }
        let on_bad_record = graph::on_bad_record(
            &input,
            declaration::on_bad_record(&options)?,
            options.text("dead_letter_topic").map(|text| text.text),
            &self.settings,
        );
        if self.keeps_existing(&create.name, create.on_existing)? {
            return Ok(());
        }
        let made = made(&draft, &sink, &options, formats, &wanted);
        match wanted {
            Wanted::Plain(delivery) => {
                sink.delivery = delivery;
                self.queries.push(draft.finish(sink, on_bad_record, &self.settings));
            }
            Wanted::Bins(bins) => self.pack(draft, sink, &bins, formats, on_bad_record)?,
        }
        self.catalog.put(made);
        Ok(())
    }

    fn draft(&self, create: &CreateAs, input: &Stream, formats: Formats) -> Result<Draft> {
        let names = self.settings.names;
        let select = &create.query;
        let schema = match &input.columns {
            Columns::Known(schema) => Some(schema),
            Columns::Unknown => None,
        };
        let alias = select.from.alias.as_ref().map(|alias| written(alias, names));
        let qualifier = alias.as_deref().unwrap_or(&input.name);
        let scope = Scope { name: &input.name, qualifier, schema, names };
        let typing = Typing { scope, timezone: &self.settings.conventions.timezone };
        let projection = projection(select, input, typing, &self.settings, formats)?;
        let filter =
            select.filter.as_ref().map(|filter| typing.condition(filter, "WHERE")).transpose()?;
        let name = written(&create.name, names);
        let (slots, payload, schema) = match projection {
            Projection::Unchanged => (Vec::new(), PayloadKind::Unchanged, input.columns.schema()),
            Projection::Columns(outputs) => {
                let columns = outputs.iter().map(|output| output.column.clone()).collect();
                (outputs, PayloadKind::Encoded, Schema { columns })
            }
        };
        Ok(Draft { name, input: input.clone(), filter, slots, payload, schema })
    }

    fn typing<'a>(&'a self, name: &'a str, visible: &'a Schema, columns: &Columns) -> Typing<'a> {
        let schema = if visible.columns.is_empty() && *columns == Columns::Unknown {
            None
        } else {
            Some(visible)
        };
        let scope = Scope { name, qualifier: name, schema, names: self.settings.names };
        Typing { scope, timezone: &self.settings.conventions.timezone }
    }

    /// What becomes of key and value.
    fn payloads(
        &self,
        draft: &mut Draft,
        formats: Formats,
        create: &CreateAs,
    ) -> Result<(Payload, Payload)> {
        let value = match draft.payload {
            PayloadKind::Unchanged => Payload::Unchanged,
            PayloadKind::Encoded => {
                let spans: Vec<Span> = draft.slots.iter().map(|slot| slot.span).collect();
                format::check(&draft.schema, formats, &spans)?;
                Payload::Encoded {
                    format: formats.value,
                    columns: of_role(&draft.schema, &Role::Value),
                }
            }
        };
        let keys = of_role(&draft.input.columns.schema(), &Role::Key);
        let moved = self.settings.projected_keys == ProjectedKeys::Key
            && draft.payload == PayloadKind::Encoded;
        let key = if formats.key == Format::None || (moved && keys.is_empty()) {
            Payload::Encoded { format: Format::None, columns: Vec::new() }
        } else if formats.key == draft.input.key_format {
            Payload::Unchanged
        } else if keys.is_empty() {
            let message = format!(
                "{} declares no KEY column that could be written as {}",
                draft.input.name, formats.key
            );
            return Err(Problem::new(create.name.span, message, "asks for another key_format")
                .help("declare it: (name type KEY, …), or leave out key_format to keep the key's bytes"));
        } else {
            let schema = draft.input.columns.schema();
            let columns = keys
                .iter()
                .map(|index| draft.slot(&schema.columns[*index].name, &column_at(&schema, *index)));
            Payload::Encoded { format: formats.key, columns: columns.collect() }
        };
        Ok((key, value))
    }

    /// A query that packs bins; where the bin key is not the record key, another one before it that makes it so.
    fn pack(
        &mut self,
        mut draft: Draft,
        mut sink: Sink,
        bins: &Bins,
        formats: Formats,
        on_bad_record: OnBadRecord,
    ) -> Result<()> {
        let key = over_source(column_at(&draft.schema, bins.key), &draft);
        if !is_record_key(&key, &draft.input, &sink) {
            let between = self.repartition(draft.clone(), &sink, bins, formats, on_bad_record)?;
            return self.pack_repartitioned(draft, between, sink, bins);
        }
        let order_by = over_source(bins.order_by.clone(), &draft);
        sink.delivery = packing(&mut draft, &key, &order_by, bins);
        self.queries.push(draft.finish(sink, on_bad_record, &self.settings));
        Ok(())
    }

    /// The first of two steps: exactly once to an internal topic that is keyed by the bin key.
    fn repartition(
        &mut self,
        mut draft: Draft,
        sink: &Sink,
        bins: &Bins,
        formats: Formats,
        on_bad_record: OnBadRecord,
    ) -> Result<Stream> {
        let Column { name: key_name, data_type: key_type, .. } =
            draft.schema.columns[bins.key].clone();
        if !format::is_kafka(&key_type) {
            let message = format!("rows cannot be partitioned by {key_name}, which is {key_type}");
            return Err(Problem::new(bins.key_span, message, "not the record's key")
                .help("the bin key must be INT, BIGINT, DOUBLE, STRING or BYTES"));
        }
        let name = repartition_name(&draft.name);
        let topic = format!("{}-{name}", self.app);
        let between = between(&draft, &name, &topic, formats, bins.key);
        let key = over_source(column_at(&draft.schema, bins.key), &draft);
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
            ..sink.clone()
        };
        self.queries.push(draft.finish(first, on_bad_record, &self.settings));
        Ok(between)
    }

    /// The second of two steps: bins of what the first has brought together, its bytes unchanged.
    fn pack_repartitioned(
        &mut self,
        draft: Draft,
        between: Stream,
        mut sink: Sink,
        bins: &Bins,
    ) -> Result<()> {
        let schema = between.columns.schema();
        let typing = self.typing(&between.name, &schema, &between.columns);
        let order_by = sink::expression(&bins.order_by_text, typing)?;
        let key = column_at(&schema, 0);
        let mut second = Draft {
            name: draft.name,
            input: between,
            filter: None,
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
        self.queries.push(second.finish(sink, OnBadRecord::Fail, &self.settings));
        Ok(())
    }
}

/// Refuses the clauses that are read but not planned.
fn refuse_unplanned(create: &CreateAs) -> Result<()> {
    let Select { joins, window, group_by, partition_by, having, emit, limit, .. } = &create.query;
    let table = (create.collection == Collection::Table)
        .then_some((create.collection_span, "CREATE TABLE"));
    let join = joins.first().map(|join| (join.kind_span, join.kind.text()));
    let window = window.as_ref().map(|window| (window.span, "WINDOW"));
    let group_by = group_by.as_ref().map(|clause| (clause.span, "GROUP BY"));
    let partition_by = partition_by.as_ref().map(|clause| (clause.span, "PARTITION BY"));
    let having = having.as_ref().map(|having| (having.span, "HAVING"));
    let emit = emit.as_ref().filter(|emit| emit.content == Emit::Final);
    let emit = emit.map(|clause| (clause.span, "EMIT FINAL"));
    let limit = limit.as_ref().map(|clause| (clause.span, "LIMIT"));
    let clauses = [join, window, group_by, partition_by, having, emit, limit, table];
    match clauses.into_iter().flatten().next() {
        Some((span, what)) => Err(Problem::unsupported(span, what)),
        None => Ok(()),
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

/// An expression over the visible columns as one over the source's.
fn over_source(mut expression: Expression, draft: &Draft) -> Expression {
    if draft.payload == PayloadKind::Encoded {
        graph::substitute(&mut expression, &draft.slots);
    }
    expression
}

fn of_role(schema: &Schema, role: &Role) -> Vec<usize> {
    let columns = schema.columns.iter().enumerate();
    columns.filter(|(_, column)| column.role == *role).map(|(index, _)| index).collect()
}

/// Whether the output's record key is this column, so that its rows are together already.
fn is_record_key(key: &Expression, input: &Stream, sink: &Sink) -> bool {
    let Kind::Column { index, .. } = &key.kind else { return false };
    let keys = of_role(&input.columns.schema(), &Role::Key);
    match &sink.key {
        Payload::Unchanged => keys == [*index] || input.key_column == Some(*index),
        Payload::Encoded { columns, .. } => !columns.is_empty() && keys == [*index],
    }
}

/// The visible column of the value whose text is the record key's.
fn key_column(draft: &Draft, sink: &Sink) -> Option<usize> {
    if sink.key != Payload::Unchanged {
        return None;
    }
    if draft.payload == PayloadKind::Unchanged {
        return draft.input.key_column;
    }
    let schema = draft.input.columns.schema();
    let keys = of_role(&schema, &Role::Key);
    // Only text is the same in a key of format KAFKA and in a value.
    let text = |index: usize| {
        draft.input.key_format == Format::Kafka
            && schema.columns[index].data_type == DataType::String
    };
    let holds_key =
        |index: usize| draft.input.key_column == Some(index) || (keys == [index] && text(index));
    (0..draft.schema.columns.len()).find(|slot| {
        draft.schema.columns[*slot].role == Role::Value
            && matches!(draft.slots[*slot].expression.kind, Kind::Column { index, .. } if holds_key(index))
    })
}

/// The internal stream between the two steps of a bin-packed query.
fn between(draft: &Draft, name: &str, topic: &str, formats: Formats, key: usize) -> Stream {
    let mut columns = vec![Column { role: Role::Key, ..draft.schema.columns[key].clone() }];
    let values = draft.schema.columns.iter().enumerate();
    columns.extend(
        values
            .filter(|(index, column)| *index != key && column.role == Role::Value)
            .map(|(_, column)| column.clone()),
    );
    Stream {
        name: name.to_owned(),
        topic: topic.to_owned(),
        partitions: None,
        columns: Columns::Known(Schema { columns }),
        key_column: None,
        key_format: Format::Kafka,
        value_format: formats.value,
        window: None,
        event_time: EventTime::Record,
        watermark_delay: draft.input.watermark_delay,
        idle_timeout: draft.input.idle_timeout,
        on_bad_record: None,
        dead_letter_topic: None,
    }
}

/// The sink, as far as the options describe it.
fn described(name: &str, options: &Options, key: Payload, value: Payload) -> Sink {
    let number = |name: &str| options.number(name);
    let retention = number("retention_ms").map(|ms| ("retention.ms".to_owned(), ms.to_string()));
    Sink {
        name: name.to_owned(),
        topic: options.text("kafka_topic").map_or_else(|| name.to_owned(), |topic| topic.text),
        partitions: number("partitions").and_then(|count| u32::try_from(count).ok()),
        replicas: number("replicas").and_then(|count| u16::try_from(count).ok()),
        topic_settings: retention.into_iter().collect(),
        key,
        value,
        ..Sink::new(name)
    }
}

fn refuse_own_output(
    create: &CreateAs,
    options: &Options,
    sink: &Sink,
    input: &Stream,
) -> Result<()> {
    if sink.topic != input.topic {
        return Ok(());
    }
    let span = options.text("kafka_topic").map_or(create.name.span, |topic| topic.span);
    let message = format!("the query would read its own output: both are the topic {}", sink.topic);
    Err(Problem::new(span, message, "written here")
        .label(create.query.from.name.span, "read here")
        .help("write to another kafka_topic"))
}

/// The stream that a query makes, as later statements read it.
fn made(
    draft: &Draft,
    sink: &Sink,
    options: &Options,
    formats: Formats,
    wanted: &Wanted,
) -> Stream {
    // Exactly once keeps the row's time in the record; the other modes stamp records when they are handed over.
    let kept = sink.timestamp.is_some() || matches!(wanted, Wanted::Plain(Delivery::ExactlyOnce));
    let event_time = match &draft.input.event_time {
        EventTime::Column { index: time, format } if !kept => match draft.payload {
            PayloadKind::Unchanged => draft.input.event_time.clone(),
            PayloadKind::Encoded => {
                let same = |column: &usize| matches!(draft.slots[*column].expression.kind, Kind::Column { index, .. } if index == *time);
                match (0..draft.schema.columns.len()).find(same) {
                    Some(index) => EventTime::Column { index, format: format.clone() },
                    None => EventTime::Record,
                }
            }
        },
        _ => EventTime::Record,
    };
    let columns = match (draft.payload, &draft.input.columns) {
        (PayloadKind::Unchanged, columns) => columns.clone(),
        (PayloadKind::Encoded, _) => Columns::Known(draft.schema.clone()),
    };
    Stream {
        name: draft.name.clone(),
        topic: sink.topic.clone(),
        partitions: None,
        columns,
        key_column: key_column(draft, sink),
        key_format: formats.key,
        value_format: formats.value,
        window: if sink.key == Payload::Unchanged { draft.input.window } else { None },
        event_time,
        watermark_delay: options.duration("watermark_delay").unwrap_or(draft.input.watermark_delay),
        idle_timeout: options.duration("idle_timeout").or(draft.input.idle_timeout),
        on_bad_record: None,
        dead_letter_topic: None,
    }
}
