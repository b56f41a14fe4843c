//! Amazon Kinesis Data Streams, through `PutRecords`.
//!
//! A call may be taken in part: entries that the answer marks as failed are sent again, and nothing else is. No call holds two rows of
//! one key, and a row goes when the one before it of its key is stored: so what is taken in part cannot change their order.

#[cfg(feature = "kinesis")]
mod access;
#[cfg(feature = "kinesis")]
mod client;
#[cfg(feature = "kinesis")]
mod connection;
#[cfg(feature = "kinesis")]
mod entry;
#[cfg(feature = "kinesis")]
mod queue;
#[cfg(feature = "kinesis")]
mod reader;

#[cfg(feature = "kinesis")]
pub use reader::{Shard, Stream, StreamRecord};

use kolk::topology::{Kind, OptionKind, OptionRow, Promise, RowForm};

/// What can be said to it.
const OPTIONS: &[OptionRow] = &[
    OptionRow::new("stream", OptionKind::Text, None, "The stream's name; it must exist."),
    OptionRow::new(
        "region",
        OptionKind::Text,
        Some("AWS_REGION, AWS_DEFAULT_REGION, or the profile's"),
        "The region of AWS, `eu-west-1` for example.",
    ),
    OptionRow::new(
        "endpoint",
        OptionKind::Text,
        Some("the region's"),
        "A URL in place of the region's: a VPC endpoint, or another server that speaks Kinesis.",
    ),
    OptionRow::new(
        "partition_key",
        OptionKind::Text,
        Some("the record's key"),
        "Columns, separated by commas, whose values choose the shard.",
    ),
    OptionRow::new(
        "access_key_id",
        OptionKind::Secret,
        Some("AWS_ACCESS_KEY_ID, or the profile's"),
        "`${env:NAME}`, `${file:PATH}`, or the id itself; needs secret_access_key.",
    ),
    OptionRow::new(
        "secret_access_key",
        OptionKind::Secret,
        Some("AWS_SECRET_ACCESS_KEY, or the profile's"),
        "`${env:NAME}`, `${file:PATH}`, or the key itself.",
    ),
    OptionRow::new(
        "session_token",
        OptionKind::Secret,
        Some("AWS_SESSION_TOKEN, or the profile's"),
        "What temporary credentials have beside the two.",
    ),
    OptionRow::new(
        "profile",
        OptionKind::Text,
        Some("AWS_PROFILE, or `default`"),
        "A profile of `~/.aws/credentials` and `~/.aws/config`.",
    ),
    OptionRow::new(
        "request_timeout_ms",
        OptionKind::Number(100, 600_000),
        Some("10000"),
        "After how many milliseconds without an answer a call is repeated.",
    ),
];

/// The kind.
pub(crate) static KIND: Kind = Kind {
    name: "kinesis",
    doc: "Amazon Kinesis Data Streams.",
    options: OPTIONS,
    promise: Promise { idempotent_by_key: false, ordered: true, transactional: false },
    keyless: None,
    rows: RowForm::Bytes,
    #[cfg(feature = "kinesis")]
    connect: Some(connection::connect),
    #[cfg(not(feature = "kinesis"))]
    connect: None,
};
