//! Calls: which signature fits, and what the arguments become.

use super::{Operand, Typing, convert, implicit, is_null};
use crate::ast::{Expr, Ident};
use crate::error::{Problem, Result, nearest};
use crate::function::{self, Outcome, Parameter, Signature};
use crate::source::Span;
use kolk::expression::{Expression, Function, Kind};
use kolk::schema::DataType;

impl Typing<'_> {
    pub(super) fn call(&self, name: &Ident, arguments: &[Expr], span: Span) -> Result<Expression> {
        let signatures = function::find(&name.text);
        if signatures.is_empty() {
            return Err(unknown(name));
        }
        let arguments = self.operands(arguments)?;
        let fitting = signatures.iter().find(|signature| fits(signature, &arguments));
        match fitting {
            Some(signature) => self.called(signature, arguments),
            None => Err(misfit(name, &signatures, &arguments, span)),
        }
    }

    fn called(&self, signature: &Signature, mut arguments: Vec<Operand>) -> Result<Expression> {
        let what = format!("the arguments of {}", signature.function.name());
        if signature.parameters.contains(&Parameter::Same) {
            convert::read_constants(&mut arguments, self.timezone)?;
            let (arguments, common) = self.brought_together(arguments, &what)?;
            return Ok(expression(signature.function, arguments, common));
        }
        let item = match arguments.first().map(|first| &first.expression.data_type) {
            Some(DataType::Array(item)) => Some((**item).clone()),
            _ => None,
        };
        let mut typed = Vec::with_capacity(arguments.len());
        for (position, Operand { expression, span }) in arguments.into_iter().enumerate() {
            let target = match signature.parameter(position) {
                Parameter::Item => item.clone(),
                Parameter::Decimal => exact(&expression.data_type),
                other => other.data_type(),
            };
            let target = target.unwrap_or_else(|| expression.data_type.clone());
            typed.push(implicit(expression, &target, self.timezone, span)?);
        }
        let first = typed.first().map_or(DataType::String, |first| first.data_type.clone());
        let result = match signature.result {
            Outcome::Of(parameter) => parameter.data_type().unwrap_or(first),
            Outcome::Boolean => DataType::Boolean,
            Outcome::First | Outcome::Common => first,
            Outcome::Texts => DataType::Array(Box::new(DataType::String)),
            Outcome::WholeDecimal => match first {
                // Rounding up may need one digit more in front of the point.
                DataType::Decimal { precision, scale } => {
                    convert::decimal_of(u32::from(precision - scale) + 1, 0)
                }
                other => other,
            },
        };
        Ok(expression(signature.function, typed, result))
    }
}

fn expression(function: Function, arguments: Vec<Expression>, data_type: DataType) -> Expression {
    Expression { kind: Kind::Call { function, arguments }, data_type }
}

fn exact(data_type: &DataType) -> Option<DataType> {
    matches!(data_type, DataType::Decimal { .. }).then(|| data_type.clone())
}

/// Whether every argument is, or widens to, what the signature takes.
fn fits(signature: &Signature, arguments: &[Operand]) -> bool {
    signature.takes(arguments.len())
        && arguments
            .iter()
            .enumerate()
            .all(|(position, argument)| fits_at(signature.parameter(position), argument, arguments))
}

fn fits_at(parameter: Parameter, argument: &Operand, arguments: &[Operand]) -> bool {
    let found = &argument.expression.data_type;
    if is_null(&argument.expression) {
        return true;
    }
    match parameter {
        Parameter::Same => true,
        Parameter::Array => matches!(found, DataType::Array(_)),
        Parameter::Item => match &arguments[0].expression.data_type {
            DataType::Array(item) => convert::widened(found, item).as_ref() == Some(&**item),
            _ => false,
        },
        Parameter::Decimal => matches!(found, DataType::Decimal { .. }),
        Parameter::Timestamp => {
            let text = convert::common([&argument.expression]) == Some(DataType::String)
                && matches!(argument.expression.kind, Kind::Literal(_));
            text || matches!(found, DataType::Timestamp | DataType::Date)
        }
        other => other
            .data_type()
            .is_some_and(|target| convert::widened(found, &target).as_ref() == Some(&target)),
    }
}

fn unknown(name: &Ident) -> Box<Problem> {
    let upper = name.text.to_uppercase();
    if function::AGGREGATES.contains(&upper.as_str()) {
        return Problem::unsupported(name.span, format!("{upper}: aggregation"));
    }
    let functions = Function::ALL.iter().map(|function| function.name());
    let help = function::SYNONYMS
        .iter()
        .find(|(other, _)| *other == upper)
        .map(|(_, function)| function.name())
        .or_else(|| nearest(&upper, functions))
        .map(|here| format!("did you mean {here}?"));
    Problem::new(name.span, format!("there is no function {name}"), "unknown").maybe_help(help)
}

fn misfit(
    name: &Ident,
    signatures: &[&Signature],
    arguments: &[Operand],
    span: Span,
) -> Box<Problem> {
    let mut forms: Vec<String> = signatures.iter().map(ToString::to_string).collect();
    forms.dedup();
    let help = format!("{name} is called as {}", forms.join(" or "));
    let upper = name.text.to_uppercase();
    let Some(signature) = signatures.iter().find(|signature| signature.takes(arguments.len()))
    else {
        if upper == "UNIX_TIMESTAMP" && arguments.is_empty() {
            let message =
                "UNIX_TIMESTAMP() would read the clock, so a replay would give other results";
            return Problem::new(span, message, "not deterministic")
                .help("ROWTIME is the row's own time");
        }
        let count = arguments.len();
        let message =
            format!("{upper} does not take {count} argument{}", if count == 1 { "" } else { "s" });
        return Problem::new(span, message, "too many or too few").help(help);
    };
    let wrong = arguments.iter().enumerate().find(|(position, argument)| {
        !signatures.iter().any(|signature| {
            signature.takes(arguments.len())
                && fits_at(signature.parameter(*position), argument, arguments)
        })
    });
    let (position, wrong) = wrong.unwrap_or((0, &arguments[0]));
    let found = convert::shown(&wrong.expression);
    let message =
        format!("argument {} of {} cannot be {found}", position + 1, signature.function.name());
    Problem::new(wrong.span, message, found).help(help)
}
