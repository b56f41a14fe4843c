//! Statements as written.

use super::{Expr, Ident, Text};
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
    CreateStream(CreateStream),
    /// `CREATE STREAM name WITH (options) AS SELECT …`.
    CreateStreamAs(Box<CreateStreamAs>),
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

/// A topic declared as a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateStream {
    /// The stream's name.
    pub name: Ident,
    /// What to do when it exists.
    pub on_existing: OnExisting,
    /// Its columns; none when they are not declared.
    pub columns: Vec<ColumnDefinition>,
    /// `WITH (…)`.
    pub options: Vec<OptionAssignment>,
}

/// A stream made by a query.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateStreamAs {
    /// The stream's name.
    pub name: Ident,
    /// What to do when it exists.
    pub on_existing: OnExisting,
    /// `WITH (…)`.
    pub options: Vec<OptionAssignment>,
    /// The query.
    pub query: Select,
}

/// `name type [KEY | HEADERS | HEADER('k')]`.
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
    /// `KEY`: in the key.
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

/// `SELECT items FROM from WHERE filter`.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// What is selected; at least one.
    pub items: Vec<SelectItem>,
    /// The input.
    pub from: FromClause,
    /// The condition.
    pub filter: Option<Expr>,
    /// All of it.
    pub span: Span,
}

/// One item of a select list.
#[derive(Debug, Clone, PartialEq)]
pub enum SelectItem {
    /// `*` or `stream.*`.
    All {
        /// The stream's name or alias.
        qualifier: Option<Ident>,
        /// Its place.
        span: Span,
    },
    /// `value [AS alias]`.
    Value {
        /// The expression.
        value: Expr,
        /// Its name in the output.
        alias: Option<Ident>,
    },
}

/// `FROM name [AS alias]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromClause {
    /// The stream.
    pub name: Ident,
    /// Another name for it in this query.
    pub alias: Option<Ident>,
}
