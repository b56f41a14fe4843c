//! Expressions: each is evaluated over constants, and over columns of the same values; both must agree.

use super::{Batch, Session, evaluate, literal, may_fail};
use crate::codec::zone::Zone;
use crate::expression::{
    BinaryOperator as Op, Expression, Function as F, Kind, Literal as L, UnaryOperator,
};
use crate::operator::column::{Vector, gather};
use crate::operator::encode::{Style, write_value};
use crate::schema::DataType as T;
use crate::topology::{Conventions, JsonNulls, JsonTimestamps};

const DEC: T = T::Decimal { precision: 6, scale: 2 };

fn session() -> Session {
    let timezone = "Europe/Paris".to_owned();
    Session::new(&Conventions { timezone, ..Conventions::default() }).unwrap()
}

/// The JSON text of each row (`NULL` for NULL), and how often an expression failed.
fn results(expression: &Expression, columns: &[Option<Vector>], rows: usize) -> (Vec<String>, u64) {
    let (mut session, mut failed) = (session(), 0);
    let mut batch = Batch::new(rows, columns, &mut failed, &mut session);
    let vector = evaluate(expression, &mut batch);
    assert!(vector.constant || vector.column.len() == rows, "{expression}");
    let style = Style { timestamps: JsonTimestamps::Milliseconds, nulls: JsonNulls::Write };
    let texts = (0..rows)
        .map(|row| {
            if vector.is_null(row) {
                return "NULL".to_owned();
            }
            let mut text = Vec::new();
            let data_type = &expression.data_type;
            write_value(&vector, row, data_type, (style, &mut Zone::utc()), &mut text);
            String::from_utf8(text).unwrap()
        })
        .collect();
    (texts, failed)
}

/// Moves constants into columns.
fn to_columns(expression: &Expression, columns: &mut Vec<Option<Vector>>) -> Expression {
    if let Kind::Literal(value) = &expression.kind {
        let constant = literal::vector(value, &expression.data_type);
        columns.push(Some(Vector::each(gather(&[&constant], &[(0, 0); 3]))));
        let (index, name) = (columns.len() - 1, "c".to_owned());
        return Expression { kind: Kind::Column { index, name }, ..expression.clone() };
    }
    let mut moved = expression.clone();
    moved.each_operand_mut(&mut |operand| {
        *operand = to_columns(operand, columns);
    });
    moved
}

#[track_caller]
fn check(expression: &Expression, expected: &str, failures: u64) {
    for rows in [0, 1, 3] {
        let of = vec![expected.to_owned(); rows];
        let count = failures * rows as u64;
        assert_eq!(results(expression, &[], rows), (of, count), "{expression} as constant");
    }
    let mut columns = Vec::new();
    let moved = to_columns(expression, &mut columns);
    let of = vec![expected.to_owned(); 3];
    assert_eq!(results(&moved, &columns, 3), (of, failures * 3), "{expression} by column");
}

fn lit(value: L, data_type: T) -> Expression {
    Expression { kind: Kind::Literal(value), data_type }
}

fn int(value: i32) -> Expression {
    lit(L::Integer(value), T::Integer)
}

fn big(value: i64) -> Expression {
    lit(L::Bigint(value), T::Bigint)
}

fn double(value: f64) -> Expression {
    lit(L::Double(value), T::Double)
}

fn dec(digits: i128) -> Expression {
    lit(L::Decimal(digits), DEC)
}

fn text(value: &str) -> Expression {
    lit(L::String(value.to_owned()), T::String)
}

fn boolean(value: bool) -> Expression {
    lit(L::Boolean(value), T::Boolean)
}

fn null(data_type: T) -> Expression {
    lit(L::Null, data_type)
}

/// An ARRAY<STRING>, which is JSON text inside.
fn array(json: &str) -> Expression {
    Expression { data_type: T::Array(Box::new(T::String)), ..text(json) }
}

fn bin(operator: Op, left: Expression, right: Expression, data_type: T) -> Expression {
    let (left, right) = (Box::new(left), Box::new(right));
    Expression { kind: Kind::Binary { operator, left, right }, data_type }
}

fn call(function: F, arguments: Vec<Expression>, data_type: T) -> Expression {
    Expression { kind: Kind::Call { function, arguments }, data_type }
}

fn cast(operand: Expression, data_type: T) -> Expression {
    Expression { kind: Kind::Cast(Box::new(operand)), data_type }
}

fn unary(operator: UnaryOperator, operand: Expression) -> Expression {
    let data_type = operand.data_type.clone();
    Expression { kind: Kind::Unary { operator, operand: Box::new(operand) }, data_type }
}

#[test]
fn arithmetic() {
    let ints = |op, a, b| bin(op, int(a), int(b), T::Integer);
    check(&ints(Op::Add, i32::MAX, 1), "-2147483648", 0);
    check(&ints(Op::Divide, 7, 2), "3", 0);
    check(&ints(Op::Divide, -7, 2), "-3", 0);
    check(&ints(Op::Remainder, -7, 3), "-1", 0);
    check(&ints(Op::Divide, 1, 0), "NULL", 1);
    check(&ints(Op::Remainder, 1, 0), "NULL", 1);
    check(&ints(Op::Divide, i32::MIN, -1), "-2147483648", 0);
    check(&bin(Op::Add, int(1), null(T::Integer), T::Integer), "NULL", 0);
    check(&bin(Op::Multiply, big(1 << 62), big(4), T::Bigint), "0", 0);
    check(&bin(Op::Divide, double(1.0), double(0.0), T::Double), "\"Infinity\"", 0);
    check(&bin(Op::Remainder, double(5.5), double(2.0), T::Double), "1.5", 0);
    check(&bin(Op::Subtract, double(3.3), double(2.1), T::Double), "1.1999999999999997", 0);
    check(&bin(Op::Add, text("a"), text("b"), T::String), "\"ab\"", 0);
    check(&bin(Op::Add, text("a"), null(T::String), T::String), "NULL", 0);
    check(&unary(UnaryOperator::Negate, int(5)), "-5", 0);
    check(&unary(UnaryOperator::Negate, dec(5)), "-0.05", 0);
}

#[test]
fn decimals() {
    let wide = |precision, scale| T::Decimal { precision, scale };
    check(&bin(Op::Add, dec(150), dec(25), wide(7, 2)), "1.75", 0);
    check(&bin(Op::Multiply, dec(150), dec(25), wide(13, 4)), "0.3750", 0);
    check(&bin(Op::Multiply, dec(155), dec(10), wide(7, 2)), "0.16", 0);
    check(&bin(Op::Divide, dec(100), dec(300), wide(10, 4)), "0.3333", 0);
    check(&bin(Op::Divide, dec(200), dec(300), wide(10, 4)), "0.6667", 0);
    check(&bin(Op::Divide, dec(-200), dec(300), wide(10, 4)), "-0.6667", 0);
    check(&bin(Op::Divide, dec(1), dec(0), wide(10, 4)), "NULL", 1);
    check(&bin(Op::Remainder, dec(750), dec(200), DEC), "1.50", 0);
    check(&bin(Op::Add, dec(999_999), dec(1), DEC), "NULL", 1);
    let most = lit(L::Decimal(10i128.pow(37)), wide(38, 0));
    check(&bin(Op::Multiply, most.clone(), most, wide(38, 0)), "NULL", 1);
    let tenth = lit(L::Decimal(1), T::Decimal { precision: 2, scale: 1 });
    check(&bin(Op::Equal, tenth.clone(), dec(10), T::Boolean), "true", 0);
    check(&bin(Op::Less, dec(9), tenth, T::Boolean), "true", 0);
}

#[test]
fn comparisons_and_logic() {
    let is = |op, a, b| bin(op, a, b, T::Boolean);
    check(&is(Op::Less, int(1), int(2)), "true", 0);
    check(&is(Op::GreaterOrEqual, text("b"), text("a")), "true", 0);
    check(&is(Op::Equal, null(T::Integer), int(2)), "NULL", 0);
    check(&is(Op::IsDistinct, null(T::Integer), int(2)), "true", 0);
    check(&is(Op::IsDistinct, null(T::Integer), null(T::Integer)), "false", 0);
    check(&is(Op::IsNotDistinct, int(2), int(2)), "true", 0);
    check(&is(Op::NotEqual, double(f64::NAN), double(f64::NAN)), "true", 0);
    check(&is(Op::Equal, double(f64::NAN), double(f64::NAN)), "false", 0);
    let unknown = || null(T::Boolean);
    for (op, a, b, expected) in [
        (Op::And, boolean(false), unknown(), "false"),
        (Op::And, unknown(), boolean(false), "false"),
        (Op::And, unknown(), boolean(true), "NULL"),
        (Op::And, boolean(true), boolean(true), "true"),
        (Op::Or, unknown(), boolean(true), "true"),
        (Op::Or, boolean(false), unknown(), "NULL"),
        (Op::Or, boolean(false), boolean(false), "false"),
    ] {
        check(&is(op, a, b), expected, 0);
    }
    check(&unary(UnaryOperator::Not, unknown()), "NULL", 0);
    check(&unary(UnaryOperator::Not, boolean(false)), "true", 0);
    let null_test =
        |operand| Expression { kind: Kind::IsNull(Box::new(operand)), data_type: T::Boolean };
    check(&null_test(null(T::String)), "true", 0);
    check(&null_test(int(1)), "false", 0);
    let within = |value, list| Expression {
        kind: Kind::In { value: Box::new(value), list },
        data_type: T::Boolean,
    };
    check(&within(int(2), vec![int(1), int(2)]), "true", 0);
    check(&within(int(3), vec![int(1), null(T::Integer)]), "NULL", 0);
    check(&within(int(3), vec![int(1), int(2)]), "false", 0);
    check(&within(null(T::Integer), vec![int(1)]), "NULL", 0);
}

/// `1 / 0`, which fails wherever it is evaluated.
fn failing() -> Expression {
    bin(Op::Divide, int(1), int(0), T::Integer)
}

#[test]
fn what_a_row_does_not_need_does_not_fail() {
    let positive = || bin(Op::Greater, failing(), int(0), T::Boolean);
    check(&bin(Op::And, boolean(false), positive(), T::Boolean), "false", 0);
    check(&bin(Op::And, boolean(true), positive(), T::Boolean), "NULL", 1);
    check(&bin(Op::Or, boolean(true), positive(), T::Boolean), "true", 0);
    let case = |when, then, otherwise| Expression {
        kind: Kind::Case { branches: vec![(when, then)], otherwise },
        data_type: T::Integer,
    };
    check(&case(boolean(false), failing(), Some(Box::new(int(7)))), "7", 0);
    check(&case(boolean(true), int(8), Some(Box::new(failing()))), "8", 0);
    check(&case(null(T::Boolean), int(8), None), "NULL", 0);
    check(&case(boolean(true), failing(), None), "NULL", 1);
    check(&call(F::Coalesce, vec![int(1), failing()], T::Integer), "1", 0);
    check(&call(F::IfNull, vec![failing(), int(5)], T::Integer), "5", 1);
    let in_list = Kind::In { value: Box::new(int(1)), list: vec![int(1), failing()] };
    check(&Expression { kind: in_list, data_type: T::Boolean }, "true", 0);
}

#[test]
fn each_row_takes_its_own_branch() {
    let rows: Vec<(usize, usize)> = vec![(0, 0), (1, 0), (2, 0), (1, 0)];
    let values = [int(1), int(0), null(T::Integer)].map(|value| match &value.kind {
        Kind::Literal(of) => literal::vector(of, &T::Integer),
        _ => unreachable!(),
    });
    let column = Vector::each(gather(&values.each_ref(), &rows));
    let n = || Expression {
        kind: Kind::Column { index: 0, name: "n".to_owned() },
        data_type: T::Integer,
    };
    let inverse = bin(Op::Divide, int(10), n(), T::Integer);
    let case = Expression {
        kind: Kind::Case {
            branches: vec![
                (bin(Op::NotEqual, n(), int(0), T::Boolean), inverse.clone()),
                (bin(Op::Equal, n(), int(0), T::Boolean), int(-1)),
            ],
            otherwise: Some(Box::new(int(99))),
        },
        data_type: T::Integer,
    };
    let columns = [Some(column)];
    let expected = |texts: [&str; 4]| texts.map(str::to_owned).to_vec();
    assert_eq!(results(&case, &columns, 4), (expected(["10", "-1", "99", "-1"]), 0));
    let otherwise = call(F::Coalesce, vec![inverse, n()], T::Integer);
    assert_eq!(results(&otherwise, &columns, 4), (expected(["10", "0", "NULL", "0"]), 2));
    let guarded = bin(
        Op::And,
        bin(Op::NotEqual, n(), int(0), T::Boolean),
        bin(Op::Greater, bin(Op::Divide, int(1), n(), T::Integer), int(0), T::Boolean),
        T::Boolean,
    );
    assert_eq!(results(&guarded, &columns, 4), (expected(["true", "false", "NULL", "false"]), 0));
}

#[test]
fn choices() {
    check(&call(F::NullIf, vec![int(1), int(1)], T::Integer), "NULL", 0);
    check(&call(F::NullIf, vec![int(1), int(2)], T::Integer), "1", 0);
    check(&call(F::NullIf, vec![int(1), null(T::Integer)], T::Integer), "1", 0);
    check(&call(F::NullIf, vec![failing(), int(2)], T::Integer), "NULL", 1);
    check(&call(F::Greatest, vec![int(1), null(T::Integer), int(3)], T::Integer), "3", 0);
    check(&call(F::Least, vec![text("b"), text("a")], T::String), "\"a\"", 0);
    check(&call(F::Least, vec![null(T::String)], T::String), "NULL", 0);
    check(&call(F::Coalesce, vec![null(T::Integer), int(2)], T::Integer), "2", 0);
}

#[test]
fn casts() {
    let to = |value, data_type| cast(value, data_type);
    check(&to(big(2_147_483_648), T::Integer), "-2147483648", 0);
    check(&to(double(-1.9), T::Integer), "-1", 0);
    check(&to(double(1e20), T::Integer), "2147483647", 0);
    check(&to(text(" 12 "), T::Integer), "12", 0);
    check(&to(text("1.5"), T::Integer), "NULL", 1);
    check(&to(text("1.5"), T::Double), "1.5", 0);
    check(&to(dec(199), T::Integer), "1", 0);
    check(&to(dec(-199), T::Bigint), "-1", 0);
    check(&to(dec(150), T::Double), "1.5", 0);
    let small = || T::Decimal { precision: 2, scale: 1 };
    check(&to(double(0.99), small()), "1.0", 0);
    check(&to(text("0.01"), small()), "0.0", 0);
    check(&to(int(10), small()), "NULL", 1);
    check(&to(double(1.5), T::String), "\"1.5\"", 0);
    check(&to(dec(150), T::String), "\"1.50\"", 0);
    check(&to(boolean(true), T::String), "\"true\"", 0);
    check(&to(text("TRUE"), T::Boolean), "true", 0);
    check(&to(text("yes"), T::Boolean), "false", 0);
    check(&to(null(T::String), T::Integer), "NULL", 0);
    let time = || lit(L::Timestamp(1_704_097_200_000), T::Timestamp);
    check(&to(time(), T::String), "\"2024-01-01T09:20:00.000+01:00\"", 0);
    check(&to(time(), T::Date), "19723", 0);
    check(&to(time(), T::Time), "30000000", 0);
    check(&to(lit(L::Date(19723), T::Date), T::Timestamp), "1704067200000", 0);
    check(&to(lit(L::Date(1), T::Date), T::String), "\"1970-01-02\"", 0);
    check(&to(text("2024-01-01T09:20"), T::Timestamp), "1704097200000", 0);
    check(&to(text("soon"), T::Timestamp), "NULL", 1);
    check(&to(text("1970-01-02"), T::Date), "1", 0);
    check(&to(text("00:00:01"), T::Time), "1000", 0);
    check(&to(array("[1, 2]"), T::String), r#""[\"1\",\"2\"]""#, 0);
}

#[test]
fn numbers() {
    let f = |function, argument: Expression| {
        let data_type = argument.data_type.clone();
        call(function, vec![argument], data_type)
    };
    check(&f(F::Abs, int(-3)), "3", 0);
    check(&f(F::Abs, dec(-150)), "1.50", 0);
    check(&f(F::Ceil, double(-1.1)), "-1.0", 0);
    check(&f(F::Floor, double(-1.1)), "-2.0", 0);
    check(&f(F::Floor, dec(-150)), "-2.00", 0);
    check(&call(F::Ceil, vec![dec(150)], T::Decimal { precision: 5, scale: 0 }), "2", 0);
    check(&call(F::Sign, vec![double(-2.0)], T::Integer), "-1", 0);
    check(&call(F::Sign, vec![dec(0)], T::Integer), "0", 0);
    check(&f(F::Sqrt, double(-1.0)), "\"NaN\"", 0);
    check(&f(F::Exp, double(1.0)), "2.718281828459045", 0);
    check(&f(F::Ln, double(1.0)), "0.0", 0);
    for (value, expected) in [(1.5, "2"), (-1.5, "-1"), (-1.7, "-2"), (1.2, "1")] {
        check(&call(F::Round, vec![double(value)], T::Bigint), expected, 0);
    }
    for (value, places, expected) in [
        (1.7, 0, "2.0"),
        (-1.5, 0, "-1.0"),
        (1.234_567, 2, "1.23"),
        (1.005, 2, "1.01"),
        (1.234_567, 10, "1.234567"),
        (12_345.678, -1, "12350.0"),
        (-12_345.678, -2, "-12300.0"),
        (1.7, -1, "0.0"),
        (1e300, 2, "1.0E300"),
        (1e-300, 2, "0.0"),
    ] {
        check(&call(F::Round, vec![double(value), int(places)], T::Double), expected, 0);
    }
    check(&call(F::Round, vec![dec(155), int(1)], DEC), "1.60", 0);
    check(&call(F::Round, vec![dec(15_500), int(-1)], DEC), "160.00", 0);
    check(&call(F::Round, vec![dec(155)], T::Decimal { precision: 5, scale: 0 }), "2", 0);
    check(&call(F::Round, vec![int(5)], T::Integer), "5", 0);
}

#[test]
fn texts() {
    let one = |function, argument: &str| call(function, vec![text(argument)], T::String);
    check(&one(F::Ucase, "straße"), "\"STRASSE\"", 0);
    check(&one(F::Lcase, "ÀB"), "\"àb\"", 0);
    check(&one(F::InitCap, "the   Quick br0wn"), "\"The   Quick Br0wn\"", 0);
    check(&one(F::Trim, " \t a b "), "\"a b\"", 0);
    check(&call(F::Len, vec![text("añb")], T::Integer), "3", 0);
    check(&call(F::Len, vec![lit(L::Bytes(vec![1, 2]), T::Bytes)], T::Integer), "2", 0);
    let many = |function, arguments: &[Option<&str>]| {
        let of = |argument: &Option<&str>| argument.map_or(null(T::String), text);
        call(function, arguments.iter().map(of).collect(), T::String)
    };
    check(&many(F::Concat, &[Some("a"), None, Some("b")]), "\"ab\"", 0);
    check(&many(F::ConcatWs, &[Some("-"), Some("a"), None, Some("b")]), "\"a-b\"", 0);
    check(&many(F::ConcatWs, &[None, Some("a")]), "NULL", 0);
    check(&many(F::ConcatWs, &[Some("-"), None]), "\"\"", 0);
    check(&many(F::Replace, &[Some("anaconda"), Some("a"), Some("o")]), "\"onocondo\"", 0);
    check(&many(F::Replace, &[Some("a"), None, Some("o")]), "NULL", 0);
    check(&call(F::Chr, vec![int(22909)], T::String), "\"好\"", 0);
    check(&call(F::Chr, vec![int(-1)], T::String), "NULL", 0);
    check(&one(F::Chr, "\\u597d"), "\"好\"", 0);
    check(&one(F::Chr, "\\ud83d\\ude00"), "\"😀\"", 0);
    check(&one(F::Chr, "bogus"), "NULL", 0);
    check(&one(F::Chr, ""), "NULL", 0);
}

#[test]
fn positions() {
    let part = |value: &str, numbers: &[i32]| {
        let mut arguments = vec![text(value)];
        arguments.extend(numbers.iter().map(|number| int(*number)));
        call(F::Substring, arguments, T::String)
    };
    check(&part("some_string", &[6]), "\"string\"", 0);
    check(&part("añbc", &[2, 2]), "\"ñb\"", 0);
    check(&part("short", &[6]), "\"\"", 0);
    check(&part("short", &[-3, 2]), "\"or\"", 0);
    check(&part("short", &[0, 2]), "\"sh\"", 0);
    check(&part("short", &[2, -5]), "\"\"", 0);
    check(&part("short", &[i32::MIN, i32::MAX]), "\"short\"", 0);
    let bytes = lit(L::Bytes(b"some_string".to_vec()), T::Bytes);
    check(&call(F::Substring, vec![bytes, int(6), int(3)], T::Bytes), "\"c3Ry\"", 0);
    check(&call(F::Substring, vec![text("a"), null(T::Integer)], T::String), "NULL", 0);
    let find = |value: &str, numbers: &[i32]| {
        let mut arguments = vec![text(value), text("or")];
        arguments.extend(numbers.iter().map(|number| int(*number)));
        call(F::Instr, arguments, T::Integer)
    };
    check(&find("corporate floor", &[]), "2", 0);
    check(&find("corporate floor", &[4]), "5", 0);
    check(&find("corporate floor", &[1, 3]), "14", 0);
    check(&find("corporate floor", &[-4]), "5", 0);
    check(&find("corporate floor", &[-4, 2]), "2", 0);
    check(&find("corporate floor", &[0]), "0", 0);
    check(&find("none", &[]), "0", 0);
    let pad = |function, len, padding| {
        call(function, vec![text("foo"), int(len), text(padding)], T::String)
    };
    check(&pad(F::Lpad, 7, "Bar"), "\"BarBfoo\"", 0);
    check(&pad(F::Rpad, 7, "Bar"), "\"fooBarB\"", 0);
    check(&pad(F::Lpad, 2, "Bar"), "\"fo\"", 0);
    check(&pad(F::Lpad, -1, "Bar"), "NULL", 0);
    check(&pad(F::Lpad, 7, ""), "NULL", 0);
    check(&pad(F::Lpad, i32::MAX, "x"), "NULL", 1);
}

#[test]
fn arrays_maps_and_json() {
    let texts = || T::Array(Box::new(T::String));
    let split = |value, by| call(F::Split, vec![text(value), text(by)], texts());
    check(&split("a.b.c", "."), r#"["a","b","c"]"#, 0);
    check(&split(".abc.", "."), r#"["","abc",""]"#, 0);
    check(&split("añ\"", ""), r#"["a","ñ","\""]"#, 0);
    check(&split("", ""), r#"[""]"#, 0);
    check(&call(F::ArrayLength, vec![split("a,b", ",")], T::Integer), "2", 0);
    check(&call(F::ArrayLength, vec![null(texts())], T::Integer), "NULL", 0);
    let contains = |json, value| call(F::ArrayContains, vec![array(json), value], T::Boolean);
    check(&contains(r#"["a", "b"]"#, text("b")), "true", 0);
    check(&contains(r#"["a", null]"#, null(T::String)), "true", 0);
    check(&contains(r#"["a"]"#, text("c")), "false", 0);
    let element = |of, index, data_type| Expression {
        kind: Kind::Element { of: Box::new(of), index: Box::new(index) },
        data_type,
    };
    check(&element(split("1,2,3", ","), int(3), T::String), "\"3\"", 0);
    check(&element(array(r#"["a", "b"]"#), int(-1), T::String), "\"b\"", 0);
    check(&element(array(r#"["a", "b"]"#), int(0), T::String), "NULL", 0);
    check(&element(array(r#"["a", "b"]"#), int(3), T::String), "NULL", 0);
    check(&element(array("[1, \"x\"]"), int(2), T::Integer), "NULL", 1);
    check(&element(array(r#"{"K":1,"k":2}"#), text("k"), T::Integer), "2", 0);
    let field = |json, name: &str| Expression {
        kind: Kind::Field { of: Box::new(array(json)), name: name.to_owned() },
        data_type: T::Integer,
    };
    check(&field(r#"{"\u006b":3}"#, "K"), "3", 0);
    check(&field(r#"{"a":3}"#, "K"), "NULL", 0);
    let extract = |json, path| call(F::ExtractJsonField, vec![text(json), text(path)], T::String);
    check(&extract(r#"{"a": {"b": [1, {"c": "x\ty"}]}}"#, "$.a.b[1].c"), "\"x\\ty\"", 0);
    check(&extract(r#"{"a": {"b": [1, 2]}}}"#, "$.a"), r#""{\"b\":[1,2]}""#, 0);
    check(&extract(r#"{"@type": 5}"#, "$.@type"), "\"5\"", 0);
    check(&extract(r#"{"a": null}"#, "$.a"), "NULL", 0);
    check(&extract(r#"{"a": 1}"#, "$.b[0]"), "NULL", 0);
    check(&extract("{", "$.b"), "NULL", 1);
    check(&extract("{}", "b"), "NULL", 1);
}

#[test]
fn time() {
    let format = |format, zone: Option<&str>| {
        let mut arguments = vec![lit(L::Timestamp(1_526_075_913_000), T::Timestamp), text(format)];
        arguments.extend(zone.map(text));
        call(F::FormatTimestamp, arguments, T::String)
    };
    check(
        &format("yyyy-MM-dd HH:mm:ss", Some("America/Los_Angeles")),
        "\"2018-05-11 14:58:33\"",
        0,
    );
    check(&format("HH:mm", None), "\"23:58\"", 0);
    check(&format("bbb", None), "NULL", 1);
    check(&format("HH", Some("Mars/Olympus")), "NULL", 1);
    let parse = |value: &str, format| {
        call(F::ParseTimestamp, vec![text(value), text(format)], T::Timestamp)
    };
    check(&parse("2018-05-11T21:58:33Z", "yyyy-MM-dd'T'HH:mm:ssX"), "1526075913000", 0);
    check(&parse("11.05.2018", "dd.MM.yyyy"), "1525989600000", 0);
    check(&parse("soon", "dd.MM.yyyy"), "NULL", 1);
    check(&call(F::FromUnixTime, vec![big(5)], T::Timestamp), "5", 0);
    check(&call(F::UnixTimestamp, vec![lit(L::Timestamp(5), T::Timestamp)], T::Bigint), "5", 0);
}

#[test]
fn like_takes_the_escape() {
    let like = |value, pattern, escape| Expression {
        kind: Kind::Like { value: Box::new(text(value)), pattern: Box::new(pattern), escape },
        data_type: T::Boolean,
    };
    check(&like("100%", text("%!%"), Some('!')), "true", 0);
    check(&like("100%", text("1_0!"), Some('!')), "false", 0);
    check(&like("x", null(T::String), None), "NULL", 0);
}

#[test]
fn combinations() {
    let grid = T::Array(Box::new(T::Array(Box::new(T::String))));
    for (items, expected) in [
        (r#"["a","b"]"#, r#"[[null,null],[null,"b"],["a",null],["a","b"]]"#),
        (r#"["a",null]"#, r#"[[null,null],["a",null]]"#),
        ("[]", "[[]]"),
    ] {
        check(&call(F::CubeExplode, vec![array(items)], grid.clone()), expected, 0);
    }
    let many = format!("[{}\"x\"]", "\"x\",".repeat(40));
    check(&call(F::CubeExplode, vec![array(&many)], grid), "NULL", 1);
}

#[test]
fn every_function_is_evaluated() {
    // Whatever a hand-made plan holds, nothing panics: no arguments, too few, of other types.
    let of = |json: &str, data_type: &T| Expression { data_type: data_type.clone(), ..text(json) };
    let ints = T::Array(Box::new(T::Integer));
    let counts = T::Map(Box::new(T::String), Box::new(T::Integer));
    let place = T::Struct(vec![("a".to_owned(), T::Integer)]);
    let body = Box::new(int(1));
    let lambda = Kind::Lambda { first: 0, parameters: vec!["x".to_owned()], body };
    let arguments = [
        int(2),
        text("a"),
        double(1.5),
        null(T::String),
        array("[1]"),
        boolean(true),
        dec(5),
        of("[3,null,1]", &ints),
        of(r#"{"x":1,"y":null}"#, &counts),
        of(r#"{"a":1}"#, &place),
        of("what is no JSON", &ints),
        lit(L::Bytes(vec![1, 2]), T::Bytes),
        lit(L::Timestamp(-1), T::Timestamp),
        Expression { kind: lambda, data_type: T::Integer },
    ];
    let types = [T::String, T::Integer, T::Double, T::Bigint, DEC, T::Bytes, ints, counts, place];
    for function in F::ALL {
        for count in 0..5 {
            for shift in 0..arguments.len() {
                let chosen: Vec<Expression> =
                    arguments.iter().cycle().skip(shift).take(count).cloned().collect();
                for data_type in &types {
                    let expression = call(*function, chosen.clone(), data_type.clone());
                    assert!(may_fail(&expression));
                    expression.each_operand(&mut |_| ());
                    let _ = expression.to_string();
                    results(&expression, &[], 2);
                }
            }
        }
    }
}
