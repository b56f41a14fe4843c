//! Which statement it is, and the ones that are settings.

use super::Parser;
use crate::ast::{Setting, Statement, StatementKind};
use crate::error::{Problem, Result, nearest};
use crate::lexer::{Symbol, TokenKind};

/// Statements of ksqlDB's language that Kolk knows by name only, by their first words, longest first.
const UNSUPPORTED: &[&[&str]] = &[
    &["INSERT", "INTO"],
    &["DROP", "STREAM"],
    &["DROP", "TABLE"],
    &["DROP", "TYPE"],
    &["DROP", "CONNECTOR"],
    &["TERMINATE"],
    &["ALTER", "STREAM"],
    &["ALTER", "TABLE"],
    &["ALTER", "SYSTEM"],
    &["DESCRIBE"],
    &["EXPLAIN"],
    &["SHOW"],
    &["LIST"],
    &["PRINT"],
    &["DEFINE"],
    &["UNDEFINE"],
    &["ASSERT"],
    &["RUN", "SCRIPT"],
    &["PAUSE"],
    &["RESUME"],
    &["INSERT"],
    &["DROP"],
    &["ALTER"],
    &["RUN"],
];

impl Parser<'_> {
    /// A statement and the semicolon behind it, which may be missing at the end of the text.
    pub(super) fn terminated_statement(&mut self) -> Result<Statement> {
        let start = self.peek().span;
        let kind = self.statement()?;
        let span = self.span_from(start);
        if self.peek().kind != TokenKind::End && !self.eat_symbol(Symbol::Semicolon) {
            let expected: &[&str] = match &kind {
                StatementKind::CreateStreamAs(create) if create.query.filter.is_none() => {
                    &["WHERE", "EMIT CHANGES", ";"]
                }
                StatementKind::CreateStreamAs(_) => &["AND", "OR", "EMIT CHANGES", ";"],
                _ => &[";"],
            };
            return Err(self.unexpected(expected));
        }
        Ok(Statement { kind, span })
    }

    fn statement(&mut self) -> Result<StatementKind> {
        if self.is_word("CREATE") {
            return self.create();
        }
        if self.eat_word("SET") {
            let key = self.text("the setting in single quotes")?;
            self.expect_symbol(Symbol::Equal)?;
            let value = self.text("the value in single quotes")?;
            return Ok(StatementKind::Set(Setting { key, value }));
        }
        if self.eat_word("UNSET") {
            return Ok(StatementKind::Unset(self.text("the setting in single quotes")?));
        }
        let start = self.peek().span;
        if self.is_word("SELECT") {
            return Err(Problem::unsupported(start, "a SELECT of its own")
                .help("write its result to a topic: CREATE STREAM name AS SELECT …"));
        }
        if let Some(words) = UNSUPPORTED.iter().find(|words| self.are_words(words)) {
            self.eat_words(words);
            return Err(Problem::unsupported(self.span_from(start), words.join(" ")));
        }
        let statements = ["CREATE", "SET", "UNSET"].into_iter();
        let known = statements.chain(UNSUPPORTED.iter().map(|words| words[0])).chain(["SELECT"]);
        let help = self
            .word_at(0)
            .and_then(|word| nearest(word, known))
            .map(|word| format!("did you mean {word}?"));
        Err(self.unexpected(&["a statement: CREATE STREAM, SET", "UNSET"]).maybe_help(help))
    }
}
