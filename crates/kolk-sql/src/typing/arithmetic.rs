//! Types of sums, products and concatenations.

use super::{Operand, convert, is_null};
use crate::error::{Problem, Result};
use crate::resolve::PRECISION_MAX;
use crate::source::Span;
use kolk::expression::{BinaryOperator, Expression, Kind};
use kolk::schema::DataType;

/// Whether it is a number.
pub(super) fn is_number(data_type: &DataType) -> bool {
    use DataType::{Bigint, Decimal, Double, Integer};
    matches!(data_type, Integer | Bigint | Double | Decimal { .. })
}

/// `left operator right` for `+ - * / %`; `+` also joins text.
pub(super) fn arithmetic(
    operator: BinaryOperator,
    operator_span: Span,
    left: Operand,
    right: Operand,
) -> Result<Expression> {
    let text = |side: &Operand| {
        side.expression.data_type == DataType::String && !is_null(&side.expression)
    };
    if operator == BinaryOperator::Add && (text(&left) || text(&right)) {
        return concatenation(left, right, operator_span);
    }
    for side in [&left, &right] {
        let data_type = &side.expression.data_type;
        if is_null(&side.expression) || !is_number(data_type) {
            let found = convert::shown(&side.expression);
            let message = format!("{operator} needs numbers, this is {found}");
            return Err(Problem::new(side.span, message, found.clone())
                .label(operator_span, "for this")
                .maybe_help(number_help(data_type, &side.expression)));
        }
    }
    let (a, b) = (&left.expression.data_type, &right.expression.data_type);
    let result = result_type(operator, a, b).ok_or_else(|| {
        Problem::new(operator_span, format!("{a} and {b} have no {operator}"), "here")
    })?;
    // Decimals are brought to a common scale; the evaluation gives the result the scale of its type.
    let operand_type = convert::widened(a, b).unwrap_or_else(|| result.clone());
    let left = convert::widen(left.expression, &operand_type);
    let right = convert::widen(right.expression, &operand_type);
    let kind = Kind::Binary { operator, left: Box::new(left), right: Box::new(right) };
    Ok(Expression { kind, data_type: result })
}

fn number_help(data_type: &DataType, expression: &Expression) -> Option<String> {
    match data_type {
        _ if is_null(expression) => Some("NULL has no type here: CAST(NULL AS INT)".to_owned()),
        DataType::String => Some("CAST(… AS DOUBLE) makes a number of text".to_owned()),
        DataType::Timestamp => {
            Some("UNIX_TIMESTAMP(…) gives its milliseconds, FROM_UNIXTIME(…) goes back".to_owned())
        }
        _ => None,
    }
}

/// Text joined to text.
pub(super) fn concatenation(
    left: Operand,
    right: Operand,
    operator_span: Span,
) -> Result<Expression> {
    for side in [&left, &right] {
        if side.expression.data_type != DataType::String || is_null(&side.expression) {
            let found = convert::shown(&side.expression);
            let message = format!("only text can be joined to text, this is {found}");
            return Err(Problem::new(side.span, message, found)
                .label(operator_span, "joins text")
                .help("CAST(… AS STRING) makes text of it"));
        }
    }
    let (left, right) = (Box::new(left.expression), Box::new(right.expression));
    let kind = Kind::Binary { operator: BinaryOperator::Add, left, right };
    Ok(Expression { kind, data_type: DataType::String })
}

/// The type of a sum, product …: the wider of the two; DECIMALs get the digits that the result may need.
fn result_type(operator: BinaryOperator, a: &DataType, b: &DataType) -> Option<DataType> {
    let wider = convert::widened(a, b)?;
    if !matches!(wider, DataType::Decimal { .. }) {
        return Some(wider);
    }
    let ((p1, s1), (p2, s2)) = (convert::digits(a)?, convert::digits(b)?);
    let (precision, scale) = match operator {
        BinaryOperator::Add | BinaryOperator::Subtract => {
            let scale = s1.max(s2);
            ((p1 - s1).max(p2 - s2) + scale + 1, scale)
        }
        BinaryOperator::Multiply => (p1 + p2 + 1, s1 + s2),
        BinaryOperator::Divide => {
            let scale = (s1 + p2 + 1).max(6);
            (p1 - s1 + s2 + scale, scale)
        }
        _ => {
            let scale = s1.max(s2);
            ((p1 - s1).min(p2 - s2) + scale, scale)
        }
    };
    Some(convert::decimal_of(precision, scale))
}

/// What may be left of the digits behind the point when a DECIMAL would need more than there are.
pub(super) fn squeezed(precision: u32, scale: u32) -> (u32, u32) {
    let most = u32::from(PRECISION_MAX);
    if precision <= most {
        return (precision.max(1), scale);
    }
    // Digits in front of the point matter more, but six behind it are kept where there were six.
    let whole = precision - scale;
    (most, most.saturating_sub(whole).max(scale.min(6)))
}
