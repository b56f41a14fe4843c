//! The tables of settings, options and functions as Markdown: what `docs/dialect.md` and `docs/sql.md` hold.

use crate::aggregate::AGGREGATES;
use crate::function;
use crate::options::{self, Place, ValueKind};
use crate::settings;
use kolk::expression::{Family, Function};
use std::fmt::Write;

/// `docs/dialect.md`.
#[must_use]
pub fn dialect() -> String {
    let mut text = "\
# Dialects

Kolk has one engine and two dialects of SQL. `SET 'dialect' = 'kolk';` is the default of `kolk run`; `'ksqldb'` follows
ksqlDB. Each line on which they differ is a setting of its own, so a file can take `'ksqldb'` and change one line:

```sql
SET 'dialect' = 'ksqldb';
SET 'json_nulls' = 'omit';
```

A setting holds for the statements behind it, to the end of its file. `UNSET 'name';` goes back to what held at the start.

(This page is written from the table in `crates/kolk-sql/src/settings/table.rs` by `cargo test -p kolk-sql -- --ignored bless`.)

## What `dialect` sets

| setting | `kolk` | `ksqldb` | values | what it does |
|---|---|---|---|---|
"
    .to_owned();
    for row in settings::TABLE.iter().filter(|row| row.differs()) {
        let (kolk, ksqldb) = (row.kolk, row.ksqldb);
        line(
            &mut text,
            &[code(row.name), code(kolk), code(ksqldb), values(row), row.doc.to_owned()],
        );
    }
    text.push_str(
        "\n## Other settings\n\n| setting | default | values | what it does |\n|---|---|---|---|\n",
    );
    for row in settings::TABLE.iter().filter(|row| !row.differs()) {
        line(&mut text, &[code(row.name), code(row.kolk), values(row), row.doc.to_owned()]);
    }
    text.push_str(
        "\nNames that begin with `ksql.streams.` are known without it, and `processing.guarantee` is `processing`.\n",
    );
    text
}

/// `docs/sql.md`.
#[must_use]
pub fn sql() -> String {
    let mut text = include_str!("statements.md").to_owned();
    text.push_str(
        "\
## Options of `WITH`

`D`: of a declaration, `Q`: of a query that creates, `I`: of `INSERT INTO`.

| option | of | value | default | what it does |
|---|---|---|---|---|
",
    );
    for row in options::TABLE.iter().filter(|row| row.place != Place::Nowhere) {
        let place = match row.place {
            Place::Declaration => "D",
            Place::Query => "Q",
            Place::AnyQuery => "Q I",
            Place::All => "D Q I",
            Place::Both | Place::Nowhere => "D Q",
        };
        let mut doc = row.doc.to_owned();
        if let Some(delivery) = row.delivery {
            let _ = write!(doc, " Only with `delivery = '{delivery}'`.");
        }
        let kind = match row.kind {
            ValueKind::Word(words) => {
                words.iter().map(|word| code(&format!("'{word}'"))).collect::<Vec<_>>().join(", ")
            }
            ValueKind::Number(min, i64::MAX) => format!("a whole number from {min}"),
            ValueKind::Number(min, max) => format!("a whole number, {min} to {max}"),
            other => other.described(),
        };
        line(&mut text, &[code(row.name), place.to_owned(), kind, row.default.to_owned(), doc]);
    }
    text.push_str(
        "\nDurations are text with a unit: `'500 ms'`, `'20 seconds'`, `'10 minutes'`, `'1 hour'`, `'2 days'`.\n",
    );
    text.push_str("\n## Aggregate functions\n\n| call | of a table too |\n|---|---|\n");
    for aggregate in AGGREGATES {
        let undoes = match (aggregate.undoes, aggregate.keeps) {
            (true, _) => "yes",
            (_, true) => "with `table_aggregates = 'all'`",
            _ => "no",
        };
        line(&mut text, &[code(aggregate.form), undoes.to_owned()]);
    }
    functions(&mut text);
    text
}

/// The functions, family by family.
fn functions(text: &mut String) {
    text.push_str(
        "\n## Functions\n\nLetters stand for types: the same letter for the same type. What stands in brackets may be left out. \
         An argument that is narrower is widened, constant text is read as what it stands among. A NULL argument makes the result \
         NULL unless something else is said.\n",
    );
    for family in Family::ALL {
        let _ = write!(text, "\n### {}\n\n| call | result | |\n|---|---|---|\n", family.title());
        for function in Function::ALL.iter().filter(|function| function.family() == *family) {
            let mut doc = function.doc();
            for signature in function::find(function.name()) {
                line(
                    text,
                    &[code(&signature.to_string()), code(&signature.outcome()), doc.to_owned()],
                );
                doc = "";
            }
        }
    }
}

fn values(row: &settings::Row) -> String {
    if row.values.is_empty() {
        return row.form.to_owned();
    }
    row.values.iter().map(|value| code(value)).collect::<Vec<_>>().join(", ")
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn line(text: &mut String, cells: &[String]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}
