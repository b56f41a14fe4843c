//! Functions of arrays and maps.

use super::{check, check_as};

#[test]
fn arrays() {
    check(&[
        ("ARRAY_LENGTH(ints)", "5"),
        ("ARRAY_LENGTH(nobody)", "null"),
        ("ARRAY_CONTAINS(ints, 2)", "true"),
        ("ARRAY_CONTAINS(ints, NULL)", "true"),
        ("ARRAY_CONTAINS(ints, '2')", "true"),
        ("ARRAY_CONTAINS(words, 'A')", "false"),
        ("ARRAY_CONTAINS(nobody, 1)", "false"),
        ("ARRAY_CONTAINS(grid, ARRAY[1, 2])", "true"),
        ("ARRAY_CONTAINS(words, 1)", "refused: must have one type"),
        ("ARRAY_CONCAT(ints, ARRAY[9])", "[3,1,null,2,1,9]"),
        ("ARRAY_CONCAT(nobody, ints)", "[3,1,null,2,1]"),
        ("ARRAY_CONCAT(ints, nobody)", "[3,1,null,2,1]"),
        ("ARRAY_CONCAT(nobody, nobody)", "null"),
        ("ARRAY_CONCAT(ints, ARRAY[2.5])", "[3.0,1.0,null,2.0,1.0,2.5]"),
        ("ARRAY_DISTINCT(ints)", "[3,1,null,2]"),
        ("ARRAY_DISTINCT(grid)", "[[1,2],[],null]"),
        ("ARRAY_DISTINCT(nobody)", "null"),
        (
            "ARRAY_DISTINCT(ARRAY[MAP('a' := 1, 'b' := 2), MAP('b' := 2, 'a' := 1)])",
            r#"[{"a":1,"b":2}]"#,
        ),
        ("ARRAY_EXCEPT(ints, ARRAY[1])", "[3,null,2]"),
        ("ARRAY_EXCEPT(ints, nobody)", "null"),
        ("ARRAY_INTERSECT(ints, ARRAY[1, 2, NULL])", "[1,null,2]"),
        ("ARRAY_UNION(words, ARRAY['c', 'a'])", r#"["b","a","c"]"#),
        ("ARRAY_UNION(nobody, ints)", "null"),
        ("ARRAY_JOIN(ints)", "\"3,1,null,2,1\""),
        ("ARRAY_JOIN(words, ' - ')", "\"b - a - b\""),
        ("ARRAY_JOIN(words, NULL)", "\"bab\""),
        ("ARRAY_JOIN(ARRAY[m, 1.5])", "\"12.50,1.50\""),
        ("ARRAY_JOIN(grid)", "refused: argument 1 of ARRAY_JOIN"),
        ("ARRAY_MAX(ints)", "3"),
        ("ARRAY_MIN(ints)", "1"),
        ("ARRAY_MAX(words)", "\"b\""),
        ("ARRAY_MIN(ARRAY['b', 'B'])", "\"B\""),
        ("ARRAY_MIN(ARRAY[nothing])", "null"),
        ("ARRAY_MAX(ARRAY[TRUE, FALSE])", "true"),
        ("ARRAY_MAX(nobody)", "null"),
        ("ARRAY_SUM(ints)", "7"),
        ("ARRAY_SUM(ARRAY[1.5e0, NULL, 2])", "3.5"),
        ("ARRAY_SUM(ARRAY[m, 1.5])", "14.00"),
        ("ARRAY_SUM(ARRAY[l, 1])", "10000000001"),
        ("ARRAY_SUM(ARRAY[2147483647, 1])", "null"),
        ("ARRAY_SUM(nobody)", "null"),
        ("ARRAY_SUM(words)", "refused: argument 1 of ARRAY_SUM"),
        ("ARRAY_REMOVE(ints, 1)", "[3,null,2]"),
        ("ARRAY_REMOVE(ints, NULL)", "[3,1,2,1]"),
        ("ARRAY_REMOVE(grid, ARRAY[1, 2])", "[[],null]"),
        ("ARRAY_SORT(ints)", "[1,1,2,3,null]"),
        ("ARRAY_SORT(ints, 'desc')", "[3,2,1,1,null]"),
        ("ARRAY_SORT(ints, 'sideways')", "null"),
        ("ARRAY_SORT(grid)", "refused: argument 1 of ARRAY_SORT"),
        ("GENERATE_SERIES(1, 3)", "[1,2,3]"),
        ("GENERATE_SERIES(3, 1)", "[3,2,1]"),
        ("GENERATE_SERIES(0, 7, 3)", "[0,3,6]"),
        ("GENERATE_SERIES(0, -7, -3)", "[0,-3,-6]"),
        ("GENERATE_SERIES(1, 9, -1)", "null"),
        ("GENERATE_SERIES(1, 9, 0)", "null"),
        ("GENERATE_SERIES(l, l + 1)", "[10000000000,10000000001]"),
        ("GENERATE_SERIES(0, 2000000000)", "null"),
        ("SLICE(ints, 2, 4)", "[1,null,2]"),
        ("SLICE(ints, NULL, 2)", "[3,1]"),
        ("SLICE(ints, 4, NULL)", "[2,1]"),
        ("SLICE(ints, 2, 9)", "null"),
        ("SLICE(ints, 0, 1)", "null"),
        ("SLICE(ints, 4, 2)", "null"),
    ]);
}

#[test]
fn maps() {
    check(&[
        ("AS_MAP(words, ints)", r#"{"b":null,"a":1}"#),
        ("AS_MAP(nobody, words)", "refused: expected ARRAY<STRING>"),
        ("AS_MAP(CAST(NULL AS ARRAY<STRING>), words)", "null"),
        ("AS_MAP(ARRAY[nowhere], words)", "null"),
        ("MAP_UNION(counts, MAP('x' := 9, 'w' := 0))", r#"{"x":9,"y":null,"z":3,"w":0}"#),
        ("MAP_UNION(counts, nomap)", r#"{"x":1,"y":null,"z":3}"#),
        ("MAP_UNION(nomap, nomap)", "null"),
        ("ENTRIES(MAP('b' := 1, 'a' := 2), TRUE)", r#"[{"K":"a","V":2},{"K":"b","V":1}]"#),
        ("ENTRIES(nomap, TRUE)", "null"),
        ("ARRAY_SORT(MAP_KEYS(counts))", r#"["x","y","z"]"#),
        ("MAP_KEYS(nomap)", "null"),
        ("ARRAY_SORT(MAP_VALUES(counts))", "[1,3,null]"),
        ("SPLIT_TO_MAP('a=1;b=2;;c;b=3', ';', '=')", r#"{"a":"1","b":"3"}"#),
        ("SPLIT_TO_MAP('a=1=2', ';', '=')", r#"{"a":"1"}"#),
        ("SPLIT_TO_MAP('', ';', '=')", "{}"),
        ("SPLIT_TO_MAP('a=1', '', '=')", "null"),
        ("SPLIT_TO_MAP(nowhere, ';', '=')", "null"),
    ]);
    // Maps keep their order, or have that of Java's hash tables.
    let keys = "MAP_KEYS(MAP('page-1' := 1, 'visit' := 2, 'x' := 3))";
    check_as("kolk", &[(keys, r#"["page-1","visit","x"]"#)]);
    check(&[(keys, r#"["x","page-1","visit"]"#)]);
}

#[test]
fn lists_in_text() {
    check(&[
        ("SPLIT('a,b,,c', ',')", r#"["a","b","","c"]"#),
        ("SPLIT('aé', '')", r#"["a","é"]"#),
        ("SPLIT('', ',')", r#"[""]"#),
        ("SPLIT(nowhere, ',')", "null"),
        ("SPLIT(raw, SUBSTRING(raw, 2, 1))", r#"["AQ==","Aw=="]"#),
        ("ELT(2, 'a', 'b', 'c')", "\"b\""),
        ("ELT(4, 'a', 'b', 'c')", "null"),
        ("ELT(0, 'a')", "null"),
        ("ELT(nothing, 'a')", "null"),
        ("FIELD('b', 'a', 'b', 'b')", "2"),
        ("FIELD('x', 'a', nowhere)", "0"),
        ("FIELD(nowhere, 'a', nowhere)", "0"),
    ]);
}
