//! From runs to figures: slopes between two input sizes, medians over repetitions.

use crate::process::Usage;
use std::time::Duration;

/// What one contender used in all its runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Series {
    /// Usage over few records and over many, in pairs.
    pub(crate) runs: Vec<(Usage, Usage)>,
}

/// A contender's figures, times in nanoseconds per record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figures {
    /// CPU for one more record: the median slope.
    pub(crate) slope: f64,
    /// The least and the greatest slope.
    pub(crate) range: (f64, f64),
    /// The kernel's part of the slope, median.
    pub(crate) kernel: f64,
    /// CPU of a whole run over many records, start-up included, per record; median.
    pub(crate) whole: f64,
    /// Records per second over such a run; median.
    pub(crate) rate: f64,
    /// The most memory, in bytes, of all runs.
    pub(crate) resident: u64,
}

impl Series {
    /// The figures for these input sizes. Not a number when there were no runs.
    pub(crate) fn figures(&self, few: u64, many: u64) -> Figures {
        let more = many.saturating_sub(few) as f64;
        let slopes = |of: fn(&Usage) -> Duration| -> Vec<f64> {
            self.runs.iter().map(|(a, b)| (nanos(of(b)) - nanos(of(a))) / more).collect()
        };
        let cpu = slopes(Usage::cpu);
        let range = (
            cpu.iter().copied().fold(f64::INFINITY, f64::min),
            cpu.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        );
        let per_record = |(_, run): &(Usage, Usage)| nanos(run.cpu()) / many as f64;
        let rate = |(_, run): &(Usage, Usage)| many as f64 / run.wall.as_secs_f64();
        let resident = self.runs.iter().map(|(a, b)| a.resident.max(b.resident)).max();
        Figures {
            slope: median(cpu),
            range,
            kernel: median(slopes(|usage| usage.system)),
            whole: median(self.runs.iter().map(per_record).collect()),
            rate: median(self.runs.iter().map(rate).collect()),
            resident: resident.unwrap_or(0),
        }
    }
}

fn nanos(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

/// The value in the middle, or the mean of the two there.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.get(middle) {
        None => f64::NAN,
        Some(high) if values.len() % 2 == 1 => *high,
        Some(high) => f64::midpoint(values.get(middle - 1).copied().unwrap_or(*high), *high),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(user_ms: u64, system_ms: u64) -> Usage {
        Usage {
            user: Duration::from_millis(user_ms),
            system: Duration::from_millis(system_ms),
            wall: Duration::from_secs(2),
            resident: user_ms,
        }
    }

    #[test]
    fn the_slope_leaves_out_what_every_run_costs() {
        let runs = vec![
            (usage(1000, 100), usage(3000, 200)),
            (usage(1000, 100), usage(9000, 200)),
            (usage(1500, 100), usage(3500, 300)),
        ];
        let figures = Series { runs }.figures(1_000_000, 2_000_000);
        assert!((figures.slope - 2200.0).abs() < 1e-6, "{figures:?}");
        assert!((figures.range.0 - 2100.0).abs() < 1e-6 && figures.range.1 > 8000.0);
        assert!((figures.kernel - 100.0).abs() < 1e-6);
        assert!((figures.whole - 1900.0).abs() < 1e-6);
        assert!((figures.rate - 1e6).abs() < 1e-3);
        assert_eq!(figures.resident, 9000);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        assert!((median(vec![4.0, 1.0, 2.0, 9.0]) - 3.0).abs() < 1e-9);
        assert!(median(Vec::new()).is_nan());
    }
}
