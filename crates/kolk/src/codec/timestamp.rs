//! Time-stamps, dates and times ↔ ISO 8601 text (RFC 3339 and what people write in its stead).

use super::calendar::{DAY_MS, Day};
use super::zone::Zone;

/// Milliseconds since 1970 of `2024-01-01T09:20:00.000+01:00` and its shorter forms: a space for the `T`, up to nine digits
/// of a second's fraction (cut to milliseconds), no seconds, no time at all. Text without an offset is local time of `zone`.
/// `None` for anything else.
#[inline]
#[must_use]
pub fn parse(text: &[u8], zone: &mut Zone) -> Option<i64> {
    let (date, rest) = text.split_first_chunk::<10>()?;
    let days = day_number(date)?;
    if rest.is_empty() {
        return Some(zone.time_of_local(days * DAY_MS));
    }
    let [b'T' | b't' | b' ', rest @ ..] = rest else { return None };
    let (ms, rest) = time_of_day(rest)?;
    let local = days * DAY_MS + ms;
    match rest {
        [] => Some(zone.time_of_local(local)),
        [b'Z' | b'z'] => Some(local),
        offset => Some(local - i64::from(parse_offset(offset)?) * 1000),
    }
}

/// Milliseconds since 1970 of what [`parse`] reads, and of beginnings of it: `2024`, `2024-01`, `2024-01-01T09`. What is left
/// out is the least that it can be.
#[must_use]
pub fn parse_partial(text: &[u8], zone: &mut Zone) -> Option<i64> {
    if let Some(ms) = parse(text, zone) {
        return Some(ms);
    }
    let missing: &[u8] = match text.len() {
        4 => b"-01-01",
        7 => b"-01",
        11 => b"00:00",
        13 => b":00",
        _ => return None,
    };
    parse(&[text, missing].concat(), zone)
}

/// Days since 1970-01-01 of `2024-01-01`.
#[must_use]
pub fn parse_date(text: &[u8]) -> Option<i32> {
    let (date, []) = text.split_first_chunk::<10>()? else { return None };
    i32::try_from(day_number(date)?).ok()
}

/// Milliseconds since midnight of `09:20:00.000` and its shorter forms.
#[must_use]
pub fn parse_time(text: &[u8]) -> Option<i32> {
    let (ms, []) = time_of_day(text)? else { return None };
    i32::try_from(ms).ok()
}

/// Seconds of `+01:00`, `+0100`, `+01` or `Z`; seconds may follow as in `+01:00:00`.
#[must_use]
pub fn parse_offset(text: &[u8]) -> Option<i32> {
    let (sign, rest) = match text {
        [b'Z' | b'z'] => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes, seconds) = match rest {
        [a, b] => (two(*a, *b)?, 0, 0),
        [a, b, b':', c, d] | [a, b, c, d] => (two(*a, *b)?, two(*c, *d)?, 0),
        [a, b, b':', c, d, b':', e, f] => (two(*a, *b)?, two(*c, *d)?, two(*e, *f)?),
        _ => return None,
    };
    if hours > 18 || minutes > 59 || seconds > 59 {
        return None;
    }
    i32::try_from(hours * 3600 + minutes * 60 + seconds).ok().map(|seconds| sign * seconds)
}

#[inline]
fn day_number(date: &[u8; 10]) -> Option<i64> {
    let [a, b, c, d, b'-', e, f, b'-', g, h] = *date else { return None };
    let year = i64::from(two(a, b)? * 100 + two(c, d)?);
    Day { year, month: two(e, f)?, day: two(g, h)? }.number()
}

/// Milliseconds of `09:20`, `09:20:00` or `09:20:00.123456789`, and what follows.
#[inline]
fn time_of_day(text: &[u8]) -> Option<(i64, &[u8])> {
    let [a, b, b':', c, d, rest @ ..] = text else { return None };
    let (hour, minute) = (two(*a, *b)?, two(*c, *d)?);
    let (second, mut rest) = match rest {
        [b':', e, f, rest @ ..] => (two(*e, *f)?, rest),
        rest => (0, rest),
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut ms = i64::from(hour * 3600 + minute * 60 + second) * 1000;
    if let [b'.' | b',', digits @ ..] = rest {
        rest = digits;
        let mut unit = 100;
        for count in 0.. {
            let [digit @ b'0'..=b'9', tail @ ..] = rest else { break };
            if count == 9 {
                return None;
            }
            ms += i64::from(digit - b'0') * unit;
            unit /= 10;
            rest = tail;
        }
    }
    Some((ms, rest))
}

#[inline]
fn two(a: u8, b: u8) -> Option<u32> {
    let (a, b) = (a.wrapping_sub(b'0'), b.wrapping_sub(b'0'));
    (a <= 9 && b <= 9).then(|| u32::from(a) * 10 + u32::from(b))
}

/// Appends `ms` (milliseconds since 1970) as ISO 8601 with milliseconds and the zone's offset: `2024-01-01T09:20:00.000+01:00`.
/// An offset of zero is `Z`, as Spark writes it. Years beyond four digits have a sign.
#[inline]
pub fn write(ms: i64, zone: &mut Zone, into: &mut Vec<u8>) {
    let offset_s = zone.offset_at(ms);
    let local = ms.saturating_add(i64::from(offset_s) * 1000);
    write_day(local.div_euclid(DAY_MS), into);
    into.push(b'T');
    write_time_of_day(local.rem_euclid(DAY_MS), into);
    write_offset(offset_s, into);
}

/// Appends a day, counted from 1970-01-01, as `2024-01-01`.
pub fn write_date(days: i32, into: &mut Vec<u8>) {
    write_day(days.into(), into);
}

/// Appends a time of day, in milliseconds since midnight, as `09:20:00.000`.
pub fn write_time(ms: i32, into: &mut Vec<u8>) {
    write_time_of_day(i64::from(ms).rem_euclid(DAY_MS), into);
}

/// Appends a time of day as briefly as Java does: `09:20`, `09:20:05` or `09:20:05.010`.
pub fn write_time_briefly(ms: i32, into: &mut Vec<u8>) {
    let start = into.len();
    write_time(ms, into);
    let kept = match ms {
        ms if ms % 60_000 == 0 => "09:20".len(),
        ms if ms % 1000 == 0 => "09:20:05".len(),
        _ => return,
    };
    into.truncate(start + kept);
}

/// Appends an offset as `+01:00`, or `Z` for none.
pub fn write_offset(offset_s: i32, into: &mut Vec<u8>) {
    if offset_s == 0 {
        return into.push(b'Z');
    }
    let (sign, offset) = (if offset_s < 0 { b'-' } else { b'+' }, offset_s.unsigned_abs());
    let [a, b] = digits(offset / 3600);
    let [c, d] = digits(offset / 60 % 60);
    into.extend_from_slice(&[sign, a, b, b':', c, d]);
    if offset % 60 != 0 {
        let [e, f] = digits(offset % 60);
        into.extend_from_slice(&[b':', e, f]);
    }
}

#[inline]
fn write_day(days: i64, into: &mut Vec<u8>) {
    let Day { year, month, day } = Day::from_number(days);
    match u32::try_from(year) {
        Ok(year @ 0..=9999) => {
            let ([a, b], [c, d]) = (digits(year / 100), digits(year % 100));
            into.extend_from_slice(&[a, b, c, d]);
        }
        _ => {
            into.push(if year < 0 { b'-' } else { b'+' });
            let mut text = Vec::new();
            super::number::write_i64(year.saturating_abs(), &mut text);
            into.extend(std::iter::repeat_n(b'0', 4usize.saturating_sub(text.len())));
            into.extend_from_slice(&text);
        }
    }
    let ([a, b], [c, d]) = (digits(month), digits(day));
    into.extend_from_slice(&[b'-', a, b, b'-', c, d]);
}

#[inline]
fn write_time_of_day(ms: i64, into: &mut Vec<u8>) {
    let ms = u32::try_from(ms).unwrap_or(0);
    let seconds = ms / 1000;
    let ([a, b], [c, d]) = (digits(seconds / 3600), digits(seconds / 60 % 60));
    let ([e, f], [_, g]) = (digits(seconds % 60), digits(ms % 1000 / 100));
    let [h, i] = digits(ms % 100);
    into.extend_from_slice(&[a, b, b':', c, d, b':', e, f, b'.', g, h, i]);
}

/// The two digits of a number below 100.
#[inline]
fn digits(value: u32) -> [u8; 2] {
    [b'0' + (value / 10 % 10) as u8, b'0' + (value % 10) as u8]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_write() {
        let mut paris = Zone::named("Europe/Paris").unwrap();
        for (text, ms) in [
            ("2024-01-01T00:00:00+00:00", Some(1_704_067_200_000)),
            ("2024-01-01T00:00:00Z", Some(1_704_067_200_000)),
            ("2024-01-01t00:00:00z", Some(1_704_067_200_000)),
            ("2024-01-01 00:00:00.1239Z", Some(1_704_067_200_123)),
            ("2024-01-01T00:00:00.Z", Some(1_704_067_200_000)),
            ("2024-01-01T00:00:00.123456789Z", Some(1_704_067_200_123)),
            ("2024-01-01T00:00:00.1234567890Z", None),
            ("2024-01-01T01:00:00+0100", Some(1_704_067_200_000)),
            ("2024-01-01T01:00:00+01", Some(1_704_067_200_000)),
            ("2024-01-01T01:00", Some(1_704_067_200_000)),
            ("2024-01-01T01:00:00", Some(1_704_067_200_000)),
            ("2024-07-01T02:00:00", Some(1_719_792_000_000)),
            ("2024-01-01", Some(1_704_063_600_000)),
            ("1969-12-31T23:59:59.999Z", Some(-1)),
            ("2024-02-30", None),
            ("2024-01-01T24:00:00Z", None),
            ("2024-01-01T00:60:00Z", None),
            ("2024-01-01T00:00:60Z", None),
            ("2024-01-01T00:00:00+19:00", None),
            ("2024-01-01T00:00:00 ", None),
            ("2024-1-1", None),
            ("xyz", None),
            ("", None),
            ("2024-01-01T", None),
            ("2024/01/01", None),
        ] {
            assert_eq!(parse(text.as_bytes(), &mut paris), ms, "{text}");
        }
        assert_eq!(parse_time(b"09:20:00.5"), Some(33_600_500));
        for (text, ms) in [
            ("2024", Some(1_704_063_600_000)),
            ("2024-07", Some(1_719_784_800_000)),
            ("2024-01-01T01", Some(1_704_067_200_000)),
            ("2024-01-01T", Some(1_704_063_600_000)),
            ("2024-01-01T01:00Z", Some(1_704_070_800_000)),
            ("20", None),
            ("2024-1", None),
        ] {
            assert_eq!(parse_partial(text.as_bytes(), &mut paris), ms, "{text}");
        }
        assert_eq!(parse_date(b"1970-01-02"), Some(1));
    }

    #[test]
    fn times_are_written_briefly() {
        for (ms, expected) in [
            (0, "00:00"),
            (33_600_000, "09:20"),
            (33_605_000, "09:20:05"),
            (33_605_010, "09:20:05.010"),
        ] {
            let mut out = Vec::new();
            write_time_briefly(ms, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    fn text(ms: i64, zone: &str) -> String {
        let mut out = Vec::new();
        write(ms, &mut Zone::named(zone).unwrap(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn writes_milliseconds_and_the_zones_offset() {
        assert_eq!(text(1_704_097_200_000, "Europe/Paris"), "2024-01-01T09:20:00.000+01:00");
        assert_eq!(text(1_704_097_200_001, "UTC"), "2024-01-01T08:20:00.001Z");
        assert_eq!(text(1_704_097_200_001, "Europe/London"), "2024-01-01T08:20:00.001Z");
        assert_eq!(text(-1, "UTC"), "1969-12-31T23:59:59.999Z");
        assert_eq!(text(253_402_300_800_000, "UTC"), "+10000-01-01T00:00:00.000Z");
        text(i64::MAX, "Europe/Paris");
        text(i64::MIN, "Europe/Paris");
    }

    proptest! {
        #[test]
        fn reads_what_it_wrote(ms in -62_167_219_200_000i64..253_402_214_400_000) {
            for zone in ["UTC", "Europe/Paris", "Asia/Kolkata"] {
                let text = text(ms, zone);
                prop_assert_eq!(parse(text.as_bytes(), &mut Zone::utc()), Some(ms), "{}", text);
            }
        }

        #[test]
        fn agrees_with_jiff(ms in -62_167_219_200_000i64..253_402_214_400_000) {
            let time = jiff::Timestamp::from_millisecond(ms).unwrap();
            prop_assert_eq!(parse(time.to_string().as_bytes(), &mut Zone::utc()), Some(ms));
        }

        #[test]
        fn anything_else_does_no_harm(text in prop::collection::vec(prop::sample::select(&b"0123456789-:.TZ+ x\xff"[..]), 0..40)) {
            let _ = parse(&text, &mut Zone::utc());
            let _ = (parse_time(&text), parse_date(&text), parse_offset(&text));
        }
    }
}
