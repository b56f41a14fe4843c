//! Text → time-stamp by a format.

use super::{DAYS, Field, Item, MONTHS, Pattern};
use crate::codec::calendar::{DAY_MS, Day};
use crate::codec::timestamp;
use crate::codec::zone::Zone;

/// What was read.
#[derive(Debug, Clone)]
struct Read {
    year: i64,
    month: u32,
    day: u32,
    day_of_year: Option<u32>,
    weekday: Option<usize>,
    hour: i64,
    /// An hour of half a day, 0 to 11.
    half_hour: Option<i64>,
    afternoon: bool,
    minute: i64,
    second: i64,
    nano: i64,
    milli_of_day: Option<i64>,
    offset_s: Option<i32>,
    zone: Option<Zone>,
}

impl Pattern {
    /// Milliseconds since 1970 of a text in this format, all of it; `None` for any other. Without an offset or zone in the text
    /// it is local time of `zone`.
    pub fn parse(&self, text: &str, zone: &mut Zone) -> Option<i64> {
        let (read, rest) = self.read(text)?;
        if rest.is_empty() { read.resolve(zone) } else { None }
    }

    /// The same of a text that may go on behind what the format describes.
    pub fn parse_start(&self, text: &str, zone: &mut Zone) -> Option<i64> {
        self.read(text)?.0.resolve(zone)
    }

    fn read<'t>(&self, text: &'t str) -> Option<(Read, &'t str)> {
        let mut read = Read {
            year: 1970,
            month: 1,
            day: 1,
            day_of_year: None,
            weekday: None,
            hour: 0,
            half_hour: None,
            afternoon: false,
            minute: 0,
            second: 0,
            nano: 0,
            milli_of_day: None,
            offset_s: None,
            zone: None,
        };
        let rest = items(&self.items, text, &mut read)?;
        Some((read, rest))
    }
}

fn items<'a>(items: &[Item], mut rest: &'a str, read: &mut Read) -> Option<&'a str> {
    for (at, item) in items.iter().enumerate() {
        rest = match item {
            Item::Optional(inner) => {
                let mut tried = read.clone();
                match self::items(inner, rest, &mut tried) {
                    Some(rest) => {
                        *read = tried;
                        rest
                    }
                    None => rest,
                }
            }
            Item::Number(field, width) => number(*field, *width, &items[at + 1..], rest, read)?,
            item => self::item(item, rest, read)?,
        };
    }
    Some(rest)
}

fn item<'a>(item: &Item, rest: &'a str, read: &mut Read) -> Option<&'a str> {
    match item {
        Item::Literal(text) => strip(rest, text),
        Item::Fraction(width) => {
            let (digits, tail) = digits(rest, *width, *width)?;
            let scale = 10i64.pow(9 - u32::try_from(*width).ok()?);
            read.nano = digits * scale;
            Some(tail)
        }
        Item::Month(_) => {
            let (month, tail) = named(rest, &MONTHS)?;
            read.month = u32::try_from(month).ok()? + 1;
            Some(tail)
        }
        Item::Weekday(_) => {
            let (day, tail) = named(rest, &DAYS)?;
            read.weekday = Some(day);
            Some(tail)
        }
        Item::AmPm => {
            read.afternoon = strip(rest, "PM").is_some();
            strip(rest, "PM").or_else(|| strip(rest, "AM"))
        }
        Item::Offset(..) => {
            let rest = ["GMT", "UTC"].iter().find_map(|prefix| strip(rest, prefix)).unwrap_or(rest);
            let (offset, tail) = offset(rest)?;
            read.offset_s = Some(offset);
            Some(tail)
        }
        Item::ZoneName | Item::ZoneId => {
            let name =
                |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '+' | '-' | ':');
            let end = rest.find(|c| !name(c)).unwrap_or(rest.len());
            let (id, tail) = rest.split_at(end);
            read.zone = Some(Zone::named(id)?);
            Some(tail)
        }
        Item::Number(..) | Item::Optional(_) => None,
    }
}

/// Reads a number. One without a fixed width leaves the digits that numbers of fixed width directly behind it need.
fn number<'a>(
    field: Field,
    width: usize,
    behind: &[Item],
    rest: &'a str,
    read: &mut Read,
) -> Option<&'a str> {
    let signed = field == Field::Year && width != 2;
    let (negative, unsigned) = match rest.as_bytes().first() {
        Some(b'-') if signed => (true, &rest[1..]),
        Some(b'+') if signed => (false, &rest[1..]),
        _ => (false, rest),
    };
    let fixed = width > 1 && !(field == Field::Year && width > 2) && field != Field::Nano;
    let most = if fixed {
        width
    } else {
        let reserved: usize = behind.iter().map_while(fixed_width).sum();
        let there = unsigned.bytes().take_while(u8::is_ascii_digit).count();
        there.saturating_sub(reserved).min(18)
    };
    let (value, tail) = digits(unsigned, width, most)?;
    let value = if negative { -value } else { value };
    let small = |range: std::ops::RangeInclusive<i64>| range.contains(&value).then_some(value);
    match field {
        Field::Year if width == 2 => read.year = 2000 + value,
        Field::Year => read.year = small(-999_999_999..=999_999_999)?,
        Field::Month => read.month = u32::try_from(small(1..=12)?).ok()?,
        Field::Day => read.day = u32::try_from(small(1..=31)?).ok()?,
        Field::DayOfYear => read.day_of_year = u32::try_from(small(1..=366)?).ok(),
        Field::Hour24 => read.hour = small(0..=23)?,
        Field::Hour24From1 => read.hour = small(1..=24)? % 24,
        Field::Hour12 => read.half_hour = Some(small(1..=12)? % 12),
        Field::Hour12From0 => read.half_hour = Some(small(0..=11)?),
        Field::Minute => read.minute = small(0..=59)?,
        Field::Second => read.second = small(0..=59)?,
        Field::MilliOfDay => read.milli_of_day = Some(small(0..=DAY_MS - 1)?),
        Field::Nano => read.nano = small(0..=999_999_999)?,
    }
    Some(tail)
}

fn fixed_width(item: &Item) -> Option<usize> {
    match item {
        Item::Number(Field::Nano, _) => None,
        Item::Number(Field::Year, width) if *width > 2 => None,
        Item::Number(_, width) if *width > 1 => Some(*width),
        Item::Fraction(width) => Some(*width),
        _ => None,
    }
}

fn digits(text: &str, least: usize, most: usize) -> Option<(i64, &str)> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < least.max(1) {
        return None;
    }
    Some((text[..count].parse().ok()?, &text[count..]))
}

fn strip<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, tail) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(tail)
}

/// The number of the name, full or its first three letters, at the front of a text.
fn named<'a>(text: &'a str, names: &[&str]) -> Option<(usize, &'a str)> {
    let full = names.iter().enumerate().find_map(|(i, name)| Some((i, strip(text, name)?)));
    full.or_else(|| {
        names.iter().enumerate().find_map(|(i, name)| Some((i, strip(text, &name[..3])?)))
    })
}

fn offset(text: &str) -> Option<(i32, &str)> {
    if let Some(tail) = strip(text, "Z") {
        return Some((0, tail));
    }
    let inside = |c: char| c.is_ascii_digit() || c == ':';
    let signed = text.strip_prefix(['+', '-'])?;
    let end = text.len() - signed.trim_start_matches(inside).len();
    let (offset, tail) = text.split_at(end);
    // `+1` as in GMT+1.
    if let [sign, hour] = *offset.as_bytes() {
        return timestamp::parse_offset(&[sign, b'0', hour]).map(|offset| (offset, tail));
    }
    timestamp::parse_offset(offset.as_bytes()).map(|offset| (offset, tail))
}

impl Read {
    fn resolve(self, zone: &mut Zone) -> Option<i64> {
        let day = match self.day_of_year {
            Some(day) => {
                let first = Day { year: self.year, month: 1, day: 1 }.number()?;
                let number = first + i64::from(day) - 1;
                (Day::from_number(number).year == self.year).then_some(number)?
            }
            None => Day { year: self.year, month: self.month, day: self.day }.number()?,
        };
        // 1970-01-01 was a Thursday.
        if self.weekday.is_some_and(|weekday| i64::try_from(weekday) != Ok((day + 3).rem_euclid(7)))
        {
            return None;
        }
        let hour = match self.half_hour {
            Some(hour) => hour + if self.afternoon { 12 } else { 0 },
            None => self.hour,
        };
        let clock = ((hour * 60 + self.minute) * 60 + self.second) * 1000 + self.nano / 1_000_000;
        let local = day.checked_mul(DAY_MS)?.checked_add(self.milli_of_day.unwrap_or(clock))?;
        match (self.offset_s, self.zone) {
            (Some(offset), _) => local.checked_sub(i64::from(offset) * 1000),
            (None, Some(mut own)) => Some(own.time_of_local(local)),
            (None, None) => Some(zone.time_of_local(local)),
        }
    }
}
