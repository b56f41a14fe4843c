//! `SELECT … FROM … WHERE … EMIT CHANGES`.

use super::{CLAUSES, Parser, RESERVED, is_one_of};
use crate::ast::{FromClause, Ident, Select, SelectItem};
use crate::error::{Problem, Result};
use crate::lexer::{Symbol, TokenKind};

/// Clauses behind FROM that Kolk knows by name only.
const UNSUPPORTED_AFTER_FROM: &[&[&str]] = &[
    &["INNER", "JOIN"],
    &["LEFT", "OUTER", "JOIN"],
    &["LEFT", "JOIN"],
    &["RIGHT", "OUTER", "JOIN"],
    &["RIGHT", "JOIN"],
    &["FULL", "OUTER", "JOIN"],
    &["FULL", "JOIN"],
    &["OUTER", "JOIN"],
    &["CROSS", "JOIN"],
    &["JOIN"],
    &["WINDOW"],
];
const UNSUPPORTED_AFTER_WHERE: &[&[&str]] =
    &[&["GROUP", "BY"], &["PARTITION", "BY"], &["HAVING"], &["EMIT", "FINAL"], &["LIMIT"]];

impl Parser<'_> {
    /// A query.
    pub(super) fn select(&mut self) -> Result<Select> {
        let start = self.expect_word("SELECT")?;
        if self.is_word("DISTINCT") {
            return Err(Problem::unsupported(self.peek().span, "SELECT DISTINCT"));
        }
        let items = self.separated(Self::select_item)?;
        if !self.eat_word("FROM") {
            return Err(self.unexpected(&[",", "FROM"]));
        }
        let from = self.source_clause()?;
        if self.is_symbol(Symbol::Comma) {
            return Err(Problem::unsupported(self.peek().span, "a list of streams behind FROM"));
        }
        self.refuse(UNSUPPORTED_AFTER_FROM)?;
        let filter = if self.eat_word("WHERE") { Some(self.expression()?) } else { None };
        self.refuse(UNSUPPORTED_AFTER_WHERE)?;
        if self.eat_word("EMIT") && !self.eat_word("CHANGES") {
            return Err(self.unexpected(&["CHANGES"]));
        }
        self.refuse(UNSUPPORTED_AFTER_WHERE)?;
        Ok(Select { items, from, filter, span: self.span_from(start) })
    }

    fn refuse(&mut self, clauses: &[&[&str]]) -> Result<()> {
        let start = self.peek().span;
        let Some(words) = clauses.iter().find(|words| self.are_words(words)) else { return Ok(()) };
        self.eat_words(words);
        Err(Problem::unsupported(self.span_from(start), words.join(" ")))
    }

    fn select_item(&mut self) -> Result<SelectItem> {
        let start = self.peek().span;
        if self.eat_symbol(Symbol::Star) {
            return Ok(SelectItem::All { qualifier: None, span: start });
        }
        let named = matches!(self.peek().kind, TokenKind::Word | TokenKind::QuotedWord(_));
        if named && self.is_symbol_at(1, Symbol::Dot) && self.is_symbol_at(2, Symbol::Star) {
            let qualifier = self.ident("a stream")?;
            self.bump();
            self.bump();
            let span = self.span_from(start);
            return Ok(SelectItem::All { qualifier: Some(qualifier), span });
        }
        let value = self.expression()?;
        let alias = self.alias()?;
        Ok(SelectItem::Value { value, alias })
    }

    fn source_clause(&mut self) -> Result<FromClause> {
        if self.is_symbol(Symbol::LeftParen) {
            return Err(Problem::unsupported(self.peek().span, "a query inside FROM")
                .help("give the inner query a stream of its own: CREATE STREAM name AS SELECT …"));
        }
        let name = self.ident("a stream's name")?;
        let alias = self.alias()?;
        Ok(FromClause { name, alias })
    }

    /// `[AS] name`.
    fn alias(&mut self) -> Result<Option<Ident>> {
        if self.eat_word("AS") {
            return self.ident("a name").map(Some);
        }
        let implicit = match &self.peek().kind {
            TokenKind::QuotedWord(_) => true,
            TokenKind::Word => {
                let word = self.peek().span.text(self.text);
                !is_one_of(word, RESERVED) && !is_one_of(word, CLAUSES)
            }
            _ => false,
        };
        if implicit { self.ident("a name").map(Some) } else { Ok(None) }
    }
}
