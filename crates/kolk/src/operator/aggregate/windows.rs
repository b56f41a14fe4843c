//! Hopping windows: which of them hold a time, by integer arithmetic, and until when they matter. All times in milliseconds.

use crate::topology::{Window, Windowing};
use std::time::Duration;

/// Windows of one size, a start at each multiple of the advance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hopping {
    size: i64,
    advance: i64,
    grace: i64,
    retention: i64,
    /// A start that was asked for before: most rows fall behind the same one.
    recent: i64,
}

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Hopping {
    /// # Errors
    /// What is wrong with the windows.
    pub(super) fn new(windowing: &Windowing) -> Result<Option<Self>, String> {
        let Window::Hopping { size, advance } = windowing.window else { return Ok(None) };
        let (size, advance) = (millis(size), millis(advance));
        if advance < 1 || advance > size {
            return Err(format!(
                "windows of {size} ms every {advance} ms: the advance is at least 1 ms, and at most the size"
            ));
        }
        let grace = millis(windowing.grace);
        let retention = windowing.retention.map_or(0, millis);
        Ok(Some(Self { size, advance, grace, retention, recent: 0 }))
    }

    /// The starts of the windows that hold a time, in rising order. One that begins before 1970 holds nothing later.
    #[inline]
    pub(super) fn starts(&mut self, time: i64) -> impl Iterator<Item = i64> + use<> {
        let behind = time.wrapping_sub(self.recent);
        if !(0..self.advance).contains(&behind) || time < self.recent {
            self.recent = time.saturating_sub(time.rem_euclid(self.advance));
        }
        let (last, advance) = (self.recent, self.advance);
        let earlier =
            if self.size == advance { 0 } else { (self.size - (time - last) - 1) / advance };
        let first = last.saturating_sub(earlier.saturating_mul(advance));
        let first = if time < 0 { first } else { first.max(0) };
        std::iter::successors(Some(first), move |start| start.checked_add(advance))
            .take_while(move |start| *start <= last)
    }

    /// The end of a window; a time there is outside.
    #[inline]
    pub(super) fn end(&self, start: i64) -> i64 {
        start.saturating_add(self.size)
    }

    /// When the watermark is here the window takes no row any more.
    #[inline]
    pub(super) fn close(&self, start: i64) -> i64 {
        self.end(start).saturating_add(self.grace)
    }

    /// When the watermark is here the window is forgotten.
    pub(super) fn expiry(&self, start: i64) -> i64 {
        self.close(start).max(start.saturating_add(self.retention))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(size: u64, advance: u64, time: i64) -> Vec<i64> {
        let (size, advance) = (Duration::from_millis(size), Duration::from_millis(advance));
        let window = Window::Hopping { size, advance };
        let windowing = Windowing { window, grace: Duration::ZERO, retention: None };
        Hopping::new(&windowing).unwrap().unwrap().starts(time).collect()
    }

    #[test]
    fn a_time_is_in_each_window_that_began_within_the_size() {
        assert_eq!(starts(30, 10, 35), [10, 20, 30]);
        assert_eq!(starts(30, 10, 40), [20, 30, 40]);
        assert_eq!(starts(30, 30, 59), [30]);
        assert_eq!(starts(25, 10, 34), [10, 20, 30]);
        assert_eq!(starts(25, 10, 35), [20, 30]);
        assert_eq!(starts(30, 20, 15), [0]);
    }

    #[test]
    fn windows_do_not_span_1970() {
        assert_eq!(starts(30, 10, 5), [0]);
        assert_eq!(starts(30, 10, -5), [-30, -20, -10]);
        assert_eq!(starts(1_000, 1_000, -1), [-1_000]);
    }

    #[test]
    fn times_at_the_ends_of_the_range_are_in_some_window() {
        assert_eq!(starts(10, 10, i64::MAX), [i64::MAX - 7]);
        assert_eq!(starts(10, 10, i64::MIN), [i64::MIN]);
    }

    #[test]
    fn the_start_remembered_does_not_matter() {
        let window =
            Window::Hopping { size: Duration::from_millis(10), advance: Duration::from_millis(10) };
        let windowing = Windowing { window, grace: Duration::ZERO, retention: None };
        let mut windows = Hopping::new(&windowing).unwrap().unwrap();
        for (time, start) in
            [(25, 20), (29, 20), (30, 30), (20, 20), (i64::MAX, i64::MAX - 7), (-1, -10), (9, 0)]
        {
            assert_eq!(windows.starts(time).collect::<Vec<i64>>(), [start], "{time}");
        }
    }
}
