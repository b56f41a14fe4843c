//! Constants: decimals, times as text, and widening at once what is known already.

use super::literal;
use crate::error::{Problem, Result};
use crate::resolve::PRECISION_MAX;
use crate::source::Span;
use jiff::civil;
use jiff::tz::TimeZone;
use kolk::expression::{Expression, Kind, Literal};
use kolk::schema::DataType;
use std::borrow::Cow;

/// Digits with a point as a DECIMAL of exactly these digits.
pub(super) fn decimal(text: &str, span: Span) -> Result<Expression> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{}{fraction}", whole.trim_start_matches('0'));
    let precision = digits.len().max(1);
    match (
        u8::try_from(precision),
        u8::try_from(fraction.len()),
        format!("0{digits}").parse::<i128>(),
    ) {
        (Ok(precision), Ok(scale), Ok(value)) if precision <= PRECISION_MAX => {
            Ok(literal(Literal::Decimal(value), DataType::Decimal { precision, scale }))
        }
        _ => {
            let message = format!("{text} has more than the {PRECISION_MAX} digits of a DECIMAL");
            Err(Problem::new(span, message, "too many digits")
                .help(format!("with an exponent it is a DOUBLE: {text}e0")))
        }
    }
}

/// A constant number with the other sign.
pub(super) fn negated(expression: &Expression) -> Option<Expression> {
    let Kind::Literal(value) = &expression.kind else { return None };
    let value = match value {
        Literal::Integer(value) => Literal::Integer(value.checked_neg()?),
        Literal::Bigint(value) => Literal::Bigint(value.checked_neg()?),
        Literal::Double(value) => Literal::Double(-value),
        Literal::Decimal(value) => Literal::Decimal(value.checked_neg()?),
        _ => return None,
    };
    Some(literal(value, expression.data_type.clone()))
}

/// A constant number as a wider type.
pub(super) fn widened(expression: &Expression, target: &DataType) -> Option<Expression> {
    let Kind::Literal(value) = &expression.kind else { return None };
    let whole = match value {
        Literal::Integer(value) => i64::from(*value),
        Literal::Bigint(value) => *value,
        Literal::Decimal(digits) => return widened_decimal(*digits, &expression.data_type, target),
        _ => return None,
    };
    let value = match target {
        DataType::Bigint => Literal::Bigint(whole),
        #[expect(clippy::cast_precision_loss, reason = "DOUBLE is what was asked for")]
        DataType::Double => Literal::Double(whole as f64),
        DataType::Decimal { scale, .. } => Literal::Decimal(
            i128::from(whole).checked_mul(10_i128.checked_pow(u32::from(*scale))?)?,
        ),
        _ => return None,
    };
    Some(literal(value, target.clone()))
}

fn widened_decimal(digits: i128, from: &DataType, target: &DataType) -> Option<Expression> {
    let DataType::Decimal { scale, .. } = from else { return None };
    match target {
        DataType::Decimal { scale: wider, .. } => {
            let factor = 10_i128.checked_pow(u32::from(wider.checked_sub(*scale)?))?;
            Some(literal(Literal::Decimal(digits.checked_mul(factor)?), target.clone()))
        }
        // By way of text the nearest DOUBLE is found.
        DataType::Double => format!("{digits}e-{scale}")
            .parse()
            .ok()
            .map(|value| literal(Literal::Double(value), DataType::Double)),
        _ => None,
    }
}

/// Text as a TIMESTAMP, DATE or TIME; text without an offset is read in the session's zone.
pub(super) fn time(
    text: &str,
    data_type: &DataType,
    timezone: &str,
    span: Span,
) -> Result<Expression> {
    let value = match data_type {
        DataType::Timestamp => timestamp(text, timezone).map(Literal::Timestamp),
        DataType::Date => completed(text).parse::<civil::Date>().ok().map(|date| {
            let days = date.since(civil::Date::constant(1970, 1, 1)).map(|span| span.get_days());
            Literal::Date(days.unwrap_or_default())
        }),
        _ => text.parse::<civil::Time>().ok().map(|time| {
            let since = time.duration_since(civil::Time::midnight());
            Literal::Time(i32::try_from(since.as_millis()).unwrap_or_default())
        }),
    };
    let example = match data_type {
        DataType::Timestamp => "'2024-01-01T09:20:00' or '2024-01-01T09:20:00.000+01:00'",
        DataType::Date => "'2024-01-01'",
        _ => "'09:20:00'",
    };
    value.map(|value| literal(value, data_type.clone())).ok_or_else(|| {
        Problem::new(span, format!("'{text}' is no {data_type}"), format!("read as {data_type}"))
            .help(format!("for example {example}"))
    })
}

/// Constant text as something that can stand among values of a type: a number of any kind among numbers.
pub(super) fn read(text: &str, among: &DataType, timezone: &str, span: Span) -> Result<Expression> {
    let read = match among {
        DataType::Timestamp | DataType::Date | DataType::Time => {
            return time(text, among, timezone, span);
        }
        DataType::Boolean => boolean(text),
        DataType::Integer | DataType::Bigint | DataType::Double | DataType::Decimal { .. } => {
            number(text)
        }
        _ => None,
    };
    read.ok_or_else(|| {
        let message = match among {
            DataType::Boolean => format!("'{text}' is no BOOLEAN"),
            other => format!("'{text}' is no number, so it cannot be {other}"),
        };
        Problem::new(span, message, format!("read as {among}"))
    })
}

fn number(text: &str) -> Option<Expression> {
    let text = text.trim();
    if let Ok(value) = text.parse() {
        return Some(literal(Literal::Integer(value), DataType::Integer));
    }
    if let Ok(value) = text.parse() {
        return Some(literal(Literal::Bigint(value), DataType::Bigint));
    }
    // An exponent only moves the point: the number stays exact.
    let exact = kolk::codec::decimal::parse(text.as_bytes()).and_then(|(digits, scale)| {
        let behind = u8::try_from(scale.max(0)).ok().filter(|behind| *behind <= PRECISION_MAX)?;
        let zeros = kolk::codec::decimal::power(u32::try_from(-scale.min(0)).ok()?)?;
        let digits = digits.checked_mul(zeros)?;
        let precision = digits.unsigned_abs().checked_ilog10().map_or(1, |log| log + 1);
        let precision = u8::try_from(precision).ok()?.max(behind);
        let data_type = DataType::Decimal { precision, scale: behind };
        (precision <= PRECISION_MAX).then(|| literal(Literal::Decimal(digits), data_type))
    });
    if exact.is_some() {
        return exact;
    }
    let value: f64 = text.parse().ok()?;
    value.is_finite().then(|| literal(Literal::Double(value), DataType::Double))
}

/// As ksqlDB reads it: any beginning of true, yes, false or no.
fn boolean(text: &str) -> Option<Expression> {
    let text = text.trim().to_lowercase();
    let begins =
        |words: [&str; 2]| !text.is_empty() && words.iter().any(|word| word.starts_with(&text));
    let value = match (begins(["true", "yes"]), begins(["false", "no"])) {
        (true, false) => true,
        (false, true) => false,
        _ => return None,
    };
    Some(literal(Literal::Boolean(value), DataType::Boolean))
}

/// A constant number or boolean as the text that it is written as.
pub(super) fn as_text(expression: &Expression) -> Option<Expression> {
    let Kind::Literal(value) = &expression.kind else { return None };
    let text = match (value, &expression.data_type) {
        (Literal::Boolean(value), _) => value.to_string(),
        (Literal::Integer(value), _) => value.to_string(),
        (Literal::Bigint(value), _) => value.to_string(),
        (Literal::Decimal(digits), DataType::Decimal { scale, .. }) => {
            let scale = usize::from(*scale);
            let sign = if *digits < 0 { "-" } else { "" };
            let digits = format!("{:0>width$}", digits.unsigned_abs(), width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            format!("{sign}{whole}{}{fraction}", if scale == 0 { "" } else { "." })
        }
        _ => return None,
    };
    Some(literal(Literal::String(text), DataType::String))
}

/// The first day of what is a year or a month only.
fn completed(text: &str) -> Cow<'_, str> {
    match text.len() {
        4 => Cow::Owned(format!("{text}-01-01")),
        7 => Cow::Owned(format!("{text}-01")),
        _ => Cow::Borrowed(text),
    }
}

/// Milliseconds since 1970. A year or a month alone is its beginning.
fn timestamp(text: &str, timezone: &str) -> Option<i64> {
    let text = &*completed(text);
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(instant.as_millisecond());
    }
    let local: civil::DateTime = text.parse().ok()?;
    let zone = TimeZone::get(timezone).ok()?;
    Some(local.to_zoned(zone).ok()?.timestamp().as_millisecond())
}
