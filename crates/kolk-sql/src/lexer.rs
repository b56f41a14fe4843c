//! Text to tokens: words, literals and symbols, each with its place; comments and white space are passed over.

use crate::error::{Problem, Result};
use crate::source::{SOURCE_BYTES_MAX, Span};

/// A token and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands.
    pub span: Span,
    /// Its text, where that is not what stands at its place: a variable put it there.
    pub replaced: Option<Box<str>>,
}

impl Token {
    /// What it reads as; `text` is what it was read from.
    pub fn content<'t>(&'t self, text: &'t str) -> &'t str {
        self.replaced.as_deref().unwrap_or_else(|| self.span.text(text))
    }
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub enum TokenKind {
    /// A keyword or name; its text stands in the source.
    Word,
    /// A name in backticks or double quotes, without them.
    QuotedWord(String),
    /// Text in single quotes, without them, `''` read as `'`.
    Text(String),
    /// Digits.
    Integer,
    /// Digits with a point: a DECIMAL.
    Decimal,
    /// A number with an exponent: a DOUBLE.
    Double,
    /// `${name}`, the name without braces.
    Variable(String),
    /// Punctuation.
    Symbol(Symbol),
    /// The end of the text.
    End,
}

macro_rules! symbols {
    ($( $variant:ident = $text:literal ),* $(,)?) => {
        /// Punctuation; a longer one wins over a shorter.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each is named as it is read")]
        pub enum Symbol { $( $variant ),* }

        impl Symbol {
            /// Every symbol, in an order in which a longer one stands before its beginning.
            const ALL: &[Self] = &[ $( Self::$variant ),* ];

            /// How it is written.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $( Self::$variant => $text ),* }
            }
        }
    };
}

symbols! {
    Arrow = "->", FatArrow = "=>", Assign = ":=", Concat = "||",
    NotEqual = "<>", BangEqual = "!=", LessOrEqual = "<=", GreaterOrEqual = ">=",
    Less = "<", Greater = ">", Equal = "=", Plus = "+", Minus = "-", Star = "*", Slash = "/", Percent = "%",
    LeftParen = "(", RightParen = ")", LeftBracket = "[", RightBracket = "]",
    Comma = ",", Semicolon = ";", Dot = ".", Colon = ":",
}

/// The tokens of a text, the last one [`TokenKind::End`], and what could not be read as a token.
#[must_use]
pub fn tokens(text: &str) -> (Vec<Token>, Vec<Box<Problem>>) {
    let mut problems = Vec::new();
    if text.len() > SOURCE_BYTES_MAX {
        let message = format!("the text has {} bytes, more than {SOURCE_BYTES_MAX}", text.len());
        problems.push(Problem::new(Span::new(0, 0), message, "starts here"));
        let end = Token { kind: TokenKind::End, span: Span::new(0, 0), replaced: None };
        return (vec![end], problems);
    }
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        match lexer.next() {
            Ok(token) => {
                let end = token.kind == TokenKind::End;
                tokens.push(token);
                if end {
                    return (tokens, problems);
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    /// The byte to read next; grows with every call of `next`, so the lexer ends.
    at: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn next(&mut self) -> Result<Token> {
        self.skip_blank()?;
        let start = self.at;
        let Some(first) = self.rest().chars().next() else {
            let span = Span::new(start, start);
            return Ok(Token { kind: TokenKind::End, span, replaced: None });
        };
        let second = self.rest().chars().nth(1);
        let kind = match first {
            '\'' => TokenKind::Text(self.quoted('\'', "text")?),
            '`' | '"' => TokenKind::QuotedWord(self.quoted(first, "name")?),
            '$' if second == Some('{') => self.variable()?,
            '0'..='9' => self.number()?,
            '.' if second.is_some_and(|c| c.is_ascii_digit()) => self.number()?,
            _ if is_word_start(first) => {
                self.skip_while(is_word_part);
                TokenKind::Word
            }
            _ => self.symbol(first)?,
        };
        Ok(Token { kind, span: Span::new(start, self.at), replaced: None })
    }

    fn skip_while(&mut self, part: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|c| !part(c)).unwrap_or(rest.len());
    }

    /// White space and comments: `-- to the end of the line` and `/* to the mark */`.
    fn skip_blank(&mut self) -> Result<()> {
        loop {
            self.skip_while(|c| c.is_whitespace() || c == '\u{feff}');
            if self.rest().starts_with("--") {
                self.skip_while(|c| c != '\n');
            } else if self.rest().starts_with("/*") {
                let start = self.at;
                match self.rest().find("*/") {
                    Some(end) => self.at += end + 2,
                    None => {
                        self.at = self.text.len();
                        let span = Span::new(start, start + 2);
                        return Err(Problem::new(span, "this comment never ends", "starts here")
                            .help("end it with */"));
                    }
                }
            } else {
                return Ok(());
            }
        }
    }

    /// What stands between two `quote`s, doubled quotes read as one.
    fn quoted(&mut self, quote: char, what: &str) -> Result<String> {
        let start = self.at;
        self.at += 1;
        let mut content = String::new();
        loop {
            let rest = self.rest();
            let Some(end) = rest.find(quote) else {
                self.at = self.text.len();
                let span = Span::new(start, start + 1);
                let message = format!("this {what} has no closing quote");
                return Err(Problem::new(span, message, "opened here").help(format!(
                    "close it with {quote}; a quote inside is written twice: {quote}{quote}"
                )));
            };
            content.push_str(&rest[..end]);
            self.at += end + 1;
            if self.rest().starts_with(quote) {
                content.push(quote);
                self.at += 1;
            } else {
                return Ok(content);
            }
        }
    }

    fn variable(&mut self) -> Result<TokenKind> {
        let start = self.at;
        self.at += 2;
        let name_start = self.at;
        self.skip_while(is_word_part);
        let name = self.text[name_start..self.at].to_owned();
        if name.is_empty() || !self.rest().starts_with('}') {
            let span = Span::new(start, self.at);
            return Err(Problem::new(span, "this variable has no closing brace", "opened here")
                .help("variables are written ${name}"));
        }
        self.at += 1;
        Ok(TokenKind::Variable(name))
    }

    /// `1`, `1.5`, `.5`, `1e-3`; also a word that begins with digits.
    fn number(&mut self) -> Result<TokenKind> {
        let start = self.at;
        self.skip_while(|c| c.is_ascii_digit());
        let mut kind = TokenKind::Integer;
        let mut rest = self.rest().chars();
        if rest.next() == Some('.') && rest.next() != Some('.') {
            self.at += 1;
            self.skip_while(|c| c.is_ascii_digit());
            kind = TokenKind::Decimal;
        }
        let exponent = self.rest().as_bytes();
        if matches!(exponent.first(), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(exponent.get(1), Some(b'+' | b'-')));
            if exponent.get(1 + sign).is_some_and(u8::is_ascii_digit) {
                self.at += 1 + sign;
                self.skip_while(|c| c.is_ascii_digit());
                kind = TokenKind::Double;
            }
        }
        if !self.rest().chars().next().is_some_and(is_word_part) {
            return Ok(kind);
        }
        self.skip_while(is_word_part);
        // `1st` is a name in ksqlDB; `1.5th` and `1e5th` are nothing.
        if kind == TokenKind::Integer {
            return Ok(TokenKind::Word);
        }
        let span = Span::new(start, self.at);
        let text = span.text(self.text);
        Err(Problem::new(
            span,
            format!("{text} is neither a number nor a name"),
            "letters follow a number",
        ))
    }

    fn symbol(&mut self, first: char) -> Result<TokenKind> {
        let rest = self.rest();
        if let Some(symbol) = Symbol::ALL.iter().find(|symbol| rest.starts_with(symbol.text())) {
            self.at += symbol.text().len();
            return Ok(TokenKind::Symbol(*symbol));
        }
        let span = Span::new(self.at, self.at + first.len_utf8());
        self.at = span.end;
        let problem =
            Problem::new(span, format!("the character {first:?} means nothing here"), "this one");
        Err(match first {
            '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' => {
                problem.help("text stands in straight single quotes: 'text'")
            }
            '{' | '}' => problem.help("structs are written STRUCT(name := value)"),
            _ => problem,
        })
    }
}

fn is_word_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn is_word_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind> {
        let (tokens, problems) = tokens(text);
        assert_eq!(problems, vec![], "{text}");
        tokens.into_iter().map(|token| token.kind).collect()
    }

    fn problem(text: &str) -> String {
        let (_, problems) = tokens(text);
        problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_doubled_quote_is_one() {
        assert_eq!(kinds("'it''s'")[0], TokenKind::Text("it's".to_owned()));
        assert_eq!(kinds("`a``b`")[0], TokenKind::QuotedWord("a`b".to_owned()));
        assert_eq!(kinds("\"a b\"")[0], TokenKind::QuotedWord("a b".to_owned()));
    }

    #[test]
    fn numbers_are_told_apart_by_point_and_exponent() {
        let expected =
            [TokenKind::Integer, TokenKind::Decimal, TokenKind::Decimal, TokenKind::Double];
        assert_eq!(kinds("12 1.5 .5 1e-3")[..4], expected);
        assert_eq!(kinds("1st")[0], TokenKind::Word);
        assert!(problem("1.5th").contains("neither"));
    }

    #[test]
    fn comments_are_passed_over() {
        assert_eq!(kinds("-- one\n/* two\n*/ a").len(), 2);
        assert!(problem("a /* b").contains("never ends"));
    }

    #[test]
    fn the_longer_symbol_wins() {
        let symbols: Vec<_> = kinds("-> - <> < <= := :").into_iter().collect();
        assert_eq!(symbols[0], TokenKind::Symbol(Symbol::Arrow));
        assert_eq!(symbols[1], TokenKind::Symbol(Symbol::Minus));
        assert_eq!(symbols[2], TokenKind::Symbol(Symbol::NotEqual));
        assert_eq!(symbols[5], TokenKind::Symbol(Symbol::Assign));
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        let (tokens, problems) = tokens("a # b ? é");
        assert_eq!(tokens.len(), 4, "three words and the end");
        let places: Vec<_> = problems.iter().map(|problem| problem.labels[0].span.start).collect();
        assert_eq!(places, [2, 6]);
    }
}
