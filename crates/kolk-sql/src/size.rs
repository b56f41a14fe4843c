//! Amounts of memory as text: `512 MiB`, or `512MiB`.

const UNITS: [(&str, usize); 4] =
    [("bytes", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Reads a whole number and its unit, whose case does not matter.
///
/// # Errors
/// What is wrong with it, as a phrase.
pub fn parse(text: &str) -> Result<usize, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_once(' ').unwrap_or_else(|| text.split_at(digits));
    if unit.is_empty() {
        return Err("a unit is missing, as in 512 MiB".to_owned());
    }
    let count: usize =
        number.parse().map_err(|_| format!("`{number}` is not a number of whole units"))?;
    let unit = unit.trim();
    let factor = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
    let (_, factor) = factor.ok_or_else(|| format!("`{unit}` is none of bytes, KiB, MiB, GiB"))?;
    let bytes = count.checked_mul(*factor).ok_or("it is too much")?;
    if bytes == 0 { Err("it is nothing".to_owned()) } else { Ok(bytes) }
}

/// The text in the largest unit that leaves no rest.
pub(crate) fn show(bytes: usize) -> String {
    let fits = UNITS.iter().rev().find(|(_, factor)| bytes.is_multiple_of(*factor));
    let (unit, factor) = fits.copied().unwrap_or(UNITS[0]);
    format!("{} {unit}", bytes / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_a_unit() {
        for (text, bytes, shown) in [
            ("512 MiB", 536_870_912, "512 MiB"),
            ("1024 kib", 1_048_576, "1 MiB"),
            ("64MiB", 67_108_864, "64 MiB"),
            ("1000 bytes", 1000, "1000 bytes"),
            ("3 GiB", 3_221_225_472, "3 GiB"),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
            assert_eq!(show(bytes), shown);
        }
        for (text, why) in [
            ("512", "a unit is missing, as in 512 MiB"),
            ("x MiB", "`x` is not a number of whole units"),
            ("5 MB", "`MB` is none of bytes, KiB, MiB, GiB"),
            ("0 bytes", "it is nothing"),
            ("99999999999999999999 GiB", "`99999999999999999999` is not a number of whole units"),
            ("9999999999999999999 GiB", "it is too much"),
        ] {
            assert_eq!(parse(text), Err(why.to_owned()), "{text}");
        }
    }
}
