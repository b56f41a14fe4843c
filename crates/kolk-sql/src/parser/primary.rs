//! The innermost expressions: literals, columns, calls, CASE, CAST, constructors, lambdas, parentheses.

use super::{Parser, RESERVED, is_one_of};
use crate::ast::{Branch, Expr, ExprKind, Ident, Quoting, TypedLiteral};
use crate::error::{Problem, Result};
use crate::lexer::{Symbol, Token, TokenKind};
use crate::source::Span;

/// Words that a call's name may be although they are reserved elsewhere.
const WITHOUT_PARENTHESES: &[(&str, TypedLiteral)] = &[
    ("TIMESTAMP", TypedLiteral::Timestamp),
    ("DATE", TypedLiteral::Date),
    ("TIME", TypedLiteral::Time),
];

impl Parser<'_> {
    pub(super) fn primary(&mut self) -> Result<Expr> {
        let token = self.peek().clone();
        match token.kind {
            TokenKind::Text(text) => {
                self.bump();
                self.node(ExprKind::Text(text), token.span)
            }
            TokenKind::Integer => {
                let value = self.integer("a number", "")?;
                self.node(ExprKind::Integer(value), token.span)
            }
            TokenKind::Decimal => {
                self.bump();
                let digits = self.content(&token).to_owned();
                self.node(ExprKind::Decimal(digits), token.span)
            }
            TokenKind::Double => self.double(&token),
            TokenKind::Symbol(Symbol::LeftParen) => self.parenthesised(),
            TokenKind::Symbol(Symbol::Star) => Err(Problem::new(
                token.span,
                "* stands for all columns only as an item of its own",
                "expected an expression",
            )
            .help("SELECT *, price + 1 AS dearer FROM …")),
            TokenKind::QuotedWord(_) => self.column_or_call(),
            TokenKind::Word => self.word(&token),
            TokenKind::Symbol(_) | TokenKind::Variable(_) | TokenKind::End => {
                Err(self.unexpected(&["an expression"]))
            }
        }
    }

    fn double(&mut self, token: &Token) -> Result<Expr> {
        self.bump();
        let (digits, span) = (self.content(token), token.span);
        match digits.parse::<f64>() {
            Ok(value) if value.is_finite() => self.node(ExprKind::Double(value), span),
            _ => Err(Problem::new(span, format!("{digits} is too large for a DOUBLE"), "here")),
        }
    }

    /// An expression that begins with a bare word.
    fn word(&mut self, token: &Token) -> Result<Expr> {
        let span = token.span;
        let word = self.content(token).to_uppercase();
        match word.as_str() {
            "NULL" => self.constant(ExprKind::Null, span),
            "TRUE" => self.constant(ExprKind::Boolean(true), span),
            "FALSE" => self.constant(ExprKind::Boolean(false), span),
            "CASE" => self.case(),
            "CAST" => self.cast(),
            "STRUCT" if self.is_symbol_at(1, Symbol::LeftParen) => self.struct_constructor(),
            "MAP" if self.is_symbol_at(1, Symbol::LeftParen) => self.map_constructor(),
            "ARRAY" if self.is_symbol_at(1, Symbol::LeftBracket) => self.array_constructor(),
            "SELECT" => Err(Problem::unsupported(span, "a query inside an expression")),
            _ if is_one_of(&word, RESERVED) => Err(self.unexpected(&["an expression"])),
            _ => match WITHOUT_PARENTHESES.iter().find(|(name, _)| *name == word) {
                Some((_, literal)) if matches!(self.peek_at(1).kind, TokenKind::Text(_)) => {
                    self.bump();
                    let text = self.text("text")?;
                    let span = span.to(text.span);
                    self.node(ExprKind::Typed(*literal, text), span)
                }
                _ => self.column_or_call(),
            },
        }
    }

    fn constant(&mut self, kind: ExprKind, span: Span) -> Result<Expr> {
        self.bump();
        self.node(kind, span)
    }

    /// `name`, `stream.name`, `name(arguments)`, `x => body`.
    fn column_or_call(&mut self) -> Result<Expr> {
        let name = self.ident("an expression")?;
        let start = name.span;
        if self.eat_symbol(Symbol::FatArrow) {
            return self.lambda(vec![name]);
        }
        if self.is_symbol(Symbol::LeftParen) {
            return self.call(name);
        }
        let column = if self.eat_symbol(Symbol::Dot) {
            let column = self.field_name()?;
            ExprKind::Column { qualifier: Some(name), name: column }
        } else {
            ExprKind::Column { qualifier: None, name }
        };
        self.node(column, self.span_from(start))
    }

    /// A name behind `->` or `.`, where no word is reserved.
    pub(super) fn field_name(&mut self) -> Result<Ident> {
        if let Some(word) = self.word_at(0) {
            let text = word.to_owned();
            let span = self.bump().span;
            return Ok(Ident { text, quoting: Quoting::Bare, span });
        }
        self.ident("a field's name")
    }

    fn call(&mut self, name: Ident) -> Result<Expr> {
        self.expect_symbol(Symbol::LeftParen)?;
        if self.is_symbol(Symbol::Star) && self.is_symbol_at(1, Symbol::RightParen) {
            self.bump();
            self.bump();
            let span = self.span_from(name.span);
            return self.node(ExprKind::CallAll { name }, span);
        }
        let arguments = if self.is_symbol(Symbol::RightParen) {
            Vec::new()
        } else {
            self.separated(Self::expression)?
        };
        if !self.eat_symbol(Symbol::RightParen) {
            return Err(self.unexpected(&[",", ")"]));
        }
        let span = self.span_from(name.span);
        self.node(ExprKind::Call { name, arguments }, span)
    }

    /// `(x)`, or the parameters of a lambda: `(x, y) => body`.
    fn parenthesised(&mut self) -> Result<Expr> {
        if self.lambda_ahead() {
            self.expect_symbol(Symbol::LeftParen)?;
            let parameters = self.separated(|parser| parser.ident("a parameter"))?;
            self.expect_symbol(Symbol::RightParen)?;
            self.expect_symbol(Symbol::FatArrow)?;
            return self.lambda(parameters);
        }
        let start = self.expect_symbol(Symbol::LeftParen)?;
        let inner = self.expression()?;
        if !self.eat_symbol(Symbol::RightParen) {
            return Err(self.unexpected(&[")"]).label(start, "opened here"));
        }
        Ok(Expr { span: self.span_from(start), ..inner })
    }

    fn lambda_ahead(&self) -> bool {
        let mut ahead = 1;
        while matches!(self.peek_at(ahead).kind, TokenKind::Word | TokenKind::QuotedWord(_)) {
            ahead += 1;
            if self.is_symbol_at(ahead, Symbol::RightParen) {
                return self.is_symbol_at(ahead + 1, Symbol::FatArrow);
            }
            if !self.is_symbol_at(ahead, Symbol::Comma) {
                return false;
            }
            ahead += 1;
        }
        false
    }

    fn lambda(&mut self, parameters: Vec<Ident>) -> Result<Expr> {
        let start = parameters.first().map_or(self.peek().span, |first| first.span);
        let body = Box::new(self.expression()?);
        let span = start.to(body.span);
        self.node(ExprKind::Lambda { parameters, body }, span)
    }

    fn case(&mut self) -> Result<Expr> {
        let start = self.expect_word("CASE")?;
        let operand = if self.is_word("WHEN") { None } else { Some(Box::new(self.expression()?)) };
        let mut branches = Vec::new();
        while self.eat_word("WHEN") {
            let when = self.expression()?;
            self.expect_word("THEN")?;
            let then = self.expression()?;
            branches.push(Branch { when, then });
        }
        if branches.is_empty() {
            return Err(self.unexpected(&["WHEN"]));
        }
        let otherwise =
            if self.eat_word("ELSE") { Some(Box::new(self.expression()?)) } else { None };
        if !self.eat_word("END") {
            return Err(self
                .unexpected(&["WHEN", "ELSE", "END"])
                .label(start, "this CASE is open"));
        }
        self.node(ExprKind::Case { operand, branches, otherwise }, self.span_from(start))
    }

    fn cast(&mut self) -> Result<Expr> {
        let start = self.expect_word("CAST")?;
        self.expect_symbol(Symbol::LeftParen)?;
        let operand = Box::new(self.expression()?);
        if !self.eat_word("AS") {
            return Err(self.unexpected(&["AS"]).help("CAST(value AS type)"));
        }
        let target = self.data_type()?;
        self.expect_symbol(Symbol::RightParen)?;
        self.node(ExprKind::Cast { operand, target }, self.span_from(start))
    }

    fn struct_constructor(&mut self) -> Result<Expr> {
        let start = self.bump().span;
        self.expect_symbol(Symbol::LeftParen)?;
        let fields = if self.is_symbol(Symbol::RightParen) {
            Vec::new()
        } else {
            self.separated(|parser| {
                let name = parser.ident("a field's name")?;
                parser.expect_symbol(Symbol::Assign)?;
                Ok((name, parser.expression()?))
            })?
        };
        self.expect_symbol(Symbol::RightParen)?;
        self.node(ExprKind::Struct(fields), self.span_from(start))
    }

    fn map_constructor(&mut self) -> Result<Expr> {
        let start = self.bump().span;
        self.expect_symbol(Symbol::LeftParen)?;
        let entries = if self.is_symbol(Symbol::RightParen) {
            Vec::new()
        } else {
            self.separated(|parser| {
                let key = parser.expression()?;
                parser.expect_symbol(Symbol::Assign)?;
                Ok((key, parser.expression()?))
            })?
        };
        self.expect_symbol(Symbol::RightParen)?;
        self.node(ExprKind::Map(entries), self.span_from(start))
    }

    fn array_constructor(&mut self) -> Result<Expr> {
        let start = self.bump().span;
        self.expect_symbol(Symbol::LeftBracket)?;
        let items = if self.is_symbol(Symbol::RightBracket) {
            Vec::new()
        } else {
            self.separated(Self::expression)?
        };
        self.expect_symbol(Symbol::RightBracket)?;
        self.node(ExprKind::Array(items), self.span_from(start))
    }
}
