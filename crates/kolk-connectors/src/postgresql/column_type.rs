//! Which SQL types fit which of the server's, and how a value gets there.

use kolk::schema::DataType;

/// A column's type as the server's catalogue has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnType {
    /// As people write it: `character varying(20)`, `bigint[]`.
    pub(super) shown: String,
    /// The catalogue's name: `varchar`, `_int8`; of a domain that of the type beneath.
    pub(super) name: String,
    /// The catalogue's category: `S` for texts, `A` for arrays, …
    pub(super) category: String,
}

/// How a JSON value becomes one of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The type reads it.
    Plain,
    /// Its text is JSON.
    Document,
    /// Base64.
    Bytes,
    /// Text of a time-stamp, or milliseconds since 1970.
    Timestamp,
    /// Text of a date, or days since 1970.
    Date,
    /// Text of a time of day, or milliseconds since midnight.
    Time,
}

/// How values of `from` get into a column of type `to`; none if they do not fit, apart from those that are too large.
pub(super) fn way(from: &DataType, to: &ColumnType) -> Option<Way> {
    let to_name = to.name.as_str();
    let is_text = to.category == "S" && to_name != "name";
    let is_json = matches!(to_name, "json" | "jsonb");
    match from {
        DataType::Boolean => (to_name == "bool").then_some(Way::Plain),
        DataType::Integer => {
            matches!(to_name, "int2" | "int4" | "int8" | "numeric" | "float8").then_some(Way::Plain)
        }
        DataType::Bigint => match to_name {
            "int2" | "int4" | "int8" | "numeric" => Some(Way::Plain),
            "timestamptz" | "timestamp" => Some(Way::Timestamp),
            _ => None,
        },
        DataType::Double => {
            matches!(to_name, "float4" | "float8" | "numeric").then_some(Way::Plain)
        }
        DataType::Decimal { .. } => (to_name == "numeric").then_some(Way::Plain),
        DataType::String if is_json => Some(Way::Document),
        // Texts, enums, addresses, intervals, uuid and types of extensions read text.
        DataType::String => {
            let reads = matches!(to.category.as_str(), "S" | "E" | "I" | "T" | "U");
            (reads && to_name != "bytea").then_some(Way::Plain)
        }
        DataType::Bytes => (to_name == "bytea").then_some(Way::Bytes),
        DataType::Timestamp => {
            matches!(to_name, "timestamptz" | "timestamp").then_some(Way::Timestamp)
        }
        DataType::Date => (to_name == "date").then_some(Way::Date),
        DataType::Time => (to_name == "time").then_some(Way::Time),
        DataType::Array(_) | DataType::Map(..) | DataType::Struct(_) if is_json || is_text => {
            Some(Way::Plain)
        }
        DataType::Array(item) => {
            let item_name = to_name.strip_prefix('_')?;
            let category = match item_name {
                "text" | "varchar" | "bpchar" | "citext" => "S",
                "uuid" => "U",
                _ => "N",
            };
            let to = ColumnType {
                shown: String::new(),
                name: item_name.to_owned(),
                category: category.to_owned(),
            };
            way(item, &to).filter(|way| *way == Way::Plain)
        }
        DataType::Map(..) | DataType::Struct(_) => None,
    }
}

/// The type in which the server reads the JSON field first.
pub(super) fn read_as(way: Way, to: &ColumnType) -> &str {
    match way {
        Way::Plain => &to.shown,
        Way::Document | Way::Bytes | Way::Timestamp | Way::Date | Way::Time => "text",
    }
}

/// The column's value, of `field` that was read so.
pub(super) fn expression(way: Way, to: &ColumnType, field: &str) -> String {
    let number = format!("{field} ~ '^-?[0-9]+$'");
    match way {
        Way::Plain => field.to_owned(),
        Way::Document => format!("{field}::{}", to.shown),
        Way::Bytes => format!("decode({field}, 'base64')"),
        Way::Timestamp => {
            let at = format!(
                "CASE WHEN {number} THEN to_timestamp({field}::numeric / 1000) ELSE {field}::timestamptz END"
            );
            let zone = if to.name == "timestamp" { " AT TIME ZONE 'UTC'" } else { "" };
            format!("({at}){zone}")
        }
        Way::Date => {
            format!(
                "CASE WHEN {number} THEN date '1970-01-01' + {field}::int ELSE {field}::date END"
            )
        }
        Way::Time => format!(
            "CASE WHEN {number} THEN time '00:00' + {field}::int * interval '1 millisecond' ELSE {field}::time END"
        ),
    }
}

/// What `create_table` makes of a type.
pub(super) fn created(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "boolean".to_owned(),
        DataType::Integer => "integer".to_owned(),
        DataType::Bigint => "bigint".to_owned(),
        DataType::Double => "double precision".to_owned(),
        DataType::Decimal { precision, scale } => format!("numeric({precision}, {scale})"),
        DataType::String => "text".to_owned(),
        DataType::Bytes => "bytea".to_owned(),
        DataType::Timestamp => "timestamp with time zone".to_owned(),
        DataType::Date => "date".to_owned(),
        DataType::Time => "time".to_owned(),
        DataType::Array(item) => match &**item {
            DataType::Boolean
            | DataType::Integer
            | DataType::Bigint
            | DataType::Double
            | DataType::Decimal { .. }
            | DataType::String => format!("{}[]", created(item)),
            _ => "jsonb".to_owned(),
        },
        DataType::Map(..) | DataType::Struct(_) => "jsonb".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, category: &str, shown: &str) -> ColumnType {
        let [name, category, shown] = [name, category, shown].map(str::to_owned);
        ColumnType { shown, name, category }
    }

    #[test]
    fn types_fit_where_every_value_has_a_place_or_is_found_out() {
        let bigint = of("int8", "N", "bigint");
        assert_eq!(way(&DataType::Bigint, &bigint), Some(Way::Plain));
        assert_eq!(way(&DataType::Double, &bigint), None);
        assert_eq!(way(&DataType::String, &bigint), None);
        assert_eq!(way(&DataType::String, &of("uuid", "U", "uuid")), Some(Way::Plain));
        assert_eq!(way(&DataType::String, &of("bytea", "U", "bytea")), None);
        assert_eq!(way(&DataType::String, &of("jsonb", "U", "jsonb")), Some(Way::Document));
        let at = of("timestamptz", "D", "timestamp with time zone");
        assert_eq!(way(&DataType::Timestamp, &at), Some(Way::Timestamp));
        assert_eq!(way(&DataType::Bigint, &at), Some(Way::Timestamp));
        let texts = DataType::Array(Box::new(DataType::String));
        assert_eq!(way(&texts, &of("_text", "A", "text[]")), Some(Way::Plain));
        assert_eq!(way(&texts, &of("_int4", "A", "integer[]")), None);
        assert_eq!(way(&texts, &of("jsonb", "U", "jsonb")), Some(Way::Plain));
        let times = DataType::Array(Box::new(DataType::Timestamp));
        assert_eq!(way(&times, &of("_timestamptz", "A", "timestamp with time zone[]")), None);
    }

    #[test]
    fn values_that_the_type_does_not_read_are_converted() {
        let jsonb = of("jsonb", "U", "jsonb");
        assert_eq!(read_as(Way::Document, &jsonb), "text");
        assert_eq!(expression(Way::Document, &jsonb, "r.\"d\""), "r.\"d\"::jsonb");
        let plain = of("timestamp", "D", "timestamp without time zone");
        assert!(expression(Way::Timestamp, &plain, "r.\"t\"").ends_with("AT TIME ZONE 'UTC'"));
        let nested = DataType::Array(Box::new(DataType::Array(Box::new(DataType::String))));
        assert_eq!(created(&nested), "jsonb");
        assert_eq!(created(&DataType::Decimal { precision: 9, scale: 2 }), "numeric(9, 2)");
    }
}
