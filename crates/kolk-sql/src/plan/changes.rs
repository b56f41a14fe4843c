//! Statements that change what is declared: DROP, ALTER, CREATE TYPE, DROP TYPE.

use super::{Planner, declaration};
use crate::ast::{
    self, AlterSource, ColumnRole, CreateType, DropSource, DropType, Ident, OnExisting, OnMissing,
};
use crate::catalog::{self, Access, Columns, written};
use crate::error::{Problem, Result};
use crate::resolve::{self, Types};
use kolk::topology::Collection;

impl Planner<'_> {
    pub(super) fn drop_source(&mut self, drop: &DropSource) -> Result<()> {
        let names = self.settings.names;
        let noun = drop.collection.noun();
        let Some(stream) = self.catalog.get(&drop.name, names).cloned() else {
            return match drop.on_missing {
                OnMissing::Pass => Ok(()),
                OnMissing::Refuse => {
                    let message = format!("there is no {noun} {}", drop.name);
                    Err(Problem::new(drop.name.span, message, "not declared above").help(format!(
                        "DROP {} IF EXISTS {} passes over it",
                        drop.collection.keyword(),
                        drop.name
                    )))
                }
            };
        };
        self.check_kind(&drop.name, drop.collection, stream.collection)?;
        if let Some(span) = drop.delete_topic {
            if stream.access == Access::Read {
                let message = format!(
                    "cannot delete the topic of {}: it is a read-only source {noun}",
                    stream.name
                );
                return Err(Problem::new(span, message, "declared as SOURCE"));
            }
            return Err(Problem::unsupported(span, "DELETE TOPIC")
                .help(format!("`kolk topic delete {}` deletes it", stream.topic)));
        }
        let own = stream.query.as_deref();
        let users = self.queries.iter().filter(|query| {
            let reads = query.sources().any(|(source, _)| source.name == stream.name);
            let writes = query.sink().is_some_and(|sink| sink.name == stream.name);
            (reads || writes) && Some(query.name.as_str()) != own
        });
        let users: Vec<String> = users.map(|query| query.name.clone()).collect();
        if !users.is_empty() {
            let message =
                format!("cannot drop {}: these queries use it: {}", stream.name, users.join(", "));
            return Err(
                Problem::new(drop.name.span, message, "still in use").help("drop them first")
            );
        }
        if let Some(stream) = self.catalog.remove(&drop.name, names) {
            self.remove_query(&stream.name);
        }
        Ok(())
    }

    pub(super) fn alter(&mut self, alter: &AlterSource) -> Result<()> {
        let names = self.settings.names;
        let mut stream = self.catalog.find(&alter.name, names)?.clone();
        self.check_kind(&alter.name, alter.collection, stream.collection)?;
        let refuse = |why: &str| {
            let message = format!("{} {} cannot be altered", stream.noun(), stream.name);
            Err(Problem::new(alter.name.span, message, why))
        };
        if stream.access == Access::Read {
            return refuse(&format!("a source {} is read-only", stream.noun()));
        }
        if stream.query.is_some() {
            return refuse("it is made by a query: CREATE OR REPLACE changes the query");
        }
        let Columns::Known(mut schema) = stream.columns.clone() else {
            return refuse("its columns are not declared");
        };
        for column in &alter.columns {
            if column.role != ColumnRole::Value {
                let message = "only columns of the value can be added";
                return Err(Problem::new(column.span, message, "no column of the value"));
            }
            let added = declaration::column(column, names, self.catalog.types())?;
            let known = schema.columns.iter().map(|known| (known.name.as_str(), alter.name.span));
            catalog::unique(&added.name, column.name.span, known, names)?;
            schema.columns.push(added);
        }
        stream.columns = Columns::Known(schema);
        self.catalog.put(stream);
        Ok(())
    }

    /// Refuses STREAM for a table and TABLE for a stream.
    fn check_kind(&self, name: &Ident, said: ast::Collection, is: Collection) -> Result<()> {
        let is = match is {
            Collection::Stream => ast::Collection::Stream,
            Collection::Table => ast::Collection::Table,
        };
        if said == is {
            return Ok(());
        }
        let message = format!("{name} is a {}, not a {}", is.noun(), said.noun());
        Err(Problem::new(name.span, message, format!("a {}", is.noun())))
    }

    pub(super) fn create_type(&mut self, create: &CreateType) -> Result<()> {
        let names = self.settings.names;
        let name = &create.name;
        if Types::is_built_in(name) {
            let message = format!("{name} is a type that everybody has");
            return Err(Problem::new(name.span, message, "choose another name"));
        }
        let data_type = resolve::data_type(&create.data_type, names, self.catalog.types())?;
        if self.catalog.types().find(name, names).is_some() {
            if create.on_existing == OnExisting::Keep {
                return Ok(());
            }
            let message = format!("there is already a type {name}");
            return Err(Problem::new(name.span, message, "created above").help(format!(
                "DROP TYPE {name} takes it away; CREATE TYPE IF NOT EXISTS leaves it"
            )));
        }
        self.catalog.types_mut().put(written(name, names), data_type);
        Ok(())
    }

    pub(super) fn drop_type(&mut self, drop: &DropType) -> Result<()> {
        let names = self.settings.names;
        if self.catalog.types_mut().remove(&drop.name, names) || drop.on_missing == OnMissing::Pass
        {
            return Ok(());
        }
        let message = format!("there is no type {}", drop.name);
        Err(Problem::new(drop.name.span, message, "not created above"))
    }
}
