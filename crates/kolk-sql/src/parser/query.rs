//! `SELECT … FROM … JOIN … WINDOW … WHERE … GROUP BY … PARTITION BY … HAVING … EMIT … LIMIT …`.

use super::{CLAUSES, Parser, RESERVED, is_one_of};
use crate::ast::{Clause, Emit, Expr, Ident, Join, JoinKind, Relation, Select, SelectItem, Within};
use crate::error::{Problem, Result};
use crate::lexer::{Symbol, TokenKind};

/// How the kinds of join are written, longest first.
const JOINS: &[(&[&str], JoinKind)] = &[
    (&["LEFT", "OUTER", "JOIN"], JoinKind::Left),
    (&["RIGHT", "OUTER", "JOIN"], JoinKind::Right),
    (&["FULL", "OUTER", "JOIN"], JoinKind::Full),
    (&["LEFT", "JOIN"], JoinKind::Left),
    (&["RIGHT", "JOIN"], JoinKind::Right),
    (&["FULL", "JOIN"], JoinKind::Full),
    (&["OUTER", "JOIN"], JoinKind::Full),
    (&["INNER", "JOIN"], JoinKind::Inner),
    (&["JOIN"], JoinKind::Inner),
];

impl Parser<'_> {
    /// A query.
    pub(super) fn select(&mut self) -> Result<Select> {
        let start = self.expect_word("SELECT")?;
        if self.is_word("DISTINCT") {
            return Err(Problem::unsupported(self.peek().span, "SELECT DISTINCT")
                .help("GROUP BY the columns and count them"));
        }
        let items = self.separated(Self::select_item)?;
        if !self.eat_word("FROM") {
            return Err(self.unexpected(&[",", "FROM"]));
        }
        let from = self.relation()?;
        if self.is_symbol(Symbol::Comma) {
            return Err(Problem::unsupported(self.peek().span, "a list of streams behind FROM")
                .help("FROM a JOIN b WITHIN 1 HOUR ON a.key = b.key"));
        }
        let joins = self.joins()?;
        let window = if self.is_word("WINDOW") { Some(self.window()?) } else { None };
        let filter = if self.eat_word("WHERE") { Some(self.expression()?) } else { None };
        let mut partition_by = self.expressions_by("PARTITION")?;
        let group_by = self.expressions_by("GROUP")?;
        if partition_by.is_none() {
            partition_by = self.expressions_by("PARTITION")?;
        }
        let having = if self.eat_word("HAVING") { Some(self.expression()?) } else { None };
        let emit = self.emit()?;
        let limit = self.limit()?;
        let span = self.span_from(start);
        Ok(Select {
            items,
            from,
            joins,
            window,
            filter,
            group_by,
            partition_by,
            having,
            emit,
            limit,
            span,
        })
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
        if self.is_symbol(Symbol::Arrow) && self.is_symbol_at(1, Symbol::Star) {
            self.bump();
            self.bump();
            return Ok(SelectItem::Fields { of: value, span: self.span_from(start) });
        }
        let alias = self.alias()?;
        Ok(SelectItem::Value { value, alias })
    }

    fn relation(&mut self) -> Result<Relation> {
        if self.is_symbol(Symbol::LeftParen) {
            return Err(Problem::unsupported(self.peek().span, "a query inside FROM")
                .help("give the inner query a stream of its own: CREATE STREAM name AS SELECT …"));
        }
        let name = self.ident("a stream's name")?;
        let alias = self.alias()?;
        Ok(Relation { name, alias })
    }

    fn joins(&mut self) -> Result<Vec<Join>> {
        let mut joins = Vec::new();
        loop {
            let start = self.peek().span;
            if self.are_words(&["CROSS", "JOIN"]) {
                return Err(Problem::unsupported(start.to(self.peek_at(1).span), "CROSS JOIN")
                    .help("join ON a key that both sides have"));
            }
            let Some((words, kind)) = JOINS.iter().find(|(words, _)| self.are_words(words)) else {
                return Ok(joins);
            };
            self.eat_words(words);
            let kind_span = self.span_from(start);
            let relation = self.relation()?;
            let within = if self.is_word("WITHIN") { Some(self.within()?) } else { None };
            if !self.eat_word("ON") {
                let expected: &[&str] = if within.is_some() { &["ON"] } else { &["WITHIN", "ON"] };
                return Err(self.unexpected(expected));
            }
            let on = self.expression()?;
            let span = self.span_from(start);
            joins.push(Join { kind: *kind, kind_span, relation, within, on, span });
        }
    }

    /// `WITHIN 1 HOUR`, `WITHIN (1 HOUR, 2 HOURS)`, with `GRACE PERIOD 5 MINUTES`.
    fn within(&mut self) -> Result<Within> {
        let start = self.expect_word("WITHIN")?;
        let (before, after) = if self.eat_symbol(Symbol::LeftParen) {
            let before = self.length()?;
            self.expect_symbol(Symbol::Comma)?;
            let after = self.length()?;
            self.expect_symbol(Symbol::RightParen)?;
            (before, after)
        } else {
            let both = self.length()?;
            (both, both)
        };
        let grace = if self.eat_words(&["GRACE", "PERIOD"]) { Some(self.length()?) } else { None };
        Ok(Within { before, after, grace, span: self.span_from(start) })
    }

    /// `GROUP BY a, b`, `PARTITION BY (a, b)`.
    fn expressions_by(&mut self, word: &str) -> Result<Option<Clause<Vec<Expr>>>> {
        let start = self.peek().span;
        if !self.eat_word(word) {
            return Ok(None);
        }
        self.expect_word("BY")?;
        let content = if self.list_in_parentheses() {
            self.expect_symbol(Symbol::LeftParen)?;
            let list = self.separated(Self::expression)?;
            self.expect_symbol(Symbol::RightParen)?;
            list
        } else {
            self.separated(Self::expression)?
        };
        Ok(Some(Clause { content, span: self.span_from(start) }))
    }

    /// Whether a parenthesis opens here that holds a list: one with a comma that stands in no parenthesis within it.
    fn list_in_parentheses(&self) -> bool {
        let mut depth = 0_usize;
        let mut ahead = 0;
        let mut comma = false;
        loop {
            match self.peek_at(ahead).kind {
                TokenKind::Symbol(Symbol::LeftParen | Symbol::LeftBracket) => depth += 1,
                TokenKind::Symbol(Symbol::RightParen | Symbol::RightBracket) => {
                    depth = depth.saturating_sub(1);
                }
                TokenKind::Symbol(Symbol::Comma) if depth == 1 => comma = true,
                TokenKind::Symbol(Symbol::Semicolon) | TokenKind::End => return false,
                _ => {}
            }
            if depth == 0 {
                return comma;
            }
            ahead += 1;
        }
    }

    fn emit(&mut self) -> Result<Option<Clause<Emit>>> {
        let start = self.peek().span;
        if !self.eat_word("EMIT") {
            return Ok(None);
        }
        let content = if self.eat_word("CHANGES") {
            Emit::Changes
        } else if self.eat_word("FINAL") {
            Emit::Final
        } else {
            return Err(self.unexpected(&["CHANGES", "FINAL"]));
        };
        Ok(Some(Clause { content, span: self.span_from(start) }))
    }

    fn limit(&mut self) -> Result<Option<Clause<i64>>> {
        let start = self.peek().span;
        if !self.eat_word("LIMIT") {
            return Ok(None);
        }
        let content = self.integer("a number of rows", "")?;
        Ok(Some(Clause { content, span: self.span_from(start) }))
    }

    /// What to say of what stands behind a query when it is a clause that belongs further to the front, or `->*`.
    pub(super) fn misplaced_clause(&self) -> Option<String> {
        const ORDER: &[&str] =
            &["FROM", "JOIN", "WINDOW", "WHERE", "GROUP", "PARTITION", "HAVING", "EMIT", "LIMIT"];
        if self.is_symbol(Symbol::Arrow) && self.is_symbol_at(1, Symbol::Star) {
            return Some(
                "->* stands for all fields only as an item of its own: SELECT a->* FROM …"
                    .to_owned(),
            );
        }
        ORDER.iter().any(|word| self.is_word(word)).then(|| {
            "clauses in their order: FROM, JOIN, WINDOW, WHERE, GROUP BY, PARTITION BY, HAVING, EMIT, LIMIT"
                .to_owned()
        })
    }

    /// `[AS] name`.
    fn alias(&mut self) -> Result<Option<Ident>> {
        if self.eat_word("AS") {
            return self.ident("a name").map(Some);
        }
        let implicit = match &self.peek().kind {
            TokenKind::QuotedWord(_) => true,
            TokenKind::Word => {
                let word = self.content(self.peek());
                !is_one_of(word, RESERVED) && !is_one_of(word, CLAUSES)
            }
            _ => false,
        };
        if implicit { self.ident("a name").map(Some) } else { Ok(None) }
    }
}

/// What may stand behind a query, for the error when something else does.
pub(super) fn expected_behind(query: &Select) -> &'static [&'static str] {
    if query.limit.is_some() {
        &[";"]
    } else if query.emit.is_some() {
        &["LIMIT", ";"]
    } else if query.having.is_some() {
        &["AND", "OR", "EMIT", ";"]
    } else if query.group_by.is_some() {
        &["HAVING", "EMIT", ";"]
    } else if query.partition_by.is_some() {
        &["EMIT", ";"]
    } else if query.filter.is_some() {
        &["AND", "OR", "GROUP BY", "PARTITION BY", "EMIT", ";"]
    } else if query.window.is_some() {
        &["WHERE", "GROUP BY", ";"]
    } else if query.joins.is_empty() {
        &["JOIN", "WINDOW", "WHERE", "GROUP BY", "PARTITION BY", "EMIT", ";"]
    } else {
        &["AND", "JOIN", "WINDOW", "WHERE", "GROUP BY", "PARTITION BY", "EMIT", ";"]
    }
}
