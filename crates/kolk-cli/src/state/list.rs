//! `kolk state list`.

use crate::failure::CheckFailed;
use crate::session::Context;
use crate::state::ListOptions;
use crate::state::tasks::Tasks;
use crate::table::Table;
use kolk::state::local::Contents;
use serde_json::{Value, json};

/// Shows the stores.
///
/// # Errors
/// [`CheckFailed`] when the state of some task cannot be read, which was told.
pub(super) fn run(options: &ListOptions, context: &Context) -> anyhow::Result<()> {
    let tasks = Tasks::find(&options.selection, context)?;
    let mut rows = Vec::new();
    let mut damaged = false;
    for task in tasks.read() {
        match task {
            Ok(contents) => rows.extend(stores(&contents)),
            Err(error) => {
                damaged = true;
                context.out.note(&error.to_string());
            }
        }
    }
    if options.form.is_json() {
        context.out.json(&Value::Array(rows))?;
    } else if rows.is_empty() {
        context.out.note(&format!("there is no state in {}", tasks.place()));
    } else {
        for line in table(&rows).lines() {
            context.out.line(line)?;
        }
    }
    if damaged { Err(CheckFailed.into()) } else { Ok(()) }
}

const COLUMNS: [&str; 7] =
    ["application", "stage", "partition", "store", "entries", "bytes", "position"];

fn stores(contents: &Contents) -> Vec<Value> {
    let layout = &contents.layout;
    let stores = layout.stores.iter().zip(&contents.stores);
    let row = stores.map(|(of, store)| {
        json!({
            "application": layout.application,
            "stage": layout.stage,
            "partition": layout.partition,
            "store": of.name,
            "entries": store.len(),
            "bytes": store.data_bytes(),
            "position": contents.positions.get(&of.name),
        })
    });
    row.collect()
}

fn table(rows: &[Value]) -> Table {
    let numbers = ["partition", "entries", "bytes", "position"];
    let heads = COLUMNS
        .map(|name| if numbers.contains(&name) { format!("{name}#") } else { name.to_owned() });
    let mut table = Table::new(&heads.each_ref().map(String::as_str));
    for row in rows {
        table.row(COLUMNS.map(|name| match &row[name] {
            Value::String(text) => text.clone(),
            Value::Null => "-".to_owned(),
            number => number.to_string(),
        }));
    }
    table
}
