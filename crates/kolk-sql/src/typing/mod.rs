//! Syntax tree to typed expression: every widening becomes a cast, every mismatch an error with its place.

mod arithmetic;
mod call;
mod collected;
mod constant;
mod construct;
mod convert;
mod lambda;
#[cfg(test)]
mod tests;

pub(crate) use collected::{AggregateDraft, Calls, Collector, Exploded};
pub(crate) use convert::{cast_help, implicit, is_null, widened};
pub(crate) use lambda::Parameter;

use crate::ast::{self, Branch, Expr, ExprKind, Ident};
use crate::error::{Problem, Result, listed, nearest};
use crate::resolve::{self, Scope};
use crate::source::Span;
use kolk::expression::{BinaryOperator, Expression, Kind, Literal, Pseudo, UnaryOperator};
use kolk::schema::DataType;

/// Gives expressions their types.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Typing<'a> {
    /// The columns they may name.
    pub(crate) scope: Scope<'a>,
    /// The zone of times that are written without offset.
    pub(crate) timezone: &'a str,
    /// What becomes of aggregates and table functions.
    pub(crate) calls: Calls<'a>,
    /// The parameters of lambda functions around, outermost first.
    pub(crate) parameters: &'a [Parameter],
}

/// An expression with its place, so that errors can point at an operand.
struct Operand {
    expression: Expression,
    span: Span,
}

impl Typing<'_> {
    /// The expression, typed. NULL by itself has no type: who needs one gives it by [`implicit`].
    pub(crate) fn expression(&self, expr: &Expr) -> Result<Expression> {
        let span = expr.span;
        Ok(match &expr.kind {
            ExprKind::Null => literal(Literal::Null, DataType::String),
            ExprKind::Boolean(value) => literal(Literal::Boolean(*value), DataType::Boolean),
            ExprKind::Integer(value) => match i32::try_from(*value) {
                Ok(value) => literal(Literal::Integer(value), DataType::Integer),
                Err(_) => literal(Literal::Bigint(*value), DataType::Bigint),
            },
            ExprKind::Decimal(digits) => constant::decimal(digits, span)?,
            ExprKind::Double(value) => literal(Literal::Double(*value), DataType::Double),
            ExprKind::Text(text) => literal(Literal::String(text.clone()), DataType::String),
            ExprKind::Typed(kind, text) => {
                let data_type = match kind {
                    ast::TypedLiteral::Timestamp => DataType::Timestamp,
                    ast::TypedLiteral::Date => DataType::Date,
                    ast::TypedLiteral::Time => DataType::Time,
                };
                constant::time(&text.text, &data_type, self.timezone, text.span)?
            }
            ExprKind::Column { qualifier: None, name } => match self.parameter(name) {
                Some(parameter) => parameter,
                None => self.scope.column(None, name)?,
            },
            ExprKind::Column { qualifier, name } => self.scope.column(qualifier.as_ref(), name)?,
            ExprKind::Field { of, name } => self.field(of, name)?,
            ExprKind::Element { of, index } => self.element(of, index)?,
            ExprKind::Unary { operator, operand } => self.unary(*operator, operand)?,
            ExprKind::Binary { operator, operator_span, left, right } => {
                self.binary(*operator, *operator_span, left, right)?
            }
            ExprKind::Case { operand, branches, otherwise } => {
                self.case(operand.as_deref(), branches, otherwise.as_deref())?
            }
            ExprKind::Cast { operand, target } => {
                let target = resolve::data_type(target, self.scope.names, self.scope.types)?;
                convert::explicit(self.operand(operand)?.expression, target, span)?
            }
            ExprKind::Like { value, pattern, escape, negated } => {
                let like = self.like(value, pattern, escape.as_ref())?;
                negate_if(like, *negated)
            }
            ExprKind::In { value, list, negated } => {
                negate_if(self.in_list(value, list)?, *negated)
            }
            ExprKind::Between { value, low, high, negated } => {
                negate_if(self.between(value, low, high)?, *negated)
            }
            ExprKind::IsNull { value, negated } => {
                let value = Box::new(self.expression(value)?);
                negate_if(boolean(Kind::IsNull(value)), *negated)
            }
            ExprKind::Call { name, arguments } => self.any_call(name, arguments, span)?,
            ExprKind::CallAll { name } => self.call_all(name, span)?,
            ExprKind::Lambda { .. } => {
                let message = "a lambda function is an argument of a function that calls it";
                return Err(Problem::new(span, message, "not here")
                    .help("TRANSFORM(array, x => …), FILTER(…), REDUCE(…)"));
            }
            ExprKind::Struct(fields) => self.structure(fields)?,
            ExprKind::Map(entries) => self.map(entries, span)?,
            ExprKind::Array(items) => self.array(items, span)?,
        })
    }

    /// The expression, which must be a BOOLEAN; `what` says for what.
    pub(crate) fn condition(&self, expr: &Expr, what: &str) -> Result<Expression> {
        let condition = self.expression(expr)?;
        if is_null(&condition) {
            return Ok(literal(Literal::Null, DataType::Boolean));
        }
        if condition.data_type == DataType::Boolean {
            return Ok(condition);
        }
        let message = format!("{what} needs a BOOLEAN, this is {}", condition.data_type);
        let problem = Problem::new(expr.span, message, format!("{}", condition.data_type));
        Err(problem.help("compare it with something: =, <>, <, LIKE, IS NOT NULL, …"))
    }

    fn operand(&self, expr: &Expr) -> Result<Operand> {
        Ok(Operand { expression: self.expression(expr)?, span: expr.span })
    }

    fn operands(&self, exprs: &[Expr]) -> Result<Vec<Operand>> {
        exprs.iter().map(|expr| self.operand(expr)).collect()
    }

    fn field(&self, of: &Expr, name: &Ident) -> Result<Expression> {
        let inner = self.expression(of)?;
        let DataType::Struct(fields) = &inner.data_type else {
            let message = format!("-> takes a field of a STRUCT, this is {}", inner.data_type);
            return Err(Problem::new(of.span, message, format!("{}", inner.data_type)));
        };
        let found =
            fields.iter().find(|(field, _)| crate::catalog::matches(field, name, self.scope.names));
        let Some((field, data_type)) = found else {
            let known = || fields.iter().map(|(field, _)| field.as_str());
            let mut help = format!("fields: {}", listed(&name.text, known()));
            if let Some(nearest) = nearest(&name.text, known()) {
                help = format!("did you mean {nearest}? {help}");
            }
            return Err(Problem::new(
                name.span,
                format!("the struct has no field {name}"),
                "unknown",
            )
            .help(help));
        };
        let (field, data_type) = (field.clone(), data_type.clone());
        Ok(Expression { kind: Kind::Field { of: Box::new(inner), name: field }, data_type })
    }

    fn element(&self, of: &Expr, index: &Expr) -> Result<Expression> {
        let inner = self.expression(of)?;
        let index = self.operand(index)?;
        let (key, item) = match &inner.data_type {
            DataType::Array(item) => (DataType::Integer, (**item).clone()),
            DataType::Map(key, value) => ((**key).clone(), (**value).clone()),
            other => {
                let message = format!("[] takes an item of an ARRAY or MAP, this is {other}");
                return Err(Problem::new(of.span, message, format!("{other}")));
            }
        };
        if matches!(inner.data_type, DataType::Array(_))
            && index.expression.kind == Kind::Literal(Literal::Integer(0))
        {
            return Err(Problem::new(index.span, "arrays count from 1", "there is no item 0")
                .help("the last item is [-1]"));
        }
        let index = implicit(index.expression, &key, self.timezone, index.span)?;
        let kind = Kind::Element { of: Box::new(inner), index: Box::new(index) };
        Ok(Expression { kind, data_type: item })
    }

    fn unary(&self, operator: ast::UnaryOperator, operand: &Expr) -> Result<Expression> {
        let operator = match operator {
            ast::UnaryOperator::Not => {
                return Ok(negate_if(self.condition(operand, "NOT")?, true));
            }
            ast::UnaryOperator::Plus => None,
            ast::UnaryOperator::Negate => Some(UnaryOperator::Negate),
        };
        let inner = self.operand(operand)?;
        if !arithmetic::is_number(&inner.expression.data_type) || is_null(&inner.expression) {
            let found = convert::shown(&inner.expression);
            let message = format!("a sign needs a number, this is {found}");
            return Err(Problem::new(inner.span, message, found));
        }
        let Some(operator) = operator else { return Ok(inner.expression) };
        if let Some(negated) = constant::negated(&inner.expression) {
            return Ok(negated);
        }
        let data_type = inner.expression.data_type.clone();
        Ok(Expression {
            kind: Kind::Unary { operator, operand: Box::new(inner.expression) },
            data_type,
        })
    }

    fn binary(
        &self,
        operator: ast::BinaryOperator,
        operator_span: Span,
        left: &Expr,
        right: &Expr,
    ) -> Result<Expression> {
        use ast::BinaryOperator as Written;
        let operator = match operator {
            Written::And | Written::Or => {
                let (left, right) = (
                    self.condition(left, operator.text())?,
                    self.condition(right, operator.text())?,
                );
                let operator =
                    if operator == Written::And { BinaryOperator::And } else { BinaryOperator::Or };
                return Ok(boolean(joined(operator, left, right)));
            }
            Written::Add => BinaryOperator::Add,
            Written::Subtract => BinaryOperator::Subtract,
            Written::Multiply => BinaryOperator::Multiply,
            Written::Divide => BinaryOperator::Divide,
            Written::Remainder => BinaryOperator::Remainder,
            Written::Concat => {
                let (left, right) = (self.operand(left)?, self.operand(right)?);
                return arithmetic::concatenation(left, right, operator_span);
            }
            Written::Equal => {
                return self.comparison(BinaryOperator::Equal, operator_span, left, right);
            }
            Written::NotEqual => {
                return self.comparison(BinaryOperator::NotEqual, operator_span, left, right);
            }
            Written::Less => {
                return self.comparison(BinaryOperator::Less, operator_span, left, right);
            }
            Written::LessOrEqual => {
                return self.comparison(BinaryOperator::LessOrEqual, operator_span, left, right);
            }
            Written::Greater => {
                return self.comparison(BinaryOperator::Greater, operator_span, left, right);
            }
            Written::GreaterOrEqual => {
                return self.comparison(BinaryOperator::GreaterOrEqual, operator_span, left, right);
            }
            Written::IsDistinct => {
                return self.comparison(BinaryOperator::IsDistinct, operator_span, left, right);
            }
            Written::IsNotDistinct => {
                return self.comparison(BinaryOperator::IsNotDistinct, operator_span, left, right);
            }
        };
        arithmetic::arithmetic(operator, operator_span, self.operand(left)?, self.operand(right)?)
    }

    fn comparison(
        &self,
        operator: BinaryOperator,
        operator_span: Span,
        left: &Expr,
        right: &Expr,
    ) -> Result<Expression> {
        let (left, right) = (self.operand(left)?, self.operand(right)?);
        self.compared(operator, operator_span, left, right)
    }

    fn compared(
        &self,
        operator: BinaryOperator,
        operator_span: Span,
        mut left: Operand,
        mut right: Operand,
    ) -> Result<Expression> {
        self.read_row_time(&left, &mut right)?;
        self.read_row_time(&right, &mut left)?;
        convert::read_times(&mut left, &mut right);
        let distinct =
            matches!(operator, BinaryOperator::IsDistinct | BinaryOperator::IsNotDistinct);
        if !distinct
            && let Some(null) = [&left, &right].iter().find(|side| is_null(&side.expression))
        {
            let message = format!("{operator} with NULL is never true");
            return Err(Problem::new(null.span, message, "NULL equals nothing, not even NULL")
                .help("write IS NULL or IS NOT NULL"));
        }
        let Some(common) = convert::common([&left.expression, &right.expression]) else {
            let (a, b) = (convert::shown(&left.expression), convert::shown(&right.expression));
            let message = format!("{a} and {b} cannot be compared");
            let help = convert::cast_help(&left.expression.data_type, &right.expression.data_type);
            return Err(Problem::new(operator_span, message, "by this")
                .label(left.span, a)
                .label(right.span, b)
                .maybe_help(help));
        };
        let ordered =
            !matches!(operator, BinaryOperator::Equal | BinaryOperator::NotEqual) && !distinct;
        if ordered && !convert::has_order(&common) {
            let message = format!("{common} has no order");
            return Err(Problem::new(operator_span, message, format!("{operator} needs one"))
                .label(left.span, convert::shown(&left.expression))
                .label(right.span, convert::shown(&right.expression))
                .help("= and <> work"));
        }
        let left = implicit(left.expression, &common, self.timezone, left.span)?;
        let right = implicit(right.expression, &common, self.timezone, right.span)?;
        Ok(boolean(joined(operator, left, right)))
    }

    /// Constant text that is compared with ROWTIME or the bound of a window is a time, read as its milliseconds.
    fn read_row_time(&self, row_time: &Operand, other: &mut Operand) -> Result<()> {
        if is_row_time(&row_time.expression)
            && let Kind::Literal(Literal::String(text)) = &other.expression.kind
        {
            let time = constant::time(text, &DataType::Timestamp, self.timezone, other.span)?;
            if let Kind::Literal(Literal::Timestamp(ms)) = time.kind {
                other.expression = literal(Literal::Bigint(ms), DataType::Bigint);
            }
        }
        Ok(())
    }

    /// Both forms of CASE; the simple one becomes comparisons with its operand.
    fn case(
        &self,
        operand: Option<&Expr>,
        branches: &[Branch],
        otherwise: Option<&Expr>,
    ) -> Result<Expression> {
        let mut conditions = Vec::new();
        let mut results = Vec::new();
        for branch in branches {
            conditions.push(match operand {
                Some(operand) => {
                    self.comparison(BinaryOperator::Equal, branch.when.span, operand, &branch.when)?
                }
                None => self.condition(&branch.when, "WHEN")?,
            });
            results.push(self.operand(&branch.then)?);
        }
        let has_otherwise = otherwise.is_some();
        if let Some(otherwise) = otherwise {
            results.push(self.operand(otherwise)?);
        }
        let (mut results, data_type) = self.brought_together(results, "the results of CASE")?;
        let otherwise = if has_otherwise { results.pop().map(Box::new) } else { None };
        let branches = conditions.into_iter().zip(results).collect();
        Ok(Expression { kind: Kind::Case { branches, otherwise }, data_type })
    }

    /// Expressions of one type; `what` they are, for errors.
    fn brought_together(
        &self,
        operands: Vec<Operand>,
        what: &str,
    ) -> Result<(Vec<Expression>, DataType)> {
        let mut common: Option<(DataType, Span)> = None;
        for operand in operands.iter().filter(|operand| !is_null(&operand.expression)) {
            let Some((so_far, first)) = &common else {
                common = Some((operand.expression.data_type.clone(), operand.span));
                continue;
            };
            let here = &operand.expression;
            let Some(wider) = convert::widened(so_far, &here.data_type) else {
                let message = format!("{what} must have one type");
                let help = convert::cast_help(so_far, &here.data_type);
                return Err(Problem::new(operand.span, message, format!("{}", here.data_type))
                    .label(*first, format!("{so_far}"))
                    .maybe_help(help));
            };
            common = Some((wider, *first));
        }
        let Some((common, _)) = common else {
            let span = operands.first().map_or_else(Span::default, |operand| operand.span);
            let message = format!("{what} are all NULL, so they have no type");
            return Err(Problem::new(span, message, "give it one").help("CAST(NULL AS STRING)"));
        };
        let cast =
            |operand: Operand| implicit(operand.expression, &common, self.timezone, operand.span);
        let expressions = operands.into_iter().map(cast).collect::<Result<_>>()?;
        Ok((expressions, common))
    }

    fn like(&self, value: &Expr, pattern: &Expr, escape: Option<&ast::Text>) -> Result<Expression> {
        let texts = [self.operand(value)?, self.operand(pattern)?].map(|operand| {
            if operand.expression.data_type == DataType::String {
                return Ok(Box::new(operand.expression));
            }
            let found = convert::shown(&operand.expression);
            let message = format!("LIKE compares text, this is {found}");
            Err(Problem::new(operand.span, message, found)
                .help("CAST(… AS STRING) makes text of it"))
        });
        let [value, pattern] = texts;
        let escape = match escape {
            None => None,
            Some(text) => {
                let mut characters = text.text.chars();
                match (characters.next(), characters.next()) {
                    (Some(only), None) => Some(only),
                    _ => {
                        return Err(Problem::new(text.span, "ESCAPE takes one character", "here"));
                    }
                }
            }
        };
        Ok(boolean(Kind::Like { value: value?, pattern: pattern?, escape }))
    }

    fn in_list(&self, value: &Expr, list: &[Expr]) -> Result<Expression> {
        let mut operands = vec![self.operand(value)?];
        operands.extend(self.operands(list)?);
        convert::read_constants(&mut operands, self.timezone)?;
        let (mut all, _) = self.brought_together(operands, "the value and the list of IN")?;
        let value = Box::new(all.remove(0));
        Ok(boolean(Kind::In { value, list: all }))
    }

    /// `value >= low AND value <= high`.
    fn between(&self, value: &Expr, low: &Expr, high: &Expr) -> Result<Expression> {
        let from = self.comparison(BinaryOperator::GreaterOrEqual, low.span, value, low)?;
        let to = self.comparison(BinaryOperator::LessOrEqual, high.span, value, high)?;
        Ok(boolean(joined(BinaryOperator::And, from, to)))
    }
}

/// Whether it is a time in milliseconds; no other column has these names.
fn is_row_time(expression: &Expression) -> bool {
    let times = ["ROWTIME", resolve::WINDOW_START, resolve::WINDOW_END];
    match &expression.kind {
        Kind::Pseudo(Pseudo::RowTime) => true,
        Kind::Column { name, .. } => times.contains(&name.as_str()),
        _ => false,
    }
}

fn literal(value: Literal, data_type: DataType) -> Expression {
    Expression { kind: Kind::Literal(value), data_type }
}

fn boolean(kind: Kind) -> Expression {
    Expression { kind, data_type: DataType::Boolean }
}

fn joined(operator: BinaryOperator, left: Expression, right: Expression) -> Kind {
    Kind::Binary { operator, left: Box::new(left), right: Box::new(right) }
}

fn negate_if(condition: Expression, negated: bool) -> Expression {
    if !negated {
        return condition;
    }
    boolean(Kind::Unary { operator: UnaryOperator::Not, operand: Box::new(condition) })
}
