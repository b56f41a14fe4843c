//! Days and the proleptic Gregorian calendar, for any year that 64 bits of milliseconds reach.

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// Year; 0 is 1 BC.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u32,
    /// Day of the month, from 1.
    pub day: u32,
}

impl Day {
    /// The day with this number, counted from 1970-01-01.
    #[inline]
    #[must_use]
    pub fn from_number(days: i64) -> Self {
        // Eras of 400 years that begin in March: a leap day is then the last of its year.
        let days = days + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let shifted = (5 * of_year + 2) / 153;
        let day = u32::try_from(of_year - (153 * shifted + 2) / 5 + 1).unwrap_or(1);
        let month =
            u32::try_from(if shifted < 10 { shifted + 3 } else { shifted - 9 }).unwrap_or(1);
        Self { year: year + era * 400 + i64::from(month <= 2), month, day }
    }

    /// Its number, counted from 1970-01-01; `None` for a day that does not exist.
    #[inline]
    #[must_use]
    pub fn number(self) -> Option<i64> {
        if self.day == 0 || self.day > self.days_of_month()? {
            return None;
        }
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = self.year - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
        Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
    }

    #[inline]
    fn days_of_month(self) -> Option<u32> {
        Some(match self.month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0) => 29,
            2 => 28,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn days_that_do_not_exist_have_no_number() {
        for (year, month, day, number) in [
            (1970, 1, 1, Some(0)),
            (2000, 2, 29, Some(11_016)),
            (1900, 2, 29, None),
            (2023, 2, 29, None),
            (2024, 4, 31, None),
            (2024, 0, 1, None),
            (2024, 13, 1, None),
            (2024, 1, 0, None),
            (1969, 12, 31, Some(-1)),
        ] {
            assert_eq!(Day { year, month, day }.number(), number, "{year}-{month}-{day}");
        }
    }

    proptest! {
        #[test]
        fn days_agree_with_jiff(days in -3_000_000i64..2_900_000) {
            let date = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap();
            let day = Day::from_number(days);
            let ours = (day.year, i64::from(day.month), i64::from(day.day));
            let theirs = (date.year().into(), date.month().into(), date.day().into());
            prop_assert_eq!(ours, theirs);
            prop_assert_eq!(day.number(), Some(days));
        }

        #[test]
        fn any_day_comes_back(days in -200_000_000_000i64..200_000_000_000) {
            prop_assert_eq!(Day::from_number(days).number(), Some(days));
        }
    }
}
