//! ON: what two rows must have in common, an expression for each side.

use crate::ast::{self, BinaryOperator, Expr, ExprKind};
use crate::error::{Problem, Result};
use crate::plan::Planner;
use crate::plan::expressions::{columns_of, replace};
use crate::plan::rows::Rows;
use crate::resolve::Relation;
use crate::settings::JoinRules;
use crate::source::Span;
use crate::typing::{cast_help, implicit, widened};
use kolk::expression::{Expression, Kind};
use std::collections::BTreeSet;

/// What two rows must have in common.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    /// Over the columns of the left side.
    pub(super) left: Term,
    /// Over the columns of the right side.
    pub(super) right: Term,
    /// All of it.
    pub(super) span: Span,
}

/// One side of an equality.
#[derive(Debug, Clone)]
pub(super) struct Term {
    pub(super) expression: Expression,
    /// As people know it, `visits.page`.
    pub(super) shown: String,
    pub(super) span: Span,
}

/// A side whose type cannot be another one: it is the key of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fixed {
    Neither,
    Right,
    Both,
}

impl Term {
    /// Whether it is the whole key of the rows.
    pub(super) fn is_key_of(&self, rows: &Rows) -> bool {
        matches!(&rows.key.parts[..], [part] if part.is(&self.expression))
    }
}

impl Condition {
    /// The same condition over the columns of the result, where those of the sides stand so much further behind.
    pub(super) fn moved(&self, left: usize, right: usize) -> Self {
        let moved = |term: &Term, by: usize| Term {
            expression: at(&term.expression, |column| column + by),
            ..term.clone()
        };
        Self { left: moved(&self.left, left), right: moved(&self.right, right), span: self.span }
    }

    /// As people know it.
    pub(super) fn shown(&self) -> String {
        format!("{} = {}", self.left.shown, self.right.shown)
    }
}

impl Planner<'_> {
    /// The condition of a join of `left`, which has `width` columns, and `right`.
    pub(super) fn condition(
        &self,
        join: &ast::Join,
        left: &Rows,
        right: &Rows,
        width: usize,
    ) -> Result<Condition> {
        let operands = equality(&join.on)?;
        let mut relations: Vec<Relation> = left.relations.clone();
        relations.extend(right.relations.iter().map(|relation| relation.moved(width)));
        let of_this = |problem: Box<Problem>| problem.label(join.kind_span, "joined here");
        let (one, of_one) = self.term(operands[0], &relations).map_err(of_this)?;
        let (two, of_two) = self.term(operands[1], &relations).map_err(of_this)?;
        let last = relations.len() - 1;
        let qualifier = |relation: usize| relations[relation].qualifier.as_str();
        if of_one == of_two {
            let message = format!(
                "each side of the join condition must name another input, both sides name {}",
                qualifier(of_one)
            );
            return Err(Problem::new(two.span, message, format!("of {}", qualifier(of_two)))
                .label(one.span, format!("of {}", qualifier(of_one))));
        }
        if of_one != last && of_two != last {
            let message = format!(
                "the join criteria name {} and {}, but not {}, which is joined here",
                qualifier(of_one),
                qualifier(of_two),
                qualifier(last)
            );
            return Err(Problem::new(join.on.span, message, "none of them is joined here"));
        }
        let (left, mut right) = if of_two == last { (one, two) } else { (two, one) };
        right.expression = at(&right.expression, |column| column - width);
        Ok(Condition { left, right, span: join.on.span })
    }

    /// One side of an equality, and the relation that it names.
    fn term(&self, expr: &Expr, relations: &[Relation]) -> Result<(Term, usize)> {
        let expression = self.typing(relations, "ON").expression(expr)?;
        let mut columns = BTreeSet::new();
        columns_of(&expression, &mut columns);
        let of = |column: &usize| relations.iter().position(|relation| relation.has(*column));
        let named: BTreeSet<usize> = columns.iter().filter_map(of).collect();
        let mut named = named.into_iter();
        let (Some(relation), None, false) = (named.next(), named.next(), has_pseudo(&expression))
        else {
            let message = "each side of the join condition must name columns of exactly one input";
            let label = if columns.is_empty() { "names none" } else { "names several" };
            return Err(Problem::new(expr.span, message, label)
                .help("ON left.column = right.column; WHERE takes everything else"));
        };
        let shown = match &expression.kind {
            Kind::Column { name, .. } => format!("{}.{name}", relations[relation].qualifier),
            _ => expression.to_string(),
        };
        Ok((Term { expression, shown, span: expr.span }, relation))
    }

    /// Brings both sides to one type.
    pub(super) fn one_type(&self, mut condition: Condition, fixed: Fixed) -> Result<Condition> {
        let (left, right) = (&condition.left.expression, &condition.right.expression);
        if left.data_type == right.data_type {
            return Ok(condition);
        }
        let common = match fixed {
            _ if self.settings.join_rules == JoinRules::Strict => None,
            Fixed::Both => None,
            Fixed::Right => Some(right.data_type.clone()),
            Fixed::Neither => widened(&left.data_type, &right.data_type),
        };
        let misfit = |condition: &Condition| {
            let (left, right) = (&condition.left, &condition.right);
            let types = [&left.expression.data_type, &right.expression.data_type];
            let message = format!(
                "types don't match in the join condition: {} is {}, {} is {}",
                left.shown, types[0], right.shown, types[1]
            );
            Problem::new(condition.span, message, "rows would never meet")
                .maybe_help(cast_help(types[0], types[1]))
        };
        let Some(common) = common else { return Err(misfit(&condition)) };
        let timezone = &self.settings.conventions.timezone;
        let cast = |term: &Term| implicit(term.expression.clone(), &common, timezone, term.span);
        let (Ok(left), Ok(right)) = (cast(&condition.left), cast(&condition.right)) else {
            return Err(misfit(&condition));
        };
        condition.left.expression = left;
        condition.right.expression = right;
        Ok(condition)
    }
}

/// The two sides of an equality; nothing else can be a condition.
fn equality(on: &Expr) -> Result<[&Expr; 2]> {
    let message = match &on.kind {
        ExprKind::Binary { operator: BinaryOperator::Equal, left, right, .. } => {
            return Ok([left, right]);
        }
        ExprKind::Binary { operator: BinaryOperator::And | BinaryOperator::Or, .. } => {
            "a join condition is one equality: several conditions are not supported"
        }
        _ => "a join condition is an equality: nothing else is supported",
    };
    Err(Problem::new(on.span, message, "no equality").help(HELP))
}

const HELP: &str = "ON left.column = right.column; WHERE takes everything else";

/// An expression whose columns stand elsewhere.
pub(super) fn at(expression: &Expression, place: impl Fn(usize) -> usize) -> Expression {
    let mut expression = expression.clone();
    replace(&mut expression, &mut |of| match &of.kind {
        Kind::Column { index, name } => Some(Expression {
            kind: Kind::Column { index: place(*index), name: name.clone() },
            data_type: of.data_type.clone(),
        }),
        _ => None,
    });
    expression
}

/// Whether it names what every row has beside its columns, of no input in particular.
fn has_pseudo(expression: &Expression) -> bool {
    let mut found = matches!(expression.kind, Kind::Pseudo(_));
    expression.each_operand(&mut |operand| found |= has_pseudo(operand));
    found
}
