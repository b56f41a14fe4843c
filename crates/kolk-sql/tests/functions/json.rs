//! Functions of JSON text.

use super::{check, check_as};

#[test]
fn parts_of_documents() {
    check(&[
        (r#"EXTRACTJSONFIELD('{"a":{"b":[1,{"c":"x"}]}}', '$.a.b[1].c')"#, "\"x\""),
        (r#"EXTRACTJSONFIELD('{"a":{"b":[1, 2]}}', '$.a.b')"#, "\"[1,2]\""),
        (r#"EXTRACTJSONFIELD('{"a":1}', '$.b')"#, "null"),
        (r#"EXTRACTJSONFIELD('{"a":null}', '$.a')"#, "null"),
        (r#"EXTRACTJSONFIELD('{', '$.a')"#, "null"),
        ("IS_JSON_STRING('[1, 2]')", "true"),
        ("IS_JSON_STRING('null')", "true"),
        ("IS_JSON_STRING('[1] 2')", "false"),
        ("IS_JSON_STRING('page')", "false"),
        ("IS_JSON_STRING('')", "false"),
        ("IS_JSON_STRING(nowhere)", "false"),
        ("JSON_ARRAY_LENGTH('[1, [2, 3]]')", "2"),
        ("JSON_ARRAY_LENGTH('{}')", "null"),
        ("JSON_ARRAY_LENGTH('[')", "null"),
        ("JSON_ARRAY_CONTAINS('[1, 2.50, \"x\", null, true]', 1)", "true"),
        ("JSON_ARRAY_CONTAINS('[1, 2.50, \"x\", null, true]', 2.5)", "true"),
        ("JSON_ARRAY_CONTAINS('[1, 2.50, \"x\", null, true]', d)", "true"),
        ("JSON_ARRAY_CONTAINS('[1, 2.50, \"x\", null, true]', 'x')", "true"),
        ("JSON_ARRAY_CONTAINS('[1, 2.50, \"x\", null, true]', TRUE)", "true"),
        ("JSON_ARRAY_CONTAINS('[1, 2.50, \"x\", null, true]', nothing)", "true"),
        ("JSON_ARRAY_CONTAINS('[1, 2.50, \"x\", true]', FALSE)", "false"),
        ("JSON_ARRAY_CONTAINS('{}', 1)", "false"),
        ("JSON_KEYS('{\"b\":1,\"a\":{\"c\":2}}')", r#"["b","a"]"#),
        ("JSON_KEYS('[]')", "null"),
        (
            "JSON_RECORDS('{\"b\":1,\"a\":{\"c\": 2},\"t\":\"x\"}')",
            r#"{"b":"1","a":"{\"c\":2}","t":"x"}"#,
        ),
        ("JSON_ITEMS('[{\"a\": 1}, 2]')", r#"["{\"a\":1}","2"]"#),
        ("JSON_ITEMS('{}')", "null"),
    ]);
}

#[test]
fn documents_are_put_together() {
    check(&[
        (
            r#"JSON_CONCAT('{"a": 1}', '{"b":2}', '{"a":{"c":3}}')"#,
            r#""{\"a\":{\"c\":3},\"b\":2}""#,
        ),
        ("JSON_CONCAT('[1]', '2', '{}')", "\"[1,2,{}]\""),
        ("JSON_CONCAT('[]', '[]')", "\"[]\""),
        ("JSON_CONCAT('[1]', nowhere)", "null"),
        ("JSON_CONCAT('[1]', 'page')", "null"),
        ("TO_JSON_STRING(1)", "\"1\""),
        ("TO_JSON_STRING(s)", r#""\"Grüße\"""#),
        ("TO_JSON_STRING(nothing)", "\"null\""),
        ("TO_JSON_STRING(day)", r#""\"2024-02-29\"""#),
        ("TO_JSON_STRING(clock)", r#""\"10:30\"""#),
        ("TO_JSON_STRING(ts)", r#""\"2024-02-29T10:30:00.000\"""#),
        (
            "TO_JSON_STRING(STRUCT(a := ints, b := nothing))",
            r#""{\"A\":[3,1,null,2,1],\"B\":null}""#,
        ),
    ]);
    check_as("kolk", &[("TO_JSON_STRING(ts)", r#""\"2024-02-29T10:30:00.000Z\"""#)]);
}
