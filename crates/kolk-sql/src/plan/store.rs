//! `CREATE … WITH (connector='…') AS SELECT …`: rows that go to a store other than Kafka.

use super::bins::Step;
use super::draft::{Asked, Draft, PayloadKind};
use super::format::Formats;
use super::query::named_by_options;
use super::rows::KeyPart;
use super::sink::Wanted;
use super::{Planner, sink};
use crate::ast::{CreateAs, Emit};
use crate::connector::ConnectorOptions;
use crate::error::Result;
use kolk::topology::{Collection, Format, Payload, Sink, Updates};

impl Planner<'_> {
    /// Adds the query. Later statements cannot read what it makes.
    pub(super) fn create_in_store(
        &mut self,
        create: &CreateAs,
        asked: Asked<'_>,
        mut draft: Draft,
        connector: &ConnectorOptions,
    ) -> Result<()> {
        if self.keeps_existing(&create.name, create.on_existing)? {
            return Ok(());
        }
        let selected = draft.schema.columns.clone();
        let value = match draft.payload {
            PayloadKind::Unchanged => Payload::Unchanged,
            PayloadKind::Encoded => {
                let columns = (0..draft.schema.columns.len()).collect();
                Payload::Encoded { format: Format::Json, columns }
            }
        };
        let (key, key_columns) = store_key(&mut draft);
        let target = connector.connector(asked.name, &selected, key_columns);
        if draft.rows.collection == Collection::Table {
            let emit = asked.select.emit.as_ref();
            connector.check_table(&target, emit.is_some_and(|emit| emit.content == Emit::Final))?;
        }
        let topic = format!("{} of {}", draft.name, connector.kind.name);
        let updates = Updates::Latest;
        let mut sink =
            Sink { name: draft.name.clone(), topic, key, value, updates, ..Sink::new(&draft.name) };
        let (wanted, word) = (self.store_delivery(asked, &draft)?, asked.options.text("delivery"));
        match wanted {
            Wanted::Plain(delivery) => {
                sink.delivery = connector.check_delivery(delivery, word.as_ref(), &target)?;
                sink.connector = Some(Box::new(target));
            }
            Wanted::Bins(bins) => {
                sink.connector = Some(Box::new(target));
                let formats =
                    Formats { value: Format::Json, ..self.output_formats(asked.options, &draft)? };
                return self.pack(Step { draft, sink, formats }, &bins);
            }
        }
        let query = draft.finish(sink, self);
        self.queries.push(query);
        Ok(())
    }

    fn store_delivery(&self, asked: Asked<'_>, draft: &Draft) -> Result<Wanted> {
        let relations = [named_by_options(asked, draft)];
        let typing = self.typing(&relations, "an option");
        sink::delivery(asked.options, &self.settings, typing)
    }
}

/// What a row is ordered by: the record's key of the output, or the input's; and which selected columns are it.
fn store_key(draft: &mut Draft) -> (Payload, Vec<usize>) {
    let parts = draft.rows.key.parts.clone();
    let passed_on = draft.payload == PayloadKind::Unchanged && draft.rows.keeps_key();
    if parts.is_empty() || passed_on {
        return (Payload::Unchanged, Vec::new());
    }
    let width = draft.schema.columns.len();
    let place = |part: &KeyPart| {
        let found = draft.slots.iter().position(|slot| part.is(&slot.expression));
        found.unwrap_or_else(|| draft.slot(&part.name, &part.expression))
    };
    let columns: Vec<usize> = parts.iter().map(place).collect();
    let selected = columns.iter().copied().filter(|at| *at < width).collect();
    (Payload::Encoded { format: Format::Json, columns }, selected)
}
