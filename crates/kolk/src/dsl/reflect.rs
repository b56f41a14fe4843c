//! The columns that a serde type stands for: it is told to deserialize itself, and what it asks for is noted.

use super::timestamp;
use crate::schema::DataType;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer,
    MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};

/// Types nested deeper are taken for endless.
const DEPTH_MAX: usize = 32;

/// The type of a value: integers up to 32 bits are INTEGER, wider ones BIGINT; floats DOUBLE; text, characters and enums of names STRING;
/// [`super::Timestamp`] TIMESTAMP; sequences ARRAY, maps MAP, structs STRUCT. An `Option` is as what it may hold: every column may be
/// NULL.
///
/// # Errors
/// Which part of the type is none of these, and why.
pub(super) fn data_type<T: DeserializeOwned>() -> Result<DataType, String> {
    let mut found = None;
    let asked = T::deserialize(Probe { found: &mut found, depth: 0 }).map(drop);
    asked.map_err(|error| error.to_string())?;
    found.ok_or_else(|| "it asks for nothing".to_owned())
}

/// The fields of a struct, as columns.
///
/// # Errors
/// As [`data_type`], and a type that is no struct.
pub(super) fn columns<T: DeserializeOwned>() -> Result<Vec<(String, DataType)>, String> {
    match data_type::<T>()? {
        DataType::Struct(fields) => Ok(fields),
        other => Err(format!("a row is a struct with a field for each column, not {other}")),
    }
}

/// Gives what is asked for, and notes what that was.
struct Probe<'a> {
    found: &'a mut Option<DataType>,
    depth: usize,
}

/// Gives the fields of a struct, or one item or entry.
struct Parts<'a> {
    names: std::slice::Iter<'static, &'static str>,
    fields: &'a mut Vec<(String, DataType)>,
    depth: usize,
}

struct One<'a> {
    found: &'a mut Option<DataType>,
    is_given: bool,
    depth: usize,
}

impl Probe<'_> {
    fn is(self, data_type: DataType) {
        *self.found = Some(data_type);
    }
}

macro_rules! scalars {
    ($( $method:ident $visit:ident($value:expr) = $data_type:ident );* $(;)?) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
                self.is(DataType::$data_type);
                visitor.$visit($value)
            }
        )*
    };
}

macro_rules! refused {
    ($( $method:ident($($argument:ty),*) = $why:expr );* $(;)?) => {
        $(
            fn $method<V: Visitor<'de>>(self, $(_: $argument,)* _: V) -> Result<V::Value, Error> {
                Err(Error::custom($why))
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Error;

    scalars! {
        deserialize_bool visit_bool(false) = Boolean;
        deserialize_i8 visit_i8(0) = Integer;
        deserialize_i16 visit_i16(0) = Integer;
        deserialize_i32 visit_i32(0) = Integer;
        deserialize_i64 visit_i64(0) = Bigint;
        deserialize_u8 visit_u8(0) = Integer;
        deserialize_u16 visit_u16(0) = Integer;
        deserialize_u32 visit_u32(0) = Bigint;
        deserialize_u64 visit_u64(0) = Bigint;
        deserialize_f32 visit_f32(0.0) = Double;
        deserialize_f64 visit_f64(0.0) = Double;
        deserialize_char visit_char('a') = String;
        deserialize_str visit_str("") = String;
        deserialize_string visit_str("") = String;
    }

    refused! {
        deserialize_any() = "a type that takes any value says nothing of its column";
        deserialize_ignored_any() = "a type that takes any value says nothing of its column";
        deserialize_bytes() = "bytes as such are not read: they are base64 text in JSON";
        deserialize_byte_buf() = "bytes as such are not read: they are base64 text in JSON";
        deserialize_unit() = "a unit is no column";
        deserialize_unit_struct(&'static str) = "a unit is no column";
        deserialize_tuple(usize) = "a tuple has no names for columns: use a struct";
        deserialize_tuple_struct(&'static str, usize) = "a tuple has no names for columns: use a struct";
        deserialize_identifier() = "a name is no column";
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == timestamp::NAME {
            self.is(DataType::Timestamp);
            return visitor.visit_i64(0);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut item = None;
        let one = One { found: &mut item, is_given: false, depth: deeper(self.depth)? };
        let value = visitor.visit_seq(one)?;
        let item = item.ok_or_else(|| Error::custom("a sequence that takes no item"))?;
        self.is(DataType::Array(Box::new(item)));
        Ok(value)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut item = None;
        let one = One { found: &mut item, is_given: false, depth: deeper(self.depth)? };
        let value = visitor.visit_map(one)?;
        let item = item.ok_or_else(|| Error::custom("a map that takes no entry"))?;
        self.is(DataType::Map(Box::new(DataType::String), Box::new(item)));
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let mut fields = Vec::new();
        let depth = deeper(self.depth)?;
        let value = visitor.visit_map(Parts { names: names.iter(), fields: &mut fields, depth })?;
        self.is(DataType::Struct(fields));
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let first =
            variants.first().ok_or_else(|| Error::custom(format!("{name} has no value")))?;
        self.is(DataType::String);
        visitor.visit_enum(Name(first))
    }
}

fn deeper(depth: usize) -> Result<usize, Error> {
    if depth == DEPTH_MAX { Err(Error::custom("it contains itself")) } else { Ok(depth + 1) }
}

impl<'de> MapAccess<'de> for Parts<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some(name) = self.names.as_slice().first() else { return Ok(None) };
        let name: StrDeserializer<'_, Error> = (*name).into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let name = self.names.next().copied().unwrap_or_default();
        let mut found = None;
        let value = seed
            .deserialize(Probe { found: &mut found, depth: self.depth })
            .map_err(|error| Error::custom(format!("{name}: {error}")))?;
        let found = found.ok_or_else(|| Error::custom(format!("{name}: it asks for nothing")))?;
        self.fields.push((name.to_owned(), found));
        Ok(value)
    }
}

impl One<'_> {
    fn give<'de, S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(Probe { found: self.found, depth: self.depth })
    }
}

impl<'de> SeqAccess<'de> for One<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if std::mem::replace(&mut self.is_given, true) {
            return Ok(None);
        }
        self.give(seed).map(Some)
    }
}

impl<'de> MapAccess<'de> for One<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        if std::mem::replace(&mut self.is_given, true) {
            return Ok(None);
        }
        let key = self.give(seed)?;
        match self.found {
            Some(DataType::String) => Ok(Some(key)),
            _ => Err(Error::custom("the keys of a map are STRING")),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        self.give(seed)
    }
}

/// The value of an enum that is a mere name.
struct Name(&'static str);

impl<'de> EnumAccess<'de> for Name {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let name: StrDeserializer<'_, Error> = self.0.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Name {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Error> {
        Err(holds_values())
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Err(holds_values())
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        Err(holds_values())
    }
}

fn holds_values() -> Error {
    Error::invalid_type(Unexpected::Enum, &"an enum of mere names")
}

#[cfg(test)]
#[path = "reflect_tests.rs"]
mod tests;
