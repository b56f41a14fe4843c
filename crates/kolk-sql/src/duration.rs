//! Durations as text: `'20 seconds'`, `'1 minute 30 seconds'`.

use std::time::Duration;

/// Units, singular and plural being the same, with their milliseconds.
pub(crate) const UNITS: &[(&str, u64)] = &[
    ("ms", 1),
    ("millisecond", 1),
    ("second", 1_000),
    ("minute", 60_000),
    ("hour", 3_600_000),
    ("day", 86_400_000),
];

/// The longest duration in milliseconds: a thousand years, so that sums with times stay in range.
const LONGEST: u64 = 365_000 * 86_400_000;

/// Reads a duration.
///
/// # Errors
/// What is wrong with it, as a phrase.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let mut words = text.split_whitespace();
    let mut total: u64 = 0;
    let mut any = false;
    while let Some(number) = words.next() {
        let count: u64 =
            number.parse().map_err(|_| format!("`{number}` is not a number of whole units"))?;
        let unit = words.next().ok_or_else(|| format!("{number} needs a unit"))?;
        let factor = factor(unit).ok_or_else(|| format!("`{unit}` is not a unit of time"))?;
        let part = count.checked_mul(factor).ok_or("it is too long")?;
        total =
            total.checked_add(part).filter(|total| *total <= LONGEST).ok_or("it is too long")?;
        any = true;
    }
    if any { Ok(Duration::from_millis(total)) } else { Err("it is empty".to_owned()) }
}

/// Milliseconds of a unit.
pub(crate) fn factor(unit: &str) -> Option<u64> {
    let unit = unit.to_ascii_lowercase();
    let singular = unit.strip_suffix('s').filter(|rest| *rest != "m").unwrap_or(&unit);
    UNITS.iter().find(|(name, _)| *name == singular).map(|(_, factor)| *factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units_are_added_up() {
        for (text, ms) in [
            ("20 seconds", 20_000),
            ("1 second", 1_000),
            ("10 MINUTES", 600_000),
            ("1 minute 30 seconds", 90_000),
            ("5 ms", 5),
            ("2 days", 172_800_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_told() {
        for text in [
            "",
            "20",
            "seconds",
            "-1 second",
            "1.5 hours",
            "1 fortnight",
            "99999999999999999999 days",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("18446744073709551615 days").is_err());
        assert!(parse("365000 days").is_ok() && parse("365001 days").is_err());
    }
}
