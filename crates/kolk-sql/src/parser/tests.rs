//! What the parser accepts, how it groups, and what it does with the rest.

use super::*;
use crate::ast::{BinaryOperator, Emit, JoinKind, Length, SelectItem, StatementKind, WindowKind};
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
    let StatementKind::Declaration(create) = &script.statements[0].kind else {
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
    let StatementKind::CreateAs(create) = &script.statements[0].kind else { panic!("{script:?}") };
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

/// The only query of a text.
fn query(text: &str) -> crate::ast::Select {
    let script = parse(text);
    assert_eq!(script.problems, vec![], "{text}");
    match script.statements.into_iter().next().map(|statement| statement.kind) {
        Some(StatementKind::CreateAs(create)) => create.query,
        Some(StatementKind::InsertSelect(insert)) => insert.query,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_query_has_every_clause() {
    let text = "CREATE TABLE t AS SELECT a, COUNT(*) AS n FROM v WINDOW TUMBLING (SIZE 1 HOUR, RETENTION 2 DAYS, \
        GRACE PERIOD 5 MINUTES) WHERE b > 1 GROUP BY (a, b) HAVING COUNT(*) > 2 EMIT FINAL LIMIT 3;";
    let query = query(text);
    let window = query.window.unwrap();
    let WindowKind::Tumbling { size } = window.kind else { panic!("{window:?}") };
    let shown = |length: Length| (length.duration.as_secs(), length.span.text(text).to_owned());
    assert_eq!(shown(size), (3_600, "1 HOUR".to_owned()));
    assert_eq!(shown(window.retention.unwrap()), (172_800, "2 DAYS".to_owned()));
    assert_eq!(shown(window.grace.unwrap()), (300, "5 MINUTES".to_owned()));
    let group_by = query.group_by.unwrap();
    assert_eq!((group_by.content.len(), group_by.span.text(text)), (2, "GROUP BY (a, b)"));
    assert!(query.filter.is_some() && query.having.is_some());
    assert_eq!(query.emit.unwrap().content, Emit::Final);
    assert_eq!(query.limit.unwrap().content, 3);
}

#[test]
fn one_expression_in_parentheses_is_no_list() {
    for (by, count) in [("(a + b) * c", 1), ("(a)", 1), ("(a, f(b, c))", 2), ("f(a, b), c", 2)] {
        let query = query(&format!("CREATE TABLE t AS SELECT a FROM v GROUP BY {by};"));
        assert_eq!(query.group_by.unwrap().content.len(), count, "{by}");
    }
}

#[test]
fn windows_of_every_kind_are_read() {
    for (window, expected) in [
        ("HOPPING (SIZE 30 SECONDS, ADVANCE BY 10 SECONDS)", "Hopping"),
        ("SESSION (20 SECONDS, GRACE PERIOD 0 SECONDS)", "Session"),
        ("TIMEOUT (50 SECONDS)", "Timeout"),
        ("w TUMBLING (SIZE 1 MILLISECOND)", "Tumbling"),
    ] {
        let query =
            query(&format!("CREATE TABLE t AS SELECT a FROM v WINDOW {window} GROUP BY a;"));
        let kind = format!("{:?}", query.window.unwrap().kind);
        assert!(kind.starts_with(expected), "{window}: {kind}");
    }
}

#[test]
fn joins_stand_in_a_row() {
    let text = "INSERT INTO o SELECT v.*, a.b->* FROM visits v LEFT OUTER JOIN ads a \
        WITHIN (0 SECONDS, 2 MINUTES) GRACE PERIOD 1 DAY ON v.page = a.page JOIN users ON v.id = users.id WHERE a.x = 1;";
    let query = query(text);
    let [left, inner] = &query.joins[..] else { panic!("{query:?}") };
    assert_eq!((left.kind, inner.kind), (JoinKind::Left, JoinKind::Inner));
    assert_eq!(left.relation.alias.as_ref().unwrap().text, "a");
    let within = left.within.as_ref().unwrap();
    assert_eq!((within.before.duration.as_secs(), within.after.duration.as_secs()), (0, 120));
    assert_eq!(within.grace.unwrap().duration.as_secs(), 86_400);
    assert!(inner.within.is_none() && query.filter.is_some());
    assert!(
        matches!(&query.items[1], SelectItem::Fields { span, .. } if span.text(text) == "a.b->*")
    );
}

#[test]
fn short_statements_are_read() {
    let text = "DROP STREAM IF EXISTS a DELETE TOPIC; DROP TYPE t; CREATE TYPE IF NOT EXISTS t AS STRUCT<a INT>; \
        ALTER TABLE a ADD COLUMN b INT, ADD c STRING; INSERT INTO a (b, c) VALUES (1, 'x'); \
        CREATE SOURCE TABLE s (id INT PRIMARY KEY) WITH (kafka_topic='s'); DEFINE x = 'y'; UNDEFINE x;";
    let script = parse(text);
    assert_eq!(script.problems, vec![]);
    let kinds: Vec<String> = script
        .statements
        .iter()
        .map(|statement| {
            format!("{:?}", statement.kind).split(['(', ' ']).next().unwrap().to_owned()
        })
        .collect();
    let expected = [
        "Drop",
        "DropType",
        "CreateType",
        "Alter",
        "InsertValues",
        "Declaration",
        "Define",
        "Undefine",
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn a_variable_may_be_a_name_or_an_expression() {
    let text = "DEFINE who = 'visits'; DEFINE cut = 'n + 1'; CREATE STREAM ${who}_x AS SELECT ${cut} AS m FROM ${who};";
    assert_eq!(problems(text).len(), 1, "a variable is a whole word");
    let text = "DEFINE who = 'visits'; DEFINE cut = 'n + 1'; CREATE STREAM x AS SELECT ${cut} AS m FROM ${who};";
    let script = parse(text);
    let StatementKind::CreateAs(create) = &script.statements[2].kind else { panic!("{script:?}") };
    assert_eq!(create.query.from.name.text, "visits");
    assert_eq!(create.query.from.name.span.text(text), "${who}");
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
    "TYPE",
    "INSERT INTO",
    "DROP",
    "VALUES",
    "DEFINE v =",
    "WINDOW",
    "TUMBLING (SIZE 1 HOUR)",
    "GRACE PERIOD",
    "3 DAYS",
    "LEFT JOIN",
    "WITHIN",
    "ON",
    "GROUP BY",
    "PARTITION BY",
    "HAVING",
    "LIMIT",
    "COUNT(*)",
    "PRIMARY KEY",
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
