//! Statements to streams and queries, one after the other, under the settings of the moment.

mod declaration;
mod changes;
mod query;
mod insert;
mod draft;
mod from;
mod rows;
mod group;
mod join;
mod window;
mod partition;
mod projection;
mod keys;
mod format;
mod sink;
mod store;
mod bins;
mod made;
mod graph;
mod expressions;
#[cfg(test)]
mod tests;

use crate::ast::{Ident, OnExisting, Statement, StatementKind};
use crate::catalog::{Access, Catalog, Stream};
use crate::compile::Session;
use crate::error::{Problem, Result};
use crate::settings::Settings;
use kolk::topology::{Kind, Query};

/// Plans the statements of a program.
#[derive(Debug)]
pub(crate) struct Planner<'a> {
    /// The application's name: what its internal topics begin with.
    app: &'a str,
    /// The settings with which every source starts, and to which UNSET goes back.
    start: &'a Settings,
    /// The settings at this statement.
    settings: Settings,
    /// The kinds of stores that there are beside Kafka.
    connectors: &'static [&'static Kind],
    catalog: Catalog,
    queries: Vec<Query>,
}

impl<'a> Planner<'a> {
    /// A planner that knows no streams.
    pub(crate) fn new(session: &'a Session) -> Self {
        let (app, start) = (&*session.app, &session.settings);
        Self {
            app,
            start,
            connectors: session.connectors,
            settings: start.clone(),
            catalog: Catalog::default(),
            queries: Vec::new(),
        }
    }

    /// A new source begins: its settings are those of the session.
    pub(crate) fn begin_source(&mut self) {
        self.settings = self.start.clone();
    }

    /// Plans a statement.
    pub(crate) fn statement(&mut self, statement: &Statement) -> Result<()> {
        let result = match &statement.kind {
            StatementKind::Declaration(create) => self.declare(create),
            StatementKind::CreateAs(create) => self.create_by_query(create),
            StatementKind::InsertSelect(insert) => self.insert_by_query(insert),
            StatementKind::InsertValues(insert) => self.insert_values(insert),
            StatementKind::Drop(drop) => self.drop_source(drop),
            StatementKind::Alter(alter) => self.alter(alter),
            StatementKind::CreateType(create) => self.create_type(create),
            StatementKind::DropType(drop) => self.drop_type(drop),
            // The parser has put the value in its place.
            StatementKind::Define(_) | StatementKind::Undefine(_) => Ok(()),
            StatementKind::Set(setting) => self.settings.set(&setting.key, &setting.value),
            StatementKind::Unset(key) => self.settings.unset(key, self.start),
        };
        if result.is_err()
            && let Some(name) = created(statement)
        {
            self.catalog.failed(name.clone());
        }
        result
    }

    /// Remembers a stream that could not be created, so that nothing is said of statements that read it.
    pub(crate) fn failed(&mut self, name: Ident) {
        self.catalog.failed(name);
    }

    /// The queries, the streams, and the settings at the end.
    pub(crate) fn finish(self) -> (Vec<Query>, Vec<Stream>, Settings) {
        (self.queries, self.catalog.into_streams(), self.settings)
    }

    /// Sees to a name that is taken; true when the statement has nothing to do.
    fn keeps_existing(&mut self, name: &Ident, on_existing: OnExisting) -> Result<bool> {
        let Some(stream) = self.catalog.get(name, self.settings.names) else { return Ok(false) };
        let (noun, is_source) = (stream.noun(), stream.access == Access::Read);
        match on_existing {
            OnExisting::Keep => Ok(true),
            OnExisting::Replace if is_source => Err(not_replaced(name, noun)),
            OnExisting::Replace => {
                if let Some(stream) = self.catalog.remove(name, self.settings.names) {
                    self.remove_query(&stream.name);
                }
                Ok(false)
            }
            OnExisting::Refuse => {
                let message = format!("there is already a {noun} {name}");
                let noun = noun.to_uppercase();
                Err(Problem::new(name.span, message, "created above").help(format!(
                    "CREATE OR REPLACE {noun} takes its place, CREATE {noun} IF NOT EXISTS leaves it"
                )))
            }
        }
    }

    /// Takes away the query that makes a stream.
    fn remove_query(&mut self, name: &str) {
        let repartition = repartition_name(name);
        self.queries.retain(|query| query.name != name && query.name != repartition);
    }
}

/// What was declared as SOURCE stays what it is.
fn not_replaced(name: &Ident, noun: &str) -> Box<Problem> {
    let message =
        format!("{name} cannot be added: CREATE OR REPLACE is not supported on source {noun}s");
    Problem::new(name.span, message, "declared as SOURCE")
}

/// The stream that a statement creates.
pub(crate) fn created(statement: &Statement) -> Option<&Ident> {
    match &statement.kind {
        StatementKind::Declaration(create) => Some(&create.name),
        StatementKind::CreateAs(create) => Some(&create.name),
        _ => None,
    }
}

/// The query that brings rows to the partitions in which another needs them.
fn repartition_name(query: &str) -> String {
    format!("{query}-repartition")
}
