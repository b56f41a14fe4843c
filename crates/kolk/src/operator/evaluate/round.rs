//! ROUND and TRUNC.

use super::literal;
use crate::codec::{decimal, number};
use crate::operator::column::{Column, Lane, Vector};
use crate::schema::DataType;
use arrow_array::{Decimal128Array, Float64Array, Int32Array, Int64Array};

/// What becomes of the digits behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// To the nearest; a half up, towards positive infinity.
    HalfUp,
    /// They are cut off.
    TowardsZero,
}

/// How to round. Negative places round before the point.
pub(super) struct Rounding<'a> {
    pub(super) places: Option<Lane<'a, Int32Array>>,
    /// That of the values, if they are decimals.
    pub(super) scale: u8,
    pub(super) len: usize,
    pub(super) way: Way,
    pub(super) failures: &'a mut u64,
}

impl Rounding<'_> {
    pub(super) fn round(self, values: &Vector, data_type: &DataType) -> Column {
        let (places, len, way) = (self.places, self.len, self.way);
        match &values.column {
            Column::Double(_) if *data_type == DataType::Bigint => {
                let lane = values.double();
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "stops at the end of the range, as in Java"
                )]
                let whole = |value: f64| match way {
                    Way::HalfUp => (value + 0.5).floor() as i64,
                    Way::TowardsZero => value as i64,
                };
                (0..len).map(|row| lane.get(row).map(whole)).collect::<Int64Array>().into()
            }
            Column::Double(_) => {
                let lane = values.double();
                let places_of = |row: usize| places.map_or(Some(0), |places| places.get(row));
                let each = |row: usize| Some(double(lane.get(row)?, places_of(row)?, way));
                (0..len).map(each).collect::<Float64Array>().into()
            }
            Column::Decimal(_) => self.decimals(values, data_type),
            Column::Int32(array) => array.clone().into(),
            Column::Int64(array) => array.clone().into(),
            _ => literal::nulls(data_type, len),
        }
    }

    fn decimals(self, values: &Vector, data_type: &DataType) -> Column {
        let Self { places, scale, len, way, failures } = self;
        let lane = values.decimal();
        let DataType::Decimal { precision, scale: to } = *data_type else {
            return literal::nulls(data_type, len);
        };
        // As in ksqlDB the whole number may have one digit more than its type says: DECIMAL(2, 1) 9.7 is DECIMAL(1, 0) 10.
        let precision = if places.is_none() { decimal::PRECISION_MAX } else { precision };
        let each = |row: usize| {
            let places = places.map_or(Some(0), |places| places.get(row))?;
            let rounded = digits(lane.get(row)?, scale, places, way).and_then(|whole| {
                let digits = (whole, places.min(scale.into()));
                decimal::fit(digits, (precision, to), decimal::Rounding::HalfUp)
            });
            *failures += u64::from(rounded.is_none());
            rounded
        };
        (0..len).map(each).collect::<Decimal128Array>().into()
    }
}

/// Rounds the shortest decimal that stands for the double, so that 1.005 is what it looks like.
fn double(value: f64, places: i32, way: Way) -> f64 {
    let mut text = Vec::new();
    number::write_f64(value, &mut text);
    let Some((whole, scale)) = decimal::parse(&text) else { return value };
    let Ok(scale) = u8::try_from(scale.max(0)) else { return 0.0 };
    // Numbers without digits behind those places are what they are.
    if places >= i32::from(scale) {
        return value;
    }
    let Some(rounded) = digits(whole, scale, places, way) else { return value };
    let exponent = -places.min(scale.into());
    let text = format!("{rounded}e{exponent}");
    number::parse_f64(text.as_bytes()).unwrap_or(value)
}

/// The digits of a decimal of a scale, rounded to so many places; their scale is then the smaller of both.
fn digits(digits: i128, scale: u8, places: i32, way: Way) -> Option<i128> {
    let by = i32::from(scale) - places;
    if by <= 0 {
        return Some(digits);
    }
    let Some(unit) = decimal::power(by.unsigned_abs()) else { return Some(0) };
    if way == Way::TowardsZero {
        return Some(digits / unit);
    }
    let (floor, rest) = (digits.div_euclid(unit), digits.rem_euclid(unit));
    Some(floor + i128::from(rest >= unit - rest))
}
