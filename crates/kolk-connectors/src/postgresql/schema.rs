//! The table as the server's catalogue has it.

use super::column_type::ColumnType;
use super::failure::{self, Failure};
use kolk::topology::Target;
use tokio_postgres::Client;

/// A table.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) columns: Vec<TableColumn>,
    /// The columns of each unique index over whole columns, the primary key's first.
    pub(super) keys: Vec<Vec<String>>,
}

/// A column of it.
#[derive(Debug, Clone)]
pub(super) struct TableColumn {
    pub(super) name: String,
    pub(super) data_type: ColumnType,
    /// Rows must bring a value: it takes no NULL, and has no default.
    pub(super) is_required: bool,
    /// The server computes it.
    pub(super) is_generated: bool,
}

const COLUMNS: &str = "
    SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), b.typname::text, b.typcategory::text,
      a.attnotnull AND NOT a.atthasdef AND a.attidentity = '', a.attgenerated <> '' OR a.attidentity = 'a'
    FROM pg_attribute a
      JOIN pg_class c ON c.oid = a.attrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_type t ON t.oid = a.atttypid
      JOIN pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
    WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum";

const KEYS: &str = "
    SELECT array_agg(a.attname::text ORDER BY k.place)
    FROM pg_index i
      JOIN pg_class c ON c.oid = i.indrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(number, place)
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
    WHERE n.nspname = $1 AND c.relname = $2 AND k.place <= i.indnkeyatts
      AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
    GROUP BY i.indexrelid, i.indisprimary
    ORDER BY i.indisprimary DESC, i.indexrelid";

/// The target's schema and table.
pub(super) fn names(target: &Target) -> (String, String) {
    (target.option_or("schema", "public").to_owned(), target.option_or("table", "").to_owned())
}

/// Reads the target's table; none if there is none.
pub(super) async fn read(client: &Client, target: &Target) -> Result<Option<Table>, Failure> {
    let failed = |error| failure::of("the catalogue cannot be read", &error);
    let (schema, table) = names(target);
    let rows = client.query(COLUMNS, &[&schema, &table]).await.map_err(failed)?;
    let column = |row: &tokio_postgres::Row| -> Result<TableColumn, tokio_postgres::Error> {
        let data_type =
            ColumnType { shown: row.try_get(1)?, name: row.try_get(2)?, category: row.try_get(3)? };
        let (is_required, is_generated) = (row.try_get(4)?, row.try_get(5)?);
        Ok(TableColumn { name: row.try_get(0)?, data_type, is_required, is_generated })
    };
    let columns: Vec<TableColumn> =
        rows.iter().map(column).collect::<Result<_, _>>().map_err(failed)?;
    if columns.is_empty() {
        return Ok(None);
    }
    let rows = client.query(KEYS, &[&schema, &table]).await.map_err(failed)?;
    let keys = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(failed)?;
    Ok(Some(Table { columns, keys }))
}
