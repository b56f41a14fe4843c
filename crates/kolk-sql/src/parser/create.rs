//! `CREATE …`: streams from topics, streams from queries, and what is not supported yet.

use super::Parser;
use crate::ast::{
    ColumnDefinition, ColumnRole, CreateStream, CreateStreamAs, Ident, OnExisting,
    OptionAssignment, OptionValue, OptionValueKind, Quoting, StatementKind,
};
use crate::error::{Problem, Result};
use crate::lexer::{Symbol, TokenKind};

/// What else can be created; Kolk knows it by name only.
const UNSUPPORTED: &[&[&str]] =
    &[&["TABLE"], &["SOURCE"], &["SINK", "CONNECTOR"], &["CONNECTOR"], &["TYPE"], &["FUNCTION"]];

impl Parser<'_> {
    /// `CREATE [OR REPLACE] STREAM [IF NOT EXISTS] name …`.
    pub(super) fn create(&mut self) -> Result<StatementKind> {
        let start = self.expect_word("CREATE")?;
        let replace = self.eat_words(&["OR", "REPLACE"]);
        if let Some(words) = UNSUPPORTED.iter().find(|words| self.are_words(words)) {
            self.eat_words(words);
            let mut what = format!("CREATE {}", words.join(" "));
            if let Some(more @ ("STREAM" | "TABLE" | "CONNECTOR")) =
                self.word_at(0).map(str::to_uppercase).as_deref()
            {
                what = format!("{what} {more}");
                self.bump();
            }
            return Err(Problem::unsupported(self.span_from(start), what));
        }
        self.expect_word("STREAM")?;
        let keep = self.eat_words(&["IF", "NOT", "EXISTS"]);
        let on_existing = match (replace, keep) {
            (false, false) => OnExisting::Refuse,
            (true, false) => OnExisting::Replace,
            (false, true) => OnExisting::Keep,
            (true, true) => {
                let message = "OR REPLACE and IF NOT EXISTS exclude each other";
                return Err(Problem::new(self.previous_span(), message, "leave out one of them"));
            }
        };
        let name = self.ident("the stream's name")?;
        let columns_start = self.peek().span;
        let columns = if self.is_symbol(Symbol::LeftParen) { Some(self.columns()?) } else { None };
        let columns_span = self.span_from(columns_start);
        let with = self.is_word("WITH");
        let options = if with { self.with_options()? } else { Vec::new() };
        if self.eat_word("AS") {
            if columns.is_some() {
                let message = "a stream made by a query takes its columns from the query";
                return Err(Problem::new(columns_span, message, "columns declared here")
                    .help("leave out the list; rename columns with AS in the query"));
            }
            let query = self.select()?;
            return Ok(StatementKind::CreateStreamAs(Box::new(CreateStreamAs {
                name,
                on_existing,
                options,
                query,
            })));
        }
        if !with {
            let expected: &[&str] = if columns.is_some() {
                &["WITH"]
            } else {
                &["WITH", "AS", "the columns in parentheses"]
            };
            return Err(self.unexpected(expected));
        }
        let columns = columns.unwrap_or_default();
        Ok(StatementKind::CreateStream(CreateStream { name, on_existing, columns, options }))
    }

    /// `(name type [KEY | HEADERS | HEADER('k')], …)`.
    fn columns(&mut self) -> Result<Vec<ColumnDefinition>> {
        self.expect_symbol(Symbol::LeftParen)?;
        let columns = self.separated(Self::column)?;
        if !self.eat_symbol(Symbol::RightParen) {
            return Err(self.unexpected(&[",", ")"]));
        }
        Ok(columns)
    }

    fn column(&mut self) -> Result<ColumnDefinition> {
        let name = self.ident("a column's name")?;
        let data_type = self.data_type()?;
        let role = if self.is_word("PRIMARY") {
            let start = self.bump().span;
            self.expect_word("KEY")?;
            let message =
                "a stream has no PRIMARY KEY: its rows are events, several may have one key";
            return Err(Problem::new(self.span_from(start), message, "only tables have one")
                .help(format!("{name} {} KEY", data_type.span.text(self.text))));
        } else if self.eat_word("KEY") {
            ColumnRole::Key
        } else if self.eat_word("HEADERS") {
            ColumnRole::Headers
        } else if self.is_word("HEADER") && self.is_symbol_at(1, Symbol::LeftParen) {
            self.bump();
            self.bump();
            let header = self.text("the header's name in single quotes")?;
            self.expect_symbol(Symbol::RightParen)?;
            ColumnRole::Header(header)
        } else {
            ColumnRole::Value
        };
        let span = self.span_from(name.span);
        Ok(ColumnDefinition { name, data_type, role, span })
    }

    /// `WITH (name = value, …)`.
    fn with_options(&mut self) -> Result<Vec<OptionAssignment>> {
        self.expect_word("WITH")?;
        self.expect_symbol(Symbol::LeftParen)?;
        if self.eat_symbol(Symbol::RightParen) {
            return Ok(Vec::new());
        }
        let options = self.separated(Self::option)?;
        if !self.eat_symbol(Symbol::RightParen) {
            return Err(self.unexpected(&[",", ")"]));
        }
        Ok(options)
    }

    fn option(&mut self) -> Result<OptionAssignment> {
        let name = match &self.peek().kind {
            TokenKind::Text(_) => {
                let text = self.text("an option's name")?;
                Ident { text: text.text, quoting: Quoting::Bare, span: text.span }
            }
            _ => self.ident("an option's name")?,
        };
        self.expect_symbol(Symbol::Equal)?;
        let value = self.option_value()?;
        Ok(OptionAssignment { name, value })
    }

    fn option_value(&mut self) -> Result<OptionValue> {
        let start = self.peek().span;
        let kind = if self.peek().kind == TokenKind::Integer {
            OptionValueKind::Integer(self.integer("a number", "")?)
        } else if self.eat_symbol(Symbol::Minus) {
            OptionValueKind::Integer(self.integer("a number", "-")?)
        } else if self.eat_word("TRUE") {
            OptionValueKind::Boolean(true)
        } else if self.eat_word("FALSE") {
            OptionValueKind::Boolean(false)
        } else {
            OptionValueKind::Text(
                self.text("a value: text in single quotes, a number, TRUE or FALSE")?.text,
            )
        };
        Ok(OptionValue { kind, span: self.span_from(start) })
    }
}
