//! `INSERT INTO name SELECT …`: another query that writes the topic of a stream that exists.

use super::Planner;
use super::draft::{Asked, Draft};
use super::format::Formats;
use super::query::refuse_own_output;
use crate::ast::{Collection, InsertSelect, InsertValues};
use crate::catalog::{Access, Columns, Stream};
use crate::error::{Problem, Result};
use crate::options::{Options, Statement};
use crate::settings::ProjectedKeys;
use crate::typing::implicit;
use kolk::schema::{Role, Schema};
use kolk::topology::{self, Sink};

impl Planner<'_> {
    pub(super) fn insert_by_query(&mut self, insert: &InsertSelect) -> Result<()> {
        let names = self.settings.names;
        let options = Options::read(&insert.options, Statement::Insert, self.connectors)?;
        let into = self.catalog.find(&insert.into, names)?.clone();
        let span = insert.into.span;
        if into.collection == topology::Collection::Table {
            let message = format!(
                "INSERT INTO can only be used to insert into a stream: {} is a table",
                into.name
            );
            return Err(Problem::new(span, message, "a table"));
        }
        check_access(&into, span)?;
        let name = self.insert_name(&insert.into);
        let asked = Asked {
            name: &name,
            select: &insert.query,
            options: &options,
            makes: Collection::Stream,
            makes_span: span,
        };
        let mut draft = self.draft(asked, Some(into.value_format))?;
        refuse_own_output(&draft, &into.topic, span, insert.query.from.name.span)?;
        self.fit(&mut draft, &into, insert)?;
        let formats = Formats { key: into.key_format, value: into.value_format };
        let payloads = self.payloads(&mut draft, formats, span)?;
        let mut sink = Sink {
            key: payloads.key,
            value: payloads.value,
            window: payloads.window,
            name: into.name.clone(),
            ..Sink::new(&into.topic)
        };
        let wanted = self.delivery(asked, &mut draft, &mut sink)?;
        self.finish_query(draft, sink, wanted, formats)
    }

    /// Brings what is selected to the columns of the stream: the same ones in the same order, whatever they are called.
    fn fit(&self, draft: &mut Draft, into: &Stream, insert: &InsertSelect) -> Result<()> {
        let Columns::Known(target) = &into.columns else { return Ok(()) };
        if draft.slots.is_empty() {
            return Ok(());
        }
        let written = |column: &&kolk::schema::Column| match self.settings.projected_keys {
            ProjectedKeys::Key => matches!(column.role, Role::Key | Role::Value),
            ProjectedKeys::Value => column.role == Role::Value,
        };
        let mut columns: Vec<_> = target.columns.iter().filter(written).cloned().collect();
        columns.sort_by_key(|column| column.role != Role::Key);
        let target = Schema { columns };
        let misfit = || {
            let message =
                format!("incompatible schema: {} does not take what the query gives", into.name);
            Problem::new(insert.query.span, message, format!("result schema: {}", draft.schema))
                .label(insert.into.span, format!("sink schema: {target}"))
                .help("select the stream's columns in its order, with CAST where types differ")
        };
        if draft.slots.len() != target.columns.len() {
            return Err(misfit());
        }
        let mut slots = draft.slots.clone();
        for (slot, column) in slots.iter_mut().zip(&target.columns) {
            if slot.column.role != column.role || slot.column.name != column.name {
                return Err(misfit());
            }
            let timezone = &self.settings.conventions.timezone;
            slot.expression =
                implicit(slot.expression.clone(), &column.data_type, timezone, slot.span)
                    .map_err(|_| misfit())?;
            slot.column = column.clone();
        }
        draft.slots = slots;
        draft.schema = target;
        Ok(())
    }

    /// `INSERT INTO name VALUES`: refused, after what is wrong with it in any case.
    pub(super) fn insert_values(&self, insert: &InsertValues) -> Result<()> {
        let names = self.settings.names;
        let into = self.catalog.find(&insert.into, names)?;
        check_access(into, insert.into.span)?;
        let columns = into.columns.schema().columns;
        let headers = columns.iter().enumerate().filter(|(at, column)| {
            let named = insert
                .columns
                .iter()
                .any(|name| crate::catalog::matches(&column.name, name, names));
            let given = if insert.columns.is_empty() { *at < insert.values.len() } else { named };
            matches!(column.role, Role::Header(_)) && given
        });
        let headers: Vec<&str> = headers.map(|(_, column)| column.name.as_str()).collect();
        if !headers.is_empty() {
            let message = format!("cannot insert into HEADER columns: {}", headers.join(", "));
            return Err(Problem::new(insert.into.span, message, "headers are only read"));
        }
        Err(Problem::unsupported(insert.into.span, "INSERT INTO … VALUES")
            .help(format!("`kolk produce --topic {}` writes records to the topic", into.topic)))
    }
}

/// Refuses to write to what was declared to be only read.
fn check_access(into: &Stream, span: crate::source::Span) -> Result<()> {
    if into.access == Access::Change {
        return Ok(());
    }
    let message = format!("cannot insert into read-only {} {}", into.noun(), into.name);
    Err(Problem::new(span, message, "declared as SOURCE"))
}
