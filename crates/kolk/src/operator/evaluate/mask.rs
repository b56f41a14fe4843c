//! MASK and its variants: letters and digits replaced by others of their kind.

use super::Batch;
use super::rows::{Arguments, Failed, Outcome, each};
use crate::expression::{Expression, Function};
use crate::operator::column::Vector;
use crate::operator::value::Value;
use crate::schema::DataType;

/// What upper-case letters, lower-case letters, digits and all others become; `None` keeps them.
type Masks = [Option<char>; 4];

const MASKS: Masks = [Some('X'), Some('x'), Some('n'), Some('-')];

pub(super) fn call(
    function: Function,
    arguments: &[Expression],
    data_type: &DataType,
    batch: &mut Batch<'_>,
) -> Vector {
    each(arguments, data_type, batch, |row, _| masked(function, &row))
}

fn masked<'v>(function: Function, row: &Arguments<'_>) -> Outcome<'v> {
    use Function as F;
    let Some(text) = row.text(0) else { return Ok(Value::Null) };
    let len = text.chars().count();
    let (range, first_mask) = if function == F::Mask {
        (0..len, 1)
    } else {
        let Some(number) = row.integer(1) else { return Ok(Value::Null) };
        let number = usize::try_from(number).map_err(|_| Failed)?.min(len);
        let range = match function {
            F::MaskLeft => 0..number,
            F::MaskRight => len - number..len,
            F::MaskKeepLeft => number..len,
            _ => 0..len - number,
        };
        (range, 2)
    };
    let masks = masks(row, first_mask);
    let result: String = text
        .chars()
        .enumerate()
        .map(|(at, letter)| if range.contains(&at) { mask(letter, masks) } else { letter })
        .collect();
    Ok(Value::Text(result.into()))
}

fn masks(row: &Arguments<'_>, first: usize) -> Masks {
    if row.len() <= first {
        return MASKS;
    }
    std::array::from_fn(|at| row.text(first + at).and_then(|mask| mask.chars().next()))
}

fn mask(letter: char, [upper, lower, digit, other]: Masks) -> char {
    let mask = match letter {
        letter if letter.is_uppercase() => upper,
        letter if letter.is_lowercase() => lower,
        letter if letter.is_numeric() => digit,
        _ => other,
    };
    mask.unwrap_or(letter)
}
