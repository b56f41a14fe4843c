//! FROM: the inputs of a query become nodes, and what can be named.

use super::Planner;
use super::graph::{Graph, of_role};
use super::rows::{KeyOrigin, KeyPart, RecordKey, Rows, WindowColumns};
use crate::ast::{self, Select};
use crate::catalog::{Stream, written};
use crate::error::{Problem, Result};
use crate::resolve::Relation;
use crate::settings::{BadRecord, Settings};
use kolk::schema::Role;
use kolk::topology::{Collection, OffsetReset, OnBadRecord, Operator, Source};

/// What a query says about the reading of its inputs.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    /// What becomes of records that cannot be read.
    pub(super) on_bad_record: Option<BadRecord>,
    /// Where they go.
    pub(super) dead_letter_topic: Option<String>,
    /// What becomes of late rows.
    pub(super) late: Option<String>,
}

impl Planner<'_> {
    /// The rows that FROM and JOIN give.
    pub(super) fn from(
        &self,
        select: &Select,
        reading: &Reading,
        graph: &mut Graph,
    ) -> Result<Rows> {
        let rows = self.input(&select.from, reading, graph)?;
        self.joins(rows, select, reading, graph)
    }

    /// The rows of one stream or table.
    pub(super) fn input(
        &self,
        relation: &ast::Relation,
        reading: &Reading,
        graph: &mut Graph,
    ) -> Result<Rows> {
        let names = self.settings.names;
        let stream = self.catalog.find(&relation.name, names)?.clone();
        if stream.collection == Collection::Table && stream.window.is_some() {
            let message = format!("{} is a windowed table, which no query can read", stream.name);
            return Err(Problem::new(relation.name.span, message, "its keys have windows")
                .help("declare its topic as a stream: WITH (…, window_type='…')"));
        }
        let alias = relation.alias.as_ref().map(|alias| written(alias, names));
        let qualifier = alias.unwrap_or_else(|| stream.name.clone());
        Ok(self.read(stream, &qualifier, reading, graph))
    }

    /// The rows of a stream or table that this query calls `qualifier`.
    pub(super) fn read(
        &self,
        stream: Stream,
        qualifier: &str,
        reading: &Reading,
        graph: &mut Graph,
    ) -> Rows {
        let visible = Relation::of(&stream.name, qualifier, stream.columns.known());
        let node = graph.push(
            Vec::new(),
            Operator::Source(source(&stream, reading, &self.settings)),
            stream.columns.schema(),
        );
        let keys = of_role(graph.schema(node), &Role::Key);
        let parts = keys.into_iter().map(|key| KeyPart::column(graph, node, key)).collect();
        let bound = |role| of_role(graph.schema(node), &role).first().copied();
        let bounds = bound(Role::WindowStart).zip(bound(Role::WindowEnd)).zip(stream.window);
        Rows {
            node,
            relations: vec![visible],
            collection: stream.collection,
            key: RecordKey { parts, origin: KeyOrigin::Input },
            window: bounds.map(|((start, end), form)| WindowColumns { start, end, form }),
            // Rows of a table also come from its state, which keeps columns and no bytes.
            bytes: stream.collection == Collection::Stream,
            streams: vec![stream],
        }
    }
}

fn source(stream: &Stream, reading: &Reading, settings: &Settings) -> Source {
    Source {
        name: stream.name.clone(),
        topic: stream.topic.clone(),
        partitions: stream.partitions,
        key_column: stream.key_column,
        key_format: stream.key_format,
        value_format: stream.value_format,
        event_time: stream.event_time.clone(),
        watermark_delay: stream.watermark_delay,
        idle_timeout: stream.idle_timeout,
        offset_reset: match stream.collection {
            Collection::Stream => settings.offset_reset,
            // A table is all that was ever said of its keys.
            Collection::Table => OffsetReset::Earliest,
        },
        on_bad_record: on_bad_record(stream, reading, settings),
        collection: stream.collection,
        window: stream.window,
        exchange: None,
        is_internal: false,
    }
}

/// What becomes of records of `input` that cannot be read: the query's word, the stream's, the session's.
fn on_bad_record(input: &Stream, reading: &Reading, settings: &Settings) -> OnBadRecord {
    match reading.on_bad_record.or(input.on_bad_record).unwrap_or(settings.on_bad_record) {
        BadRecord::Fail => OnBadRecord::Fail,
        BadRecord::Skip => OnBadRecord::Skip,
        BadRecord::DeadLetter => {
            OnBadRecord::DeadLetter { topic: dead_letter_topic(input, reading) }
        }
    }
}

/// Where records and rows of `input` go that cannot be processed.
pub(super) fn dead_letter_topic(input: &Stream, reading: &Reading) -> String {
    let said = reading.dead_letter_topic.clone().or_else(|| input.dead_letter_topic.clone());
    said.unwrap_or_else(|| format!("{}-dead-letter", input.topic))
}
