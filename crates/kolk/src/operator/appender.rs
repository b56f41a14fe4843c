//! A column in the making, row by row: from a row of another column, from a decoded value, or NULL.

use crate::operator::column::{Column, Vector};
use crate::schema::DataType;
use arrow_array::builder::{
    BooleanBuilder, Decimal128Builder, Float64Builder, Int32Builder, Int64Builder,
    LargeBinaryBuilder, LargeStringBuilder,
};

/// A column that grows by one value at a time. A value of another kind than the column's, which no plan asks for, is NULL, as in
/// [`Vector`].
#[derive(Debug)]
pub(crate) enum Appender {
    Boolean(BooleanBuilder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Double(Float64Builder),
    Decimal(Decimal128Builder),
    Text(LargeStringBuilder),
    Bytes(LargeBinaryBuilder),
}

/// Adds a value, or NULL for none.
macro_rules! push_option {
    ($builder:expr, $value:expr) => {
        match $value {
            Some(value) => $builder.append_value(value),
            None => $builder.append_null(),
        }
    };
}

macro_rules! push_value {
    ($( $(#[$meta:meta])* $name:ident, $variant:ident, $value:ty );* $(;)?) => {
        $(
            $(#[$meta])*
            #[inline]
            pub(crate) fn $name(&mut self, value: $value) {
                match self {
                    Self::$variant(builder) => builder.append_value(value),
                    _ => self.push_null(),
                }
            }
        )*
    };
}

impl Appender {
    /// An empty column of a type.
    pub(crate) fn new(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Boolean(BooleanBuilder::new()),
            DataType::Integer | DataType::Date | DataType::Time => Self::Int32(Int32Builder::new()),
            DataType::Bigint | DataType::Timestamp => Self::Int64(Int64Builder::new()),
            DataType::Double => Self::Double(Float64Builder::new()),
            DataType::Decimal { .. } => Self::Decimal(Decimal128Builder::new()),
            DataType::String | DataType::Array(_) | DataType::Map(..) | DataType::Struct(_) => {
                Self::Text(LargeStringBuilder::new())
            }
            DataType::Bytes => Self::Bytes(LargeBinaryBuilder::new()),
        }
    }

    /// Adds the value of another column's row.
    #[inline]
    pub(crate) fn push_from(&mut self, from: &Vector, row: usize) {
        match self {
            Self::Boolean(builder) => push_option!(builder, from.boolean().get(row)),
            Self::Int32(builder) => push_option!(builder, from.int32().get(row)),
            Self::Int64(builder) => push_option!(builder, from.int64().get(row)),
            Self::Double(builder) => push_option!(builder, from.double().get(row)),
            Self::Decimal(builder) => push_option!(builder, from.decimal().get(row)),
            Self::Text(builder) => push_option!(builder, from.text().get(row)),
            Self::Bytes(builder) => push_option!(builder, from.bytes().get(row)),
        }
    }

    /// Adds NULL.
    pub(crate) fn push_null(&mut self) {
        match self {
            Self::Boolean(builder) => builder.append_null(),
            Self::Int32(builder) => builder.append_null(),
            Self::Int64(builder) => builder.append_null(),
            Self::Double(builder) => builder.append_null(),
            Self::Decimal(builder) => builder.append_null(),
            Self::Text(builder) => builder.append_null(),
            Self::Bytes(builder) => builder.append_null(),
        }
    }

    push_value! {
        /// Adds a BOOLEAN.
        push_bool, Boolean, bool;
        /// Adds an INTEGER, DATE (days) or TIME (milliseconds).
        push_i32, Int32, i32;
        /// Adds a BIGINT or TIMESTAMP (milliseconds).
        push_i64, Int64, i64;
        /// Adds a DOUBLE.
        push_f64, Double, f64;
        /// Adds the digits of a DECIMAL of the column's scale.
        push_i128, Decimal, i128;
        /// Adds a STRING, or the JSON text of an ARRAY, MAP or STRUCT.
        push_text, Text, &str;
        /// Adds BYTES.
        push_bytes, Bytes, &[u8];
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        use arrow_array::builder::ArrayBuilder;
        match self {
            Self::Boolean(builder) => builder.len(),
            Self::Int32(builder) => builder.len(),
            Self::Int64(builder) => builder.len(),
            Self::Double(builder) => builder.len(),
            Self::Decimal(builder) => builder.len(),
            Self::Text(builder) => builder.len(),
            Self::Bytes(builder) => builder.len(),
        }
    }

    /// The column; the appender is empty then.
    pub(crate) fn finish(&mut self) -> Column {
        match self {
            Self::Boolean(builder) => builder.finish().into(),
            Self::Int32(builder) => builder.finish().into(),
            Self::Int64(builder) => builder.finish().into(),
            Self::Double(builder) => builder.finish().into(),
            Self::Decimal(builder) => builder.finish().into(),
            Self::Text(builder) => builder.finish().into(),
            Self::Bytes(builder) => builder.finish().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Int64Array, LargeStringArray};

    #[test]
    fn takes_rows_of_columns_and_of_constants_and_begins_anew() {
        let numbers = Vector::each(Int64Array::from(vec![Some(7), None, Some(9)]));
        let constant = Vector { column: Int64Array::from(vec![5]).into(), constant: true };
        let mut appender = Appender::new(&DataType::Bigint);
        for row in [2, 1, 0] {
            appender.push_from(&numbers, row);
        }
        appender.push_from(&constant, 2);
        appender.push_i64(-1);
        appender.push_null();
        assert_eq!(appender.len(), 6);
        let column = Vector::each(appender.finish());
        let values: Vec<Option<i64>> = (0..6).map(|row| column.int64().get(row)).collect();
        assert_eq!(values, [Some(9), None, Some(7), Some(5), Some(-1), None]);
        assert_eq!(appender.len(), 0);
    }

    #[test]
    fn what_is_of_another_kind_is_null() {
        let text = Vector::each(LargeStringArray::from(vec!["a"]));
        let mut appender = Appender::new(&DataType::Double);
        appender.push_from(&text, 0);
        appender.push_text("b");
        appender.push_f64(0.5);
        let column = Vector::each(appender.finish());
        let values: Vec<Option<f64>> = (0..3).map(|row| column.double().get(row)).collect();
        assert_eq!(values, [None, None, Some(0.5)]);
    }
}
