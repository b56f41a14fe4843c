//! The statements of a target: columns checked against the table, text of CQL.

use super::convert;
use kolk::sink::connector::ConnectorError;
use kolk::topology::Target;
use scylla::cluster::metadata::{ColumnType, NativeType, Table};

/// What rows are written with.
#[derive(Debug)]
pub(super) struct Statements {
    /// Values of [`Self::columns`], then the time-stamp in microseconds.
    pub(super) insert: String,
    /// The time-stamp, then values of [`Self::key`]; none when the row's key is not the table's primary key.
    pub(super) delete: Option<String>,
    pub(super) columns: Vec<Bound>,
    /// Positions in `columns` of the table's partition key, which decides where a row lies.
    pub(super) partition: Vec<usize>,
    /// Positions in `columns` of the table's primary key.
    pub(super) key: Vec<usize>,
    /// The names in the row of all columns that come from there: the first ones.
    pub(super) fields: Vec<String>,
}

/// A value that a statement wants.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    /// The name in the row; none for the time of writing.
    pub(super) field: Option<String>,
    pub(super) data_type: ColumnType<'static>,
}

/// A name in quotes, so that letters stay what they are.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The name of the table's column for a column of the query: CQL folds what is not in quotes to small letters.
fn column_of<'a>(table: &'a Table, name: &str) -> Option<&'a String> {
    let exact = table.columns.keys().find(|column| *column == name);
    exact.or_else(|| table.columns.keys().find(|column| column.eq_ignore_ascii_case(name)))
}

/// Checks the query's columns against the table.
///
/// # Errors
/// [`ConnectorError::Never`], saying what to change.
pub(super) fn of_table(target: &Target, table: &Table) -> Result<Statements, ConnectorError> {
    let place = format!("{}.{}", target.option_or("keyspace", ""), target.option_or("table", ""));
    let never = |why: String| Err(ConnectorError::Never(format!("cassandra: table {place} {why}")));
    let mut names = Vec::new();
    let mut columns = Vec::new();
    for column in &target.columns {
        let Some(name) = column_of(table, &column.name) else {
            let mut there: Vec<&str> = table.columns.keys().map(String::as_str).collect();
            there.sort_unstable();
            return never(format!(
                "has no column {}; it has {}. Select … AS one of them, or add the column",
                column.name,
                there.join(", ")
            ));
        };
        let data_type = table.columns[name].typ.clone();
        if !convert::fits(&column.data_type, &data_type) {
            return never(format!(
                "has column {name} of type {}, which does not take {}: CAST it, or change the table",
                shown(&data_type),
                column.data_type
            ));
        }
        names.push(name.clone());
        columns.push(Bound { field: Some(column.name.clone()), data_type });
    }
    if let Some(written_at) = target.option("written_at") {
        match column_of(table, written_at).map(|name| (name, &table.columns[name].typ)) {
            Some((name, data_type @ ColumnType::Native(NativeType::Timestamp))) => {
                names.push(name.clone());
                columns.push(Bound { field: None, data_type: data_type.clone() });
            }
            _ => {
                return never(format!(
                    "has no column {written_at} of type timestamp, as written_at says"
                ));
            }
        }
    }
    let primary: Vec<&String> = table.partition_key.iter().chain(&table.clustering_key).collect();
    let missing: Vec<&str> =
        primary.iter().filter(|key| !names.contains(key)).map(|key| key.as_str()).collect();
    if !missing.is_empty() {
        return never(format!(
            "has the primary key ({}), and the query does not select {}",
            primary.iter().map(|key| key.as_str()).collect::<Vec<_>>().join(", "),
            missing.join(", ")
        ));
    }
    let at = |key: &&String| names.iter().position(|name| name == *key).unwrap_or_default();
    let key: Vec<usize> = primary.iter().map(at).collect();
    let partition = table.partition_key.iter().map(|key| at(&key)).collect();
    let of_row = |at: &usize| target.key.contains(at);
    let delete = key.iter().all(of_row).then(|| delete(target, &names, &key));
    let fields = columns.iter().filter_map(|it| it.field.clone()).collect();
    let insert = insert(target, &names);
    Ok(Statements { insert, delete, columns, partition, key, fields })
}

fn table_name(target: &Target) -> String {
    let part = |name: &str| quoted(target.option_or(name, ""));
    format!("{}.{}", part("keyspace"), part("table"))
}

fn insert(target: &Target, names: &[String]) -> String {
    let columns: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    let places = vec!["?"; names.len()].join(", ");
    let ttl = target.option("ttl").map(|ttl| format!(" AND TTL {ttl}")).unwrap_or_default();
    let (table, columns) = (table_name(target), columns.join(", "));
    format!("INSERT INTO {table} ({columns}) VALUES ({places}) USING TIMESTAMP ?{ttl}")
}

fn delete(target: &Target, names: &[String], key: &[usize]) -> String {
    let is: Vec<String> = key.iter().map(|at| format!("{} = ?", quoted(&names[*at]))).collect();
    format!("DELETE FROM {} USING TIMESTAMP ? WHERE {}", table_name(target), is.join(" AND "))
}

/// The statement that `create_table` runs.
///
/// # Errors
/// [`ConnectorError::Never`] for columns that CQL has no type for here, and for rows without a key.
pub(super) fn create(target: &Target) -> Result<String, ConnectorError> {
    let mut columns = Vec::new();
    for column in &target.columns {
        let data_type = convert::created(&column.data_type).ok_or_else(|| {
            let Target { query, .. } = target;
            let what = format!(
                "{query}: create_table has no type for {} {}",
                column.name, column.data_type
            );
            ConnectorError::Never(format!("cassandra: {what}: CAST it to STRING"))
        })?;
        columns.push(format!("{} {data_type}", quoted(&column.name)));
    }
    columns.extend(target.option("written_at").map(|name| format!("{} timestamp", quoted(name))));
    let keys: Vec<String> = target
        .key
        .iter()
        .filter_map(|at| target.columns.get(*at))
        .map(|it| quoted(&it.name))
        .collect();
    if keys.is_empty() {
        return Err(ConnectorError::Never(
            "cassandra: create_table needs a key: the query selects no column of its record key. Create the table yourself"
                .to_owned(),
        ));
    }
    let (table, columns, keys) = (table_name(target), columns.join(", "), keys.join(", "));
    Ok(format!("CREATE TABLE IF NOT EXISTS {table} ({columns}, PRIMARY KEY ({keys}))"))
}

/// A type as people write it.
fn shown(data_type: &ColumnType<'_>) -> String {
    match data_type {
        ColumnType::Native(native) => format!("{native:?}").to_lowercase(),
        other => format!("{other:?}"),
    }
}
