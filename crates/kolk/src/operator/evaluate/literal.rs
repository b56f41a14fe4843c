//! Constants.

use crate::expression::Literal;
use crate::operator::column::{Column, Vector};
use crate::schema::DataType;
use arrow_array::{
    BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array, LargeBinaryArray,
    LargeStringArray,
};

/// The constant NULL of a type.
pub(super) fn null(data_type: &DataType) -> Vector {
    vector(&Literal::Null, data_type)
}

/// A constant.
pub(super) fn vector(value: &Literal, data_type: &DataType) -> Vector {
    let column: Column = match value {
        Literal::Null => nulls(data_type, 1),
        Literal::Boolean(value) => BooleanArray::from(vec![*value]).into(),
        Literal::Integer(value) | Literal::Date(value) | Literal::Time(value) => {
            Int32Array::from(vec![*value]).into()
        }
        Literal::Bigint(value) | Literal::Timestamp(value) => Int64Array::from(vec![*value]).into(),
        Literal::Double(value) => Float64Array::from(vec![*value]).into(),
        Literal::Decimal(digits) => Decimal128Array::from(vec![*digits]).into(),
        Literal::String(text) => LargeStringArray::from(vec![text.as_str()]).into(),
        Literal::Bytes(bytes) => LargeBinaryArray::from(vec![bytes.as_slice()]).into(),
    };
    Vector { column, constant: true }
}

/// So many NULLs of a type.
pub(super) fn nulls(data_type: &DataType, len: usize) -> Column {
    match data_type {
        DataType::Boolean => BooleanArray::new_null(len).into(),
        DataType::Integer | DataType::Date | DataType::Time => Int32Array::new_null(len).into(),
        DataType::Bigint | DataType::Timestamp => Int64Array::new_null(len).into(),
        DataType::Double => Float64Array::new_null(len).into(),
        DataType::Decimal { .. } => Decimal128Array::new_null(len).into(),
        DataType::String | DataType::Array(_) | DataType::Map(..) | DataType::Struct(_) => {
            LargeStringArray::new_null(len).into()
        }
        DataType::Bytes => LargeBinaryArray::new_null(len).into(),
    }
}

/// The constant NULL of the same kind as a column.
pub(super) fn null_like(column: &Column) -> Vector {
    let column = match column {
        Column::Boolean(_) => BooleanArray::new_null(1).into(),
        Column::Int32(_) => Int32Array::new_null(1).into(),
        Column::Int64(_) => Int64Array::new_null(1).into(),
        Column::Double(_) => Float64Array::new_null(1).into(),
        Column::Decimal(_) => Decimal128Array::new_null(1).into(),
        Column::Text(_) => LargeStringArray::new_null(1).into(),
        Column::Bytes(_) => LargeBinaryArray::new_null(1).into(),
    };
    Vector { column, constant: true }
}
