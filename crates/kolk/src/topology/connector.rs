//! Kinds of stores: their options, what they promise, and how to connect.

use crate::schema::Column;
use crate::sink::connector::{Connection, ConnectorError};
use std::collections::BTreeMap;
use std::fmt;

/// Connects to a target.
pub type Connect = fn(&Target) -> Result<Box<dyn Connection>, ConnectorError>;

/// A kind of store, `cassandra` for example.
#[derive(Debug)]
pub struct Kind {
    /// What `connector='…'` calls it.
    pub name: &'static str,
    /// One sentence about it.
    pub doc: &'static str,
    /// What a statement may say to it.
    pub options: &'static [OptionRow],
    /// What can be relied on, except where `keyless` says otherwise.
    pub promise: Promise,
    /// Whether a target's rows have no keys, though those of the kind may have. `None`: they are as `promise` says.
    pub keyless: Option<fn(&Target) -> Option<Keyless>>,
    /// What it is given for a row.
    pub rows: RowForm,
    /// Connects, and checks that the rows fit the store. `None` when this build does not have it.
    pub connect: Option<Connect>,
}

/// One option of a kind.
#[derive(Debug)]
pub struct OptionRow {
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub kind: OptionKind,
    /// What holds when it is not given, for people; none when it must be given.
    pub default: Option<&'static str>,
    /// What it does, with units.
    pub doc: &'static str,
}

impl OptionRow {
    /// An option: see the fields.
    #[must_use]
    pub const fn new(
        name: &'static str,
        kind: OptionKind,
        default: Option<&'static str>,
        doc: &'static str,
    ) -> Self {
        Self { name, kind, default, doc }
    }
}

/// What the value of an option is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionKind {
    /// Text.
    Text,
    /// Text that is never shown: `${env:NAME}` and `${file:PATH}` stand for the secret itself.
    Secret,
    /// The name of a column of the store's table.
    Column,
    /// `TRUE` or `FALSE`.
    Boolean,
    /// A whole number between these.
    Number(i64, i64),
    /// One of these words, in small letters.
    Choice(&'static [&'static str]),
}

/// What a kind of store can be relied on for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// A row that is written again under its key leaves the store as it was: the effect of each row is once.
    pub idempotent_by_key: bool,
    /// Rows of one key in one call keep their order.
    pub ordered: bool,
    /// It can store rows and the positions in the input up to which they reach in one transaction of its own, so that it knows
    /// after a crash which rows it has: see [`Ledger`](crate::sink::connector::Ledger).
    pub transactional: bool,
}

/// Why every row of a target is a new one: none takes the place of another, so a row that is written again is there twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keyless {
    /// The option that decides it, whether given or not.
    pub option: &'static str,
    /// Why, as the beginning of a sentence.
    pub why: &'static str,
    /// What to say in place of it.
    pub instead: &'static str,
}

/// What a kind of store is given for a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowForm {
    /// A JSON object of the columns.
    Columns,
    /// Bytes: those of the input's record where the statement selects all of it (`SELECT *`), else a JSON object of the columns.
    Bytes,
}

/// What a statement gave for its options, by name.
pub type Given = BTreeMap<String, String>;

/// Options that are never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(pub Given);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A sink's store other than Kafka.
#[derive(Clone)]
pub struct Connector {
    /// Which kind of store.
    pub kind: &'static Kind,
    /// What it is told.
    pub target: Target,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, target } = self;
        f.debug_struct("Connector").field("kind", &kind.name).field("target", target).finish()
    }
}

impl Connector {
    /// Why rows of this target have no keys, though those of its kind may have.
    #[must_use]
    pub fn keyless(&self) -> Option<Keyless> {
        self.kind.keyless.and_then(|keyless| keyless(&self.target))
    }

    /// What can be relied on for this target.
    #[must_use]
    pub fn promise(&self) -> Promise {
        let of_kind = self.kind.promise;
        let idempotent_by_key = of_kind.idempotent_by_key && self.keyless().is_none();
        Promise { idempotent_by_key, ..of_kind }
    }
}

/// `cassandra (keyspace k, table t)`, without secrets.
impl fmt::Display for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (", self.kind.name)?;
        for (number, (name, value)) in self.target.options.iter().enumerate() {
            write!(f, "{}{name} {value}", if number == 0 { "" } else { ", " })?;
        }
        f.write_str(")")
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Kind {}

impl PartialEq for Connector {
    fn eq(&self, other: &Self) -> bool {
        self.kind.name == other.kind.name && self.target == other.target
    }
}

/// Where a statement's rows go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// The query, for messages.
    pub query: String,
    /// The options, without secrets.
    pub options: Given,
    /// The secret ones.
    pub secrets: Secrets,
    /// The columns of each row. Values are JSON objects of them; one that is NULL is left out. Empty where bytes are passed on
    /// and nothing is declared of them.
    pub columns: Vec<Column>,
    /// Which of them are the key of a row, by position; rows of one key are ordered.
    pub key: Vec<usize>,
    /// Under which name positions in the input are kept beside the rows; none unless delivery is exactly once. The runtime gives
    /// it: the consumer group, which is the application's and the query's.
    pub reader: Option<String>,
}

impl Target {
    /// The option `name`, if it is given.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    /// The secret option `name`, if it is given.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<&str> {
        self.secrets.0.get(name).map(String::as_str)
    }

    /// The option `name`, or `default`.
    #[must_use]
    pub fn option_or<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.option(name).unwrap_or(default)
    }

    /// Whether a boolean option is given as `TRUE`.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.option(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}
