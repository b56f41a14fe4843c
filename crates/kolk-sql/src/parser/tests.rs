//! What the parser accepts, how it groups, and what it does with the rest.

use super::*;
use crate::ast::{BinaryOperator, StatementKind};
use proptest::prelude::*;

/// The expression with all its parentheses.
fn grouped(text: &str) -> String {
    fn show(expr: &Expr) -> String {
        match &expr.kind {
            ExprKind::Binary { operator, left, right, .. } => {
                format!("({} {} {})", show(left), operator.text(), show(right))
            }
            ExprKind::Column { name, .. } => name.text.clone(),
            ExprKind::Integer(value) => value.to_string(),
            ExprKind::Unary { operator, operand } => format!("{operator:?}({})", show(operand)),
            ExprKind::Field { of, name } => format!("{}->{name}", show(of)),
            ExprKind::Element { of, index } => format!("{}[{}]", show(of), show(index)),
            ExprKind::IsNull { value, negated } => format!("IsNull({}, {negated})", show(value)),
            ExprKind::Between { value, low, high, .. } => {
                format!("Between({}, {}, {})", show(value), show(low), show(high))
            }
            other => format!("{other:?}"),
        }
    }
    show(&parse_expression(text).unwrap())
}

fn problems(text: &str) -> Vec<String> {
    parse(text).problems.into_iter().map(|problem| problem.message).collect()
}

#[test]
fn operators_bind_as_in_sql() {
    for (text, expected) in [
        ("a + b * c", "(a + (b * c))"),
        ("a - b - c", "((a - b) - c)"),
        ("a OR b AND NOT c = d", "(a OR (b AND Not((c = d))))"),
        ("a AND b OR c AND d", "((a AND b) OR (c AND d))"),
        ("a->b->c[1] + -2", "(a->b->c[1] + -2)"),
        ("-a * b", "(Negate(a) * b)"),
        ("a BETWEEN 1 AND 2 AND b", "(Between(a, 1, 2) AND b)"),
        ("a IS NOT NULL = b", "(IsNull(a, true) = b)"),
        ("(a + b) * c", "((a + b) * c)"),
    ] {
        assert_eq!(grouped(text), expected, "{text}");
    }
}

#[test]
fn the_smallest_bigint_can_be_written() {
    assert_eq!(grouped("-9223372036854775808"), "-9223372036854775808");
    assert!(parse_expression("9223372036854775808").is_err());
}

#[test]
fn a_statement_with_an_error_does_not_hide_the_next() {
    let text = "SET 'a' = ; CREATE STREAM v WITH (kafka_topic='v'); SELCT 1; CREATE TABLE t;";
    let script = parse(text);
    assert_eq!(script.statements.len(), 1);
    assert_eq!(script.problems.len(), 3, "{:?}", script.problems);
}

#[test]
fn an_unreadable_token_is_told_once() {
    assert_eq!(problems("SET 'a' = 'b;").len(), 1);
    assert_eq!(problems("CREATE STREAM # v;").len(), 1);
}

#[test]
fn a_long_chain_of_or_is_a_low_tree() {
    let text = vec!["a = 1"; 5_000].join(" OR ");
    let expression = parse_expression(&text).unwrap();
    assert!(expression.height < 20, "{}", expression.height);
    assert!(matches!(expression.kind, ExprKind::Binary { operator: BinaryOperator::Or, .. }));
}

#[test]
fn nesting_and_height_are_bounded() {
    for text in [
        format!("{}a{}", "(".repeat(10_000), ")".repeat(10_000)),
        "- ".repeat(10_000) + "a",
        "NOT ".repeat(10_000) + "a",
        vec!["a"; 10_000].join(" + "),
        "a".to_owned() + &"->b".repeat(10_000),
        "f(".repeat(10_000),
        "CASE WHEN ".repeat(10_000),
        format!("CAST(a AS {})", "ARRAY<".repeat(10_000)),
    ] {
        assert!(parse_expression(&text).is_err());
    }
}

#[test]
fn a_stream_declares_columns_of_every_kind() {
    let text = "CREATE OR REPLACE STREAM v (id STRING KEY, `At` TIMESTAMP, amount DECIMAL(10, 2), \
        user STRUCT<ip STRING, tags ARRAY<STRING>>, m MAP<STRING, INT>, h BYTES HEADER('x'), \
        all ARRAY<STRUCT<key STRING, value BYTES>> HEADERS, name VARCHAR(STRING)) WITH (kafka_topic='v', partitions=2);";
    let script = parse(text);
    assert_eq!(script.problems, vec![]);
    let StatementKind::CreateStream(create) = &script.statements[0].kind else {
        panic!("{script:?}")
    };
    assert_eq!(create.columns.len(), 8);
    assert_eq!(create.options.len(), 2);
    assert_eq!(create.columns[1].name.quoting, Quoting::Quoted);
    assert_eq!(create.columns[0].span.text(text), "id STRING KEY");
}

#[test]
fn a_query_has_items_aliases_and_a_condition() {
    let text = "create stream x as select v.*, a->b c, upper(d) as `E` from visits v where a is null emit changes";
    let script = parse(text);
    assert_eq!(script.problems, vec![]);
    let StatementKind::CreateStreamAs(create) = &script.statements[0].kind else {
        panic!("{script:?}")
    };
    assert_eq!(create.query.items.len(), 3);
    assert_eq!(create.query.from.alias.as_ref().unwrap().text, "v");
    assert!(create.query.filter.is_some());
}

#[test]
fn a_slip_is_recognised() {
    let script = parse("CREATE STREAM x AS SELECT * FROM visits WEHRE page = 'home';");
    assert_eq!(script.problems[0].help.as_deref(), Some("did you mean WHERE?"));
    let script = parse("CREATE STREAM x AS SELECT * FORM visits;");
    assert_eq!(script.problems[0].help.as_deref(), Some("did you mean FROM?"));
}

/// Pieces from which random statements are put together.
const PIECES: &[&str] = &[
    "CREATE",
    "STREAM",
    "TABLE",
    "OR",
    "REPLACE",
    "visits",
    "v",
    "(",
    ")",
    "page",
    "STRING",
    "KEY",
    "WITH",
    "kafka_topic",
    "=",
    "'visits'",
    ",",
    "AS",
    "SELECT",
    "*",
    "FROM",
    "WHERE",
    "AND",
    "NOT",
    "->",
    "[",
    "]",
    "1",
    "1.5",
    "1e9",
    "CASE",
    "WHEN",
    "THEN",
    "END",
    "CAST",
    "IN",
    "LIKE",
    "BETWEEN",
    "IS",
    "NULL",
    "EMIT",
    "CHANGES",
    ";",
    "SET",
    "UNSET",
    "ARRAY",
    "<",
    ">",
    "STRUCT",
    ":=",
    "=>",
    "-",
    "+",
    "x",
    ".",
    "`q`",
    "\"d\"",
    "${v}",
    "'",
    "/*",
    "--",
    "é",
    "\n",
    "DECIMAL",
    "ESCAPE",
    "99999999999999999999",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn token_soup_never_panics_and_spans_lie_in_the_text(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60),
    ) {
        let text = pieces.join(" ");
        let script = parse(&text);
        for problem in script.problems {
            for label in problem.labels {
                prop_assert!(text.get(label.span.start..label.span.end).is_some(), "{:?}", label);
            }
        }
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "\\PC{0,200}") {
        let script = parse(&text);
        prop_assert!(script.problems.len() <= ERRORS_MAX);
    }
}
