//! Decimals: up to 38 digits and a scale, exact.

/// Digits that a decimal may have.
pub const PRECISION_MAX: u8 = 38;

/// What to do with digits that do not fit behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Such a number does not fit.
    Refuse,
    /// To the nearest; a half away from zero.
    HalfUp,
}

/// The digits and the scale (negative: zeros before the point) of a number in decimal, perhaps with an exponent; `None` for
/// anything else, or more digits than 38 or so.
#[must_use]
pub fn parse(text: &[u8]) -> Option<(i128, i32)> {
    let (negative, mut rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (mut digits, mut scale, mut point, mut any) = (0i128, 0i32, false, false);
    while let [byte, tail @ ..] = rest {
        match byte {
            b'0'..=b'9' => {
                digits = digits.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
                scale += i32::from(point);
                any = true;
            }
            b'.' if !point => point = true,
            b'e' | b'E' => {
                let exponent = super::number::parse_i64(tail)?;
                // Beyond this nothing fits anywhere.
                scale -= i32::try_from(exponent.clamp(-100_000, 100_000)).ok()?;
                rest = &[];
                break;
            }
            _ => return None,
        }
        rest = tail;
    }
    (any && rest.is_empty()).then_some((if negative { -digits } else { digits }, scale))
}

/// 10 to the power of `exponent`; `None` beyond what 128 bits hold.
#[must_use]
pub fn power(exponent: u32) -> Option<i128> {
    10i128.checked_pow(exponent)
}

/// The digits of the same number with another scale, in no more than `precision` digits; `None` when it does not fit.
#[must_use]
pub fn fit(
    (digits, scale): (i128, i32),
    (precision, to): (u8, u8),
    rounding: Rounding,
) -> Option<i128> {
    let by = i32::from(to) - scale;
    let digits = if by >= 0 {
        if digits == 0 { 0 } else { digits.checked_mul(power(by.unsigned_abs())?)? }
    } else {
        match power(by.unsigned_abs()) {
            Some(divisor) => divide(digits, divisor, rounding)?,
            None if rounding == Rounding::HalfUp || digits == 0 => 0,
            None => return None,
        }
    };
    (digits.unsigned_abs() < power(u32::from(precision))?.unsigned_abs()).then_some(digits)
}

fn divide(digits: i128, divisor: i128, rounding: Rounding) -> Option<i128> {
    let (quotient, remainder) = (digits / divisor, digits % divisor);
    match rounding {
        Rounding::Refuse => (remainder == 0).then_some(quotient),
        Rounding::HalfUp => {
            let up = remainder.unsigned_abs() >= divisor.unsigned_abs().div_ceil(2);
            Some(if up { quotient + digits.signum() } else { quotient })
        }
    }
}

/// Appends a decimal without exponent: `-12.50`.
pub fn write(digits: i128, scale: u8, into: &mut Vec<u8>) {
    let scale = usize::from(scale);
    let mut text = [b'0'; 80];
    let (mut at, mut rest) = (text.len(), digits.unsigned_abs());
    while rest > 0 {
        at -= 1;
        text[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    // One digit before the point, all of the scale's behind it.
    at = at.min(text.len() - scale.min(text.len() - 1) - 1);
    if digits < 0 {
        into.push(b'-');
    }
    let (whole, fraction) = text[at..].split_at(text.len() - at - scale.min(text.len() - at));
    into.extend_from_slice(whole);
    if scale > 0 {
        into.push(b'.');
        into.extend_from_slice(fraction);
    }
}

/// The double nearest to a decimal.
#[must_use]
pub fn to_f64(digits: i128, scale: u8) -> f64 {
    let mut text = Vec::with_capacity(48);
    write(digits, scale, &mut text);
    super::number::parse_f64(&text).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(text: &str, precision: u8, scale: u8, rounding: Rounding) -> Option<String> {
        let mut out = Vec::new();
        write(fit(parse(text.as_bytes())?, (precision, scale), rounding)?, scale, &mut out);
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn numbers_fit_or_do_not() {
        use Rounding::{HalfUp, Refuse};
        for (text, precision, scale, rounding, expected) in [
            ("1.5", 4, 2, Refuse, Some("1.50")),
            ("-1.50", 4, 1, Refuse, Some("-1.5")),
            ("1.25", 4, 1, Refuse, None),
            ("1.25", 4, 1, HalfUp, Some("1.3")),
            ("-1.25", 4, 1, HalfUp, Some("-1.3")),
            ("-1.24", 4, 1, HalfUp, Some("-1.2")),
            ("0.004", 4, 2, HalfUp, Some("0.00")),
            ("-0.005", 4, 2, HalfUp, Some("-0.01")),
            ("99.995", 4, 2, HalfUp, None),
            ("1e3", 5, 1, Refuse, Some("1000.0")),
            ("1E-2", 5, 2, Refuse, Some("0.01")),
            ("0e99999", 5, 2, Refuse, Some("0.00")),
            ("1e99999", 5, 2, HalfUp, None),
            ("1e-99999", 5, 2, HalfUp, Some("0.00")),
            (
                "12345678901234567890123456789012345678",
                38,
                0,
                Refuse,
                Some("12345678901234567890123456789012345678"),
            ),
            ("7", 38, 37, Refuse, Some("7.0000000000000000000000000000000000000")),
            ("", 5, 2, Refuse, None),
            (".", 5, 2, Refuse, None),
            ("1.2.3", 5, 2, Refuse, None),
            ("1e", 5, 2, Refuse, None),
        ] {
            let found = through(text, precision, scale, rounding);
            assert_eq!(found.as_deref(), expected, "{text} as DECIMAL({precision}, {scale})");
        }
    }
}
