//! A time zone that remembers the offset that holds around the last time it was asked about.

use super::calendar::{DAY_MS, Day};
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

/// A time zone. Most times of a stream have the same offset, so the look-up in its rules is seldom needed.
#[derive(Debug, Clone)]
pub struct Zone {
    zone: TimeZone,
    offset_s: i32,
    /// The offset holds from here (milliseconds since 1970) …
    from: i64,
    /// … to before here.
    until: i64,
}

impl Zone {
    /// The zone.
    #[must_use]
    pub fn new(zone: TimeZone) -> Self {
        match zone.to_fixed_offset() {
            Ok(offset) => {
                Self { zone, offset_s: offset.seconds(), from: i64::MIN, until: i64::MAX }
            }
            // Nothing holds yet.
            Err(_) => Self { zone, offset_s: 0, from: 0, until: 0 },
        }
    }

    /// The zone of an IANA name or an offset like `+02:00`; `None` when there is none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        if matches!(name, "UTC" | "Z" | "GMT" | "Etc/UTC") {
            return Some(Self::utc());
        }
        if let Some(offset_s) = super::timestamp::parse_offset(name.as_bytes()) {
            return Some(Self::new(TimeZone::fixed(
                jiff::tz::Offset::from_seconds(offset_s).ok()?,
            )));
        }
        TimeZone::get(name).ok().map(Self::new)
    }

    /// UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self::new(TimeZone::UTC)
    }

    /// The zone's rules.
    #[must_use]
    pub fn rules(&self) -> &TimeZone {
        &self.zone
    }

    /// Seconds by which local time is ahead of UTC at `ms` (milliseconds since 1970).
    #[inline]
    pub fn offset_at(&mut self, ms: i64) -> i32 {
        if ms < self.from || ms >= self.until {
            self.look_up(ms);
        }
        self.offset_s
    }

    /// The time (milliseconds since 1970) at which clocks of the zone show `local` (the same, as if in UTC). Of two such
    /// times the earlier; a time that clocks skip is as much later as they jump.
    #[inline]
    pub fn time_of_local(&mut self, local: i64) -> i64 {
        let guess = local.wrapping_sub(i64::from(self.offset_s) * 1000);
        // Within a day of a change both offsets may matter.
        let safe = self.from.saturating_add(DAY_MS)..self.until.saturating_sub(DAY_MS);
        if safe.contains(&guess) { guess } else { self.by_rules(local) }
    }

    #[cold]
    fn by_rules(&mut self, local: i64) -> i64 {
        let found = to_civil(local).and_then(|time| self.zone.to_timestamp(time).ok());
        let ms = match found {
            Some(time) => time.as_millisecond(),
            None => local.saturating_sub(i64::from(self.offset_at(local)) * 1000),
        };
        self.offset_at(ms);
        ms
    }

    #[cold]
    fn look_up(&mut self, ms: i64) {
        if self.zone.to_fixed_offset().is_ok() {
            return;
        }
        let at = Timestamp::from_millisecond(ms);
        let at = at.unwrap_or(if ms < 0 { Timestamp::MIN } else { Timestamp::MAX });
        self.offset_s = self.zone.to_offset(at).seconds();
        let next_ms =
            Timestamp::from_millisecond(at.as_millisecond().saturating_add(1)).unwrap_or(at);
        let millisecond = |time: Timestamp| time.as_millisecond();
        self.from =
            self.zone.preceding(next_ms).next().map_or(i64::MIN, |t| millisecond(t.timestamp()));
        self.until =
            self.zone.following(at).next().map_or(i64::MAX, |t| millisecond(t.timestamp()));
        // Rules count in seconds, so nothing falls between milliseconds. What they do not tell holds for this time only.
        if !(self.from..self.until).contains(&ms) {
            (self.from, self.until) = (ms, ms.saturating_add(1));
        }
    }
}

fn to_civil(local: i64) -> Option<civil::DateTime> {
    let day = Day::from_number(local.div_euclid(DAY_MS));
    let ms = local.rem_euclid(DAY_MS);
    let small = |value: i64| i8::try_from(value).ok();
    civil::DateTime::new(
        i16::try_from(day.year).ok()?,
        small(day.month.into())?,
        small(day.day.into())?,
        small(ms / 3_600_000)?,
        small(ms / 60_000 % 60)?,
        small(ms / 1000 % 60)?,
        i32::try_from(ms % 1000).ok()? * 1_000_000,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn clocks_that_jump() {
        let mut paris = Zone::named("Europe/Paris").unwrap();
        // 2024-03-31, 02:30 is skipped: clocks jump from 02:00 to 03:00 at 01:00 UTC.
        let skipped = 1_711_852_200_000;
        assert_eq!(paris.time_of_local(skipped), skipped - 3_600_000);
        // 2024-10-27, 02:30 comes twice: first in summer time.
        let twice = 1_729_996_200_000;
        assert_eq!(paris.time_of_local(twice), twice - 7_200_000);
        assert_eq!(paris.offset_at(1_711_846_799_999), 3600);
        assert_eq!(paris.offset_at(1_711_846_800_000), 7200);
        assert_eq!(paris.offset_at(1_711_846_799_999), 3600);
        assert!(Zone::named("Europe/Nowhere").is_none());
        assert_eq!(Zone::named("+05:30").unwrap().offset_at(0), 19_800);
    }

    #[test]
    fn times_beyond_all_calendars_do_no_harm() {
        let mut paris = Zone::named("Europe/Paris").unwrap();
        for ms in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
            paris.offset_at(ms);
            paris.time_of_local(ms);
        }
    }

    proptest! {
        #[test]
        fn remembering_changes_nothing(times in prop::collection::vec(-2_000_000_000_000i64..4_000_000_000_000, 1..50)) {
            for name in ["Europe/Paris", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"] {
                let mut zone = Zone::named(name).unwrap();
                for ms in &times {
                    let time = Timestamp::from_millisecond(*ms).unwrap();
                    prop_assert_eq!(zone.offset_at(*ms), zone.rules().to_offset(time).seconds());
                    let by_rules = zone.rules().to_timestamp(to_civil(*ms).unwrap()).unwrap();
                    prop_assert_eq!(zone.time_of_local(*ms), by_rules.as_millisecond());
                }
            }
        }
    }
}
