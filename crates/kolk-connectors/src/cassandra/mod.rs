//! Apache Cassandra and ScyllaDB, through CQL.
//!
//! Every row is an `INSERT` (or, for a row that is gone from a table, a `DELETE`) with a time-stamp of its own, which rises with
//! every write: a row that is written again takes the place of itself, lists too, and one that was late on its way loses.

#[cfg(feature = "cassandra")]
mod connection;
#[cfg(feature = "cassandra")]
mod convert;
#[cfg(feature = "cassandra")]
mod statement;

use kolk::topology::{Kind, OptionKind, OptionRow, Promise, RowForm};

/// What can be said to it.
const OPTIONS: &[OptionRow] = &[
    OptionRow::new(
        "contact_points",
        OptionKind::Text,
        None,
        "Nodes to begin with: `host[:port]`, separated by commas; port 9042.",
    ),
    OptionRow::new("keyspace", OptionKind::Text, None, "The keyspace, which must exist."),
    OptionRow::new("table", OptionKind::Text, None, "The table."),
    OptionRow::new(
        "create_table",
        OptionKind::Boolean,
        Some("FALSE"),
        "Creates the table if it does not exist, with the columns of the query and its key as partition key.",
    ),
    OptionRow::new(
        "written_at",
        OptionKind::Column,
        Some("none"),
        "A column of type timestamp in the table that gets the time at which the row was written.",
    ),
    OptionRow::new(
        "ttl",
        OptionKind::Number(1, 630_720_000),
        Some("never"),
        "After how many seconds rows expire.",
    ),
    OptionRow::new("username", OptionKind::Text, Some("none"), "For password authentication."),
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
        "Encrypts, and checks the server's certificate.",
    ),
    OptionRow::new(
        "tls_ca",
        OptionKind::Text,
        Some("the system's"),
        "A PEM file with the authorities to trust.",
    ),
    OptionRow::new(
        "request_timeout_ms",
        OptionKind::Number(100, 600_000),
        Some("10000"),
        "After how many milliseconds without an answer a write is repeated.",
    ),
];

/// The kind.
pub(crate) static KIND: Kind = Kind {
    name: "cassandra",
    doc: "Apache Cassandra and ScyllaDB, through CQL.",
    options: OPTIONS,
    promise: Promise { idempotent_by_key: true, ordered: true, transactional: false },
    keyless: None,
    rows: RowForm::Columns,
    #[cfg(feature = "cassandra")]
    connect: Some(connection::connect),
    #[cfg(not(feature = "cassandra"))]
    connect: None,
};
