//! `CREATE …` and `ALTER …`: streams and tables from topics and from queries, types.

use super::Parser;
use crate::ast::{
    AlterSource, Collection, ColumnDefinition, ColumnRole, CreateAs, CreateType, Declaration,
    Ident, OnExisting, OptionAssignment, OptionValue, OptionValueKind, Quoting, StatementKind,
    TypeName,
};
use crate::error::{Problem, Result};
use crate::lexer::{Symbol, TokenKind};
use crate::source::Span;

/// What else can be created; Kolk knows it by name only.
const UNSUPPORTED: &[&[&str]] =
    &[&["SOURCE", "CONNECTOR"], &["SINK", "CONNECTOR"], &["CONNECTOR"], &["FUNCTION"]];

impl Parser<'_> {
    /// `CREATE [OR REPLACE] [SOURCE] STREAM | TABLE [IF NOT EXISTS] name …`, `CREATE TYPE …`.
    pub(super) fn create(&mut self) -> Result<StatementKind> {
        let start = self.expect_word("CREATE")?;
        let replace = self.eat_words(&["OR", "REPLACE"]);
        if let Some(words) = UNSUPPORTED.iter().find(|words| self.are_words(words)) {
            self.eat_words(words);
            let what = format!("CREATE {}", words.join(" "));
            return Err(Problem::unsupported(self.span_from(start), what));
        }
        if !replace && self.eat_word("TYPE") {
            return self.create_type();
        }
        let read_only = self.eat_word("SOURCE").then(|| self.previous_span());
        let expected: &[&str] = if read_only.is_some() || replace {
            &["STREAM", "TABLE"]
        } else {
            &["STREAM", "TABLE", "TYPE"]
        };
        let collection = self.collection(expected)?;
        let collection_span = self.previous_span();
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
        let name = self.ident(&format!("the {}'s name", collection.noun()))?;
        let columns_start = self.peek().span;
        let listed = self.is_symbol(Symbol::LeftParen);
        let columns = if listed { self.columns(collection)? } else { Vec::new() };
        let columns_span = self.span_from(columns_start);
        let with = self.is_word("WITH");
        let options = if with { self.with_options()? } else { Vec::new() };
        if self.eat_word("AS") {
            let noun = collection.noun();
            if listed {
                let message = format!("a {noun} made by a query takes its columns from the query");
                return Err(Problem::new(columns_span, message, "columns declared here")
                    .help("leave out the list; rename columns with AS in the query"));
            }
            if let Some(span) = read_only {
                let message = format!("a SOURCE {} is read from a topic", collection.keyword());
                return Err(Problem::new(span, message, "but this one is made by a query")
                    .help("leave out SOURCE"));
            }
            let query = self.select()?;
            let create =
                CreateAs { collection, collection_span, name, on_existing, options, query };
            return Ok(StatementKind::CreateAs(Box::new(create)));
        }
        if !with {
            let expected: &[&str] =
                if listed { &["WITH"] } else { &["WITH", "AS", "the columns in parentheses"] };
            return Err(self.unexpected(expected));
        }
        let declaration =
            Declaration { collection, read_only, name, on_existing, columns, options };
        Ok(StatementKind::Declaration(declaration))
    }

    /// `[IF NOT EXISTS] name AS type`; CREATE TYPE was taken.
    fn create_type(&mut self) -> Result<StatementKind> {
        let keep = self.eat_words(&["IF", "NOT", "EXISTS"]);
        let on_existing = if keep { OnExisting::Keep } else { OnExisting::Refuse };
        let name = self.ident("the type's name")?;
        self.expect_word("AS")?;
        let data_type = self.data_type()?;
        Ok(StatementKind::CreateType(CreateType { name, on_existing, data_type }))
    }

    /// `STREAM | TABLE name ADD [COLUMN] name type, …`; ALTER was taken.
    pub(super) fn alter(&mut self) -> Result<StatementKind> {
        let collection = self.collection(&["STREAM", "TABLE"])?;
        let name = self.ident(&format!("the {}'s name", collection.noun()))?;
        let columns = self.separated(|parser| {
            if !parser.eat_word("ADD") {
                return Err(parser.unexpected(&["ADD COLUMN"]));
            }
            parser.eat_word("COLUMN");
            parser.column(collection)
        })?;
        Ok(StatementKind::Alter(AlterSource { collection, name, columns }))
    }

    /// `(name type [KEY | PRIMARY KEY | HEADERS | HEADER('k')], …)`.
    fn columns(&mut self, collection: Collection) -> Result<Vec<ColumnDefinition>> {
        self.expect_symbol(Symbol::LeftParen)?;
        let columns = self.separated(|parser| parser.column(collection))?;
        if !self.eat_symbol(Symbol::RightParen) {
            return Err(self.unexpected(&[",", ")"]));
        }
        Ok(columns)
    }

    fn column(&mut self, collection: Collection) -> Result<ColumnDefinition> {
        let name = self.ident("a column's name")?;
        let data_type = self.data_type()?;
        let start = self.peek().span;
        let role = if self.eat_words(&["PRIMARY", "KEY"]) {
            let span = self.span_from(start);
            self.check_key(collection, Collection::Table, &name, &data_type, span)?;
            ColumnRole::Key
        } else if self.eat_word("KEY") {
            self.check_key(collection, Collection::Stream, &name, &data_type, start)?;
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

    /// Refuses PRIMARY KEY in a stream and KEY in a table; `of` is where the word at `span` belongs.
    fn check_key(
        &self,
        collection: Collection,
        of: Collection,
        name: &Ident,
        data_type: &TypeName,
        span: Span,
    ) -> Result<()> {
        if collection == of {
            return Ok(());
        }
        let (message, label, word) = match collection {
            Collection::Stream => (
                "a stream has no PRIMARY KEY: its rows are events, several may have one key",
                "only tables have one",
                "KEY",
            ),
            Collection::Table => (
                "the KEY of a table is its PRIMARY KEY: a row is the state of its key",
                "streams have a KEY",
                "PRIMARY KEY",
            ),
        };
        let declared = format!("{name} {} {word}", data_type.span.text(self.text));
        Err(Problem::new(span, message, label).help(declared))
    }

    /// `WITH (name = value, …)`.
    pub(super) fn with_options(&mut self) -> Result<Vec<OptionAssignment>> {
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
