//! The values of one column or expression over the rows of a batch, as Arrow arrays.

use arrow_array::array::{Array, ArrayAccessor};
use arrow_array::{
    BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array, LargeBinaryArray,
    LargeStringArray,
};
use arrow_buffer::NullBuffer;
use std::ops::Range;
use std::sync::LazyLock;

/// An array of one of the kinds that SQL's types are kept in.
#[derive(Debug, Clone)]
pub(crate) enum Column {
    /// BOOLEAN.
    Boolean(BooleanArray),
    /// INTEGER, DATE (days) and TIME (milliseconds).
    Int32(Int32Array),
    /// BIGINT and TIMESTAMP (milliseconds).
    Int64(Int64Array),
    /// DOUBLE.
    Double(Float64Array),
    /// DECIMAL: digits; the scale is the type's.
    Decimal(Decimal128Array),
    /// STRING, and the JSON text of ARRAY, MAP and STRUCT.
    Text(LargeStringArray),
    /// BYTES.
    Bytes(LargeBinaryArray),
}

/// A column of as many values as there are rows, or one value that holds for all of them.
#[derive(Debug, Clone)]
pub(crate) struct Vector {
    pub(crate) column: Column,
    pub(crate) constant: bool,
}

/// Values of a known kind by row. What is not of this kind, which no planned expression asks for, is NULL.
#[derive(Debug)]
pub(crate) struct Lane<'a, A> {
    array: &'a A,
    constant: bool,
}

impl<A> Clone for Lane<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for Lane<'_, A> {}

impl<'a, A: Array> Lane<'a, A>
where
    &'a A: ArrayAccessor,
{
    /// The value of a row; `None` for NULL.
    #[inline]
    pub(crate) fn get(self, row: usize) -> Option<<&'a A as ArrayAccessor>::Item> {
        let at = if self.constant { 0 } else { row };
        self.array.is_valid(at).then(|| self.array.value(at))
    }

    /// What stands in a row, if it is NULL anything.
    #[inline]
    pub(crate) fn raw(self, row: usize) -> <&'a A as ArrayAccessor>::Item {
        self.array.value(if self.constant { 0 } else { row })
    }

    /// Which of `len` rows are not NULL; all without.
    pub(crate) fn nulls(self, len: usize) -> Option<NullBuffer> {
        if !self.constant {
            return self.array.nulls().cloned();
        }
        self.array.is_null(0).then(|| NullBuffer::new_null(len))
    }
}

/// What a lane of the wrong kind shows: one NULL.
struct Nulls {
    boolean: BooleanArray,
    int32: Int32Array,
    int64: Int64Array,
    double: Float64Array,
    decimal: Decimal128Array,
    text: LargeStringArray,
    bytes: LargeBinaryArray,
}

static NULLS: LazyLock<Nulls> = LazyLock::new(|| Nulls {
    boolean: BooleanArray::from(vec![None]),
    int32: Int32Array::from(vec![None]),
    int64: Int64Array::from(vec![None]),
    double: Float64Array::from(vec![None]),
    decimal: Decimal128Array::from(vec![None]),
    text: LargeStringArray::from(vec![None::<&str>]),
    bytes: LargeBinaryArray::from(vec![None::<&[u8]>]),
});

macro_rules! lanes {
    ($( $(#[$meta:meta])* $name:ident, $variant:ident, $array:ty );* $(;)?) => {
        impl Vector {
            $(
                $(#[$meta])*
                #[inline]
                pub(crate) fn $name(&self) -> Lane<'_, $array> {
                    match &self.column {
                        Column::$variant(array) => Lane { array, constant: self.constant },
                        _ => Lane { array: &NULLS.$name, constant: true },
                    }
                }
            )*
        }

        $(
            impl From<$array> for Column {
                fn from(array: $array) -> Self {
                    Self::$variant(array)
                }
            }
        )*

        impl Column {
            /// How many values there are.
            pub(crate) fn len(&self) -> usize {
                match self {
                    $( Self::$variant(array) => array.len(), )*
                }
            }

            /// `len` of the values, from number `first` on, in the same memory.
            fn slice(&self, first: usize, len: usize) -> Self {
                match self {
                    $( Self::$variant(array) => Self::$variant(array.slice(first, len)), )*
                }
            }

            /// Whether a value is NULL.
            pub(crate) fn is_null(&self, at: usize) -> bool {
                match self {
                    $( Self::$variant(array) => array.is_null(at), )*
                }
            }
        }

        /// The values at `picks`: the number of a vector, and a row of it. All vectors are of the first one's kind.
        pub(crate) fn gather(from: &[&Vector], picks: &[(usize, usize)]) -> Column {
            let Some(first) = from.first() else { return Column::Boolean(BooleanArray::from(vec![None; picks.len()])) };
            match &first.column {
                $(
                    Column::$variant(_) => {
                        let lanes: Vec<Lane<'_, $array>> = from.iter().map(|vector| vector.$name()).collect();
                        let values = picks.iter().map(|(vector, row)| lanes[*vector].get(*row));
                        Column::$variant(values.collect())
                    }
                )*
            }
        }
    };
}

lanes! {
    /// As booleans.
    boolean, Boolean, BooleanArray;
    /// As 32-bit integers.
    int32, Int32, Int32Array;
    /// As 64-bit integers.
    int64, Int64, Int64Array;
    /// As doubles.
    double, Double, Float64Array;
    /// As digits of decimals.
    decimal, Decimal, Decimal128Array;
    /// As text.
    text, Text, LargeStringArray;
    /// As bytes.
    bytes, Bytes, LargeBinaryArray;
}

impl Vector {
    /// A value for each row.
    pub(crate) fn each(column: impl Into<Column>) -> Self {
        Self { column: column.into(), constant: false }
    }

    /// The values of some rows, in this order.
    pub(crate) fn take(&self, rows: &[usize]) -> Self {
        if self.constant {
            return self.clone();
        }
        let picks: Vec<(usize, usize)> = rows.iter().map(|row| (0, *row)).collect();
        Self::each(gather(&[self], &picks))
    }

    /// The values of rows that stand one behind the other, in the same memory.
    pub(crate) fn slice(&self, rows: Range<usize>) -> Self {
        if self.constant {
            return self.clone();
        }
        Self::each(self.column.slice(rows.start, rows.len()))
    }

    /// Whether a row's value is NULL.
    #[inline]
    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.column.is_null(if self.constant { 0 } else { row })
    }
}
