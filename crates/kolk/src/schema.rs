//! What rows are made of: data types, columns and schemas, as SQL and the Rust builder declare them.

use std::fmt;

/// A type of SQL. Nested types nest to any depth that the front end allows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DataType {
    /// `BOOLEAN`.
    Boolean,
    /// `INT`: 32 bits, signed.
    Integer,
    /// `BIGINT`: 64 bits, signed.
    Bigint,
    /// `DOUBLE`: 64 bits, IEEE 754.
    Double,
    /// `DECIMAL(precision, scale)`.
    Decimal {
        /// All digits, 1 to 38.
        precision: u8,
        /// Digits behind the point, at most `precision`.
        scale: u8,
    },
    /// `STRING`, also spelled `VARCHAR`: UTF-8.
    String,
    /// `BYTES`; base64 in JSON.
    Bytes,
    /// `TIMESTAMP`: milliseconds since 1970-01-01T00:00:00Z.
    Timestamp,
    /// `DATE`: days since 1970-01-01.
    Date,
    /// `TIME`: milliseconds since midnight.
    Time,
    /// `ARRAY<T>`.
    Array(Box<Self>),
    /// `MAP<K, V>`; in JSON `K` is `STRING`.
    Map(Box<Self>, Box<Self>),
    /// `STRUCT<name type, …>`, fields in declared order.
    Struct(Vec<(String, Self)>),
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("BOOLEAN"),
            Self::Integer => f.write_str("INTEGER"),
            Self::Bigint => f.write_str("BIGINT"),
            Self::Double => f.write_str("DOUBLE"),
            Self::Decimal { precision, scale } => write!(f, "DECIMAL({precision}, {scale})"),
            Self::String => f.write_str("STRING"),
            Self::Bytes => f.write_str("BYTES"),
            Self::Timestamp => f.write_str("TIMESTAMP"),
            Self::Date => f.write_str("DATE"),
            Self::Time => f.write_str("TIME"),
            Self::Array(item) => write!(f, "ARRAY<{item}>"),
            Self::Map(key, value) => write!(f, "MAP<{key}, {value}>"),
            Self::Struct(fields) => {
                f.write_str("STRUCT<")?;
                for (i, (name, data_type)) in fields.iter().enumerate() {
                    write!(f, "{}{name} {data_type}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str(">")
            }
        }
    }
}

/// Where a column's value stands in a Kafka record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// In the record's key.
    Key,
    /// In the record's value.
    Value,
    /// In the header of this name; all headers as an array of structs when there is no name.
    Header(Option<String>),
    /// The start of the key's window, BIGINT milliseconds since 1970.
    WindowStart,
    /// The end of the key's window, BIGINT milliseconds since 1970.
    WindowEnd,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name, spelled as it is written to the output.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// Where it stands in the record.
    pub role: Role,
}

/// The columns of a stream, in declared order; names are unique under the dialect's rules for case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    /// The columns.
    pub columns: Vec<Column>,
}

impl Schema {
    /// The position of the column with exactly this name.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Column { name, data_type, role }) in self.columns.iter().enumerate() {
            write!(f, "{}{name} {data_type}", if i == 0 { "" } else { ", " })?;
            match role {
                Role::Key => f.write_str(" KEY")?,
                Role::Value => {}
                Role::Header(None) => f.write_str(" HEADERS")?,
                Role::Header(Some(header)) => write!(f, " HEADER('{header}')")?,
                Role::WindowStart => f.write_str(" WINDOW START")?,
                Role::WindowEnd => f.write_str(" WINDOW END")?,
            }
        }
        Ok(())
    }
}
