//! Time-stamp → text by a format.

use super::{DAYS, Field, Item, MONTHS, Name, Offset, Pattern};
use crate::codec::calendar::{DAY_MS, Day};
use crate::codec::zone::Zone;
use jiff::Timestamp;
use std::fmt::Write as _;

/// A time-stamp in its zone.
struct Shown<'a> {
    ms: i64,
    zone: &'a Zone,
    offset_s: i32,
    days: i64,
    day: Day,
    ms_of_day: i64,
}

impl Pattern {
    /// Appends `ms` (milliseconds since 1970) in this format, as clocks of `zone` show it.
    pub fn write(&self, ms: i64, zone: &mut Zone, into: &mut String) {
        let offset_s = zone.offset_at(ms);
        let local = ms.saturating_add(i64::from(offset_s) * 1000);
        let days = local.div_euclid(DAY_MS);
        let (day, ms_of_day) = (Day::from_number(days), local.rem_euclid(DAY_MS));
        items(&self.items, &Shown { ms, zone, offset_s, days, day, ms_of_day }, into);
    }
}

fn items(items: &[Item], time: &Shown<'_>, into: &mut String) {
    for item in items {
        match item {
            Item::Literal(text) => into.push_str(text),
            Item::Number(field, width) => number(*field, *width, time, into),
            Item::Fraction(width) => {
                let nano = format!("{:09}", time.ms_of_day % 1000 * 1_000_000);
                into.push_str(&nano[..(*width).min(9)]);
            }
            Item::Month(name) => {
                let number = usize::try_from(time.day.month).unwrap_or(1);
                push_name(MONTHS[(number - 1).min(11)], *name, into);
            }
            Item::Weekday(name) => {
                let number = usize::try_from((time.days + 3).rem_euclid(7)).unwrap_or(0);
                push_name(DAYS[number], *name, into);
            }
            Item::AmPm => into.push_str(if time.ms_of_day < DAY_MS / 2 { "AM" } else { "PM" }),
            Item::Offset(style, width) => offset(time.offset_s, *style, *width, into),
            Item::ZoneName => zone_name(time, into),
            Item::ZoneId => match time.zone.rules().iana_name() {
                Some(name) => into.push_str(name),
                None => offset(time.offset_s, Offset::OrZ, 3, into),
            },
            Item::Optional(inner) => self::items(inner, time, into),
        }
    }
}

fn push_name(name: &str, length: Name, into: &mut String) {
    into.push_str(if length == Name::Short { &name[..3] } else { name });
}

fn number(field: Field, width: usize, time: &Shown<'_>, into: &mut String) {
    let hour = time.ms_of_day / 3_600_000;
    let value = match field {
        Field::Year if width == 2 => time.day.year.rem_euclid(100),
        Field::Year => time.day.year,
        Field::Month => time.day.month.into(),
        Field::Day => time.day.day.into(),
        Field::DayOfYear => {
            let first = Day { year: time.day.year, month: 1, day: 1 }.number().unwrap_or(time.days);
            time.days - first + 1
        }
        Field::Hour24 => hour,
        Field::Hour24From1 => (hour + 23) % 24 + 1,
        Field::Hour12 => (hour + 11) % 12 + 1,
        Field::Hour12From0 => hour % 12,
        Field::Minute => time.ms_of_day / 60_000 % 60,
        Field::Second => time.ms_of_day / 1000 % 60,
        Field::MilliOfDay => time.ms_of_day,
        Field::Nano => time.ms_of_day % 1000 * 1_000_000,
    };
    let sign = match field {
        _ if value < 0 => "-",
        Field::Year
            if width > 3 && value >= 10i64.pow(u32::try_from(width).unwrap_or(4).min(18)) =>
        {
            "+"
        }
        _ => "",
    };
    // Writing to a String cannot fail.
    let _ = write!(into, "{sign}{:0width$}", value.unsigned_abs());
}

fn offset(seconds: i32, style: Offset, width: usize, into: &mut String) {
    let (sign, all) = (if seconds < 0 { '-' } else { '+' }, seconds.unsigned_abs());
    let (h, m, s) = (all / 3600, all / 60 % 60, all % 60);
    let zero = seconds == 0;
    // Writing to a String cannot fail.
    let _ = match (style, width) {
        (Offset::OrZ, _) | (Offset::Basic, 5) if zero => write!(into, "Z"),
        (Offset::Gmt, _) | (Offset::Basic, 4) if zero => write!(into, "GMT"),
        (Offset::Gmt, 1) if m == 0 => write!(into, "GMT{sign}{h}"),
        (Offset::Gmt, 1) => write!(into, "GMT{sign}{h}:{m:02}"),
        (Offset::Gmt, _) | (Offset::Basic, 4) => write!(into, "GMT{sign}{h:02}:{m:02}"),
        (Offset::OrZ | Offset::Plain, 1) if m == 0 => write!(into, "{sign}{h:02}"),
        (Offset::OrZ | Offset::Plain, 5) | (Offset::Basic, 5) if s != 0 => {
            write!(into, "{sign}{h:02}:{m:02}:{s:02}")
        }
        (Offset::OrZ | Offset::Plain, 3 | 5) | (Offset::Basic, 5) => {
            write!(into, "{sign}{h:02}:{m:02}")
        }
        (Offset::OrZ | Offset::Plain, 4) if s != 0 => write!(into, "{sign}{h:02}{m:02}{s:02}"),
        _ => write!(into, "{sign}{h:02}{m:02}"),
    };
}

fn zone_name(time: &Shown<'_>, into: &mut String) {
    match Timestamp::from_millisecond(time.ms) {
        Ok(at) => into.push_str(time.zone.rules().to_offset_info(at).abbreviation()),
        Err(_) => offset(time.offset_s, Offset::OrZ, 3, into),
    }
}
