//! Operators by precedence: OR, AND, NOT, comparisons and predicates, `+ -`, `* / %`, signs, then `->` and `[]`.

use super::Parser;
use crate::ast::{BinaryOperator, Expr, ExprKind, UnaryOperator};
use crate::error::{Problem, Result};
use crate::lexer::{Symbol, TokenKind};
use crate::source::Span;

impl Parser<'_> {
    /// An expression.
    pub(super) fn expression(&mut self) -> Result<Expr> {
        self.nested(|parser| {
            parser.chain("OR", BinaryOperator::Or, |parser| {
                parser.chain("AND", BinaryOperator::And, Self::negation)
            })
        })
    }

    /// Operands joined by AND or OR, as a balanced tree: a chain of thousands stays a tree of small height.
    fn chain(
        &mut self,
        word: &str,
        operator: BinaryOperator,
        mut operand: impl FnMut(&mut Self) -> Result<Expr>,
    ) -> Result<Expr> {
        let mut level = vec![operand(self)?];
        let mut operator_span = Span::default();
        while self.eat_word(word) {
            operator_span = self.previous_span();
            level.push(operand(self)?);
        }
        while level.len() > 1 {
            let mut above = Vec::with_capacity(level.len().div_ceil(2));
            let mut operands = level.into_iter();
            while let Some(left) = operands.next() {
                above.push(match operands.next() {
                    Some(right) => self.binary(operator, operator_span, left, right)?,
                    None => left,
                });
            }
            level = above;
        }
        level.pop().ok_or_else(|| self.unexpected(&["an expression"]))
    }

    fn binary(
        &self,
        operator: BinaryOperator,
        operator_span: Span,
        left: Expr,
        right: Expr,
    ) -> Result<Expr> {
        let span = left.span.to(right.span);
        let (left, right) = (Box::new(left), Box::new(right));
        self.node(ExprKind::Binary { operator, operator_span, left, right }, span)
    }

    /// `NOT NOT x`.
    fn negation(&mut self) -> Result<Expr> {
        if !self.is_word("NOT") {
            return self.predicate();
        }
        let start = self.bump().span;
        let operand = self.nested(Self::negation)?;
        let span = start.to(operand.span);
        self.node(
            ExprKind::Unary { operator: UnaryOperator::Not, operand: Box::new(operand) },
            span,
        )
    }

    /// Comparisons, `IS …`, `[NOT] IN | LIKE | BETWEEN`.
    fn predicate(&mut self) -> Result<Expr> {
        let mut left = self.sum()?;
        loop {
            let start = self.peek().span;
            if let Some(operator) = self.comparison() {
                let right = self.sum()?;
                left = self.binary(operator, start, left, right)?;
            } else if self.eat_word("IS") {
                left = self.is(left, start)?;
            } else {
                let negated = self.is_word("NOT")
                    && ["IN", "LIKE", "BETWEEN"].iter().any(|word| self.is_word_at(1, word));
                if negated {
                    self.bump();
                }
                left = if self.eat_word("IN") {
                    self.in_list(left, negated)?
                } else if self.eat_word("LIKE") {
                    self.like(left, negated)?
                } else if self.eat_word("BETWEEN") {
                    self.between(left, negated)?
                } else {
                    return Ok(left);
                };
            }
        }
    }

    fn comparison(&mut self) -> Option<BinaryOperator> {
        let TokenKind::Symbol(symbol) = self.peek().kind else { return None };
        let operator = match symbol {
            Symbol::Equal => BinaryOperator::Equal,
            Symbol::NotEqual | Symbol::BangEqual => BinaryOperator::NotEqual,
            Symbol::Less => BinaryOperator::Less,
            Symbol::LessOrEqual => BinaryOperator::LessOrEqual,
            Symbol::Greater => BinaryOperator::Greater,
            Symbol::GreaterOrEqual => BinaryOperator::GreaterOrEqual,
            _ => return None,
        };
        self.bump();
        Some(operator)
    }

    /// `IS [NOT] NULL`, `IS [NOT] DISTINCT FROM x`; IS was taken.
    fn is(&mut self, left: Expr, start: Span) -> Result<Expr> {
        let negated = self.eat_word("NOT");
        if self.eat_word("NULL") {
            let span = self.span_from(left.span);
            return self.node(ExprKind::IsNull { value: Box::new(left), negated }, span);
        }
        if self.eat_words(&["DISTINCT", "FROM"]) {
            let operator_span = self.span_from(start);
            let right = self.sum()?;
            let operator =
                if negated { BinaryOperator::IsNotDistinct } else { BinaryOperator::IsDistinct };
            return self.binary(operator, operator_span, left, right);
        }
        Err(self.unexpected(&["NULL", "DISTINCT FROM"]))
    }

    fn in_list(&mut self, value: Expr, negated: bool) -> Result<Expr> {
        self.expect_symbol(Symbol::LeftParen)?;
        if self.is_word("SELECT") {
            return Err(Problem::unsupported(self.peek().span, "a query inside IN"));
        }
        let list = self.separated(Self::expression)?;
        if !self.eat_symbol(Symbol::RightParen) {
            return Err(self.unexpected(&[",", ")"]));
        }
        let span = self.span_from(value.span);
        self.node(ExprKind::In { value: Box::new(value), list, negated }, span)
    }

    fn like(&mut self, value: Expr, negated: bool) -> Result<Expr> {
        let pattern = self.sum()?;
        let escape = if self.eat_word("ESCAPE") {
            Some(self.text("one character in single quotes")?)
        } else {
            None
        };
        let span = self.span_from(value.span);
        let (value, pattern) = (Box::new(value), Box::new(pattern));
        self.node(ExprKind::Like { value, pattern, escape, negated }, span)
    }

    fn between(&mut self, value: Expr, negated: bool) -> Result<Expr> {
        let low = self.sum()?;
        self.expect_word("AND")?;
        let high = self.sum()?;
        let span = self.span_from(value.span);
        let (value, low, high) = (Box::new(value), Box::new(low), Box::new(high));
        self.node(ExprKind::Between { value, low, high, negated }, span)
    }

    /// `a + b - c || d`, from the left.
    fn sum(&mut self) -> Result<Expr> {
        self.left_associative(Self::product, |symbol| match symbol {
            Symbol::Plus => Some(BinaryOperator::Add),
            Symbol::Minus => Some(BinaryOperator::Subtract),
            Symbol::Concat => Some(BinaryOperator::Concat),
            _ => None,
        })
    }

    /// `a * b / c % d`, from the left.
    fn product(&mut self) -> Result<Expr> {
        self.left_associative(Self::signed, |symbol| match symbol {
            Symbol::Star => Some(BinaryOperator::Multiply),
            Symbol::Slash => Some(BinaryOperator::Divide),
            Symbol::Percent => Some(BinaryOperator::Remainder),
            _ => None,
        })
    }

    fn left_associative(
        &mut self,
        operand: fn(&mut Self) -> Result<Expr>,
        operator: fn(Symbol) -> Option<BinaryOperator>,
    ) -> Result<Expr> {
        let mut left = operand(self)?;
        loop {
            let TokenKind::Symbol(symbol) = self.peek().kind else { return Ok(left) };
            let Some(operator) = operator(symbol) else { return Ok(left) };
            let operator_span = self.bump().span;
            let right = operand(self)?;
            left = self.binary(operator, operator_span, left, right)?;
        }
    }

    /// `-x`, `+x`; a sign in front of digits belongs to the number, so the smallest BIGINT can be written.
    fn signed(&mut self) -> Result<Expr> {
        let start = self.peek().span;
        if self.is_symbol(Symbol::Minus) && self.peek_at(1).kind == TokenKind::Integer {
            self.bump();
            let value = self.integer("a number", "-")?;
            let number = self.node(ExprKind::Integer(value), self.span_from(start))?;
            return self.postfix(number);
        }
        let operator = if self.eat_symbol(Symbol::Minus) {
            UnaryOperator::Negate
        } else if self.eat_symbol(Symbol::Plus) {
            UnaryOperator::Plus
        } else {
            let primary = self.primary()?;
            return self.postfix(primary);
        };
        let operand = Box::new(self.nested(Self::signed)?);
        let span = start.to(operand.span);
        self.node(ExprKind::Unary { operator, operand }, span)
    }

    /// `of->name`, `of[index]`, any number of them.
    fn postfix(&mut self, mut of: Expr) -> Result<Expr> {
        loop {
            if self.is_symbol(Symbol::Arrow) && self.is_symbol_at(1, Symbol::Star) {
                // `->*` is an item of its own: the select list takes it.
                return Ok(of);
            }
            if self.eat_symbol(Symbol::Arrow) {
                let name = self.field_name()?;
                let span = of.span.to(name.span);
                of = self.node(ExprKind::Field { of: Box::new(of), name }, span)?;
            } else if self.eat_symbol(Symbol::LeftBracket) {
                let index = Box::new(self.expression()?);
                let end = self.expect_symbol(Symbol::RightBracket)?;
                let span = of.span.to(end);
                of = self.node(ExprKind::Element { of: Box::new(of), index }, span)?;
            } else {
                return Ok(of);
            }
        }
    }
}
