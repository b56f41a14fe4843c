//! Whatever text comes, it is compiled or refused: nothing panics, loops or overflows, and every place lies in the text.

use kolk::topology::{Operator, Query};
use kolk_sql::{Dialect, Session, Settings, Source, compile};
use proptest::prelude::*;

/// Statements that compile, to be cut and mixed.
const PROGRAM: &str = "\
SET 'timezone' = 'Europe/Paris';
CREATE STREAM visits (visit_id STRING KEY, event_time TIMESTAMP, page STRING, n INT, amount DECIMAL(10, 2),
  user STRUCT<ip STRING, tags ARRAY<STRING>>) WITH (kafka_topic='visits', value_format='JSON', timestamp='event_time');
CREATE STREAM ordered WITH (delivery='bin_packed', bin_key='visit_id', bin_order_by='event_time') AS
  SELECT visit_id, event_time, n + 1 AS m FROM visits v WHERE v.page LIKE 'cat%' AND user->ip IS NOT NULL OR n IN (1, 2);
CREATE STREAM casts AS SELECT visit_id, CASE WHEN n > 1 THEN CAST(amount AS DOUBLE) ELSE -1e3 END, COALESCE(page, 'x')
  FROM visits WHERE event_time BETWEEN '2024-01-01' AND '2025-01-01' EMIT CHANGES;
DEFINE least = '1';
CREATE TYPE place AS STRUCT<town STRING, zip INT>;
CREATE TABLE pages WITH (key_format='JSON') AS SELECT page, n % 2, COUNT(*) AS visits, SUM(n) / COUNT(*) AS mean,
  TOPK(n, 2) AS top, WINDOWSTART AS began FROM visits WINDOW TUMBLING (SIZE 1 HOUR, GRACE PERIOD 5 MINUTES) WHERE n > 0
  GROUP BY (page, n % 2) HAVING COUNT(n) > ${least} EMIT FINAL;
CREATE TABLE pauses WITH (key_format='JSON', late='dead_letter') AS SELECT page, session_id, COLLECT_LIST(visit_id) AS visits
  FROM visits WINDOW TIMEOUT (50 SECONDS) GROUP BY page;
CREATE STREAM tags AS SELECT visit_id, EXPLODE(user->tags) AS tag, AS_VALUE(visit_id) AS id FROM visits PARTITION BY visit_id;
INSERT INTO tags SELECT visit_id, page AS tag, UCASE(visit_id) AS id FROM visits;
CREATE TABLE people (id BIGINT PRIMARY KEY, name STRING, at place) WITH (kafka_topic='people', value_format='JSON');
CREATE TABLE towns AS SELECT at->town AS town, COUNT(name) AS names FROM people WHERE at->zip > 0 GROUP BY at->town;
ALTER STREAM visits ADD COLUMN more INT;
CREATE STREAM gone AS SELECT visit_id, user->* FROM visits;
DROP STREAM gone;
";

/// Pieces to put in and to replace others by.
const PIECES: &[&str] = &[
    "(",
    ")",
    ",",
    ";",
    "'",
    "''",
    "`",
    "\"",
    "->",
    "[",
    "]",
    "*",
    "-",
    "NOT",
    "NULL",
    "AND",
    "CASE",
    "END",
    "0",
    "1e999",
    "99999999999999999999",
    "1.5",
    "CAST(",
    "AS",
    "visits",
    "page",
    "n",
    "event_time",
    "user",
    "nope",
    "é",
    "\u{0}",
    "bin_key='n'",
    "delivery='idempotent'",
    "TIMESTAMP '2024-01-01'",
    "UCASE(",
    "SPLIT(page, ',')",
    "x =>",
    "/*",
    "--",
    "SET 'dialect' = 'ksqldb';",
    "ROWTIME",
    "BETWEEN",
    "LIKE",
    "IN (",
    ":=",
    "${v}",
    "${least}",
    "GROUP BY",
    "PARTITION BY",
    "HAVING",
    "WINDOW SESSION (5 SECONDS)",
    "EMIT FINAL",
    "COUNT(*)",
    "MAX(",
    "EXPLODE(",
    "AS_VALUE(",
    "WINDOWSTART",
    "TABLE",
    "STREAM",
    "PRIMARY KEY",
    "KEY",
    "people",
    "place",
    "->*",
    "late='skip'",
    "key_format='KAFKA'",
    "DROP STREAM",
    "INSERT INTO tags",
    "DECIMAL(99, 99)",
    "\n",
];

fn check(text: &str, session: &Session) -> Result<(), TestCaseError> {
    match compile(&[Source::new("soup.sql", text)], session) {
        Ok(program) => {
            for query in &program.topology.queries {
                well_formed(query)?;
            }
        }
        Err(errors) => {
            prop_assert!(!errors.is_empty());
            for error in errors {
                for label in &error.problem().labels {
                    let place = text.get(label.span.start..label.span.end);
                    prop_assert!(place.is_some(), "{:?} in {:?}", label, text);
                }
                let _ = error.render();
            }
        }
    }
    Ok(())
}

/// Inputs stand before nodes, a source is first, a sink last, and projections have as many expressions as columns.
fn well_formed(query: &Query) -> Result<(), TestCaseError> {
    let stages = kolk::topology::stages(query, "app");
    prop_assert!(stages.is_ok(), "{:?} of {:?}", stages, query);
    prop_assert!(query.sink().is_some());
    prop_assert!(matches!(query.nodes[0].operator, Operator::Source(_)));
    for (position, node) in query.nodes.iter().enumerate() {
        prop_assert!(node.inputs.iter().all(|input| *input < position));
        if let Operator::Project(expressions) = &node.operator {
            prop_assert_eq!(expressions.len(), node.schema.columns.len());
        }
    }
    Ok(())
}

fn sessions() -> [Session; 2] {
    let ksqldb = Session { settings: Settings::of(Dialect::KsqlDb), ..Session::new("app") };
    [Session::new("app"), ksqldb]
}

#[test]
fn the_program_that_is_mutated_compiles() {
    for session in sessions() {
        compile(&[Source::new("program.sql", PROGRAM)], &session).unwrap();
    }
}

#[test]
fn text_of_any_size_is_compiled_or_refused() {
    for text in [
        "(".repeat(200_000),
        "CREATE STREAM v (".to_owned() + &"a STRUCT<".repeat(100_000),
        "SELECT ".repeat(100_000),
        ";".repeat(1_000_000),
        "#".repeat(100_000),
        "x".repeat(5 * 1024 * 1024),
        format!("CREATE STREAM w AS SELECT {} FROM v;", "- ".repeat(100_000)),
        format!(
            "{PROGRAM}CREATE STREAM w AS SELECT visit_id, {} AS x FROM visits;",
            vec!["n"; 120].join(" + ")
        ),
        format!(
            "{PROGRAM}CREATE STREAM w AS SELECT * FROM visits WHERE {};",
            vec!["n = 1"; 20_000].join(" OR ")
        ),
        format!(
            "{PROGRAM}CREATE STREAM w AS SELECT visit_id, {}page{} AS x FROM visits;",
            "TRIM(".repeat(60),
            ")".repeat(60)
        ),
    ] {
        check(&text, &Session::new("app")).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutated_programs_never_panic(
        cuts in prop::collection::vec(
            (any::<prop::sample::Index>(), 0_usize..12, prop::sample::select(PIECES)), 1..6),
        dialect in 0_usize..2,
    ) {
        let mut text = PROGRAM.to_owned();
        for (place, length, piece) in cuts {
            let mut start = place.index(text.len());
            while !text.is_char_boundary(start) {
                start -= 1;
            }
            let mut end = (start + length).min(text.len());
            while !text.is_char_boundary(end) {
                end += 1;
            }
            text.replace_range(start..end, piece);
        }
        check(&text, &sessions()[dialect])?;
    }

    #[test]
    fn expressions_of_random_words_never_panic(
        words in prop::collection::vec(prop::sample::select(PIECES), 1..12),
        dialect in 0_usize..2,
    ) {
        let text = format!("{PROGRAM}CREATE STREAM w AS SELECT visit_id, {} AS x FROM visits;", words.join(" "));
        check(&text, &sessions()[dialect])?;
    }
}
