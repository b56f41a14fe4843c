//! Statements to streams and queries, one after the other, under the settings of the moment.

mod declaration;
mod format;
mod graph;
mod projection;
mod query;
mod sink;
#[cfg(test)]
mod tests;

use crate::ast::{Ident, OnExisting, Statement, StatementKind};
use crate::catalog::{Catalog, Stream};
use crate::error::{Problem, Result};
use crate::settings::Settings;
use kolk::topology::Query;

/// Plans the statements of a program.
#[derive(Debug)]
pub(crate) struct Planner<'a> {
    /// The application's name: what its internal topics begin with.
    app: &'a str,
    /// The settings with which every source starts, and to which UNSET goes back.
    start: &'a Settings,
    /// The settings at this statement.
    settings: Settings,
    catalog: Catalog,
    queries: Vec<Query>,
}

impl<'a> Planner<'a> {
    /// A planner that knows no streams.
    pub(crate) fn new(app: &'a str, start: &'a Settings) -> Self {
        Self {
            app,
            start,
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
            StatementKind::InsertSelect(_) | StatementKind::InsertValues(_) => {
                Err(Problem::unsupported(statement.span, "INSERT INTO"))
            }
            StatementKind::Drop(_) | StatementKind::DropType(_) => {
                Err(Problem::unsupported(statement.span, "DROP"))
            }
            StatementKind::Alter(_) => Err(Problem::unsupported(statement.span, "ALTER")),
            StatementKind::CreateType(_) => {
                Err(Problem::unsupported(statement.span, "CREATE TYPE"))
            }
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
        let names = self.settings.names;
        if !self.catalog.holds(name, names) {
            return Ok(false);
        }
        match on_existing {
            OnExisting::Keep => Ok(true),
            OnExisting::Replace => {
                if let Some(stream) = self.catalog.remove(name, names) {
                    let repartition = repartition_name(&stream.name);
                    self.queries
                        .retain(|query| query.name != stream.name && query.name != repartition);
                }
                Ok(false)
            }
            OnExisting::Refuse => {
                let message = format!("there is already a stream {name}");
                Err(Problem::new(name.span, message, "created above").help(
                    "CREATE OR REPLACE STREAM takes its place, CREATE STREAM IF NOT EXISTS leaves it",
                ))
            }
        }
    }
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
