//! Values out of tokens, with ksqlDB's coercions: a number's fraction is cut off for integers, numbers may stand in quotes,
//! anything may become text. Text of a time-stamp is ISO 8601, a number counts milliseconds (days for a date).

use super::quoted::{unescape, write_quoted};
use super::token::{Kind, Token};
use crate::codec::decimal::{self, Rounding};
use crate::codec::zone::Zone;
use crate::codec::{number, timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

/// A token that is no value of the wanted type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mismatch;

/// What stands between a text's quotes, escapes taken out; `None` for what is no text.
#[inline]
#[must_use]
pub fn plain_text(token: Token, buffer: &[u8]) -> Option<Cow<'_, [u8]>> {
    match token.kind {
        Kind::Text => Some(Cow::Borrowed(token.inside(buffer))),
        Kind::EscapedText => {
            let mut plain = Vec::with_capacity(token.len as usize);
            unescape(token.inside(buffer), &mut plain);
            Some(Cow::Owned(plain))
        }
        _ => None,
    }
}

/// BOOLEAN: only `true` and `false`.
///
/// # Errors
/// [`Mismatch`] for anything else.
pub fn boolean(token: Token) -> Result<bool, Mismatch> {
    match token.kind {
        Kind::True => Ok(true),
        Kind::False => Ok(false),
        _ => Err(Mismatch),
    }
}

/// INTEGER.
///
/// # Errors
/// [`Mismatch`] for what is no number, or out of range.
#[inline]
pub fn integer(token: Token, buffer: &[u8]) -> Result<i32, Mismatch> {
    i32::try_from(bigint(token, buffer)?).map_err(|_| Mismatch)
}

/// BIGINT.
///
/// # Errors
/// [`Mismatch`] for what is no number, or out of range.
#[inline]
pub fn bigint(token: Token, buffer: &[u8]) -> Result<i64, Mismatch> {
    match token.kind {
        Kind::Integer => number::parse_i64(token.of(buffer)),
        Kind::Number => number::truncate_to_i64(token.of(buffer)),
        _ => plain_text(token, buffer).and_then(|text| number::parse_i64(&text)),
    }
    .ok_or(Mismatch)
}

/// DOUBLE.
///
/// # Errors
/// [`Mismatch`] for what is no number, or out of range.
pub fn double(token: Token, buffer: &[u8]) -> Result<f64, Mismatch> {
    match token.kind {
        Kind::Integer | Kind::Number => {
            number::parse_f64(token.of(buffer)).filter(|value| value.is_finite())
        }
        _ => plain_text(token, buffer).and_then(|text| number::parse_f64(&text)),
    }
    .ok_or(Mismatch)
}

/// The digits of a DECIMAL(precision, scale).
///
/// # Errors
/// [`Mismatch`] for what is no number, or does not fit without rounding.
pub fn decimal(token: Token, buffer: &[u8], of: (u8, u8)) -> Result<i128, Mismatch> {
    let parsed = match token.kind {
        Kind::Integer | Kind::Number => decimal::parse(token.of(buffer)),
        _ => plain_text(token, buffer).and_then(|text| decimal::parse(&text)),
    };
    parsed.and_then(|digits| decimal::fit(digits, of, Rounding::Refuse)).ok_or(Mismatch)
}

/// TIMESTAMP, in milliseconds since 1970.
///
/// # Errors
/// [`Mismatch`] for what is neither.
#[inline]
pub fn timestamp(token: Token, buffer: &[u8], zone: &mut Zone) -> Result<i64, Mismatch> {
    match token.kind {
        Kind::Integer => number::parse_i64(token.of(buffer)),
        _ => plain_text(token, buffer).and_then(|text| timestamp::parse(&text, zone)),
    }
    .ok_or(Mismatch)
}

/// DATE, in days since 1970-01-01.
///
/// # Errors
/// [`Mismatch`] for what is neither.
pub fn date(token: Token, buffer: &[u8]) -> Result<i32, Mismatch> {
    match token.kind {
        Kind::Integer => integer(token, buffer).ok(),
        _ => plain_text(token, buffer).and_then(|text| timestamp::parse_date(&text)),
    }
    .ok_or(Mismatch)
}

/// TIME, in milliseconds since midnight.
///
/// # Errors
/// [`Mismatch`] for what is neither, or no time of a day.
pub fn time(token: Token, buffer: &[u8]) -> Result<i32, Mismatch> {
    let ms = match token.kind {
        Kind::Integer => integer(token, buffer).ok(),
        _ => plain_text(token, buffer).and_then(|text| timestamp::parse_time(&text)),
    };
    ms.filter(|ms| (0..86_400_000).contains(ms)).ok_or(Mismatch)
}

/// BYTES: base64 in quotes.
///
/// # Errors
/// [`Mismatch`] for anything else.
pub fn bytes(token: Token, buffer: &[u8]) -> Result<Vec<u8>, Mismatch> {
    let text = plain_text(token, buffer).ok_or(Mismatch)?;
    STANDARD.decode(text).map_err(|_| Mismatch)
}

/// STRING: what stands in the quotes; of anything else its JSON text, without white space between tokens.
#[inline]
#[must_use]
pub fn text(token: Token, buffer: &[u8]) -> Cow<'_, [u8]> {
    match token.kind {
        Kind::Object | Kind::Array => {
            let mut compact = Vec::with_capacity(token.len as usize);
            write_compact(token.of(buffer), &mut compact);
            Cow::Owned(compact)
        }
        _ => plain_text(token, buffer).unwrap_or(Cow::Borrowed(token.of(buffer))),
    }
}

/// Appends JSON text without the white space between its tokens.
pub fn write_compact(json: &[u8], into: &mut Vec<u8>) {
    let (mut quoted, mut escaped) = (false, false);
    for byte in json {
        if quoted {
            quoted = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            quoted = *byte == b'"';
        }
        into.push(*byte);
    }
}

/// Appends bytes as base64 in quotes.
pub fn write_bytes(bytes: &[u8], into: &mut Vec<u8>) {
    write_quoted(STANDARD.encode(bytes).as_bytes(), into);
}
