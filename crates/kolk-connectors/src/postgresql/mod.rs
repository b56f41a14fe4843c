//! PostgreSQL: rows and the positions up to which they reach in one transaction, so the effect of each is there exactly once.
//!
//! A batch is one statement: its rows as they are, a JSON array, which the server takes apart by the table's types. Rows without a
//! key are appended by `COPY`.

#[cfg(feature = "postgresql")]
mod append;
#[cfg(feature = "postgresql")]
mod column_type;
#[cfg(feature = "postgresql")]
mod config;
#[cfg(feature = "postgresql")]
mod connection;
#[cfg(feature = "postgresql")]
mod failure;
#[cfg(feature = "postgresql")]
mod payload;
#[cfg(feature = "postgresql")]
mod positions;
#[cfg(feature = "postgresql")]
mod schema;
#[cfg(feature = "postgresql")]
mod statement;
#[cfg(feature = "postgresql")]
mod tls;
#[cfg(feature = "postgresql")]
mod transaction;

use kolk::topology::{Kind, OptionKind, OptionRow, Promise, RowForm};

/// What can be said to it.
const OPTIONS: &[OptionRow] = &[
    OptionRow::new("table", OptionKind::Text, None, "The table."),
    OptionRow::new("schema", OptionKind::Text, Some("public"), "The schema that the table is in."),
    OptionRow::new(
        "url",
        OptionKind::Secret,
        Some("none"),
        "`postgresql://user@host:port/database`, in place of the options that follow, which win where they are given too.",
    ),
    OptionRow::new("host", OptionKind::Text, Some("localhost"), "The server's name or address."),
    OptionRow::new("port", OptionKind::Number(1, 65535), Some("5432"), "The server's port."),
    OptionRow::new("database", OptionKind::Text, Some("the user's name"), "The database."),
    OptionRow::new("username", OptionKind::Text, Some("postgres"), "The role that writes."),
    OptionRow::new(
        "password",
        OptionKind::Secret,
        Some("none"),
        "`${env:NAME}`, `${file:PATH}`, or the password itself.",
    ),
    OptionRow::new(
        "tls",
        OptionKind::Boolean,
        Some("FALSE"),
        "Encrypts, and checks the server's certificate and name.",
    ),
    OptionRow::new(
        "tls_ca",
        OptionKind::Text,
        Some("the system's"),
        "A PEM file with the authorities to trust.",
    ),
    OptionRow::new(
        "mode",
        OptionKind::Choice(&["upsert", "append"]),
        Some("upsert, append without a key"),
        "`upsert`: a row takes the place of the one with its key. `append`: every row is a new one.",
    ),
    OptionRow::new(
        "create_table",
        OptionKind::Boolean,
        Some("FALSE"),
        "Creates the table if it does not exist, with the columns of the query and its key as primary key.",
    ),
    OptionRow::new(
        "offsets_table",
        OptionKind::Text,
        Some("kolk_offsets"),
        "The table, in the same schema, that holds positions in the input; made if it does not exist.",
    ),
    OptionRow::new(
        "request_timeout_ms",
        OptionKind::Number(100, 600_000),
        Some("30000"),
        "After how many milliseconds without an answer the connection is given up and a batch is written again.",
    ),
];

/// The kind.
pub(crate) static KIND: Kind = Kind {
    name: "postgresql",
    doc: "PostgreSQL, exactly once.",
    options: OPTIONS,
    promise: Promise { idempotent_by_key: true, ordered: true, transactional: true },
    #[cfg(feature = "postgresql")]
    keyless: Some(statement::keyless),
    #[cfg(not(feature = "postgresql"))]
    keyless: None,
    rows: RowForm::Columns,
    #[cfg(feature = "postgresql")]
    connect: Some(connection::connect),
    #[cfg(not(feature = "postgresql"))]
    connect: None,
};
