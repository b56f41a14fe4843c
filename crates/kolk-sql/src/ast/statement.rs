//! Statements as written.

use super::{Expr, Ident, Select, Text};
use crate::source::Span;

/// A statement and its place, without the semicolon.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// What it is.
    pub kind: StatementKind,
    /// Where it stands.
    pub span: Span,
}

/// What a statement is.
#[derive(Debug, Clone, PartialEq)]
pub enum StatementKind {
    /// `CREATE STREAM name (columns) WITH (options)`.
    Declaration(Declaration),
    /// `CREATE STREAM name WITH (options) AS SELECT …`.
    CreateAs(Box<CreateAs>),
    /// `INSERT INTO name SELECT …`.
    InsertSelect(Box<InsertSelect>),
    /// `INSERT INTO name (columns) VALUES (…)`.
    InsertValues(InsertValues),
    /// `DROP STREAM name`.
    Drop(DropSource),
    /// `ALTER STREAM name ADD COLUMN …`.
    Alter(AlterSource),
    /// `CREATE TYPE name AS type`.
    CreateType(CreateType),
    /// `DROP TYPE name`.
    DropType(DropType),
    /// `DEFINE name = 'value'`; the parser itself puts the value in place of `${name}` behind it.
    Define(Define),
    /// `UNDEFINE name`.
    Undefine(Ident),
    /// `SET 'key' = 'value'`.
    Set(Setting),
    /// `UNSET 'key'`.
    Unset(Text),
}

/// `SET 'key' = 'value'`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The setting.
    pub key: Text,
    /// Its new value.
    pub value: Text,
}

/// `DEFINE name = 'value'`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Define {
    /// The variable.
    pub name: Ident,
    /// What stands for it.
    pub value: Text,
}

/// Whether rows are events or the states of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collection {
    /// Every row is an event.
    Stream,
    /// Every row is the new state of its key.
    Table,
}

impl Collection {
    /// The word for it, for people.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Table => "table",
        }
    }

    /// The word for it in statements.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Stream => "STREAM",
            Self::Table => "TABLE",
        }
    }
}

/// What to do when something of that name exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExisting {
    /// An error.
    Refuse,
    /// `OR REPLACE`.
    Replace,
    /// `IF NOT EXISTS`: the statement does nothing.
    Keep,
}

/// What to do when nothing of that name exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMissing {
    /// An error.
    Refuse,
    /// `IF EXISTS`: the statement does nothing.
    Pass,
}

/// A topic declared as a stream or table.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    /// As which.
    pub collection: Collection,
    /// Where SOURCE is written, if it is: nobody may write to it or change it.
    pub read_only: Option<Span>,
    /// Its name.
    pub name: Ident,
    /// What to do when it exists.
    pub on_existing: OnExisting,
    /// Its columns; none when they are not declared.
    pub columns: Vec<ColumnDefinition>,
    /// `WITH (…)`.
    pub options: Vec<OptionAssignment>,
}

/// A stream or table made by a query.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateAs {
    /// Which of them.
    pub collection: Collection,
    /// Where that is written.
    pub collection_span: Span,
    /// Its name.
    pub name: Ident,
    /// What to do when it exists.
    pub on_existing: OnExisting,
    /// `WITH (…)`.
    pub options: Vec<OptionAssignment>,
    /// The query.
    pub query: Select,
}

/// A query whose rows go to a stream that exists.
#[derive(Debug, Clone, PartialEq)]
pub struct InsertSelect {
    /// The stream.
    pub into: Ident,
    /// `WITH (…)`.
    pub options: Vec<OptionAssignment>,
    /// The query.
    pub query: Select,
}

/// One row, written out.
#[derive(Debug, Clone, PartialEq)]
pub struct InsertValues {
    /// The stream or table.
    pub into: Ident,
    /// The columns; all in their order when none is named.
    pub columns: Vec<Ident>,
    /// Their values.
    pub values: Vec<Expr>,
}

/// `DROP STREAM | TABLE [IF EXISTS] name [DELETE TOPIC]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropSource {
    /// What it is said to be.
    pub collection: Collection,
    /// Its name.
    pub name: Ident,
    /// What to do when it does not exist.
    pub on_missing: OnMissing,
    /// Where DELETE TOPIC is written, if it is.
    pub delete_topic: Option<Span>,
}

/// `ALTER STREAM | TABLE name ADD COLUMN name type, …`.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterSource {
    /// What it is said to be.
    pub collection: Collection,
    /// Its name.
    pub name: Ident,
    /// The new columns.
    pub columns: Vec<ColumnDefinition>,
}

/// `CREATE TYPE [IF NOT EXISTS] name AS type`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateType {
    /// Its name.
    pub name: Ident,
    /// What to do when it exists.
    pub on_existing: OnExisting,
    /// What it stands for.
    pub data_type: TypeName,
}

/// `DROP TYPE [IF EXISTS] name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropType {
    /// Its name.
    pub name: Ident,
    /// What to do when it does not exist.
    pub on_missing: OnMissing,
}

/// `name type [KEY | PRIMARY KEY | HEADERS | HEADER('k')]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnDefinition {
    /// Its name.
    pub name: Ident,
    /// Its type.
    pub data_type: TypeName,
    /// Where it stands in the record.
    pub role: ColumnRole,
    /// All of it.
    pub span: Span,
}

/// Where a column stands in the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnRole {
    /// In the value.
    Value,
    /// `KEY`, or `PRIMARY KEY` of a table: in the key.
    Key,
    /// `HEADERS`: all headers.
    Headers,
    /// `HEADER('name')`: one header.
    Header(Text),
}

/// A type as written.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeName {
    /// Its form.
    pub kind: TypeNameKind,
    /// Its place.
    pub span: Span,
}

/// The form of a type.
#[derive(Debug, Clone, PartialEq)]
pub enum TypeNameKind {
    /// A word: `INT`, or a type of one's own.
    Named(Ident),
    /// `DECIMAL(precision, scale)`.
    Decimal {
        /// All digits.
        precision: i64,
        /// Digits behind the point.
        scale: i64,
    },
    /// `ARRAY<item>`.
    Array(Box<TypeName>),
    /// `MAP<key, value>`.
    Map(Box<TypeName>, Box<TypeName>),
    /// `STRUCT<name type, …>`.
    Struct(Vec<(Ident, TypeName)>),
}

/// `name = value` in a `WITH` clause.
#[derive(Debug, Clone, PartialEq)]
pub struct OptionAssignment {
    /// The option.
    pub name: Ident,
    /// Its value.
    pub value: OptionValue,
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq)]
pub struct OptionValue {
    /// What was written.
    pub kind: OptionValueKind,
    /// Where.
    pub span: Span,
}

/// What was written as the value of an option.
#[derive(Debug, Clone, PartialEq)]
pub enum OptionValueKind {
    /// `'text'`.
    Text(String),
    /// `12`, `-1`.
    Integer(i64),
    /// `TRUE`, `FALSE`.
    Boolean(bool),
}
