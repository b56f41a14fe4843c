//! Columns of any type, built value by value out of JSON tokens or of bytes by Kafka's serializers.

use crate::codec::json::value::{self, Mismatch};
use crate::codec::json::{Kind, Token};
use crate::codec::zone::Zone;
use crate::codec::{delimited, kafka, number};
use crate::operator::column::Column;
use crate::operator::encode::Style;
use crate::operator::texts::Texts;
use crate::operator::value::{Value, write_json};
use crate::schema::DataType;
use arrow_array::builder::{
    BooleanBuilder, Decimal128Builder, Float64Builder, Int32Builder, Int64Builder,
    LargeBinaryBuilder,
};

/// A column in the making.
pub(crate) enum Builder {
    Boolean(BooleanBuilder),
    Integer(Int32Builder),
    Date(Int32Builder),
    Time(Int32Builder),
    Bigint(Int64Builder),
    Timestamp(Int64Builder),
    Double(Float64Builder),
    Decimal(Decimal128Builder, (u8, u8)),
    Text(Texts),
    /// The JSON text of values of this kind.
    Nested(Texts, Kind),
    /// The same in its normal form: declared fields and no others.
    Declared(Box<Declared>),
    Bytes(LargeBinaryBuilder),
}

/// Nested values in their normal form.
pub(crate) struct Declared {
    texts: Texts,
    data_type: DataType,
    style: Style,
    text: Vec<u8>,
}

/// Adds the value, or NULL and the error.
macro_rules! push {
    ($builder:expr, $value:expr) => {
        match $value {
            Ok(value) => {
                $builder.append_value(value);
                Ok(())
            }
            Err(error) => {
                $builder.append_null();
                Err(error)
            }
        }
    };
}

impl Builder {
    /// For about so many values of a type.
    pub(crate) fn new(data_type: &DataType, len: usize) -> Self {
        // Values of about this many bytes find room at once.
        const TEXT: usize = 24;
        let text = || Texts::with_capacity(len);
        match data_type {
            DataType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(len)),
            DataType::Integer => Self::Integer(Int32Builder::with_capacity(len)),
            DataType::Date => Self::Date(Int32Builder::with_capacity(len)),
            DataType::Time => Self::Time(Int32Builder::with_capacity(len)),
            DataType::Bigint => Self::Bigint(Int64Builder::with_capacity(len)),
            DataType::Timestamp => Self::Timestamp(Int64Builder::with_capacity(len)),
            DataType::Double => Self::Double(Float64Builder::with_capacity(len)),
            DataType::Decimal { precision, scale } => {
                Self::Decimal(Decimal128Builder::with_capacity(len), (*precision, *scale))
            }
            DataType::String => Self::Text(text()),
            DataType::Array(_) => Self::Nested(text(), Kind::Array),
            DataType::Map(..) | DataType::Struct(_) => Self::Nested(text(), Kind::Object),
            DataType::Bytes => Self::Bytes(LargeBinaryBuilder::with_capacity(len, len * TEXT)),
        }
    }

    /// The same, with nested values in their normal form: equal ones have equal texts, which keys of groups rely on.
    pub(crate) fn styled(data_type: &DataType, style: Style, len: usize) -> Self {
        match Self::new(data_type, len) {
            Self::Nested(texts, _) => {
                let (data_type, text) = (data_type.clone(), Vec::new());
                Self::Declared(Box::new(Declared { texts, data_type, style, text }))
            }
            other => other,
        }
    }

    /// Adds the value of a token; NULL for a missing field, for `null`, and where the token is of another type.
    #[inline]
    pub(crate) fn push_token(
        &mut self,
        token: Token,
        buffer: &[u8],
        zone: &mut Zone,
    ) -> Result<(), Mismatch> {
        if token.is_null() {
            self.push_null();
            return Ok(());
        }
        match self {
            Self::Boolean(builder) => push!(builder, value::boolean(token)),
            Self::Integer(builder) => push!(builder, value::integer(token, buffer)),
            Self::Date(builder) => push!(builder, value::date(token, buffer)),
            Self::Time(builder) => push!(builder, value::time(token, buffer)),
            Self::Bigint(builder) => push!(builder, value::bigint(token, buffer)),
            Self::Timestamp(builder) => push!(builder, value::timestamp(token, buffer, zone)),
            Self::Double(builder) => push!(builder, value::double(token, buffer)),
            Self::Decimal(builder, of) => push!(builder, value::decimal(token, buffer, *of)),
            Self::Text(builder) => {
                match token.kind {
                    Kind::Text => builder.push(token.inside(buffer)),
                    _ => builder.push(&value::text(token, buffer)),
                }
                Ok(())
            }
            Self::Nested(builder, kind) if token.kind == *kind => {
                builder.push(token.of(buffer));
                Ok(())
            }
            Self::Nested(builder, _) => {
                builder.push_null();
                Err(Mismatch)
            }
            Self::Declared(declared) => declared.push(token, buffer, zone),
            Self::Bytes(builder) => push!(builder, value::bytes(token, buffer)),
        }
    }

    /// Adds a field of a text with delimiters; NULL for one without text, and where the text is of another type.
    pub(crate) fn push_delimited(&mut self, token: Token, buffer: &[u8]) -> Result<(), Mismatch> {
        if token.is_null() {
            self.push_null();
            return Ok(());
        }
        let text = delimited::text(token, buffer);
        match self {
            Self::Boolean(builder) => push!(builder, delimited::boolean(&text).ok_or(Mismatch)),
            Self::Integer(builder) | Self::Date(builder) => {
                push!(builder, delimited::integer(&text).ok_or(Mismatch))
            }
            Self::Time(builder) => push!(builder, delimited::time(&text).ok_or(Mismatch)),
            Self::Bigint(builder) | Self::Timestamp(builder) => {
                push!(builder, number::parse_i64(&text).ok_or(Mismatch))
            }
            Self::Double(builder) => push!(builder, number::parse_f64(&text).ok_or(Mismatch)),
            Self::Decimal(builder, of) => {
                push!(builder, delimited::decimal(&text, *of).ok_or(Mismatch))
            }
            Self::Bytes(builder) => push!(builder, delimited::bytes(&text).ok_or(Mismatch)),
            Self::Text(builder) => {
                builder.push(&text);
                Ok(())
            }
            // The planner lets no nested type through.
            Self::Nested(..) | Self::Declared(_) => {
                self.push_null();
                Err(Mismatch)
            }
        }
    }

    /// Adds what Kafka's serializers wrote; NULL for no bytes, and where they are of another type.
    pub(crate) fn push_kafka(&mut self, bytes: Option<&[u8]>) -> Result<(), kafka::Expected> {
        let Some(bytes) = bytes else {
            self.push_null();
            return Ok(());
        };
        match self {
            Self::Boolean(builder) => push!(builder, kafka::boolean(bytes)),
            Self::Integer(builder) => push!(builder, kafka::fixed(bytes).map(i32::from_be_bytes)),
            Self::Bigint(builder) => push!(builder, kafka::fixed(bytes).map(i64::from_be_bytes)),
            Self::Double(builder) => push!(builder, kafka::fixed(bytes).map(f64::from_be_bytes)),
            Self::Text(builder) | Self::Nested(builder, _) => match kafka::text(bytes) {
                Ok(text) => {
                    builder.push(text.as_bytes());
                    Ok(())
                }
                Err(expected) => {
                    builder.push_null();
                    Err(expected)
                }
            },
            Self::Bytes(builder) => {
                builder.append_value(bytes);
                Ok(())
            }
            _ => {
                self.push_null();
                Err("a type of Kafka's serializers")
            }
        }
    }

    /// Adds NULL.
    pub(crate) fn push_null(&mut self) {
        match self {
            Self::Boolean(builder) => builder.append_null(),
            Self::Integer(builder) | Self::Date(builder) | Self::Time(builder) => {
                builder.append_null();
            }
            Self::Bigint(builder) | Self::Timestamp(builder) => builder.append_null(),
            Self::Double(builder) => builder.append_null(),
            Self::Decimal(builder, _) => builder.append_null(),
            Self::Text(builder) | Self::Nested(builder, _) => builder.push_null(),
            Self::Declared(declared) => declared.texts.push_null(),
            Self::Bytes(builder) => builder.append_null(),
        }
    }

    /// The column.
    pub(crate) fn finish(self) -> Column {
        match self {
            Self::Boolean(mut builder) => builder.finish().into(),
            Self::Integer(mut builder) | Self::Date(mut builder) | Self::Time(mut builder) => {
                builder.finish().into()
            }
            Self::Bigint(mut builder) | Self::Timestamp(mut builder) => builder.finish().into(),
            Self::Double(mut builder) => builder.finish().into(),
            Self::Decimal(mut builder, _) => builder.finish().into(),
            Self::Text(builder) | Self::Nested(builder, _) => builder.finish().into(),
            Self::Declared(declared) => declared.texts.finish().into(),
            Self::Bytes(mut builder) => builder.finish().into(),
        }
    }
}

impl Declared {
    fn push(&mut self, token: Token, buffer: &[u8], zone: &mut Zone) -> Result<(), Mismatch> {
        let value = Value::of_token(token, buffer, &self.data_type, zone);
        let value = value.inspect_err(|_| self.texts.push_null())?;
        self.text.clear();
        write_json(&value, &self.data_type, (self.style, zone), &mut self.text);
        self.texts.push(&self.text);
        Ok(())
    }
}
