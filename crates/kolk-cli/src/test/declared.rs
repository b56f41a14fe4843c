//! What a test file expects, read as the columns are declared: names as SQL reads them unquoted, decimals also as text.

use super::json::Json;
use kolk::schema::{Column, DataType};

/// The fields of an object as the columns they stand for.
pub(crate) fn object(json: &Json, columns: &[Column]) -> Json {
    let fields: Vec<(&str, &DataType)> =
        columns.iter().map(|column| (column.name.as_str(), &column.data_type)).collect();
    fields_of(json, &fields)
}

/// A value as one of this type.
pub(crate) fn value(json: &Json, data_type: &DataType) -> Json {
    match (json, data_type) {
        (Json::Text(text), DataType::Decimal { .. }) if is_decimal(text) => {
            Json::Number(text.clone())
        }
        (Json::Array(items), DataType::Array(of)) => {
            Json::Array(items.iter().map(|item| value(item, of)).collect())
        }
        (Json::Object(members), DataType::Map(_, of)) => {
            let member = |(name, item): &(String, Json)| (name.clone(), value(item, of));
            Json::Object(members.iter().map(member).collect())
        }
        (Json::Object(_), DataType::Struct(fields)) => {
            let fields: Vec<(&str, &DataType)> =
                fields.iter().map(|(name, of)| (name.as_str(), of)).collect();
            fields_of(json, &fields)
        }
        _ => json.clone(),
    }
}

fn fields_of(json: &Json, fields: &[(&str, &DataType)]) -> Json {
    let Json::Object(members) = json else { return json.clone() };
    let member = |(name, item): &(String, Json)| {
        let field = |name: &str| fields.iter().find(|(field, _)| *field == name);
        let unquoted = name.to_uppercase();
        // One that is spelled the same goes before.
        let other = || field(&unquoted).filter(|_| json.get(&unquoted).is_none());
        match field(name).or_else(other) {
            Some((field, of)) => ((*field).to_owned(), value(item, of)),
            None => (name.clone(), item.clone()),
        }
    };
    Json::Object(members.iter().map(member).collect())
}

/// Whether a text is a number without exponent.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    all(whole) && all(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kolk::schema::Role;

    fn check(expected: &str, read: &str) {
        let inner = DataType::Struct(vec![("F".to_owned(), DataType::Integer)]);
        let columns = [
            ("A", DataType::Decimal { precision: 4, scale: 2 }),
            ("b", DataType::Array(Box::new(inner))),
            ("S", DataType::String),
        ];
        let columns = columns.map(|(name, data_type)| Column {
            name: name.to_owned(),
            data_type,
            role: Role::Value,
        });
        let json = Json::parse(expected.as_bytes()).unwrap();
        assert_eq!(object(&json, &columns).to_string(), read);
    }

    #[test]
    fn names_are_those_of_columns_and_decimals_may_be_text() {
        check(r#"{"a":"1.50","S":"2"}"#, r#"{"A":1.50,"S":"2"}"#);
        check(r#"{"a":1,"A":2}"#, r#"{"a":1,"A":2}"#);
        check(r#"{"b":[{"f":1}],"B":1}"#, r#"{"b":[{"F":1}],"B":1}"#);
        check(r#"{"A":"x","other":1}"#, r#"{"A":"x","other":1}"#);
    }
}
