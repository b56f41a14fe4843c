//! Functions of angles, and the distance of two places on earth.

use super::{Batch, evaluate, literal};
use crate::expression::{Expression, Function};
use crate::operator::column::{Lane, Vector};
use crate::schema::DataType;
use arrow_array::Float64Array;
use std::f64::consts::PI;

/// The radius of the earth.
const EARTH_KM: f64 = 6371.0;
/// The same in miles.
const EARTH_MILES: f64 = 3959.0;

pub(super) fn call(function: Function, arguments: &[Expression], batch: &mut Batch<'_>) -> Vector {
    use Function as F;
    let values: Vec<Vector> = arguments.iter().map(|argument| evaluate(argument, batch)).collect();
    let operands: Vec<&Vector> = values.iter().collect();
    let extent = batch.extent(&operands);
    let mut failures = 0;
    let column: Float64Array = match (function, &*operands) {
        (F::Pi, _) => (0..extent.len).map(|_| Some(PI)).collect(),
        (F::Atan2, [y, x]) => {
            let (y, x) = (y.double(), x.double());
            (0..extent.len).map(|row| Some(y.get(row)?.atan2(x.get(row)?))).collect()
        }
        (F::GeoDistance, [places @ .., unit]) if places.len() == 4 => (0..extent.len)
            .map(|row| {
                // Without a unit, and for NULL, kilometres.
                let radius = radius(unit.text().get(row).unwrap_or("KM"));
                failures += u64::from(radius.is_none());
                distance(places, row, radius?)
            })
            .collect(),
        (F::GeoDistance, places) if places.len() == 4 => {
            (0..extent.len).map(|row| distance(places, row, EARTH_KM)).collect()
        }
        (_, [values, ..]) => match unary(function) {
            Some(f) => {
                let values: Lane<'_, Float64Array> = values.double();
                (0..extent.len).map(|row| values.get(row).map(f)).collect()
            }
            None => return literal::null(&DataType::Double),
        },
        _ => return literal::null(&DataType::Double),
    };
    batch.finish(extent, failures, column)
}

fn unary(function: Function) -> Option<fn(f64) -> f64> {
    use Function as F;
    Some(match function {
        F::Acos => f64::acos,
        F::Asin => f64::asin,
        F::Atan => f64::atan,
        F::Cos => f64::cos,
        F::Cosh => f64::cosh,
        F::Cot => |angle| 1.0 / angle.tan(),
        F::Degrees => f64::to_degrees,
        F::Radians => f64::to_radians,
        F::Sin => f64::sin,
        F::Sinh => f64::sinh,
        F::Tan => f64::tan,
        F::Tanh => f64::tanh,
        _ => return None,
    })
}

fn radius(unit: &str) -> Option<f64> {
    let unit = unit.to_ascii_uppercase();
    match &*unit {
        "KM" | "KILOMETER" | "KILOMETERS" | "KILOMETRE" | "KILOMETRES" => Some(EARTH_KM),
        "MI" | "MILE" | "MILES" => Some(EARTH_MILES),
        _ => None,
    }
}

/// The way along the great circle between two places (latitude, longitude, in degrees), by the haversine.
fn distance(places: &[&Vector], row: usize, radius: f64) -> Option<f64> {
    let degrees = |at: usize| places.get(at)?.double().get(row);
    let (from, to) = ((degrees(0)?, degrees(1)?), (degrees(2)?, degrees(3)?));
    let (height, width) = ((to.0 - from.0).to_radians(), (to.1 - from.1).to_radians());
    let half = |angle: f64| (angle / 2.0).sin().powi(2);
    let square = half(height) + half(width) * from.0.to_radians().cos() * to.0.to_radians().cos();
    Some(2.0 * square.sqrt().asin() * radius)
}
