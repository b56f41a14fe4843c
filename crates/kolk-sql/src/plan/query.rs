//! `CREATE STREAM | TABLE name WITH (…) AS SELECT …` and `INSERT INTO name SELECT …`: queries and what they make.

use super::bins::{self, Step};
use super::draft::{Asked, Draft, PayloadKind};
use super::format::Formats;
use super::from::Reading;
use super::keys::Payloads;
use super::made::made;
use super::sink::{self, Wanted};
use super::{Planner, declaration};
use crate::ast::{CreateAs, Ident};
use crate::catalog::{Columns, written};
use crate::error::{Problem, Result};
use crate::options::{Options, Statement};
use crate::resolve::Relation;
use crate::settings::{Processing, TableUpdates};
use crate::source::Span;
use kolk::topology::{Delivery, Sink, Updates};

impl Planner<'_> {
    pub(super) fn create_by_query(&mut self, create: &CreateAs) -> Result<()> {
        let options = Options::read(&create.options, Statement::Query, self.connectors)?;
        let name = written(&create.name, self.settings.names);
        let asked = Asked {
            name: &name,
            select: &create.query,
            options: &options,
            makes: create.collection,
            makes_span: create.collection_span,
        };
        let mut draft = self.draft(asked, None)?;
        if let Some(connector) = &options.connector {
            return self.create_in_store(create, asked, draft, connector);
        }
        let formats = self.output_formats(&options, &draft)?;
        let payloads = self.payloads(&mut draft, formats, create.name.span)?;
        let mut sink = described(&draft.name, &options, payloads);
        if options.text("kafka_topic").is_none() {
            sink.topic.insert_str(0, &self.settings.topic_prefix);
        }
        let topic_span = options.text("kafka_topic").map_or(create.name.span, |topic| topic.span);
        refuse_own_output(&draft, &sink.topic, topic_span, create.query.from.name.span)?;
        let wanted = self.delivery(asked, &mut draft, &mut sink)?;
        if self.keeps_existing(&create.name, create.on_existing)? {
            return Ok(());
        }
        let made = made(&draft, &sink, &options, formats, &wanted);
        self.finish_query(draft, sink, wanted, formats)?;
        self.catalog.put(made);
        Ok(())
    }

    /// What a statement says about the reading of its inputs.
    pub(super) fn reading(&self, options: &Options) -> Result<Reading> {
        Ok(Reading {
            on_bad_record: declaration::on_bad_record(options)?,
            dead_letter_topic: options.text("dead_letter_topic").map(|topic| topic.text),
            late: options.text("late").map(|late| late.text),
        })
    }

    /// How the statement wants its rows delivered, and with which time-stamp.
    pub(super) fn delivery(
        &self,
        asked: Asked<'_>,
        draft: &mut Draft,
        sink: &mut Sink,
    ) -> Result<Wanted> {
        let relations = [named_by_options(asked, draft)];
        let typing = self.typing(&relations, "an option");
        let wanted = sink::delivery(asked.options, &self.settings, typing)?;
        let timestamp = sink::timestamp(asked.options, typing)?;
        if let Some(timestamp) = timestamp {
            let timestamp = bins::over_rows(timestamp, draft);
            sink.timestamp = Some(draft.slot("timestamp", &timestamp));
        }
        self.check_state(asked.options, draft, &wanted)?;
        Ok(wanted)
    }

    /// Adds the query, or the two that pack bins of rows that do not lie together.
    pub(super) fn finish_query(
        &mut self,
        draft: Draft,
        mut sink: Sink,
        wanted: Wanted,
        formats: Formats,
    ) -> Result<()> {
        match wanted {
            Wanted::Plain(delivery) => {
                sink.delivery = delivery;
                sink.updates = match self.settings.table_updates {
                    TableUpdates::All => Updates::All,
                    TableUpdates::Latest => Updates::Latest,
                };
                let query = draft.finish(sink, self);
                self.queries.push(query);
            }
            Wanted::Bins(bins) => self.pack(Step { draft, sink, formats }, &bins)?,
        }
        Ok(())
    }

    /// Refuses state that a crash could leave behind the output, unless the statement wants that.
    fn check_state(&self, options: &Options, draft: &Draft, wanted: &Wanted) -> Result<()> {
        let Wanted::Plain(delivery) = wanted else { return Ok(()) };
        let at_least_once = match options.text("processing") {
            Some(word) => word.text == "at_least_once",
            None => self.settings.processing == Processing::AtLeastOnce,
        };
        if delivery.is_transactional() || at_least_once || !draft.graph.is_stateful() {
            return Ok(());
        }
        let span = options.span("delivery").unwrap_or_default();
        let message = format!(
            "delivery='{}' writes outside of transactions: behind a crash this query would count rows twice",
            delivery.name()
        );
        Err(Problem::new(span, message, "the query keeps state")
            .help("choose delivery='exactly_once', or say processing='at_least_once'"))
    }

    /// Sees to the name of a query that adds to a stream.
    pub(super) fn insert_name(&self, into: &Ident) -> String {
        let base = format!("{}-insert", written(into, self.settings.names));
        let number = 1 + self.queries.iter().filter(|query| query.name.starts_with(&base)).count();
        format!("{base}-{number}")
    }
}

/// The sink, as far as the options describe it.
/// What options can name: what the query selects; bytes that are passed on are still those of the input.
pub(super) fn named_by_options(asked: Asked<'_>, draft: &Draft) -> Relation {
    let input = draft.rows.first();
    match (draft.payload, &input.columns) {
        (PayloadKind::Encoded, _) => Relation::of(asked.name, asked.name, Some(&draft.schema)),
        (PayloadKind::Unchanged, Columns::Known(_)) => {
            Relation::of(&input.name, &input.name, Some(&draft.schema))
        }
        (PayloadKind::Unchanged, Columns::Unknown) => Relation::of(&input.name, &input.name, None),
    }
}

fn described(name: &str, options: &Options, payloads: Payloads) -> Sink {
    let number = |name: &str| options.number(name);
    let retention = number("retention_ms").map(|ms| ("retention.ms".to_owned(), ms.to_string()));
    Sink {
        name: name.to_owned(),
        topic: options.text("kafka_topic").map_or_else(|| name.to_owned(), |topic| topic.text),
        partitions: number("partitions").and_then(|count| u32::try_from(count).ok()),
        replicas: number("replicas").and_then(|count| u16::try_from(count).ok()),
        topic_settings: retention.into_iter().collect(),
        key: payloads.key,
        value: payloads.value,
        window: payloads.window,
        delivery: Delivery::ExactlyOnce,
        ..Sink::new(name)
    }
}

/// Refuses a query that reads the topic that it writes.
pub(super) fn refuse_own_output(
    draft: &Draft,
    topic: &str,
    written: Span,
    read: Span,
) -> Result<()> {
    if draft.graph.topics().all(|input| input != topic) {
        return Ok(());
    }
    let message = format!("the query would read its own output: both are the topic {topic}");
    Err(Problem::new(written, message, "written here")
        .label(read, "read here")
        .help("write to another kafka_topic"))
}
