//! The statements of a target: columns checked against the table, text of SQL.

use super::column_type::{self, ColumnType, Way};
use super::schema::{self, Table, TableColumn};
use kolk::sink::connector::ConnectorError;
use kolk::topology::{Keyless, Target};

/// What rows are written with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statements {
    pub(super) mode: Mode,
    /// The columns that rows bring, in the query's order.
    pub(super) columns: Vec<Bound>,
}

/// How rows meet those that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    /// A row takes the place of the one with its key. Both statements take a JSON array of rows.
    Upsert {
        insert: String,
        /// None when the row's key does not say the table's.
        delete: Option<String>,
        /// The fields of a row that are the table's key.
        key: Vec<String>,
    },
    /// Every row is a new one: a `COPY`.
    Append { copy: String },
}

/// A column that rows bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bound {
    /// The name in the row.
    pub(super) field: String,
    /// The name in the table.
    pub(super) column: String,
    pub(super) data_type: ColumnType,
    pub(super) way: Way,
}

/// A name in quotes, so that letters stay what they are.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn never<T>(why: String) -> Result<T, ConnectorError> {
    Err(ConnectorError::Never(why))
}

fn place(target: &Target) -> String {
    let (schema, table) = schema::names(target);
    format!("postgresql: table {schema}.{table}")
}

/// The table's name in SQL.
fn table_name(target: &Target) -> String {
    let (schema, table) = schema::names(target);
    format!("{}.{}", quoted(&schema), quoted(&table))
}

/// Whether rows are appended.
///
/// # Errors
/// [`ConnectorError::Never`] for a mode that does not exist.
pub(super) fn is_append(target: &Target) -> Result<bool, ConnectorError> {
    match target.option("mode") {
        None => Ok(target.key.is_empty()),
        Some(mode) if mode.eq_ignore_ascii_case("append") => Ok(true),
        Some(mode) if mode.eq_ignore_ascii_case("upsert") => Ok(false),
        Some(mode) => never(format!("postgresql: mode '{mode}' is neither 'upsert' nor 'append'")),
    }
}

/// Why every row is a new one, where it is: without positions a crash doubles rows, and a table's rows pile up.
pub(super) fn keyless(target: &Target) -> Option<Keyless> {
    let (why, instead) = match (is_append(target), target.option("mode")) {
        (Ok(true), Some(_)) => ("mode='append' makes each row a new one", "mode='upsert'"),
        (Ok(true), None) => (
            "rows without a selected key are appended, each is a new one",
            "select the key's columns, or say mode='upsert'",
        ),
        _ => return None,
    };
    Some(Keyless { option: "mode", why, instead })
}

/// Checks the query's columns against the table.
///
/// # Errors
/// [`ConnectorError::Never`], saying what to change.
pub(super) fn of_table(target: &Target, table: &Table) -> Result<Statements, ConnectorError> {
    let columns: Vec<Bound> = target
        .columns
        .iter()
        .map(|column| bound(target, table, column))
        .collect::<Result<_, _>>()?;
    let brings = |column: &TableColumn| columns.iter().any(|it| it.column == column.name);
    if let Some(missing) = table.columns.iter().find(|it| it.is_required && !brings(it)) {
        return never(format!(
            "{} has column {}, which takes no NULL and has no default, and the query does not select it",
            place(target),
            missing.name
        ));
    }
    let mode = if is_append(target)? {
        let names: Vec<String> = columns.iter().map(|it| quoted(&it.column)).collect();
        Mode::Append {
            copy: format!("COPY {} ({}) FROM STDIN", table_name(target), names.join(", ")),
        }
    } else {
        upsert(target, table, &columns)?
    };
    Ok(Statements { mode, columns })
}

fn bound(
    target: &Target,
    table: &Table,
    column: &kolk::schema::Column,
) -> Result<Bound, ConnectorError> {
    let exact = table.columns.iter().find(|it| it.name == column.name);
    // SQL folds what is not in quotes to small letters.
    let found = exact
        .or_else(|| table.columns.iter().find(|it| it.name.eq_ignore_ascii_case(&column.name)));
    let Some(found) = found else {
        let there: Vec<&str> = table.columns.iter().map(|it| it.name.as_str()).collect();
        return never(format!(
            "{} has no column {}; it has {}. Select … AS one of them, or add the column",
            place(target),
            column.name,
            there.join(", ")
        ));
    };
    if found.is_generated {
        return never(format!(
            "{} computes column {} by itself: leave it out of the query",
            place(target),
            found.name
        ));
    }
    let Some(way) = column_type::way(&column.data_type, &found.data_type) else {
        return never(format!(
            "{} has column {} of type {}, which does not take {}: CAST it, or change the table",
            place(target),
            found.name,
            found.data_type.shown,
            column.data_type
        ));
    };
    let (field, column) = (column.name.clone(), found.name.clone());
    Ok(Bound { field, column, data_type: found.data_type.clone(), way })
}

fn upsert(target: &Target, table: &Table, columns: &[Bound]) -> Result<Mode, ConnectorError> {
    let of = |name: &String| columns.iter().find(|it| it.column == *name);
    let keys: Vec<Vec<&Bound>> =
        table.keys.iter().filter_map(|key| key.iter().map(of).collect()).collect();
    let is_of_row = |key: &[&Bound]| {
        let fields: Vec<&str> = target
            .key
            .iter()
            .filter_map(|at| target.columns.get(*at))
            .map(|column| column.name.as_str())
            .collect();
        key.iter().all(|it| fields.contains(&it.field.as_str()))
    };
    let Some(key) = keys.iter().find(|key| is_of_row(key)).or(keys.first()) else {
        let there: Vec<String> =
            table.keys.iter().map(|key| format!("({})", key.join(", "))).collect();
        let has = if there.is_empty() {
            "has no primary key and no unique index".to_owned()
        } else {
            format!("is unique by {}, which the query does not select", there.join(", "))
        };
        return never(format!(
            "{} {has}, so no row can take the place of another: give it the query's key, or, for a stream, say mode = 'append'",
            place(target)
        ));
    };
    Ok(Mode::Upsert {
        insert: insert(target, columns, key),
        delete: is_of_row(key).then(|| delete(target, key)),
        key: key.iter().map(|it| it.field.clone()).collect(),
    })
}

/// `json_to_recordset(…) AS r(…)`: rows out of the statement's parameter.
fn rows(columns: &[&Bound]) -> String {
    let read = |it: &&Bound| {
        format!("{} {}", quoted(&it.field), column_type::read_as(it.way, &it.data_type))
    };
    let fields: Vec<String> = columns.iter().map(read).collect();
    format!("json_to_recordset($1::text::json) AS r({})", fields.join(", "))
}

fn value(it: &Bound) -> String {
    column_type::expression(it.way, &it.data_type, &format!("r.{}", quoted(&it.field)))
}

fn insert(target: &Target, columns: &[Bound], key: &[&Bound]) -> String {
    let all: Vec<&Bound> = columns.iter().collect();
    let names: Vec<String> = columns.iter().map(|it| quoted(&it.column)).collect();
    let values: Vec<String> = columns.iter().map(value).collect();
    let keys: Vec<String> = key.iter().map(|it| quoted(&it.column)).collect();
    let sets: Vec<String> = names
        .iter()
        .filter(|it| !keys.contains(it))
        .map(|it| format!("{it} = EXCLUDED.{it}"))
        .collect();
    let then = if sets.is_empty() {
        "NOTHING".to_owned()
    } else {
        format!("UPDATE SET {}", sets.join(", "))
    };
    format!(
        "INSERT INTO {} ({}) SELECT {} FROM {} ON CONFLICT ({}) DO {then}",
        table_name(target),
        names.join(", "),
        values.join(", "),
        rows(&all),
        keys.join(", ")
    )
}

fn delete(target: &Target, key: &[&Bound]) -> String {
    let is: Vec<String> =
        key.iter().map(|it| format!("t.{} = {}", quoted(&it.column), value(it))).collect();
    format!(
        "DELETE FROM {} AS t USING {} WHERE {}",
        table_name(target),
        rows(key),
        is.join(" AND ")
    )
}

/// The statement that `create_table` runs.
///
/// # Errors
/// [`ConnectorError::Never`] for rows that have no key where one is needed.
pub(super) fn create(target: &Target) -> Result<String, ConnectorError> {
    let of = |it: &kolk::schema::Column| {
        format!("{} {}", quoted(&it.name), column_type::created(&it.data_type))
    };
    let mut columns: Vec<String> = target.columns.iter().map(of).collect();
    if !is_append(target)? {
        let names = target.key.iter().filter_map(|at| target.columns.get(*at));
        let keys: Vec<String> = names.map(|it| quoted(&it.name)).collect();
        if keys.is_empty() {
            return never(
                "postgresql: create_table needs a key for mode = 'upsert', and the query selects no column of its record key: \
                 create the table yourself, or, for a stream, say mode = 'append'"
                    .to_owned(),
            );
        }
        columns.push(format!("PRIMARY KEY ({})", keys.join(", ")));
    }
    Ok(format!("CREATE TABLE IF NOT EXISTS {} ({})", table_name(target), columns.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kolk::schema::{Column, DataType, Role};
    use kolk::topology::Given;

    fn table(columns: &[(&str, &str, &str)], keys: &[&[&str]]) -> Table {
        let column = |(name, typname, shown): &(&str, &str, &str)| TableColumn {
            name: (*name).to_owned(),
            data_type: ColumnType {
                shown: (*shown).to_owned(),
                name: (*typname).to_owned(),
                category: if *typname == "text" { "S" } else { "N" }.to_owned(),
            },
            is_required: false,
            is_generated: false,
        };
        let keys = keys.iter().map(|key| key.iter().map(|it| (*it).to_owned()).collect()).collect();
        Table { columns: columns.iter().map(column).collect(), keys }
    }

    fn target(mode: Option<&str>, key: &[usize]) -> Target {
        let options = [("table", Some("my \"t\"")), ("mode", mode)];
        let given = options
            .iter()
            .filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.to_owned())));
        let column =
            |name: &str, data_type| Column { name: name.to_owned(), data_type, role: Role::Value };
        Target {
            options: given.collect::<Given>(),
            columns: vec![column("ID", DataType::String), column("n", DataType::Bigint)],
            key: key.to_vec(),
            ..Target::default()
        }
    }

    const COLUMNS: [(&str, &str, &str); 2] = [("id", "text", "text"), ("n", "int8", "bigint")];

    #[test]
    fn rows_take_the_place_of_those_with_their_key() {
        let statements = of_table(&target(None, &[0]), &table(&COLUMNS, &[&["id"]])).unwrap();
        let Mode::Upsert { insert, delete, key } = statements.mode else { panic!("no upsert") };
        assert_eq!(
            insert,
            [
                r#"INSERT INTO "public"."my ""t""" ("id", "n") SELECT r."ID", r."n""#,
                r#"FROM json_to_recordset($1::text::json) AS r("ID" text, "n" bigint)"#,
                r#"ON CONFLICT ("id") DO UPDATE SET "n" = EXCLUDED."n""#,
            ]
            .join(" ")
        );
        assert_eq!(
            delete.unwrap(),
            r#"DELETE FROM "public"."my ""t""" AS t USING json_to_recordset($1::text::json) AS r("ID" text) WHERE t."id" = r."ID""#
        );
        assert_eq!(key, ["ID"]);
    }

    #[test]
    fn rows_without_a_key_are_appended() {
        let statements = of_table(&target(None, &[]), &table(&COLUMNS, &[&["id"]])).unwrap();
        let copy = r#"COPY "public"."my ""t""" ("id", "n") FROM STDIN"#.to_owned();
        assert_eq!(statements.mode, Mode::Append { copy });
        let keyed = of_table(&target(Some("append"), &[0]), &table(&COLUMNS, &[])).unwrap();
        assert_eq!(keyed.mode, statements.mode);
    }

    #[test]
    fn appended_rows_have_no_key() {
        let why = |mode, key: &[usize]| keyless(&target(mode, key)).map(|it| it.why);
        assert_eq!(why(None, &[0]), None);
        assert_eq!(why(Some("upsert"), &[]), None, "the table has the key");
        assert_eq!(why(Some("append"), &[0]), Some("mode='append' makes each row a new one"));
        let silent = Some("rows without a selected key are appended, each is a new one");
        assert_eq!(why(None, &[]), silent);
    }

    #[test]
    fn what_does_not_fit_says_what_to_change() {
        let why = |target: &Target, table: &Table| of_table(target, table).unwrap_err().to_string();
        let keyed = target(None, &[0]);
        let none = why(&keyed, &table(&COLUMNS, &[]));
        assert!(none.contains("has no primary key and no unique index"), "{none}");
        let other =
            why(&keyed, &table(&[COLUMNS[0], COLUMNS[1], ("x", "int8", "bigint")], &[&["x"]]));
        assert!(other.contains("is unique by (x), which the query does not select"), "{other}");
        let missing = why(&keyed, &table(&COLUMNS[..1], &[&["id"]]));
        assert!(missing.contains("has no column n; it has id."), "{missing}");
        let mut required = table(&[COLUMNS[0], COLUMNS[1], ("x", "int8", "bigint")], &[&["id"]]);
        required.columns[2].is_required = true;
        let required = why(&keyed, &required);
        assert!(required.contains("column x, which takes no NULL"), "{required}");
        let misfit = why(&keyed, &table(&[COLUMNS[0], ("n", "text", "text")], &[&["id"]]));
        assert!(misfit.contains("of type text, which does not take BIGINT"), "{misfit}");
    }

    #[test]
    fn a_table_is_made_with_the_key_of_the_rows() {
        assert_eq!(
            create(&target(None, &[0])).unwrap(),
            r#"CREATE TABLE IF NOT EXISTS "public"."my ""t""" ("ID" text, "n" bigint, PRIMARY KEY ("ID"))"#
        );
        assert!(!create(&target(Some("append"), &[0])).unwrap().contains("PRIMARY KEY"));
        assert!(create(&target(Some("upsert"), &[])).is_err());
    }
}
