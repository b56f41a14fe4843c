//! Tokens to syntax tree, by recursive descent of bounded depth; after an error it goes on behind the next semicolon.

mod create;
mod data_type;
mod expression;
mod primary;
mod query;
mod statement;
mod window;
#[cfg(test)]
mod tests;

use crate::ast::{Expr, ExprKind, Ident, Quoting, Statement, Text};
use crate::error::{ERRORS_MAX, Problem, Result, nearest};
use crate::lexer::{Symbol, Token, TokenKind, tokens};
use crate::source::Span;
use crate::variables;

/// How deep expressions and types may be nested in parentheses, calls and brackets.
pub const NESTING_MAX: usize = 64;

/// How many nodes one way down an expression may have. AND and OR do not count: their chains become balanced trees.
pub const HEIGHT_MAX: usize = 128;

/// Words that are never a bare name in an expression, and never an alias without AS.
const RESERVED: &[&str] = &[
    "SELECT", "FROM", "WHERE", "GROUP", "HAVING", "AS", "AND", "OR", "NOT", "IS", "NULL", "IN",
    "LIKE", "BETWEEN", "CASE", "WHEN", "THEN", "ELSE", "END", "CAST", "TRUE", "FALSE", "ON",
    "JOIN", "CREATE", "INSERT", "WITH",
];

/// Words that begin a clause behind FROM; as an alias they need AS or quotes.
const CLAUSES: &[&str] = &[
    "WHERE",
    "GROUP",
    "HAVING",
    "WINDOW",
    "PARTITION",
    "EMIT",
    "LIMIT",
    "LEFT",
    "RIGHT",
    "FULL",
    "INNER",
    "OUTER",
    "CROSS",
    "JOIN",
    "WITHIN",
    "GRACE",
    "ON",
];

/// What a text holds: the statements that could be read, and what is wrong with the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// The statements, in order.
    pub statements: Vec<Statement>,
    /// The problems, in order of place.
    pub problems: Vec<Box<Problem>>,
    /// The streams that unreadable statements were to create: who reads them is not to blame.
    pub broken: Vec<Ident>,
}

/// Reads a text as statements, separated by semicolons.
#[must_use]
pub fn parse(text: &str) -> Script {
    let (tokens, mut unreadable) = tokens(text);
    let (tokens, unreadable_values) = variables::substituted(text, tokens);
    unreadable.extend(unreadable_values.into_iter().map(Box::new));
    let mut parser = Parser { text, tokens, at: 0, nesting: 0 };
    let mut script = Script { statements: Vec::new(), problems: Vec::new(), broken: Vec::new() };
    while parser.peek().kind != TokenKind::End && script.problems.len() < ERRORS_MAX {
        if parser.eat_symbol(Symbol::Semicolon) {
            continue;
        }
        let first = parser.at;
        let start = parser.peek().span.start;
        match parser.terminated_statement() {
            Ok(statement) => script.statements.push(statement),
            Err(problem) => {
                parser.recover(first);
                script.broken.extend(parser.created_from(first));
                let end = parser.peek().span.start;
                // What the lexer could not read explains the rest of the statement: tell only that.
                let explained = unreadable.iter().any(|problem| {
                    problem.labels.iter().any(|label| (start..=end).contains(&label.span.start))
                });
                if !explained {
                    script.problems.push(problem);
                }
            }
        }
    }
    script.problems.extend(unreadable);
    script.problems.sort_by_key(|problem| problem.labels.first().map_or(0, |at| at.span.start));
    script.problems.truncate(ERRORS_MAX);
    script
}

/// Reads a text as one expression: option values that name a column or compute from columns. Places count from the
/// start of `text`.
///
/// # Errors
/// When it is not exactly one expression.
pub fn parse_expression(text: &str) -> Result<Expr> {
    let (tokens, unreadable) = tokens(text);
    if let Some(problem) = unreadable.into_iter().next() {
        return Err(problem);
    }
    let mut parser = Parser { text, tokens, at: 0, nesting: 0 };
    let expression = parser.expression()?;
    match parser.peek().kind {
        TokenKind::End => Ok(expression),
        _ => Err(parser.unexpected(&["the end of the expression"])),
    }
}

/// A place among the tokens, and the steps that every rule is made of.
struct Parser<'a> {
    text: &'a str,
    /// Never empty; the last is [`TokenKind::End`].
    tokens: Vec<Token>,
    at: usize,
    nesting: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    /// The token `ahead` of the next one; the last one when there are not so many.
    fn peek_at(&self, ahead: usize) -> &Token {
        &self.tokens[(self.at + ahead).min(self.tokens.len() - 1)]
    }

    /// Takes the next token; the end is never passed.
    fn bump(&mut self) -> Token {
        let token = self.peek().clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    /// The place of the token that was taken last.
    fn previous_span(&self) -> Span {
        self.at.checked_sub(1).map_or_else(Span::default, |at| self.tokens[at].span)
    }

    /// From `start` to the token that was taken last.
    fn span_from(&self, start: Span) -> Span {
        Span::new(start.start, self.previous_span().end.max(start.end))
    }

    /// What a token reads as: the source's text at its place, or what a variable put there.
    fn content<'t>(&'t self, token: &'t Token) -> &'t str {
        token.content(self.text)
    }

    /// The text of a bare word `ahead` of the next token.
    fn word_at(&self, ahead: usize) -> Option<&str> {
        let token = self.peek_at(ahead);
        (token.kind == TokenKind::Word).then(|| self.content(token))
    }

    fn is_word_at(&self, ahead: usize, word: &str) -> bool {
        self.word_at(ahead).is_some_and(|text| text.eq_ignore_ascii_case(word))
    }

    fn is_word(&self, word: &str) -> bool {
        self.is_word_at(0, word)
    }

    /// Whether the next tokens are these words.
    fn are_words(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(ahead, word)| self.is_word_at(ahead, word))
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.bump();
        }
        found
    }

    fn eat_words(&mut self, words: &[&str]) -> bool {
        let found = self.are_words(words);
        if found {
            self.at += words.len();
        }
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<Span> {
        if self.eat_word(word) {
            return Ok(self.previous_span());
        }
        Err(self.unexpected(&[word]))
    }

    fn is_symbol_at(&self, ahead: usize, symbol: Symbol) -> bool {
        self.peek_at(ahead).kind == TokenKind::Symbol(symbol)
    }

    fn is_symbol(&self, symbol: Symbol) -> bool {
        self.is_symbol_at(0, symbol)
    }

    fn eat_symbol(&mut self, symbol: Symbol) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.bump();
        }
        found
    }

    fn expect_symbol(&mut self, symbol: Symbol) -> Result<Span> {
        if self.eat_symbol(symbol) {
            return Ok(self.previous_span());
        }
        Err(self.unexpected(&[symbol.text()]))
    }

    /// A name: a word that is not reserved, or one in quotes.
    fn ident(&mut self, what: &str) -> Result<Ident> {
        let token = self.peek().clone();
        let (text, quoting) = match token.kind {
            TokenKind::QuotedWord(text) => (text, Quoting::Quoted),
            TokenKind::Word if !is_one_of(self.content(&token), RESERVED) => {
                (self.content(&token).to_owned(), Quoting::Bare)
            }
            TokenKind::Word => {
                let word = self.content(&token);
                let help = format!(
                    "{word} is a reserved word; as a name it stands in backticks: `{word}`"
                );
                return Err(self.unexpected(&[what]).help(help));
            }
            TokenKind::Text(text) => {
                let help = format!("names stand in backticks or without quotes: `{text}`");
                return Err(self.unexpected(&[what]).help(help));
            }
            _ => return Err(self.unexpected(&[what])),
        };
        self.bump();
        if text.is_empty() {
            return Err(Problem::new(token.span, "a name cannot be empty", "this one"));
        }
        Ok(Ident { text, quoting, span: token.span })
    }

    /// Text in single quotes.
    fn text(&mut self, what: &str) -> Result<Text> {
        let token = self.peek().clone();
        match token.kind {
            TokenKind::Text(text) => {
                self.bump();
                Ok(Text { text, span: token.span })
            }
            TokenKind::QuotedWord(text) => {
                let help = format!("text stands in single quotes: '{text}'");
                Err(self.unexpected(&[what]).help(help))
            }
            TokenKind::Word => {
                let help = format!("text stands in single quotes: '{}'", self.content(&token));
                Err(self.unexpected(&[what]).help(help))
            }
            _ => Err(self.unexpected(&[what])),
        }
    }

    /// Digits that fit a BIGINT; `sign` stands in front of them.
    fn integer(&mut self, what: &str, sign: &str) -> Result<i64> {
        let token = self.peek().clone();
        if token.kind != TokenKind::Integer {
            return Err(self.unexpected(&[what]));
        }
        self.bump();
        let digits = self.content(&token);
        format!("{sign}{digits}").parse().map_err(|_| {
            let message = format!("{sign}{digits} is too large for a BIGINT");
            Problem::new(token.span, message, "64 bits are not enough")
                .help(format!("with a point it is a DECIMAL: {sign}{digits}.0"))
        })
    }

    /// Items separated by commas, at least one.
    fn separated<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.eat_symbol(Symbol::Comma) {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// Runs a rule one level deeper; the stack cannot overflow because levels are bounded.
    fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.nesting == NESTING_MAX {
            let message = format!("nested more than {NESTING_MAX} deep");
            return Err(Problem::new(self.peek().span, message, "one level too many"));
        }
        self.nesting += 1;
        let result = rule(self);
        self.nesting -= 1;
        result
    }

    /// An expression node; walks over the tree may recurse because its height is bounded.
    fn node(&self, kind: ExprKind, span: Span) -> Result<Expr> {
        let node = Expr::new(kind, span);
        if node.height <= HEIGHT_MAX {
            return Ok(node);
        }
        let message = format!("the expression has a chain of more than {HEIGHT_MAX} operations");
        Err(Problem::new(self.previous_span(), message, "too many up to here")
            .help("parentheses around parts of a long sum make it shorter; CONCAT takes many texts at once"))
    }

    /// Skips what is left of the statement that begins at token `first`: to behind its semicolon, or to a line that begins
    /// another statement.
    fn recover(&mut self, first: usize) {
        const STARTS: &[&str] =
            &["CREATE", "SET", "UNSET", "INSERT", "DROP", "ALTER", "DEFINE", "UNDEFINE"];
        self.nesting = 0;
        while self.peek().kind != TokenKind::End {
            let starts = self.word_at(0).is_some_and(|word| is_one_of(word, STARTS));
            if self.at > first && starts && self.begins_line() {
                return;
            }
            if self.bump().kind == TokenKind::Symbol(Symbol::Semicolon) {
                return;
            }
        }
    }

    /// Whether the next token is the first of its line.
    fn begins_line(&self) -> bool {
        Span::new(self.previous_span().end, self.peek().span.start).text(self.text).contains('\n')
    }

    /// The stream that the statement which begins at this token creates, if so much of it can be read.
    fn created_from(&mut self, first: usize) -> Option<Ident> {
        let behind = std::mem::replace(&mut self.at, first);
        let mut name = None;
        if self.eat_word("CREATE") {
            self.eat_words(&["OR", "REPLACE"]);
            self.eat_word("SOURCE");
            if self.eat_word("STREAM") || self.eat_word("TABLE") {
                self.eat_words(&["IF", "NOT", "EXISTS"]);
                name = self.ident("a name").ok();
            }
        }
        self.at = behind;
        name
    }

    /// The next token is none of what could stand here.
    fn unexpected(&self, expected: &[&str]) -> Box<Problem> {
        let token = self.peek();
        let found = match &token.kind {
            TokenKind::Word => format!("`{}`", self.content(token)),
            TokenKind::QuotedWord(name) => format!("the name `{name}`"),
            TokenKind::Text(_) => "text".to_owned(),
            TokenKind::Integer | TokenKind::Decimal | TokenKind::Double => "a number".to_owned(),
            TokenKind::Variable(name) => {
                let message = format!("the variable ${{{name}}} is not defined");
                return Problem::new(token.span, message, "no value")
                    .help(format!("give it one above: DEFINE {name} = '…';"));
            }
            TokenKind::Symbol(symbol) => format!("`{}`", symbol.text()),
            TokenKind::End => "the end of the text".to_owned(),
        };
        let expected_text = match expected {
            [] => "nothing".to_owned(),
            [only] => (*only).to_owned(),
            [most @ .., last] => format!("{} or {last}", most.join(", ")),
        };
        // What is missing at the end of a line is best shown there, not at what happens to follow.
        let behind = expected.contains(&";") && self.begins_line();
        let span = if token.kind == TokenKind::End || behind {
            self.end_of_previous()
        } else {
            token.span
        };
        Problem::new(
            span,
            format!("expected {expected_text}, found {found}"),
            format!("expected {expected_text}"),
        )
        .maybe_help(self.slip(expected))
    }

    /// Where to point when something is missing: behind the last token.
    fn end_of_previous(&self) -> Span {
        let last = self.previous_span();
        Span::new(last.end, last.end)
    }

    /// A keyword that the word here, or the one before it that was taken for an alias, was probably meant to be.
    fn slip(&self, expected: &[&str]) -> Option<String> {
        let keywords = expected
            .iter()
            .copied()
            .filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()));
        let here = self.word_at(0).and_then(|word| nearest(word, keywords));
        let before = || {
            let previous = self.tokens.get(self.at.checked_sub(1)?)?;
            let word = self.content(previous);
            let bare = previous.kind == TokenKind::Word
                && !is_one_of(word, CLAUSES)
                && !is_one_of(word, RESERVED);
            if bare { nearest(word, CLAUSES.iter().copied()) } else { None }
        };
        here.or_else(before).map(|keyword| format!("did you mean {keyword}?"))
    }
}

fn is_one_of(word: &str, list: &[&str]) -> bool {
    list.iter().any(|entry| word.eq_ignore_ascii_case(entry))
}
