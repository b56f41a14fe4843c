//! The syntax tree: what was written, each node with its place; names are not looked up and types not known.

mod expression;
mod query;
mod statement;

pub use expression::{BinaryOperator, Branch, Expr, ExprKind, TypedLiteral, UnaryOperator};
pub use query::{
    Clause, Emit, Join, JoinKind, Length, Relation, Select, SelectItem, Window, WindowKind, Within,
};
pub use statement::{
    AlterSource, Collection, ColumnDefinition, ColumnRole, CreateAs, CreateType, Declaration,
    Define, DropSource, DropType, InsertSelect, InsertValues, OnExisting, OnMissing,
    OptionAssignment, OptionValue, OptionValueKind, Setting, Statement, StatementKind, TypeName,
    TypeNameKind,
};

use crate::source::Span;
use std::fmt;

/// A name as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ident {
    /// Its letters, without quotes.
    pub text: String,
    /// Whether it stood in quotes.
    pub quoting: Quoting,
    /// Its place, quotes included.
    pub span: Span,
}

/// Whether a name stood in quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quoting {
    /// `page`.
    Bare,
    /// `` `page` `` or `"page"`.
    Quoted,
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Text in single quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Its content.
    pub text: String,
    /// Its place, quotes included.
    pub span: Span,
}
