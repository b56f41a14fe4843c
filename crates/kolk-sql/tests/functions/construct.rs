//! ARRAY[…], MAP(…), STRUCT(…), and what operators do with them.

use super::{check, check_as};

#[test]
fn nested_values_are_built() {
    check(&[
        ("ARRAY[i, nothing, 2]", "[7,null,2]"),
        ("ARRAY[i, l]", "[7,10000000000]"),
        ("ARRAY[1, d]", "[1.0,2.5]"),
        ("ARRAY['2e1', i, NULL]", "[20,7,null]"),
        ("ARRAY['2024-01-01', day]", "[19723,19782]"),
        (
            "ARRAY[STRUCT(a := 1, b := 'x'), STRUCT(b := s, c := TRUE)]",
            r#"[{"A":1,"B":"x","C":null},{"A":null,"B":"Grüße","C":true}]"#,
        ),
        ("ARRAY[ARRAY[1], nobody]", "[[1],null]"),
        ("MAP('a' := i, s := NULL)", r#"{"a":7,"Grüße":null}"#),
        ("MAP('a' := 1, 'b' := 2, 'a' := 3)", r#"{"b":2,"a":3}"#),
        ("MAP(s := TRUE, 10 := 'no')", r#"{"Grüße":true,"10":false}"#),
        ("MAP(nowhere := 1)", "null"),
        ("STRUCT(a := i, `b` := STRUCT(c := ints))", r#"{"A":7,"b":{"C":[3,1,null,2,1]}}"#),
        ("STRUCT(a := nothing)", r#"{"A":null}"#),
        ("STRUCT()", "{}"),
        ("STRUCT(A := 1, `a` := 2)->`a`", "2"),
        ("ARRAY[]", "refused: cannot be built empty"),
        ("ARRAY[NULL]", "refused: all NULL"),
        ("ARRAY[1, 'x']", "refused: 'x' is no number"),
        ("ARRAY[i, s]", "refused: must have one type"),
        ("MAP()", "refused: cannot be built empty"),
        ("MAP(NULL := 1)", "refused: all NULL"),
        ("STRUCT(a := 1, a := 2)", "refused: two fields A in the STRUCT"),
    ]);
    check_as(
        "kolk",
        &[
            ("STRUCT(a := nothing, Seen := ts)", r#"{"Seen":"2024-02-29T10:30:00.000Z"}"#),
            ("MAP('a' := nothing)", r#"{"a":null}"#),
        ],
    );
}

#[test]
fn parts_are_found() {
    check(&[
        ("ints[1]", "3"),
        ("ints[-1]", "1"),
        ("ints[3]", "null"),
        ("ints[9]", "null"),
        ("ints[i - 3]", "2"),
        ("grid[1][2]", "2"),
        ("grid[3][1]", "null"),
        ("counts['z']", "3"),
        ("counts['Z']", "null"),
        ("visitor->name", "\"Ada\""),
        ("visitor->tags[1]", "\"x\""),
        ("STRUCT(a := ARRAY[STRUCT(b := 5)])->a[1]->b", "5"),
        ("MAP('k' := ints)['k'][2]", "1"),
        ("visitor->nope", "refused: no field"),
    ]);
}

#[test]
fn structs_hold_their_declared_fields() {
    check(&[
        ("visitor", r#"{"NAME":"Ada","AGE":41,"TAGS":["x"]}"#),
        ("COALESCE(visitor, visitor)", r#"{"NAME":"Ada","AGE":41,"TAGS":["x"]}"#),
    ]);
    check_as(
        "kolk",
        &[
            // What is only passed on is not taken apart.
            ("visitor", r#"{"age":41,"NAME":"Ada","extra":true,"tags":["x"]}"#),
            ("COALESCE(visitor, visitor)", r#"{"Name":"Ada","Age":41,"Tags":["x"]}"#),
        ],
    );
}

#[test]
fn nested_values_are_compared() {
    check(&[
        ("ints = ARRAY[3, 1, NULL, 2, 1]", "true"),
        ("ints = ARRAY[3, 1]", "false"),
        ("ints <> ARRAY[3, 1]", "true"),
        ("ARRAY[1, 2] = ARRAY[CAST(1 AS BIGINT), CAST(2 AS BIGINT)]", "true"),
        ("ARRAY[1] = ARRAY[1.0]", "true"),
        ("counts = MAP('z' := 3, 'y' := NULL, 'x' := 1)", "true"),
        ("counts = MAP('z' := 3)", "false"),
        ("visitor = STRUCT(name := 'Ada', age := 41, tags := ARRAY['x'])", "true"),
        ("visitor IS DISTINCT FROM STRUCT(name := 'Ada', age := 42, tags := ARRAY['x'])", "true"),
        ("nobody = ints", "false"),
        ("nobody IS NOT DISTINCT FROM nobody", "true"),
        ("ints IN (ARRAY[1], ARRAY['3', '1', NULL, '2', '1'])", "true"),
        ("STRUCT(a := 1) IN (STRUCT(`a` := 1))", "false"),
        ("NULLIF(ints, ARRAY[3, 1, NULL, 2, 1])", "null"),
        ("CASE WHEN yes THEN ARRAY[1] ELSE ARRAY[2.5] END", "[1.0]"),
        ("ints < ints", "refused: no order"),
        ("ints = words", "refused: cannot be compared"),
        ("ints = 1", "refused: cannot be compared"),
    ]);
    check_as("kolk", &[("nobody = ints", "left out"), ("ints = ints", "true")]);
}

#[test]
fn nested_values_are_cast() {
    check(&[
        ("CAST(ints AS ARRAY<STRING>)", r#"["3","1",null,"2","1"]"#),
        ("CAST(words AS ARRAY<INT>)", "null"),
        ("CAST(ARRAY[l] AS ARRAY<INT>)", "[1410065408]"),
        ("CAST(counts AS MAP<STRING, DOUBLE>)", r#"{"x":1.0,"y":null,"z":3.0}"#),
        ("CAST(visitor AS STRUCT<Age BIGINT, Shoe INT>)", r#"{"AGE":41,"SHOE":null}"#),
        ("CAST(ints AS STRING)", "\"[3, 1, null, 2, 1]\""),
        ("CAST(counts AS STRING)", "\"{x=1, y=null, z=3}\""),
        ("CAST(visitor AS STRING)", "\"Struct{NAME=Ada,AGE=41,TAGS=[x]}\""),
        ("CAST(s AS ARRAY<INT>)", "refused: cannot be cast"),
        ("CAST(ints AS MAP<STRING, INT>)", "refused: cannot be cast"),
    ]);
    check_as(
        "kolk",
        &[("CAST(visitor AS STRING)", r#""{\"Name\":\"Ada\",\"Age\":41,\"Tags\":[\"x\"]}""#)],
    );
}
