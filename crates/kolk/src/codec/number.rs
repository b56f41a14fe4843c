//! Numbers ↔ text: integers with a range, doubles as Java writes them.

use std::io::Write as _;

/// Bytes of the longest double: sign, 17 digits, point, `E-308`, and room.
const DOUBLE_TEXT_MAX: usize = 32;

/// The integer that decimal digits with an optional sign stand for; `None` for anything else, or beyond 64 bits.
#[inline]
#[must_use]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: i64 = 0;
    if digits.len() <= 18 {
        for byte in digits {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            value = value * 10 + i64::from(digit);
        }
        return Some(if negative { -value } else { value });
    }
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Downwards: the smallest number has no positive counterpart.
        value = value.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// The whole part of a JSON number, its fraction cut off; `None` beyond 64 bits.
#[must_use]
pub fn truncate_to_i64(number: &[u8]) -> Option<i64> {
    parse_i64(number).or_else(|| {
        let (digits, scale) = super::decimal::parse(number)?;
        let whole = match super::decimal::power(scale.unsigned_abs()) {
            Some(power) if scale >= 0 => digits / power,
            Some(power) => digits.checked_mul(power)?,
            None if scale >= 0 || digits == 0 => 0,
            None => return None,
        };
        i64::try_from(whole).ok()
    })
}

/// The double nearest to a number written in decimal; `None` for anything else. `NaN`, `Infinity` and `-Infinity` are read.
#[must_use]
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    match text {
        b"NaN" => return Some(f64::NAN),
        b"Infinity" => return Some(f64::INFINITY),
        b"-Infinity" => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    let plain = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    if !text.iter().all(plain) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Appends a double as Java's `Double.toString` does: the fewest digits that tell it from its neighbours, at least one behind
/// the point; from 10⁷ on and below 10⁻³ as `1.5E10`. Not a number: `NaN`, `Infinity`, `-Infinity`, which JSON puts in quotes.
pub fn write_f64(value: f64, into: &mut Vec<u8>) {
    if value.is_nan() {
        return into.extend_from_slice(b"NaN");
    }
    if value.is_infinite() {
        let text: &[u8] = if value > 0.0 { b"Infinity" } else { b"-Infinity" };
        return into.extend_from_slice(text);
    }
    let mut text = [0; DOUBLE_TEXT_MAX];
    let mut rest = &mut text[..];
    // The longest double has 24 bytes in this form.
    let _ = write!(rest, "{value:e}");
    let len = DOUBLE_TEXT_MAX - rest.len();
    let text = &text[..len];
    let (text, sign) = match text.strip_prefix(b"-") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let at = memchr::memchr(b'e', text).unwrap_or(text.len());
    let (mantissa, exponent) = text.split_at(at);
    let exponent = exponent.get(1..).and_then(parse_i64).unwrap_or(0);
    let (first, rest) = mantissa.split_at(1);
    let fraction = rest.get(1..).unwrap_or_default();
    if sign {
        into.push(b'-');
    }
    place_point(first, fraction, exponent, into);
}

fn place_point(first: &[u8], fraction: &[u8], exponent: i64, into: &mut Vec<u8>) {
    let or_zero = |digits: &[u8], into: &mut Vec<u8>| {
        into.extend_from_slice(if digits.is_empty() { b"0" } else { digits });
    };
    if first == b"0" {
        into.extend_from_slice(b"0.0");
    } else if (0..7).contains(&exponent) {
        let whole = usize::try_from(exponent).unwrap_or(0);
        into.extend_from_slice(first);
        let (before, behind) = fraction.split_at(whole.min(fraction.len()));
        into.extend_from_slice(before);
        into.extend(std::iter::repeat_n(b'0', whole - before.len()));
        into.push(b'.');
        or_zero(behind, into);
    } else if (-3..0).contains(&exponent) {
        into.extend_from_slice(b"0.");
        into.extend(std::iter::repeat_n(b'0', usize::try_from(-exponent - 1).unwrap_or(0)));
        into.extend_from_slice(first);
        into.extend_from_slice(fraction);
    } else {
        into.extend_from_slice(first);
        into.push(b'.');
        or_zero(fraction, into);
        into.push(b'E');
        write_i64(exponent, into);
    }
}

/// Whether a JSON number is already what [`write_f64`] would write: then it need not be taken apart.
#[must_use]
pub fn is_canonical_f64(number: &[u8]) -> bool {
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    let Some(point) = digits.iter().take(8).position(|byte| *byte == b'.') else { return false };
    let (whole, fraction) = (&digits[..point], &digits[point + 1..]);
    let plain = !fraction.is_empty()
        // 15 digits survive the way through a double.
        && digits.len() <= 16
        && fraction.iter().all(u8::is_ascii_digit)
        && (fraction.len() == 1 || fraction.last() != Some(&b'0'));
    let large_enough = whole != b"0" || fraction.iter().take(3).any(|byte| *byte != b'0');
    // "0.0", and "-0.0" too, are what they seem; whole parts have no leading zeros in JSON.
    plain && (large_enough || fraction == b"0") && whole.iter().all(u8::is_ascii_digit)
}

/// Appends an integer in decimal.
#[inline]
pub fn write_i64(value: i64, into: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        into.push(b'-');
    }
    into.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn double(value: f64) -> String {
        let mut text = Vec::new();
        write_f64(value, &mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn doubles_are_written_as_java_does() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (100.0, "100.0"),
            (1234.5, "1234.5"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (1.25e10, "1.25E10"),
            (0.001, "0.001"),
            (0.012_5, "0.0125"),
            (9.99e-4, "9.99E-4"),
            (-2.5, "-2.5"),
            (f64::MAX, "1.7976931348623157E308"),
            (f64::MIN_POSITIVE, "2.2250738585072014E-308"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(double(value), text);
        }
    }

    #[test]
    fn integers_keep_to_their_range() {
        for (text, value) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("+7", Some(7)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("00000000000000000000012", Some(12)),
            ("", None),
            ("-", None),
            ("1.0", None),
            (" 1", None),
        ] {
            assert_eq!(parse_i64(text.as_bytes()), value, "{text}");
        }
        for (text, value) in [
            ("1.99", Some(1)),
            ("-1.99e1", Some(-19)),
            ("1e400", None),
            ("1e-400", Some(0)),
            ("1e19", None),
        ] {
            assert_eq!(truncate_to_i64(text.as_bytes()), value, "{text}");
        }
    }

    proptest! {
        #[test]
        fn doubles_come_back(value in any::<f64>()) {
            let text = double(value);
            let back = parse_f64(text.as_bytes()).unwrap();
            prop_assert!(back == value || back.is_nan() && value.is_nan(), "{text}");
        }

        #[test]
        fn what_passes_for_canonical_is_what_would_be_written(text in "-?(0|[1-9][0-9]{0,8})(\\.[0-9]{1,9})?") {
            if is_canonical_f64(text.as_bytes()) {
                prop_assert_eq!(double(text.parse().unwrap()), text);
            }
        }

        #[test]
        fn integers_come_back(value in any::<i64>()) {
            let mut text = Vec::new();
            write_i64(value, &mut text);
            prop_assert_eq!(parse_i64(&text), Some(value));
            let plain = value.to_string();
            prop_assert_eq!(&text[..], plain.as_bytes());
        }
    }
}
