//! Functions of numbers.

use super::round::{Rounding, Way};
use super::{Batch, evaluate, literal};
use crate::codec::decimal;
use crate::expression::{Expression, Function};
use crate::operator::column::{Column, Vector};
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
        Function::Log | Function::Power => powers(function, &operands, len),
        Function::Cbrt => doubles(&values, len, f64::cbrt),
        Function::Round | Function::Trunc => {
            let places = places.as_ref().map(Vector::int32);
            let way = if function == Function::Round { Way::HalfUp } else { Way::TowardsZero };
            let rounding = Rounding { places, scale, len, way, failures: &mut failures };
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

/// LOG and POWER.
fn powers(function: Function, operands: &[&Vector], len: usize) -> Column {
    let [first, second] = operands else {
        let Some(values) = operands.first() else { return literal::nulls(&DataType::Double, len) };
        return doubles(values, len, f64::log10);
    };
    let (first, second) = (first.double(), second.double());
    let power = function == Function::Power;
    let each = |row: usize| {
        let (a, b) = (first.get(row)?, second.get(row)?);
        Some(if power { a.powf(b) } else { logarithm(a, b) })
    };
    (0..len).map(each).collect::<Float64Array>().into()
}

fn logarithm(base: f64, value: f64) -> f64 {
    if base <= 0.0 || base == 1.0 {
        return f64::NAN;
    }
    if value == 0.0 { f64::NEG_INFINITY } else { value.ln() / base.ln() }
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
