//! Which statement it is, and the short ones.

use super::Parser;
use super::query::expected_behind;
use crate::ast::{
    Collection, Define, DropSource, DropType, InsertSelect, InsertValues, OnMissing, Setting,
    Statement, StatementKind,
};
use crate::error::{Problem, Result, nearest};
use crate::lexer::{Symbol, TokenKind};

/// Commands of ksqlDB's console, by their first words, longest first, and what does the same.
const COMMANDS: &[(&[&str], &str)] = &[
    (&["RUN", "SCRIPT"], "give both files to `kolk run`"),
    (&["SHOW", "TOPICS"], "`kolk topic list` shows topics"),
    (&["LIST", "TOPICS"], "`kolk topic list` shows topics"),
    (&["TERMINATE"], "a query runs as long as its `kolk run`"),
    (&["PAUSE"], "a query runs as long as its `kolk run`"),
    (&["RESUME"], "a query runs as long as its `kolk run`"),
    (&["PRINT"], "`kolk consume --topic NAME` shows a topic"),
    (&["ASSERT", "VALUES"], "`kolk test FILE` checks what a program does"),
    (&["ASSERT"], "`kolk test FILE` checks what a program does"),
    (&["EXPLAIN"], "`kolk explain FILE` shows the plan of a file"),
    (&["DESCRIBE"], "`kolk explain FILE` shows the plan of a file"),
    (&["SHOW"], "`kolk explain FILE` shows what a file declares"),
    (&["LIST"], "`kolk explain FILE` shows what a file declares"),
];

/// Statements of ksqlDB's language that Kolk knows by name only.
const UNSUPPORTED: &[&[&str]] = &[&["DROP", "CONNECTOR"], &["ALTER", "SYSTEM"]];

/// The first words of statements.
const FIRST_WORDS: &[&str] =
    &["CREATE", "INSERT", "DROP", "ALTER", "SET", "UNSET", "DEFINE", "UNDEFINE"];

impl Parser<'_> {
    /// A statement and the semicolon behind it, which may be missing at the end of the text.
    pub(super) fn terminated_statement(&mut self) -> Result<Statement> {
        let start = self.peek().span;
        let kind = self.statement()?;
        let span = self.span_from(start);
        if self.peek().kind != TokenKind::End && !self.eat_symbol(Symbol::Semicolon) {
            let expected: &[&str] = match &kind {
                StatementKind::CreateAs(create) => expected_behind(&create.query),
                StatementKind::InsertSelect(insert) => expected_behind(&insert.query),
                _ => &[";"],
            };
            return Err(self.unexpected(expected).maybe_help(self.misplaced_clause()));
        }
        Ok(Statement { kind, span })
    }

    fn statement(&mut self) -> Result<StatementKind> {
        let start = self.peek().span;
        if self.is_word("CREATE") {
            return self.create();
        }
        if self.is_word("SELECT") {
            return Err(Problem::unsupported(start, "a SELECT of its own")
                .help("write its result to a topic: CREATE STREAM name AS SELECT …"));
        }
        if let Some((words, help)) = COMMANDS.iter().find(|(words, _)| self.are_words(words)) {
            self.eat_words(words);
            let words = words.join(" ");
            let message =
                format!("no statement begins with {words}: it is a command of ksqlDB's console");
            return Err(
                Problem::new(self.span_from(start), message, "not part of a program").help(*help)
            );
        }
        if let Some(words) = UNSUPPORTED.iter().find(|words| self.are_words(words)) {
            self.eat_words(words);
            return Err(Problem::unsupported(self.span_from(start), words.join(" ")));
        }
        if self.eat_word("INSERT") {
            return self.insert();
        }
        if self.eat_word("DROP") {
            return self.drop_statement();
        }
        if self.eat_word("ALTER") {
            return self.alter();
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
        if self.eat_word("DEFINE") {
            let name = self.ident("the variable's name")?;
            self.expect_symbol(Symbol::Equal)?;
            let value = self.text("the value in single quotes")?;
            return Ok(StatementKind::Define(Define { name, value }));
        }
        if self.eat_word("UNDEFINE") {
            return Ok(StatementKind::Undefine(self.ident("the variable's name")?));
        }
        let known = FIRST_WORDS.iter().copied();
        let known = known.chain(COMMANDS.iter().map(|(words, _)| words[0])).chain(["SELECT"]);
        let help = self
            .word_at(0)
            .and_then(|word| nearest(word, known))
            .map(|word| format!("did you mean {word}?"));
        Err(self.unexpected(&["a statement: CREATE, INSERT, DROP, SET", "UNSET"]).maybe_help(help))
    }

    /// `INSERT INTO name [WITH (…)] SELECT …`, `INSERT INTO name [(columns)] VALUES (values)`; INSERT was taken.
    fn insert(&mut self) -> Result<StatementKind> {
        self.expect_word("INTO")?;
        let into = self.ident("a stream's name")?;
        let options = if self.is_word("WITH") { self.with_options()? } else { Vec::new() };
        if self.is_word("SELECT") {
            let query = self.select()?;
            return Ok(StatementKind::InsertSelect(Box::new(InsertSelect {
                into,
                options,
                query,
            })));
        }
        if !options.is_empty() {
            return Err(self.unexpected(&["SELECT"]));
        }
        let columns = if self.eat_symbol(Symbol::LeftParen) {
            let columns = self.separated(|parser| parser.ident("a column's name"))?;
            if !self.eat_symbol(Symbol::RightParen) {
                return Err(self.unexpected(&[",", ")"]));
            }
            columns
        } else {
            Vec::new()
        };
        if !self.eat_word("VALUES") {
            let expected: &[&str] =
                if columns.is_empty() { &["SELECT", "VALUES"] } else { &["VALUES"] };
            return Err(self.unexpected(expected));
        }
        self.expect_symbol(Symbol::LeftParen)?;
        let values = self.separated(Self::expression)?;
        if !self.eat_symbol(Symbol::RightParen) {
            return Err(self.unexpected(&[",", ")"]));
        }
        Ok(StatementKind::InsertValues(InsertValues { into, columns, values }))
    }

    /// `DROP STREAM | TABLE [IF EXISTS] name [DELETE TOPIC]`, `DROP TYPE [IF EXISTS] name`; DROP was taken.
    fn drop_statement(&mut self) -> Result<StatementKind> {
        if self.eat_word("TYPE") {
            let on_missing = self.on_missing();
            let name = self.ident("the type's name")?;
            return Ok(StatementKind::DropType(DropType { name, on_missing }));
        }
        let collection = self.collection(&["STREAM", "TABLE", "TYPE"])?;
        let on_missing = self.on_missing();
        let name = self.ident("a stream's name")?;
        let start = self.peek().span;
        let delete_topic = self.eat_words(&["DELETE", "TOPIC"]).then(|| self.span_from(start));
        Ok(StatementKind::Drop(DropSource { collection, name, on_missing, delete_topic }))
    }

    fn on_missing(&mut self) -> OnMissing {
        if self.eat_words(&["IF", "EXISTS"]) { OnMissing::Pass } else { OnMissing::Refuse }
    }

    /// STREAM or TABLE; `expected` is what else could stand here.
    pub(super) fn collection(&mut self, expected: &[&str]) -> Result<Collection> {
        if self.eat_word("STREAM") {
            Ok(Collection::Stream)
        } else if self.eat_word("TABLE") {
            Ok(Collection::Table)
        } else {
            Err(self.unexpected(expected))
        }
    }
}
