//! Calls that are no function of one row: aggregates and table functions, collected from a select list.

use super::{Typing, convert, implicit, is_null};
use crate::aggregate::{self, Aggregate, Gives, More, Takes};
use crate::ast::{Expr, Ident};
use crate::error::{Problem, Result};
use crate::source::Span;
use kolk::expression::{Expression, Function, Kind, Literal};
use kolk::schema::DataType;
use std::cell::RefCell;

/// What becomes of calls that are no function of one row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Calls<'a> {
    /// They are refused in this clause.
    Refused(&'static str),
    /// They are collected; a column stands for each.
    Collected(&'a Collector),
}

/// The calls of a query, in the order in which they were found, equal ones once.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    /// How many columns the rows have.
    pub(crate) rows: usize,
    /// The position of the first column that stands for a call: behind those of the rows and of their windows.
    pub(crate) first: usize,
    /// Aggregates.
    pub(crate) aggregates: RefCell<Vec<AggregateDraft>>,
    /// The arrays of which table functions make rows.
    pub(crate) exploded: RefCell<Vec<Exploded>>,
}

/// A call of an aggregate function, over the columns that the query reads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AggregateDraft {
    /// Which.
    pub(crate) of: &'static str,
    /// What computes it.
    pub(crate) function: kolk::topology::AggregateFunction,
    /// Whether it can take a row back.
    pub(crate) undoes: bool,
    /// Whether it can where all values are kept.
    pub(crate) keeps: bool,
    /// Its arguments.
    pub(crate) arguments: Vec<Expression>,
    /// Its constants.
    pub(crate) constants: Vec<Literal>,
    /// The type of its result.
    pub(crate) data_type: DataType,
}

/// A call of a table function.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exploded {
    /// The array.
    pub(crate) array: Expression,
    /// The first place where it is called.
    pub(crate) span: Span,
}

/// The table functions: each makes a row of every item of an array.
const TABLE_FUNCTIONS: &[&str] = &["EXPLODE", "CUBE_EXPLODE"];

impl Typing<'_> {
    /// A call of whatever can be called.
    pub(super) fn any_call(
        &self,
        name: &Ident,
        arguments: &[Expr],
        span: Span,
    ) -> Result<Expression> {
        if let ("AS_VALUE", [copied]) = (name.text.to_uppercase().as_str(), arguments) {
            // The same values, but not the same expression: a copy of a key is no key.
            let inner = self.expression(copied)?;
            let data_type = inner.data_type.clone();
            return Ok(Expression { kind: Kind::Cast(Box::new(inner)), data_type });
        }
        if let Some(aggregate) = aggregate::find(&name.text) {
            return self.aggregate(aggregate, arguments, span);
        }
        if TABLE_FUNCTIONS.iter().any(|known| known.eq_ignore_ascii_case(&name.text)) {
            return self.explode(name, arguments, span);
        }
        self.call(name, arguments, span)
    }

    /// `COUNT(*)`.
    pub(super) fn call_all(&self, name: &Ident, span: Span) -> Result<Expression> {
        match aggregate::find(&name.text) {
            Some(count) if count.more == More::OrNothing => self.aggregate(count, &[], span),
            _ => {
                let message = format!("{name} does not take * in place of arguments");
                Err(Problem::new(span, message, "only COUNT(*) counts rows"))
            }
        }
    }

    /// The column that stands for a call of an aggregate function.
    fn aggregate(
        &self,
        aggregate: &'static Aggregate,
        arguments: &[Expr],
        span: Span,
    ) -> Result<Expression> {
        if let Calls::Refused(_) = self.calls {
            // A slip in the arguments comes first.
            arguments.iter().try_for_each(|argument| self.expression(argument).map(|_| ()))?;
        }
        let collector = self.collector(aggregate.name, "aggregates rows", span)?;
        let misfit = |message: String, span: Span| {
            Problem::new(span, message, "does not fit")
                .help(format!("{} is called as {}", aggregate.name, aggregate.form))
        };
        let inner =
            Typing { calls: Calls::Refused("an argument of an aggregate function"), ..*self };
        let (columns, constants) = split(aggregate, arguments).map_err(|()| {
            let count = arguments.len();
            let plural = if count == 1 { "" } else { "s" };
            misfit(format!("{} does not take {count} argument{plural}", aggregate.name), span)
        })?;
        let mut typed = Vec::with_capacity(columns.len());
        for (position, column) in columns.iter().enumerate() {
            let expression = inner.expression(column)?;
            if let Some(bound) = bound_in(&expression, collector.rows) {
                let message = format!(
                    "{bound} can only be used in the SELECT of windowed aggregations, not inside of {}",
                    aggregate.name
                );
                return Err(Problem::new(
                    column.span,
                    message,
                    "window bounds are of groups, not of rows",
                ));
            }
            let takes = match (position, aggregate.more) {
                (0, _) | (_, More::Second) => aggregate.takes,
                _ => Takes::Any,
            };
            let target = target(takes, &expression).ok_or_else(|| {
                let found = convert::shown(&expression);
                let message =
                    format!("argument {} of {} cannot be {found}", position + 1, aggregate.name);
                misfit(message, column.span)
            })?;
            let argument = implicit(expression, &target, self.timezone, column.span)?;
            typed.push(if takes == Takes::Numbers { sum_of(argument) } else { argument });
        }
        let constants = constants
            .iter()
            .enumerate()
            .map(|(at, constant)| inner.constant(aggregate, columns.len() + at + 1, constant))
            .collect::<Result<Vec<_>>>()?;
        let constants = read_constants(aggregate.more, constants).ok_or_else(|| {
            misfit(format!("{} does not take these constants", aggregate.name), span)
        })?;
        let data_type = result(aggregate, &typed, &constants);
        let name = shown(aggregate.name, &typed);
        let draft = AggregateDraft {
            of: aggregate.name,
            function: aggregate.function,
            undoes: aggregate.undoes,
            keeps: aggregate.keeps,
            arguments: typed,
            constants,
            data_type,
        };
        Ok(collector.aggregate(draft, name))
    }

    /// The column that stands for a call of a table function.
    fn explode(&self, name: &Ident, arguments: &[Expr], span: Span) -> Result<Expression> {
        let upper = name.text.to_uppercase();
        let collector = self.collector(&upper, "makes several rows of one", span)?;
        let inner = Typing { calls: Calls::Refused("an argument of a table function"), ..*self };
        let [array] = arguments else {
            let message = format!("{upper} does not take {} arguments", arguments.len());
            return Err(Problem::new(span, message, "one is right").help(format!("{upper}(array)")));
        };
        let expression = if upper == "CUBE_EXPLODE" {
            // A row for each of its combinations.
            inner.call(name, arguments, span)?
        } else {
            inner.expression(array)?
        };
        let DataType::Array(item) = expression.data_type.clone() else {
            let found = convert::shown(&expression);
            let message = format!("argument 1 of {upper} cannot be {found}");
            return Err(Problem::new(array.span, message, found).help("it takes an ARRAY"));
        };
        Ok(collector.explode(Exploded { array: expression, span }, *item))
    }

    /// Where calls are collected; refuses them where they are not.
    fn collector(&self, name: &str, what: &str, span: Span) -> Result<&Collector> {
        match self.calls {
            Calls::Collected(collector) => Ok(collector),
            Calls::Refused(clause) => {
                let kind = if TABLE_FUNCTIONS.contains(&name) { "a table" } else { "an aggregate" };
                let message = format!(
                    "{clause} does not support aggregate functions and table functions: {name} is {kind} function"
                );
                Err(Problem::new(span, message, what))
            }
        }
    }

    /// A constant argument, the `number`th.
    fn constant(&self, aggregate: &Aggregate, number: usize, expr: &Expr) -> Result<Literal> {
        match self.expression(expr)?.kind {
            Kind::Literal(literal @ (Literal::Integer(_) | Literal::Boolean(_))) => Ok(literal),
            _ => {
                let message = format!(
                    "argument {number} of {} must be a literal constant, a whole number or TRUE or FALSE",
                    aggregate.name
                );
                Err(Problem::new(expr.span, message, "not a constant of these"))
            }
        }
    }
}

impl Collector {
    /// A collector for rows of so many columns, to which windows add some.
    pub(crate) fn behind(rows: usize, windows: usize) -> Self {
        Self { rows, first: rows + windows, ..Self::default() }
    }

    fn aggregate(&self, draft: AggregateDraft, name: String) -> Expression {
        let mut drafts = self.aggregates.borrow_mut();
        let data_type = draft.data_type.clone();
        let at = drafts.iter().position(|other| *other == draft).unwrap_or_else(|| {
            drafts.push(draft);
            drafts.len() - 1
        });
        Expression { kind: Kind::Column { index: self.first + at, name }, data_type }
    }

    fn explode(&self, exploded: Exploded, item: DataType) -> Expression {
        let mut all = self.exploded.borrow_mut();
        // Each call stands for itself: two of one array go side by side.
        let name = shown("EXPLODE", std::slice::from_ref(&exploded.array));
        all.push(exploded);
        let index = self.first + all.len() - 1;
        Expression { kind: Kind::Column { index, name }, data_type: item }
    }
}

/// The arguments that are computed for each row, and those that are constants.
fn split<'a>(aggregate: &Aggregate, arguments: &'a [Expr]) -> Result<(&'a [Expr], &'a [Expr]), ()> {
    let columns = match (aggregate.more, arguments.len()) {
        (More::OrNothing, count @ (0 | 1)) => count,
        (More::Nothing, 1) | (More::Limit, 2) | (More::LimitAndNulls, 1..=3) => 1,
        (More::Second, 2) => 2,
        (More::ColumnsAndLimit, count @ 2..) => count - 1,
        _ => return Err(()),
    };
    arguments.split_at_checked(columns).ok_or(())
}

/// The constants as the engine takes them; none when they are not of the right kinds.
fn read_constants(more: More, given: Vec<Literal>) -> Option<Vec<Literal>> {
    let positive = |literal: &Literal| matches!(literal, Literal::Integer(1..));
    match (more, &given[..]) {
        (More::Nothing | More::OrNothing | More::Second, []) => Some(given),
        (More::Limit | More::ColumnsAndLimit, [limit]) if positive(limit) => Some(given),
        // NULLs are passed over unless FALSE says otherwise.
        (More::LimitAndNulls, []) => Some(vec![Literal::Boolean(true)]),
        (More::LimitAndNulls, [Literal::Boolean(_)]) => Some(given),
        (More::LimitAndNulls, [limit]) if positive(limit) => {
            Some(vec![limit.clone(), Literal::Boolean(true)])
        }
        (More::LimitAndNulls, [limit, Literal::Boolean(_)]) if positive(limit) => Some(given),
        _ => None,
    }
}

/// What an argument becomes; none when it does not fit.
fn target(takes: Takes, expression: &Expression) -> Option<DataType> {
    use DataType::{Bigint, Decimal, Double, Integer};
    let found = &expression.data_type;
    if is_null(expression) {
        return None;
    }
    let number = matches!(found, Integer | Bigint | Double | Decimal { .. });
    match takes {
        Takes::Any => Some(found.clone()),
        Takes::Number => number.then(|| found.clone()),
        Takes::Double => number.then_some(Double),
        Takes::WholeOrDouble => match found {
            Integer | Bigint => Some(Bigint),
            _ => number.then_some(Double),
        },
        Takes::Ordered => (convert::has_order(found)).then(|| found.clone()),
        Takes::Text => (*found == DataType::String).then(|| found.clone()),
        Takes::Numbers => {
            let numbers =
                |item: &DataType| matches!(item, Integer | Bigint | Decimal { .. } | Double);
            matches!(found, DataType::Array(item) if numbers(item)).then(|| found.clone())
        }
    }
}

/// The sum of an array of numbers.
fn sum_of(array: Expression) -> Expression {
    let data_type = match &array.data_type {
        DataType::Array(item) => (**item).clone(),
        other => other.clone(),
    };
    Expression {
        kind: Kind::Call { function: Function::ArraySum, arguments: vec![array] },
        data_type,
    }
}

fn result(aggregate: &Aggregate, arguments: &[Expression], constants: &[Literal]) -> DataType {
    let first = arguments.first().map_or(DataType::Bigint, |first| first.data_type.clone());
    match aggregate.gives {
        Gives::Count => DataType::Bigint,
        Gives::Double => DataType::Double,
        Gives::Counts => DataType::Map(Box::new(DataType::String), Box::new(DataType::Bigint)),
        Gives::Argument => match constants {
            [Literal::Integer(_), ..] => DataType::Array(Box::new(first)),
            _ => first,
        },
        Gives::Array if arguments.len() < 2 => DataType::Array(Box::new(first)),
        Gives::Array => {
            let others = arguments.iter().skip(1).enumerate();
            let others = others.map(|(at, other)| (format!("col{at}"), other.data_type.clone()));
            let fields = std::iter::once(("sort_col".to_owned(), first)).chain(others);
            DataType::Array(Box::new(DataType::Struct(fields.collect())))
        }
    }
}

/// What of a window an expression over rows names: columns behind those of the rows.
fn bound_in(expression: &Expression, rows: usize) -> Option<String> {
    match &expression.kind {
        Kind::Column { index, name } if *index >= rows => Some(name.clone()),
        _ => {
            let mut found = None;
            expression.each_operand(&mut |operand| {
                found = found.take().or_else(|| bound_in(operand, rows));
            });
            found
        }
    }
}

fn shown(name: &str, arguments: &[Expression]) -> String {
    if arguments.is_empty() {
        return format!("{name}(*)");
    }
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    format!("{name}({})", arguments.join(", "))
}
