//! The functions whose states grow, over streams; and what they take back from tables.

use super::*;
use AggregateFunction as F;

fn array(of: DataType) -> DataType {
    DataType::Array(Box::new(of))
}

/// The results of calls over rows of one group `a`, one behind the other.
fn over(calls: Vec<AggregateCall>, rows: &[&str]) -> Vec<String> {
    let steps: Vec<In> = rows.iter().map(|cells| row(0, &format!("a {cells}"))).collect();
    let shown = results(&by_user(calls, None, Emit::Changes), &Setting::default(), &steps);
    shown.iter().map(|row| row.strip_prefix("0: a ").unwrap().to_owned()).collect()
}

#[test]
fn lists_hold_all_values_and_sets_each_once_up_to_the_limit() {
    let limit = |call| with(&[Literal::Integer(2)], call);
    let calls = || {
        let of = |function, column, of| call(function, &[column], array(of));
        vec![
            of(F::CollectList, 1, DataType::Bigint),
            of(F::CollectSet, 4, DataType::String),
            limit(of(F::CollectList, 1, DataType::Bigint)),
            limit(of(F::CollectSet, 1, DataType::Bigint)),
        ]
    };
    let rows = ["3 - - x\"", "- - - -", "3 - - x\"", "4 - - y"];
    let expected = [
        r#"[3] ["x\""] [3] [3]"#,
        r#"[3,null] ["x\"",null] [3,null] [3,null]"#,
        r#"[3,null,3] ["x\"",null] [3,null] [3,null]"#,
        r#"[3,null,3,4] ["x\"",null,"y"] [3,null] [3,null]"#,
    ];
    assert_eq!(over(calls(), &rows), expected);
}

#[test]
fn a_list_ends_at_a_thousand_values() {
    let rows: Vec<String> = (0..1002).map(|n| n.to_string()).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let calls = vec![call(F::CollectList, &[1], array(DataType::Bigint))];
    let shown = over(calls, &rows);
    assert!(shown[999].ends_with(",999]"));
    assert_eq!(shown[1000], shown[999]);
    assert_eq!(shown[1001], shown[999]);
}

#[test]
fn the_greatest_values_come_first_and_of_equal_ones_the_first() {
    let k = |k, call| with(&[Literal::Integer(k)], call);
    let field = |name: &str, of| (name.to_owned(), of);
    let fields = DataType::Struct(vec![
        field("sort_col", DataType::Bigint),
        field("col0", DataType::String),
    ]);
    let calls = vec![
        k(2, call(F::TopK, &[1], array(DataType::Bigint))),
        k(2, call(F::TopKDistinct, &[1], array(DataType::Bigint))),
        k(3, call(F::TopK, &[1, 4], array(fields))),
    ];
    let rows = ["1 - - a", "7 - - b", "- - - c", "7 - - -", "7 - - d", "-2 - - e"];
    let expected = [
        r#"[1] [1] [{"sort_col":1,"col0":"a"}]"#,
        r#"[7,1] [7,1] [{"sort_col":7,"col0":"b"},{"sort_col":1,"col0":"a"}]"#,
        r#"[7,1] [7,1] [{"sort_col":7,"col0":"b"},{"sort_col":1,"col0":"a"}]"#,
        r#"[7,7] [7,1] [{"sort_col":7,"col0":"b"},{"sort_col":7,"col0":null},{"sort_col":1,"col0":"a"}]"#,
        r#"[7,7] [7,1] [{"sort_col":7,"col0":"b"},{"sort_col":7,"col0":null},{"sort_col":7,"col0":"d"}]"#,
        r#"[7,7] [7,1] [{"sort_col":7,"col0":"b"},{"sort_col":7,"col0":null},{"sort_col":7,"col0":"d"}]"#,
    ];
    assert_eq!(over(calls, &rows), expected);
}

#[test]
fn the_first_and_the_last_value_with_and_without_nulls() {
    let nulls = |call| with(&[Literal::Boolean(false)], call);
    let few = |nulls: bool, call| with(&[Literal::Integer(2), Literal::Boolean(!nulls)], call);
    let one = |function| call(function, &[4], DataType::String);
    let several = |function| call(function, &[4], array(DataType::String));
    let calls = vec![
        one(F::EarliestByOffset),
        nulls(one(F::EarliestByOffset)),
        one(F::LatestByOffset),
        nulls(one(F::LatestByOffset)),
        few(false, several(F::EarliestByOffset)),
        few(true, several(F::EarliestByOffset)),
        few(false, several(F::LatestByOffset)),
        few(true, several(F::LatestByOffset)),
    ];
    let rows = ["- - - -", "- - - x", "- - - y", "- - - -", "- - - z"];
    let expected = [
        r#"null null null null [] [null] [] [null]"#,
        r#"x null x x ["x"] [null,"x"] ["x"] [null,"x"]"#,
        r#"x null y y ["x","y"] [null,"x"] ["x","y"] ["x","y"]"#,
        r#"x null y null ["x","y"] [null,"x"] ["x","y"] ["y",null]"#,
        r#"x null z z ["x","y"] [null,"x"] ["y","z"] [null,"z"]"#,
    ];
    assert_eq!(over(calls, &rows), expected);
}

#[test]
fn different_values_are_counted_and_tallied() {
    let counts = DataType::Map(Box::new(DataType::String), Box::new(DataType::Bigint));
    let calls = vec![
        call(F::CountDistinct, &[4], DataType::Bigint),
        call(F::Histogram, &[4], counts),
        call(F::Attr, &[4], DataType::String),
        call(F::Attr, &[3], DataType::Double),
    ];
    let long = "a-text-that-is-longer-than-fifteen-bytes";
    let rows =
        ["- - 1 x", "- - 1 x", &format!("- - 1 {long}"), &format!("- - 2 {long}"), "- - 1 -"];
    let expected = [
        r#"1 {"x":1} x 1.0"#.to_owned(),
        r#"1 {"x":2} x 1.0"#.to_owned(),
        format!(r#"2 {{"x":2,"{long}":1}} null 1.0"#),
        format!(r#"2 {{"x":2,"{long}":2}} null null"#),
        format!(r#"2 {{"x":2,"{long}":2}} null null"#),
    ];
    assert_eq!(over(calls, &rows), expected);
}

#[test]
fn nested_values_are_equal_whatever_the_order_of_their_fields() {
    let field = |name: &str, of| (name.to_owned(), of);
    let map = DataType::Map(Box::new(DataType::String), Box::new(DataType::Integer));
    let visit = DataType::Struct(vec![field("page", DataType::String), field("counts", map)]);
    let setting = Setting {
        columns: vec![("user", DataType::String), ("visit", visit.clone())],
        ..Setting::default()
    };
    let calls = vec![
        call(F::CollectSet, &[1], array(visit.clone())),
        call(F::LatestByOffset, &[1], visit.clone()),
        call(F::Attr, &[1], visit),
        call(F::CountDistinct, &[1], DataType::Bigint),
    ];
    let visits = [
        r#"{"page":"home","counts":{"b":2,"a":1}}"#,
        r#"{"counts":{"a":1,"b":2},"page":"home"}"#,
        r#"{"counts":{"a":1}}"#,
    ];
    let steps = visits.map(|visit| In::Row {
        cells: Some(vec![Some("a".to_owned()), Some(visit.to_owned())]),
        time: 0,
        old: None,
    });
    let home = r#"{"page":"home","counts":{"a":1,"b":2}}"#;
    let bare = r#"{"page":null,"counts":{"a":1}}"#;
    let expected = [
        format!("0: a [{home}] {home} {home} 1"),
        format!("0: a [{home}] {home} {home} 1"),
        format!("0: a [{home},{bare}] {bare} null 2"),
    ];
    assert_eq!(results(&by_user(calls, None, Emit::Changes), &setting, &steps), expected);
}

#[test]
fn a_value_that_is_not_of_its_type_is_null_and_counted() {
    let setting = Setting {
        columns: vec![("user", DataType::String), ("visits", array(DataType::Integer))],
        ..Setting::default()
    };
    let calls = vec![call(F::CollectList, &[1], array(array(DataType::Integer)))];
    let mut running = Running::new(&by_user(calls, None, Emit::Changes), &setting).unwrap();
    let cells = ["a", "[1,\"x\"]"].map(|cell| Some(cell.to_owned())).to_vec();
    let steps = [In::Row { cells: Some(cells), time: 0, old: None }];
    assert_eq!(rows_of(&running.run(&steps, &[])), ["0: a [null]"]);
    assert_eq!(running.fates.failed_expressions, 1);
}

#[test]
fn tables_take_back_what_a_changed_row_had_given() {
    let counts = DataType::Map(Box::new(DataType::String), Box::new(DataType::Bigint));
    let calls = vec![
        call(F::CollectList, &[1], array(DataType::Bigint)),
        call(F::Histogram, &[4], counts),
        call(F::Attr, &[4], DataType::String),
        call(F::Avg, &[1], DataType::Double),
        call(F::StdDevSamp, &[3], DataType::Double),
        call(F::Correlation, &[3, 3], DataType::Double),
        call(F::Sum, &[3], DataType::Double),
    ];
    let change = |old: &str, new: &str| In::Row {
        cells: (!new.is_empty()).then(|| cells_of(new)),
        time: 0,
        old: (!old.is_empty()).then(|| cells_of(old)),
    };
    let steps = [
        change("", "a 3 - 1 x"),
        change("", "a 5 - 3 y"),
        change("", "a 3 - 5 x"),
        change("a 3 - 5 x", "a 7 - 7 y"),
        change("a 5 - 3 y", ""),
        change("a 7 - 7 y", ""),
        change("a 3 - 1 x", ""),
    ];
    let expected = [
        r#"0: a [3] {"x":1} x 3.0 0.0 NaN 1.0"#,
        r#"0: a [3,5] {"x":1,"y":1} null 4.0 1.4142135623730951 1.0 4.0"#,
        r#"0: a [3,5,3] {"x":2,"y":1} null 3.6666666666666665 2.0 1.0 9.0"#,
        r#"0: a [3,5,7] {"x":1,"y":2} null 5.0 3.0550504633038935 1.0 11.0"#,
        r#"0: a [3,7] {"x":1,"y":1} null 5.0 4.242640687119285 1.0 8.0"#,
        r#"0: a [3] {"x":1} x 3.0 0.0 NaN 1.0"#,
        r#"0: a [] {} null 0.0 0.0 NaN 0.0"#,
    ];
    let setting = Setting { collection: Collection::Table, ..Setting::default() };
    assert_eq!(results(&by_user(calls, None, Emit::Changes), &setting, &steps), expected);
}

#[test]
fn tables_go_back_to_the_next_greatest_when_the_greatest_goes() {
    let calls = vec![
        call(F::Min, &[1], DataType::Bigint),
        call(F::Max, &[4], DataType::String),
        call(F::CountDistinct, &[1], DataType::Bigint),
        call(F::CollectSet, &[1], array(DataType::Bigint)),
        with(&[Literal::Integer(2)], call(F::TopK, &[1], array(DataType::Bigint))),
        with(&[Literal::Integer(2)], call(F::TopKDistinct, &[4], array(DataType::String))),
        call(F::Max, &[5], DataType::Decimal { precision: 4, scale: 1 }),
    ];
    let change = |old: &str, new: &str| In::Row {
        cells: (!new.is_empty()).then(|| cells_of(new)),
        time: 0,
        old: (!old.is_empty()).then(|| cells_of(old)),
    };
    let steps = [
        change("", "a 3 - - x -5"),
        change("", "a -5 - - z 17"),
        change("", "a 3 - - y -"),
        change("", "a - - - - -"),
        change("a -5 - - z 17", "a 9 - - x 2"),
        change("a 3 - - y -", ""),
        change("a 9 - - x 2", "b 9 - - x 2"),
        change("a 3 - - x -5", ""),
        change("a - - - - -", ""),
    ];
    let expected = [
        r#"0: a 3 x 1 [3] [3] ["x"] -5"#,
        r#"0: a -5 z 2 [-5,3] [3,-5] ["z","x"] 17"#,
        r#"0: a -5 z 2 [-5,3] [3,3] ["z","y"] 17"#,
        r#"0: a -5 z 2 [null,-5,3] [3,3] ["z","y"] 17"#,
        r#"0: a 3 y 2 [null,3,9] [9,3] ["y","x"] 2"#,
        r#"0: a 3 x 2 [null,3,9] [9,3] ["x"] 2"#,
        r#"0: a 3 x 1 [null,3] [3] ["x"] -5"#,
        r#"0: b 9 x 1 [9] [9] ["x"] 2"#,
        "0: a null null 0 [null] [] [] null",
        "0: a null null 0 [] [] [] null",
    ];
    let setting = Setting { collection: Collection::Table, ..Setting::default() };
    assert_eq!(results(&by_user(calls, None, Emit::Changes), &setting, &steps), expected);
}
