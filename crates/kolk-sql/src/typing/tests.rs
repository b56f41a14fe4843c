//! Which types expressions get, shown as the plan shows them.

use super::*;
use crate::parser::parse_expression;
use crate::resolve::{Relation, Types};
use crate::settings::Names;
use kolk::schema::{Column, Role, Schema};

fn schema() -> Schema {
    let column =
        |name: &str, data_type| Column { name: name.to_owned(), data_type, role: Role::Value };
    Schema {
        columns: vec![
            column("i", DataType::Integer),
            column("l", DataType::Bigint),
            column("d", DataType::Double),
            column("m", DataType::Decimal { precision: 10, scale: 2 }),
            column("s", DataType::String),
            column("b", DataType::Boolean),
            column("t", DataType::Timestamp),
            column("day", DataType::Date),
            column("a", DataType::Array(Box::new(DataType::String))),
            column("map", DataType::Map(Box::new(DataType::String), Box::new(DataType::Integer))),
            column("u", DataType::Struct(vec![("ip".to_owned(), DataType::String)])),
            column("raw", DataType::Bytes),
        ],
    }
}

fn typed(text: &str) -> Result<Expression> {
    let schema = schema();
    let relations = [Relation::of("visits", "v", Some(&schema))];
    let scope = Scope { relations: &relations, names: Names::AsWritten, types: &Types::default() };
    let calls = Calls::Refused("a test");
    Typing { scope, timezone: "Europe/Paris", calls, parameters: &[] }
        .expression(&parse_expression(text)?)
}

#[test]
fn numbers_widen_and_decimals_get_the_digits_they_need() {
    for (text, expected) in [
        ("i + i", "INTEGER"),
        ("i + l", "BIGINT"),
        ("l * d", "DOUBLE"),
        ("m + m", "DECIMAL(11, 2)"),
        ("m * m", "DECIMAL(21, 4)"),
        ("m + i", "DECIMAL(13, 2)"),
        ("m / m", "DECIMAL(23, 13)"),
        ("m % m", "DECIMAL(10, 2)"),
        ("m + d", "DOUBLE"),
        ("1.50", "DECIMAL(3, 2)"),
        (".5", "DECIMAL(1, 1)"),
        ("-2147483648", "INTEGER"),
        ("2147483648", "BIGINT"),
        ("1e3", "DOUBLE"),
        ("s + 'x' || s", "STRING"),
        ("a[1]", "STRING"),
        ("map['x']", "INTEGER"),
        ("u->ip", "STRING"),
        ("v.S", "STRING"),
        ("ROWTIME", "BIGINT"),
        ("CASE WHEN b THEN i ELSE l END", "BIGINT"),
        ("CASE i WHEN 1 THEN 'x' WHEN 2 THEN NULL END", "STRING"),
        ("CAST(NULL AS DATE)", "DATE"),
        ("COALESCE(NULL, i, 2.5)", "DECIMAL(11, 1)"),
        ("ROUND(d)", "BIGINT"),
        ("ROUND(d, 2)", "DOUBLE"),
        ("ROUND(m)", "DECIMAL(8, 0)"),
        ("ABS(m)", "DECIMAL(10, 2)"),
        ("LEN(raw)", "INTEGER"),
        ("SPLIT(s, ',')", "ARRAY<STRING>"),
        ("UNIX_TIMESTAMP('2024-01-01')", "BIGINT"),
        ("s LIKE '%x' ESCAPE '!'", "BOOLEAN"),
    ] {
        assert_eq!(typed(text).unwrap().data_type.to_string(), expected, "{text}");
    }
}

#[test]
fn constants_are_widened_when_planned() {
    for (text, expected) in [
        ("l = 1", "(l = 1)"),
        ("d > 1", "(d > 1.0)"),
        ("d > 1.25", "(d > 1.25)"),
        ("m < 5", "(CAST(m AS DECIMAL(12, 2)) < DECIMAL 500)"),
        ("i < l", "(CAST(i AS BIGINT) < l)"),
        ("i BETWEEN 1 AND 3", "((i >= 1) AND (i <= 3))"),
        ("NOT b", "NOT b"),
        ("s NOT IN ('x', 'y')", "NOT s IN ('x', 'y')"),
        ("i IS NOT NULL", "NOT i IS NULL"),
        ("-5", "-5"),
        ("t > '2024-01-01T09:20:00'", "(t > TIMESTAMP 1704097200000)"),
        ("t > '2024-01-01T09:20:00Z'", "(t > TIMESTAMP 1704100800000)"),
        ("t IN ('2024-01-01T00:00:00Z')", "t IN (TIMESTAMP 1704067200000)"),
        ("day = '1970-01-02'", "(day = DATE 1)"),
        ("TIME '00:00:01'", "TIME 1000"),
        ("ROWTIME >= '2018'", "(ROWTIME >= 1514761200000)"),
        ("'2018-01-01T00:00:00.001Z' < ROWTIME", "(1514764800001 < ROWTIME)"),
        ("i IN (1, '2147483648')", "CAST(i AS BIGINT) IN (1, 2147483648)"),
        ("i IN (1, '-4.50')", "CAST(i AS DECIMAL(12, 2)) IN (DECIMAL 100, DECIMAL -450)"),
        ("b IN (TRUE, 'Y', 'fal')", "b IN (TRUE, TRUE, FALSE)"),
        ("s IN (TRUE, 10, 10.30, -0.05)", "s IN ('true', '10', '10.30', '-0.05')"),
        ("GREATEST(day, NULL, '1970-01-03')", "GREATEST(day, NULL, DATE 2)"),
        ("t > day", "(t > CAST(day AS TIMESTAMP))"),
    ] {
        assert_eq!(typed(text).unwrap().to_string(), expected, "{text}");
    }
}

#[test]
fn what_has_no_meaning_is_refused() {
    for text in [
        "i + s",
        "s - s",
        "i = s",
        "b < b",
        "i = NULL",
        "t = 5",
        "a > a",
        "NOT i",
        "i AND b",
        "u->port",
        "s->x",
        "s[1]",
        "a[0]",
        "w.s",
        "nope",
        "CAST(b AS INT)",
        "CAST(t AS BIGINT)",
        "CAST(raw AS STRING)",
        "CASE WHEN b THEN 1 ELSE 'x' END",
        "CASE WHEN i THEN 1 END",
        "COALESCE(NULL)",
        "UCASE(i)",
        "UCASE()",
        "UCASE(s, s)",
        "UPPER(s)",
        "COUNT(s)",
        "t > 'soon'",
        "s LIKE 5",
        "s LIKE 'x' ESCAPE 'xy'",
        "i IN (1, 'x')",
        "UNIX_TIMESTAMP()",
        "ARRAY_CONTAINS(a, 1)",
        "x => x",
        "ARRAY[]",
        "ARRAY[NULL]",
        "MAP()",
        "STRUCT(x := NULL)",
        "STRUCT(x := 1, X := 2)",
        "b IN (TRUE, 'maybe')",
        "i IN (1, 'one')",
        "i IN (1, s)",
        "i IN (1, TRUE)",
        "ROWTIME > 'soon'",
        "WINDOWSTART",
        "CAST(i AS LONG)",
        "CAST(i AS DECIMAL(39, 1))",
        "CAST(i AS DECIMAL(2, 3))",
        "NULL + 1",
        "-s",
        "1.000000000000000000000000000000000000001",
    ] {
        assert!(typed(text).is_err(), "{text} is {:?}", typed(text));
    }
}
