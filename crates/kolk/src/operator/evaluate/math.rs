//! Functions of numbers.

use super::{Batch, evaluate, literal};
use crate::codec::{decimal, number};
use crate::expression::{Expression, Function};
use crate::operator::column::{Column, Lane, Vector};
use crate::schema::DataType;
use arrow_array::{Decimal128Array, Float64Array, Int32Array, Int64Array};

pub(super) fn call(
    function: Function,
    arguments: &[Expression],
    data_type: &DataType,
    batch: &mut Batch<'_>,
) -> Vector {
    let Some(first) = arguments.first() else { return literal::null(data_type) };
    let scale = if let DataType::Decimal { scale, .. } = first.data_type { scale } else { 0 };
    let values = evaluate(first, batch);
    let places = arguments.get(1).map(|places| evaluate(places, batch));
    let mut operands = vec![&values];
    operands.extend(&places);
    let extent = batch.extent(&operands);
    let len = extent.len;
    let mut failures = 0;
    let column = match function {
        Function::Sign => sign(&values, len),
        Function::Sqrt => doubles(&values, len, f64::sqrt),
        Function::Exp => doubles(&values, len, f64::exp),
        Function::Ln => doubles(&values, len, f64::ln),
        Function::Abs => abs(&values, len),
        Function::Round => {
            let places = places.as_ref().map(Vector::int32);
            let rounding = Rounding { places, scale, len, failures: &mut failures };
            rounding.round(&values, data_type)
        }
        Function::Ceil => whole(&values, len, scale, Whole::Up, data_type),
        _ => whole(&values, len, scale, Whole::Down, data_type),
    };
    batch.finish(extent, failures, column)
}

fn doubles(values: &Vector, len: usize, f: impl Fn(f64) -> f64) -> Column {
    let lane = values.double();
    (0..len).map(|row| lane.get(row).map(&f)).collect::<Float64Array>().into()
}

fn abs(values: &Vector, len: usize) -> Column {
    let rows = 0..len;
    match &values.column {
        Column::Int32(_) => {
            let lane = values.int32();
            rows.map(|row| lane.get(row).map(i32::wrapping_abs)).collect::<Int32Array>().into()
        }
        Column::Int64(_) => {
            let lane = values.int64();
            rows.map(|row| lane.get(row).map(i64::wrapping_abs)).collect::<Int64Array>().into()
        }
        Column::Decimal(_) => {
            let lane = values.decimal();
            rows.map(|row| lane.get(row).map(i128::wrapping_abs))
                .collect::<Decimal128Array>()
                .into()
        }
        _ => doubles(values, len, f64::abs),
    }
}

fn sign(values: &Vector, len: usize) -> Column {
    let of = |ordering: std::cmp::Ordering| ordering as i32;
    let each = |row: usize| -> Option<i32> {
        match &values.column {
            Column::Int32(_) => values.int32().get(row).map(i32::signum),
            Column::Int64(_) => values.int64().get(row).map(|value| of(value.cmp(&0))),
            Column::Decimal(_) => values.decimal().get(row).map(|value| of(value.cmp(&0))),
            _ => values.double().get(row).map(|v| v.partial_cmp(&0.0).map_or(0, of)),
        }
    };
    (0..len).map(each).collect::<Int32Array>().into()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    Up,
    Down,
}

/// CEIL and FLOOR. A decimal keeps its scale, unless the result's type says otherwise.
fn whole(values: &Vector, len: usize, scale: u8, way: Whole, data_type: &DataType) -> Column {
    match &values.column {
        Column::Decimal(_) => {
            let to = if let DataType::Decimal { scale, .. } = data_type { *scale } else { scale };
            let unit = decimal::power(u32::from(scale)).unwrap_or(1);
            let back = decimal::power(u32::from(to)).unwrap_or(1);
            let lane = values.decimal();
            let each = |row: usize| {
                let value = lane.get(row)?;
                let up = i128::from(way == Whole::Up && value.rem_euclid(unit) != 0);
                (value.div_euclid(unit) + up).checked_mul(back)
            };
            (0..len).map(each).collect::<Decimal128Array>().into()
        }
        Column::Double(_) => match way {
            Whole::Up => doubles(values, len, f64::ceil),
            Whole::Down => doubles(values, len, f64::floor),
        },
        Column::Int32(array) => array.clone().into(),
        Column::Int64(array) => array.clone().into(),
        _ => literal::nulls(data_type, len),
    }
}

/// ROUND: to the nearest, a half up, towards positive infinity. Negative places round before the point.
struct Rounding<'a> {
    places: Option<Lane<'a, Int32Array>>,
    scale: u8,
    len: usize,
    failures: &'a mut u64,
}

impl Rounding<'_> {
    fn round(self, values: &Vector, data_type: &DataType) -> Column {
        let Self { places, scale, len, failures } = self;
        let places_of = |row: usize| places.map_or(Some(0), |places| places.get(row));
        match &values.column {
            Column::Double(_) if *data_type == DataType::Bigint => {
                let lane = values.double();
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "stops at the end of the range, as in Java"
                )]
                let nearest = |value: f64| (value + 0.5).floor() as i64;
                (0..len).map(|row| lane.get(row).map(nearest)).collect::<Int64Array>().into()
            }
            Column::Double(_) => {
                let lane = values.double();
                let each = |row: usize| Some(round_double(lane.get(row)?, places_of(row)?));
                (0..len).map(each).collect::<Float64Array>().into()
            }
            Column::Decimal(_) => {
                let lane = values.decimal();
                let DataType::Decimal { precision, scale: to } = *data_type else {
                    let each = |row: usize| Some(round_digits(lane.get(row)?, scale, 0));
                    return (0..len)
                        .map(|row| i64::try_from(each(row)??).ok())
                        .collect::<Int64Array>()
                        .into();
                };
                let each = |row: usize| {
                    let (value, places) = (lane.get(row)?, places_of(row)?);
                    let rounded = round_digits(value, scale, places).and_then(|whole| {
                        let digits = (whole, places.min(scale.into()));
                        decimal::fit(digits, (precision, to), decimal::Rounding::HalfUp)
                    });
                    *failures += u64::from(rounded.is_none());
                    rounded
                };
                (0..len).map(each).collect::<Decimal128Array>().into()
            }
            Column::Int32(array) => array.clone().into(),
            Column::Int64(array) => array.clone().into(),
            _ => literal::nulls(data_type, len),
        }
    }
}

/// Rounds the shortest decimal that stands for the double, so that 1.005 is what it looks like.
fn round_double(value: f64, places: i32) -> f64 {
    let mut text = Vec::new();
    number::write_f64(value, &mut text);
    let Some((digits, scale)) = decimal::parse(&text) else { return value };
    let Ok(scale) = u8::try_from(scale.max(0)) else { return 0.0 };
    // Numbers without digits behind those places are what they are.
    if places >= i32::from(scale) {
        return value;
    }
    let Some(rounded) = round_digits(digits, scale, places) else { return value };
    let exponent = -places.min(scale.into());
    let text = format!("{rounded}e{exponent}");
    number::parse_f64(text.as_bytes()).unwrap_or(value)
}

/// The digits of a decimal of a scale, rounded to so many places; their scale is then the smaller of both.
fn round_digits(digits: i128, scale: u8, places: i32) -> Option<i128> {
    let by = i32::from(scale) - places;
    if by <= 0 {
        return Some(digits);
    }
    let Some(unit) = decimal::power(by.unsigned_abs()) else { return Some(0) };
    let (floor, rest) = (digits.div_euclid(unit), digits.rem_euclid(unit));
    Some(floor + i128::from(rest >= unit - rest))
}
