//! Spread and correlation of doubles; rows with a NULL among the arguments are passed over.

use super::accumulator::Fixed;
use super::bytes::{f64_at, put_f64};
use crate::operator::appender::Appender;
use crate::operator::column::Vector;

/// The spread of a sample by Youngs and Cramer: how many values, their sum, and the sum of the squares of their distances
/// from the mean. 24 bytes.
#[derive(Debug)]
pub(super) struct Deviation {
    measure: Measure,
}

/// Which number is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// The standard deviation.
    Deviation,
    /// Its square.
    Variance,
}

/// Pearson's correlation: how many pairs, the sums of both columns, of their squares, and of their products. 48 bytes.
#[derive(Debug)]
pub(super) struct Correlation;

impl Deviation {
    pub(super) fn new(measure: Measure) -> Self {
        Self { measure }
    }
}

/// Count, sum, and sum of squares of distances.
fn read(state: &[u8]) -> [f64; 3] {
    [f64_at(state, 0), f64_at(state, 8), f64_at(state, 16)]
}

fn write(state: &mut [u8], moments: [f64; 3]) {
    for (number, moment) in moments.into_iter().enumerate() {
        put_f64(state, 8 * number, moment);
    }
}

/// What a value changes in the sum of squares, in a sample of `count` values, it included.
fn share(count: f64, sum: f64, value: f64) -> f64 {
    if count < 2.0 { 0.0 } else { (count * value - sum).powi(2) / (count * (count - 1.0)) }
}

impl Fixed for Deviation {
    fn width(&self) -> usize {
        24
    }

    #[inline]
    fn add(&self, of: &[&Vector], row: usize, state: &mut [u8]) {
        if let Some(value) = of[0].double().get(row) {
            let [count, sum, squares] = read(state);
            let (count, sum) = (count + 1.0, sum + value);
            write(state, [count, sum, squares + share(count, sum, value)]);
        }
    }

    fn undo(&self, of: &[&Vector], row: usize, state: &mut [u8]) {
        if let Some(value) = of[0].double().get(row) {
            let [count, sum, squares] = read(state);
            write(state, [count - 1.0, sum - value, squares - share(count, sum, value)]);
        }
    }

    fn merge(&self, state: &mut [u8], other: &[u8]) {
        let ([count, sum, squares], [count2, sum2, squares2]) = (read(state), read(other));
        let between = if count == 0.0 || count2 == 0.0 {
            0.0
        } else {
            (sum * count2 / count - sum2).powi(2) * count / (count2 * (count + count2))
        };
        write(state, [count + count2, sum + sum2, squares + squares2 + between]);
    }

    #[inline]
    fn result(&self, state: &[u8], into: &mut Appender) -> bool {
        let [count, _, squares] = read(state);
        let variance = if count < 2.0 { 0.0 } else { squares / (count - 1.0) };
        into.push_f64(if self.measure == Measure::Variance { variance } else { variance.sqrt() });
        true
    }
}

/// One row's part of the sums, or nothing.
fn pair(of: &[&Vector], row: usize) -> Option<[f64; 6]> {
    let (x, y) = (of[0].double().get(row)?, of[1].double().get(row)?);
    Some([1.0, x, y, x * x, y * y, x * y])
}

fn change(state: &mut [u8], sums: [f64; 6], sign: f64) {
    for (number, sum) in sums.into_iter().enumerate() {
        put_f64(state, 8 * number, f64_at(state, 8 * number) + sign * sum);
    }
}

impl Fixed for Correlation {
    fn width(&self) -> usize {
        48
    }

    #[inline]
    fn add(&self, of: &[&Vector], row: usize, state: &mut [u8]) {
        if let Some(sums) = pair(of, row) {
            change(state, sums, 1.0);
        }
    }

    fn undo(&self, of: &[&Vector], row: usize, state: &mut [u8]) {
        if let Some(sums) = pair(of, row) {
            change(state, sums, -1.0);
        }
    }

    fn merge(&self, state: &mut [u8], other: &[u8]) {
        change(state, std::array::from_fn(|number| f64_at(other, 8 * number)), 1.0);
    }

    /// NaN for fewer than two pairs, and where a column does not vary.
    #[inline]
    fn result(&self, state: &[u8], into: &mut Appender) -> bool {
        let [count, x, y, xx, yy, xy] = std::array::from_fn(|number| f64_at(state, 8 * number));
        let spread = |sum: f64, squares: f64| count * squares - sum * sum;
        // One root of the product: a column correlates with itself by exactly 1.
        let divisor = (spread(x, xx) * spread(y, yy)).sqrt();
        into.push_f64(if divisor > 0.0 { (count * xy - x * y) / divisor } else { f64::NAN });
        true
    }
}
