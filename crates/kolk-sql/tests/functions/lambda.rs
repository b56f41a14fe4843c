//! TRANSFORM, FILTER and REDUCE.

use super::{check, check_as};

#[test]
fn functions_are_called_on_items() {
    check(&[
        ("TRANSFORM(words, w => UCASE(w))", r#"["B","A","B"]"#),
        ("TRANSFORM(ARRAY[1, 2], x => x * i + 0.5)", "[7.5,14.5]"),
        ("TRANSFORM(grid, row => ARRAY_LENGTH(row))", "[2,0,null,2]"),
        (
            "TRANSFORM(ARRAY[ARRAY[1, 2], ARRAY[3]], row => TRANSFORM(row, x => x + row[1]))",
            "[[2,3],[6]]",
        ),
        ("TRANSFORM(nobody, x => x)", "null"),
        ("TRANSFORM(ARRAY[1], i => i)", "[1]"),
        (
            "TRANSFORM(MAP('a' := 1, 'b' := 2), (k, v) => CONCAT(k, '!'), (k, v) => v * 10)",
            r#"{"a!":10,"b!":20}"#,
        ),
        ("TRANSFORM(MAP('a' := 1, 'b' := 2), (k, v) => 'same', (k, v) => v)", "null"),
        ("TRANSFORM(nomap, (k, v) => k, (k, v) => v)", "null"),
        ("FILTER(ints, x => x > 1)", "[3,2]"),
        ("FILTER(ints, x => x IS NULL)", "[null]"),
        ("FILTER(counts, (k, v) => v = 3 OR k = 'x')", r#"{"x":1,"z":3}"#),
        ("FILTER(nobody, x => TRUE)", "null"),
        ("REDUCE(ARRAY[1, 2, 3], 10, (s, x) => s + x)", "16"),
        ("REDUCE(words, '', (s, x) => s + x)", "\"bab\""),
        ("REDUCE(ARRAY[l, l], 1, (s, x) => s + x)", "20000000001"),
        ("REDUCE(nobody, 10, (s, x) => s + x)", "10"),
        ("REDUCE(ARRAY[1], nothing, (s, x) => 5)", "null"),
        ("REDUCE(MAP('a' := 1, 'bc' := 2), 0, (s, k, v) => s + LEN(k) * v)", "5"),
        ("REDUCE(grid, 0, (s, row) => s + COALESCE(REDUCE(row, 0, (t, x) => t + x), 0))", "6"),
        ("CASE WHEN yes THEN TRANSFORM(words, w => LEN(w)) END", "[1,1,1]"),
    ]);
}

#[test]
fn what_fails_on_an_item() {
    let whole = [
        ("TRANSFORM(ints, x => x + 1)", "null"),
        ("TRANSFORM(ints, x => COALESCE(x, 0) + 1)", "[4,2,1,3,2]"),
        ("TRANSFORM(ints, x => CASE WHEN x IS NULL THEN 0 ELSE x + 1 END)", "[4,2,0,3,2]"),
        ("TRANSFORM(ints, x => COALESCE(x + 1, -1))", "[4,2,-1,3,2]"),
        ("FILTER(ints, x => x % 2 = 1)", "null"),
        ("REDUCE(ints, 0, (s, x) => s + x)", "null"),
        ("REDUCE(ARRAY[2, 0, 5], 100, (s, x) => s / x)", "null"),
    ];
    check(&whole);
    check_as(
        "kolk",
        &[
            ("TRANSFORM(ints, x => x + 1)", "[4,2,null,3,2]"),
            ("FILTER(ints, x => x % 2 = 1)", "[3,1,1]"),
            ("REDUCE(ints, 0, (s, x) => s + x)", "left out"),
            ("TRANSFORM(ARRAY[2, 0], x => 10 / x)", "[5,null]"),
        ],
    );
}

#[test]
fn functions_that_mean_nothing_are_refused() {
    check(&[
        ("x => x", "refused: an argument of a function"),
        ("TRANSFORM(ints, (x, y) => x)", "refused: cannot be a function of 2 parameters"),
        ("TRANSFORM(counts, (k, v) => k)", "refused: "),
        ("TRANSFORM(ints, 5)", "refused: argument 2 of TRANSFORM cannot be INTEGER"),
        ("TRANSFORM(s, x => x)", "refused: argument 1 of TRANSFORM cannot be STRING"),
        ("TRANSFORM(ints, x => NULL)", "refused: has no type"),
        ("FILTER(ints, x => x)", "refused: must give a BOOLEAN"),
        ("FILTER(ints, x => y > 1)", "refused: no column y"),
        ("REDUCE(words, 0, (s, x) => x)", "refused: expected INTEGER, found STRING"),
        ("FILTER(counts, (k, k) => TRUE)", "refused: two"),
    ]);
}
