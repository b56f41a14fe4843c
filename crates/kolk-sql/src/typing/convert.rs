//! From type to type: what widens by itself, what CAST can do, and the common type of several.

use super::{Operand, arithmetic, constant};
use crate::error::{Problem, Result};
use crate::source::Span;
use kolk::expression::{Expression, Kind, Literal};
use kolk::schema::DataType;

/// Whether it is the word NULL, which has no type of its own.
pub(crate) fn is_null(expression: &Expression) -> bool {
    expression.kind == Kind::Literal(Literal::Null)
}

/// The type, for people; NULL has none.
pub(super) fn shown(expression: &Expression) -> String {
    if is_null(expression) { "NULL".to_owned() } else { expression.data_type.to_string() }
}

/// The type that both widen to.
pub(crate) fn widened(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::{Array, Bigint, Date, Decimal, Double, Integer, Map, Struct, Timestamp};
    Some(match (a, b) {
        _ if a == b => a.clone(),
        (Double, Integer | Bigint | Decimal { .. })
        | (Integer | Bigint | Decimal { .. }, Double) => Double,
        (Integer, Bigint) | (Bigint, Integer) => Bigint,
        (Decimal { .. }, _) | (_, Decimal { .. }) => {
            let ((p1, s1), (p2, s2)) = (digits(a)?, digits(b)?);
            let scale = s1.max(s2);
            decimal_of((p1 - s1).max(p2 - s2) + scale, scale)
        }
        (Timestamp, Date) | (Date, Timestamp) => Timestamp,
        (Array(a), Array(b)) => Array(Box::new(widened(a, b)?)),
        (Map(ka, va), Map(kb, vb)) => Map(Box::new(widened(ka, kb)?), Box::new(widened(va, vb)?)),
        (Struct(a), Struct(b)) => Struct(fields(a, b)?),
        _ => return None,
    })
}

/// The fields of both structs; those of the same name widened.
fn fields(a: &[(String, DataType)], b: &[(String, DataType)]) -> Option<Vec<(String, DataType)>> {
    let of = |fields: &[(String, DataType)], name: &str| {
        fields.iter().find(|(other, _)| other == name).map(|(_, data_type)| data_type.clone())
    };
    let mut all = Vec::new();
    for (name, data_type) in a {
        let common = match of(b, name) {
            Some(other) => widened(data_type, &other)?,
            None => data_type.clone(),
        };
        all.push((name.clone(), common));
    }
    all.extend(b.iter().filter(|(name, _)| of(a, name).is_none()).cloned());
    Some(all)
}

/// All digits and those behind the point, of a number that is exact.
pub(super) fn digits(data_type: &DataType) -> Option<(u32, u32)> {
    match data_type {
        DataType::Integer => Some((10, 0)),
        DataType::Bigint => Some((19, 0)),
        DataType::Decimal { precision, scale } => Some((u32::from(*precision), u32::from(*scale))),
        _ => None,
    }
}

/// A DECIMAL of so many digits, or of as many as there can be.
pub(super) fn decimal_of(precision: u32, scale: u32) -> DataType {
    let (precision, scale) = arithmetic::squeezed(precision, scale);
    let small = |digits: u32| u8::try_from(digits).unwrap_or(crate::resolve::PRECISION_MAX);
    DataType::Decimal { precision: small(precision), scale: small(scale) }
}

/// The type that all widen to; constant text also becomes the time it is compared with.
pub(super) fn common<'a>(
    expressions: impl IntoIterator<Item = &'a Expression>,
) -> Option<DataType> {
    let mut common: Option<DataType> = None;
    let mut text = false;
    let mut any = false;
    for expression in expressions {
        any = true;
        if is_null(expression) {
            continue;
        }
        if matches!(expression.kind, Kind::Literal(Literal::String(_))) {
            text = true;
            continue;
        }
        common = Some(match common {
            None => expression.data_type.clone(),
            Some(so_far) => widened(&so_far, &expression.data_type)?,
        });
    }
    match common {
        None if any => Some(DataType::String),
        Some(other) if text && other != DataType::String && !is_time(&other) => None,
        common => common,
    }
}

/// Constants become what they stand among: text among numbers, booleans or times is read as one of them, and
/// constant numbers and booleans among text become text.
pub(super) fn read_constants(operands: &mut [Operand], timezone: &str) -> Result<()> {
    let constant = |operand: &Operand| matches!(operand.expression.kind, Kind::Literal(_));
    let text = |operand: &Operand| operand.expression.data_type == DataType::String;
    if operands.iter().any(|operand| text(operand) && !constant(operand)) {
        for operand in operands.iter_mut().filter(|operand| !text(operand)) {
            if let Some(shown) = constant::as_text(&operand.expression) {
                operand.expression = shown;
            }
        }
        return Ok(());
    }
    // What is built of constants follows the others.
    let others = || operands.iter().filter(|operand| !text(operand));
    let Some(among) = others().find(|other| !is_built(&other.expression)).or(others().next())
    else {
        return Ok(());
    };
    let among = among.expression.data_type.clone();
    for operand in operands.iter_mut() {
        read_constant(&mut operand.expression, &among, timezone, operand.span)?;
    }
    Ok(())
}

fn is_built(expression: &Expression) -> bool {
    matches!(expression.kind, Kind::Array(_) | Kind::Map(_) | Kind::Struct(_))
}

/// Constant text, also inside of what is built, read as a value that can stand among those of a type.
fn read_constant(
    expression: &mut Expression,
    among: &DataType,
    timezone: &str,
    span: Span,
) -> Result<()> {
    match (&mut expression.kind, &mut expression.data_type, among) {
        (Kind::Literal(Literal::String(_)), _, DataType::String) => {}
        (Kind::Literal(Literal::String(text)), _, among) => {
            *expression = constant::read(text, among, timezone, span)?;
        }
        (Kind::Array(items), DataType::Array(own), DataType::Array(among)) => {
            for item in items.iter_mut() {
                read_constant(item, among, timezone, span)?;
            }
            become_type(own, &*items);
        }
        (Kind::Map(entries), DataType::Map(_, own), DataType::Map(_, among)) => {
            for (_, value) in entries.iter_mut() {
                read_constant(value, among, timezone, span)?;
            }
            become_type(own, entries.iter().map(|(_, value)| value));
        }
        (Kind::Struct(values), DataType::Struct(own), DataType::Struct(among)) => {
            for ((name, own), value) in own.iter_mut().zip(values) {
                if let Some((_, among)) = among.iter().find(|(other, _)| other == name) {
                    read_constant(value, among, timezone, span)?;
                    *own = value.data_type.clone();
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// The common type of the parts, when they have one: those that have not are told later.
fn become_type<'a>(own: &mut DataType, parts: impl IntoIterator<Item = &'a Expression>) {
    let mut parts = parts.into_iter().filter(|part| !is_null(part)).map(|part| &part.data_type);
    if let Some(first) = parts.next()
        && let Some(common) = parts.try_fold(first.clone(), |so_far, part| widened(&so_far, part))
    {
        *own = common;
    }
}

/// Whether it is a date, a time or both.
pub(super) fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp | DataType::Date | DataType::Time)
}

/// Text that is compared with a date or time is read as one, row by row; constant text is read when planned.
pub(super) fn read_times(left: &mut Operand, right: &mut Operand) {
    let cast = |text: &mut Operand, time: &DataType| {
        let expression = &mut text.expression;
        if is_time(time)
            && expression.data_type == DataType::String
            && !matches!(expression.kind, Kind::Literal(_))
        {
            let operand = Box::new(expression.clone());
            *expression = Expression { kind: Kind::Cast(operand), data_type: time.clone() };
        }
    };
    cast(left, &right.expression.data_type);
    cast(right, &left.expression.data_type);
}

/// Whether `<` means something.
pub(super) fn has_order(data_type: &DataType) -> bool {
    !matches!(
        data_type,
        DataType::Boolean | DataType::Array(_) | DataType::Map(..) | DataType::Struct(_)
    )
}

/// The expression as a type that it widens to by itself: wider numbers, NULL as anything, constant text as a time.
pub(crate) fn implicit(
    expression: Expression,
    target: &DataType,
    timezone: &str,
    span: Span,
) -> Result<Expression> {
    if expression.data_type == *target && !is_null(&expression) {
        return Ok(expression);
    }
    if is_null(&expression) {
        return Ok(Expression { kind: Kind::Literal(Literal::Null), data_type: target.clone() });
    }
    if let Kind::Literal(Literal::String(text)) = &expression.kind
        && is_time(target)
    {
        return constant::time(text, target, timezone, span);
    }
    if is_built(&expression) {
        return built(expression, target, timezone, span);
    }
    if widened(&expression.data_type, target).as_ref() == Some(target) {
        return Ok(widen(expression, target));
    }
    let message = format!("expected {target}, found {}", expression.data_type);
    let help = cast_help(target, &expression.data_type);
    Err(Problem::new(span, message, format!("{}", expression.data_type)).maybe_help(help))
}

/// What is built, part by part as a type that it widens to.
fn built(
    expression: Expression,
    target: &DataType,
    timezone: &str,
    span: Span,
) -> Result<Expression> {
    let each = |part: Expression, target: &DataType| implicit(part, target, timezone, span);
    let kind = match (expression.kind, &expression.data_type, target) {
        (Kind::Array(items), _, DataType::Array(of)) => {
            Kind::Array(items.into_iter().map(|item| each(item, of)).collect::<Result<_>>()?)
        }
        (Kind::Map(entries), _, DataType::Map(of_key, of_value)) => {
            let entries = entries
                .into_iter()
                .map(|(key, value)| Ok((each(key, of_key)?, each(value, of_value)?)));
            Kind::Map(entries.collect::<Result<_>>()?)
        }
        (Kind::Struct(values), DataType::Struct(own), DataType::Struct(fields)) => {
            let mut given: Vec<_> = own.iter().zip(values.into_iter().map(Some)).collect();
            let values = fields.iter().map(|(name, of)| {
                let found = given.iter_mut().find(|((other, _), _)| other == name);
                let null = Expression { kind: Kind::Literal(Literal::Null), data_type: of.clone() };
                each(found.and_then(|(_, value)| value.take()).unwrap_or(null), of)
            });
            Kind::Struct(values.collect::<Result<_>>()?)
        }
        (_, found, _) => {
            let message = format!("expected {target}, found {found}");
            return Err(Problem::new(span, message, format!("{found}")));
        }
    };
    Ok(Expression { kind, data_type: target.clone() })
}

/// The expression as a wider type: constants at once, others by a cast.
pub(super) fn widen(expression: Expression, target: &DataType) -> Expression {
    if expression.data_type == *target {
        return expression;
    }
    constant::widened(&expression, target).unwrap_or_else(|| Expression {
        kind: Kind::Cast(Box::new(expression)),
        data_type: target.clone(),
    })
}

/// `CAST(expression AS target)`.
pub(super) fn explicit(expression: Expression, target: DataType, span: Span) -> Result<Expression> {
    if !is_null(&expression) {
        if expression.data_type == target {
            return Ok(expression);
        }
        if !castable(&expression.data_type, &target) {
            let message = format!("a {} cannot be cast to {target}", expression.data_type);
            let help = match (&expression.data_type, &target) {
                (DataType::Timestamp, DataType::Bigint) => {
                    Some("UNIX_TIMESTAMP(…) gives its milliseconds")
                }
                (DataType::Bigint, DataType::Timestamp) => {
                    Some("FROM_UNIXTIME(…) takes milliseconds")
                }
                _ => None,
            };
            return Err(Problem::new(span, message, format!("{}", expression.data_type))
                .maybe_help(help.map(ToOwned::to_owned)));
        }
    }
    Ok(Expression { kind: Kind::Cast(Box::new(expression)), data_type: target })
}

fn castable(from: &DataType, to: &DataType) -> bool {
    use DataType::{Array, Boolean, Bytes, Date, Map, String, Struct, Time, Timestamp};
    match (from, to) {
        _ if from == to => true,
        (Bytes, _) | (_, Bytes) => false,
        (Array(a), Array(b)) => castable(a, b),
        (Map(ka, va), Map(kb, vb)) => castable(ka, kb) && castable(va, vb),
        (Struct(a), Struct(b)) => b.iter().all(|(name, to)| {
            a.iter().find(|(other, _)| other == name).is_none_or(|(_, from)| castable(from, to))
        }),
        (Array(_) | Map(..) | Struct(_), to) => *to == String,
        (_, Array(_) | Map(..) | Struct(_)) => false,
        (_, String) | (String, _) | (Timestamp, Date | Time) | (Date, Timestamp) => true,
        (Boolean, _) | (_, Boolean) => false,
        (from, to) => arithmetic::is_number(from) && arithmetic::is_number(to),
    }
}

/// How to bring two types together that do not by themselves.
pub(crate) fn cast_help(a: &DataType, b: &DataType) -> Option<String> {
    use DataType::{Bigint, String, Timestamp};
    match (a, b) {
        (String, other) | (other, String) if castable(&String, other) => {
            let target =
                if arithmetic::is_number(other) || is_time(other) { other } else { &String };
            Some(format!("CAST(… AS {target}) makes them alike"))
        }
        (Timestamp, Bigint) | (Bigint, Timestamp) => {
            Some("UNIX_TIMESTAMP(…) gives milliseconds, FROM_UNIXTIME(…) takes them".to_owned())
        }
        _ => None,
    }
}
