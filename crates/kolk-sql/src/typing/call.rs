//! Calls: which signature fits, and what the arguments become.

use super::lambda::Lambda;
use super::{Operand, Typing, arithmetic, constant, convert, implicit, is_null, literal};
use crate::aggregate::AGGREGATES;
use crate::ast::{Expr, ExprKind, Ident};
use crate::error::{Problem, Result, nearest};
use crate::function::{self, Bindings, Outcome, Pattern, Signature};
use crate::source::Span;
use kolk::codec::regex::Regex;
use kolk::expression::{Expression, Function, Kind, Literal};
use kolk::schema::DataType;

/// An argument as far as it has a type by itself.
pub(super) enum Argument<'e> {
    Value(Operand),
    /// It gets its types from the others.
    Lambda(Lambda<'e>),
    /// A unit of time.
    Unit(&'static str, Span),
}

impl Typing<'_> {
    pub(super) fn call(&self, name: &Ident, arguments: &[Expr], span: Span) -> Result<Expression> {
        let signatures = function::find(&name.text);
        if signatures.is_empty() {
            return Err(unknown(name));
        }
        let arguments = arguments
            .iter()
            .enumerate()
            .map(|(position, argument)| self.argument(&signatures, position, argument))
            .collect::<Result<Vec<_>>>()?;
        let fitting = signatures.iter().find(|signature| fits(signature, &arguments));
        match fitting {
            Some(signature) => self.called(signature, arguments, span),
            None => Err(misfit(name, &signatures, &arguments, span)),
        }
    }

    fn argument<'e>(
        &self,
        signatures: &[&Signature],
        position: usize,
        argument: &'e Expr,
    ) -> Result<Argument<'e>> {
        if let ExprKind::Lambda { parameters, body } = &argument.kind {
            return Ok(Argument::Lambda(Lambda { parameters, body, span: argument.span }));
        }
        let wants_unit = |signature: &&Signature| signature.parameter(position) == Pattern::Unit;
        if let ExprKind::Column { qualifier: None, name } = &argument.kind
            && signatures.iter().any(wants_unit)
            && let Some(unit) = function::unit(&name.text)
        {
            return Ok(Argument::Unit(unit, argument.span));
        }
        Ok(Argument::Value(self.operand(argument)?))
    }

    fn called(
        &self,
        signature: &Signature,
        mut arguments: Vec<Argument<'_>>,
        span: Span,
    ) -> Result<Expression> {
        check_pattern(signature.function, &arguments)?;
        check_unmixed(signature.function, &arguments)?;
        let mut bindings = self.bound(signature, &mut arguments, span)?;
        let mut typed: Vec<Expression> = Vec::with_capacity(arguments.len());
        for (position, argument) in arguments.into_iter().enumerate() {
            let parameter = signature.parameter(position);
            let expression = match (argument, parameter) {
                (Argument::Value(operand), _) => self.fitted(operand, parameter, &bindings)?,
                (Argument::Lambda(lambda), Pattern::Lambda(of, result)) => {
                    let before = bindings.clone();
                    let body = self.lambda(&lambda, (of, result), &mut bindings)?;
                    self.widen_again(signature, &mut typed, (&before, &bindings), span)?;
                    body
                }
                (Argument::Unit(unit, _), _) => {
                    literal(Literal::String(unit.to_owned()), DataType::String)
                }
                // The signature fits.
                (Argument::Lambda(_), _) => continue,
            };
            typed.push(expression);
        }
        let first = typed.first().map_or(DataType::String, |first| first.data_type.clone());
        let data_type = match signature.result {
            Outcome::Is(pattern) => pattern.data_type(&bindings).unwrap_or(first),
            Outcome::First => first,
            Outcome::WholeDecimal => match first {
                DataType::Decimal { precision, scale } => {
                    convert::decimal_of(u32::from(precision - scale), 0)
                }
                other => other,
            },
        };
        let kind = Kind::Call { function: signature.function, arguments: typed };
        Ok(Expression { kind, data_type })
    }

    /// Arguments whose letter has become wider: the state of REDUCE becomes what its function makes of it.
    fn widen_again(
        &self,
        signature: &Signature,
        typed: &mut [Expression],
        (before, after): (&Bindings, &Bindings),
        span: Span,
    ) -> Result<()> {
        for (position, argument) in typed.iter_mut().enumerate() {
            let of = signature.parameter(position);
            let (old, new) = (of.data_type(before), of.data_type(after));
            if let Some(new) = new.filter(|new| old.as_ref() != Some(new)) {
                *argument = implicit(argument.clone(), &new, self.timezone, span)?;
            }
        }
        Ok(())
    }

    /// The types that the signature's letters stand for: the common type of all that stands in a letter's place.
    fn bound(
        &self,
        signature: &Signature,
        arguments: &mut [Argument<'_>],
        span: Span,
    ) -> Result<Bindings> {
        self.read_alike(signature, arguments)?;
        let mut found: Vec<(char, DataType, Span)> = Vec::new();
        let (mut unknown, mut mismatch) = (Vec::new(), None);
        for (position, argument) in arguments.iter().enumerate() {
            let Argument::Value(Operand { expression, span }) = argument else { continue };
            let parameter = signature.parameter(position);
            if is_null(expression) {
                unknown.extend(parameter.letter());
                continue;
            }
            let text = matches!(expression.kind, Kind::Literal(Literal::String(_)));
            parameter.bind(&expression.data_type, &mut |letter, data_type| {
                match found.iter_mut().find(|(known, ..)| *known == letter) {
                    None => found.push((letter, data_type.clone(), *span)),
                    // It is read as what it stands among.
                    Some(_) if text => {}
                    Some((_, so_far, first)) => match convert::widened(so_far, data_type) {
                        Some(wider) => *so_far = wider,
                        None => {
                            mismatch = Some((so_far.clone(), *first, data_type.clone(), *span));
                        }
                    },
                }
            });
        }
        let what = format!("the arguments of {}", signature.function.name());
        if let Some((a, first, b, second)) = mismatch {
            let help = convert::cast_help(&a, &b);
            return Err(Problem::new(second, format!("{what} must have one type"), format!("{b}"))
                .label(first, format!("{a}"))
                .maybe_help(help));
        }
        if unknown.iter().any(|letter| !found.iter().any(|(known, ..)| known == letter)) {
            let message = format!("{what} are all NULL: their type is ambiguous");
            return Err(Problem::new(span, message, "give it one").help("CAST(NULL AS STRING)"));
        }
        let mut bindings = Bindings::default();
        found.into_iter().for_each(|(letter, data_type, _)| bindings.set(letter, data_type));
        Ok(bindings)
    }

    /// Reads constants in the place of one letter as what stands there too.
    fn read_alike(&self, signature: &Signature, arguments: &mut [Argument<'_>]) -> Result<()> {
        let letter_at = |position: usize| signature.parameter(position).letter();
        let Some(letter) = (0..arguments.len()).find_map(letter_at) else { return Ok(()) };
        let places: Vec<usize> =
            (0..arguments.len()).filter(|at| letter_at(*at) == Some(letter)).collect();
        let mut operands = Vec::with_capacity(places.len());
        for place in &places {
            if let Argument::Value(Operand { expression, span }) = &arguments[*place] {
                operands.push(Operand { expression: expression.clone(), span: *span });
            }
        }
        convert::read_constants(&mut operands, self.timezone)?;
        for (place, operand) in places.into_iter().zip(operands) {
            arguments[place] = Argument::Value(operand);
        }
        Ok(())
    }

    /// An argument as what the parameter takes.
    fn fitted(
        &self,
        operand: Operand,
        parameter: Pattern,
        bindings: &Bindings,
    ) -> Result<Expression> {
        let Operand { mut expression, span } = operand;
        let Some(target) = parameter.data_type(bindings) else { return Ok(expression) };
        if let Kind::Literal(Literal::String(text)) = &expression.kind
            && target != DataType::String
        {
            expression = constant::read(text, &target, self.timezone, span)?;
        }
        implicit(expression, &target, self.timezone, span)
    }
}

/// Whether every argument is, or widens to, what the signature takes.
fn fits(signature: &Signature, arguments: &[Argument<'_>]) -> bool {
    signature.takes(arguments.len())
        && arguments
            .iter()
            .enumerate()
            .all(|(position, argument)| fits_at(signature.parameter(position), argument))
}

fn fits_at(parameter: Pattern, argument: &Argument<'_>) -> bool {
    let expression = match (parameter, argument) {
        (Pattern::Lambda(of, _), Argument::Lambda(lambda)) => {
            return of.len() == lambda.parameters.len();
        }
        (Pattern::Unit, Argument::Unit(..)) => return true,
        (Pattern::Lambda(..) | Pattern::Unit, _) => return false,
        (_, Argument::Value(operand)) => &operand.expression,
        _ => return false,
    };
    let found = &expression.data_type;
    if is_null(expression) {
        return true;
    }
    match parameter {
        Pattern::Decimal => matches!(found, DataType::Decimal { .. }),
        Pattern::Any(_)
        | Pattern::Plain(_)
        | Pattern::Number(_)
        | Pattern::Array(_)
        | Pattern::Map(..) => parameter.bind(found, &mut |_, _| {}),
        other => other.data_type(&Bindings::default()).is_some_and(|target| {
            let constant = matches!(expression.kind, Kind::Literal(Literal::String(_)));
            constant && convert::is_time(&target)
                || convert::widened(found, &target).as_ref() == Some(&target)
        }),
    }
}

fn unknown(name: &Ident) -> Box<Problem> {
    let upper = name.text.to_uppercase();
    if let Some((_, help)) = function::UNSTABLE.iter().find(|(other, _)| *other == upper) {
        return unstable(&upper, help, name.span);
    }
    let functions = Function::ALL
        .iter()
        .map(|function| function.name())
        .chain(AGGREGATES.iter().map(|aggregate| aggregate.name));
    let help = function::SYNONYMS
        .iter()
        .find(|(other, _)| *other == upper)
        .map(|(_, function)| function.name())
        .or_else(|| nearest(&upper, functions))
        .map(|here| format!("did you mean {here}?"));
    Problem::new(name.span, format!("there is no function {name}"), "unknown").maybe_help(help)
}

fn unstable(name: &str, help: &str, span: Span) -> Box<Problem> {
    let message =
        format!("{name}() gives another value each time, so a replay would give other results");
    Problem::new(span, message, "not deterministic").help(help)
}

/// Refuses GREATEST and LEAST of columns of different kinds of numbers, as ksqlDB does: which of them would the result be?
fn check_unmixed(function: Function, arguments: &[Argument<'_>]) -> Result<()> {
    if !matches!(function, Function::Greatest | Function::Least) {
        return Ok(());
    }
    let mut numbers = arguments.iter().filter_map(|argument| match argument {
        Argument::Value(Operand { expression, span })
            if !matches!(expression.kind, Kind::Literal(_))
                && arithmetic::is_number(&expression.data_type) =>
        {
            Some((&expression.data_type, *span))
        }
        _ => None,
    });
    let Some((first, first_span)) = numbers.next() else { return Ok(()) };
    let kind = std::mem::discriminant(first);
    match numbers.find(|(other, _)| std::mem::discriminant(*other) != kind) {
        None => Ok(()),
        Some((other, span)) => {
            let message = format!("{} of {first} and {other} is ambiguous", function.name());
            Err(Problem::new(span, message, format!("{other}"))
                .label(first_span, format!("{first}"))
                .help("CAST them to one type"))
        }
    }
}

/// Refuses a constant pattern that cannot be matched, before any row fails on it.
fn check_pattern(function: Function, arguments: &[Argument<'_>]) -> Result<()> {
    let at = match function {
        Function::RegexpExtract | Function::RegexpExtractAll => 0,
        Function::RegexpReplace | Function::RegexpSplitToArray => 1,
        _ => return Ok(()),
    };
    let Some(Argument::Value(Operand { expression, span })) = arguments.get(at) else {
        return Ok(());
    };
    match &expression.kind {
        Kind::Literal(Literal::String(pattern)) => Regex::new(pattern).map(|_| ()).map_err(|why| {
            Problem::new(*span, format!("this regular expression cannot be matched: {why}"), "here")
        }),
        _ => Ok(()),
    }
}

fn misfit(
    name: &Ident,
    signatures: &[&Signature],
    arguments: &[Argument<'_>],
    span: Span,
) -> Box<Problem> {
    let mut forms: Vec<String> = signatures.iter().map(ToString::to_string).collect();
    forms.dedup();
    let help = format!("{name} is called as {}", forms.join(" or "));
    let upper = name.text.to_uppercase();
    let Some(signature) = signatures.iter().find(|signature| signature.takes(arguments.len()))
    else {
        if let Some((_, help)) = function::UNSTABLE.iter().find(|(other, _)| *other == upper)
            && arguments.is_empty()
        {
            return unstable(&upper, help, span);
        }
        let count = arguments.len();
        let message =
            format!("{upper} does not take {count} argument{}", if count == 1 { "" } else { "s" });
        return Problem::new(span, message, "too many or too few").help(help);
    };
    let wrong = arguments.iter().enumerate().find(|(position, argument)| {
        !signatures.iter().any(|signature| {
            signature.takes(arguments.len()) && fits_at(signature.parameter(*position), argument)
        })
    });
    let (position, found, place) = match wrong {
        Some((position, argument)) => (position, argument.shown(), argument.span()),
        None => (0, arguments[0].shown(), arguments[0].span()),
    };
    let message =
        format!("argument {} of {} cannot be {found}", position + 1, signature.function.name());
    Problem::new(place, message, found).help(help)
}

impl Argument<'_> {
    fn shown(&self) -> String {
        match self {
            Self::Value(operand) => convert::shown(&operand.expression),
            Self::Lambda(lambda) => match lambda.parameters.len() {
                1 => "a function of one parameter".to_owned(),
                count => format!("a function of {count} parameters"),
            },
            Self::Unit(unit, _) => format!("the unit {unit}"),
        }
    }

    fn span(&self) -> Span {
        match self {
            Self::Value(operand) => operand.span,
            Self::Lambda(lambda) => lambda.span,
            Self::Unit(_, span) => *span,
        }
    }
}
