//! Plans of small programs, node by node.

use crate::{Program, Session, Source, compile};
use kolk::topology::{Delivery, Operator, Payload};

fn program(text: &str) -> Program {
    match compile(&[Source::new("test.sql", text)], &Session::new("app")) {
        Ok(program) => program,
        Err(errors) => panic!("{}", errors.iter().map(crate::SqlError::render).collect::<String>()),
    }
}

const VISITS: &str = "CREATE STREAM visits (visit_id STRING KEY, event_time TIMESTAMP, page STRING, \
    user STRUCT<ip STRING>, amount DECIMAL(10, 2)) WITH (kafka_topic='visits', value_format='JSON', \
    timestamp='event_time', watermark_delay='10 minutes');\n";

#[test]
fn select_star_reads_nothing_and_passes_bytes_on() {
    let program = program(
        "CREATE STREAM visits WITH (kafka_topic='visits', value_format='JSON');
         CREATE STREAM copy WITH (kafka_topic='visits-batched', delivery='batched') AS SELECT * FROM visits;",
    );
    let query = &program.topology.queries[0];
    assert_eq!(query.nodes.len(), 2, "source and sink");
    assert!(query.nodes[0].schema.columns.is_empty());
    let sink = query.sink().unwrap();
    assert_eq!((&sink.key, &sink.value), (&Payload::Unchanged, &Payload::Unchanged));
    assert_eq!(sink.delivery, Delivery::Batched);
    assert_eq!(sink.topic, "visits-batched");
    assert_eq!(program.statements[1].creates.as_deref(), Some("copy"));
    assert_eq!(program.statements[1].line, 2);
}

#[test]
fn only_the_columns_of_the_condition_are_read() {
    let text = "CREATE STREAM visits (a INT, b INT, page STRING) WITH (kafka_topic='v', value_format='JSON');
        CREATE STREAM homes AS SELECT * FROM visits WHERE page = 'home' EMIT CHANGES;";
    let program = program(text);
    let query = &program.topology.queries[0];
    assert_eq!(query.nodes[0].schema.to_string(), "page STRING");
    let Operator::Filter(filter) = &query.nodes[1].operator else { panic!("{query:?}") };
    assert_eq!(filter.to_string(), "(page = 'home')");
    assert_eq!(query.sink().unwrap().value, Payload::Unchanged);
}

#[test]
fn a_bin_packed_query_by_the_record_key_is_one_step() {
    let program = program(&format!(
        "{VISITS}CREATE STREAM ordered WITH (kafka_topic='visits-ordered', delivery='bin_packed', bin_key='visit_id',
          bin_order_by='event_time', bin_interval='20 seconds', bin_header='delivery_batch') AS SELECT * FROM visits;"
    ));
    let [query] = &program.topology.queries[..] else { panic!("{program:?}") };
    assert_eq!(query.nodes.len(), 2);
    assert_eq!(query.nodes[0].schema.to_string(), "visit_id STRING KEY, event_time TIMESTAMP");
    let Delivery::BinPacked(bins) = &query.sink().unwrap().delivery else { panic!("{query:?}") };
    assert_eq!((bins.key, bins.order_by, bins.rows), (0, 1, 100_000));
    assert_eq!(bins.header.as_deref(), Some("delivery_batch"));
}

#[test]
fn a_bin_packed_query_by_another_column_is_repartitioned_first() {
    let program = program(
        "CREATE STREAM visits (visit_id STRING, event_time STRING) WITH (kafka_topic='visits', value_format='JSON');
         CREATE STREAM ordered WITH (delivery='bin_packed', bin_key='visit_id', bin_order_by='event_time')
         AS SELECT * FROM visits;",
    );
    let [first, second] = &program.topology.queries[..] else { panic!("{program:?}") };
    assert_eq!(first.name, "ordered-repartition");
    let sink = first.sink().unwrap();
    assert_eq!(sink.topic, "app-ordered-repartition");
    assert_eq!(sink.value, Payload::Unchanged);
    assert!(matches!(&sink.key, Payload::Encoded { columns, .. } if columns == &[0]));
    assert_eq!(first.nodes[0].schema.to_string(), "visit_id STRING");
    let (source, schema) = second.sources().next().unwrap();
    assert_eq!(source.topic, "app-ordered-repartition");
    assert_eq!(schema.to_string(), "visit_id STRING KEY, event_time STRING");
    assert_eq!(second.sink().unwrap().delivery.name(), "bin_packed");
}

#[test]
fn a_computed_order_becomes_a_column() {
    let program = program(&format!(
        "{VISITS}CREATE STREAM ordered WITH (delivery='bin_packed', bin_key='visit_id', bin_order_by='ROWTIME')
         AS SELECT * FROM visits WHERE user->ip IS NOT NULL;"
    ));
    let query = &program.topology.queries[0];
    let Operator::Project(expressions) = &query.nodes[2].operator else { panic!("{query:?}") };
    let shown: Vec<String> = expressions.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["visit_id", "ROWTIME"]);
    assert_eq!(query.sink().unwrap().value, Payload::Unchanged);
}

#[test]
fn in_dialect_kolk_projected_columns_stand_in_the_value_and_the_key_stays() {
    let program = program(&format!(
        "{VISITS}CREATE STREAM slim AS SELECT visit_id, PAGE, user->ip, amount * 2 AS twice, amount + 1 FROM visits v;"
    ));
    let query = &program.topology.queries[0];
    let sink = query.sink().unwrap();
    assert_eq!(sink.key, Payload::Unchanged);
    assert!(matches!(&sink.value, Payload::Encoded { columns, .. } if columns == &[0, 1, 2, 3, 4]));
    assert_eq!(
        query.nodes.last().unwrap().schema.to_string(),
        "visit_id STRING, page STRING, ip STRING, twice DECIMAL(21, 2), col_0 DECIMAL(13, 2)"
    );
}

#[test]
fn in_dialect_ksqldb_names_are_upper_case_and_keys_stay_keys() {
    let program = program(&format!(
        "SET 'dialect' = 'ksqldb';\n{VISITS}CREATE STREAM slim WITH (value_format='JSON') AS SELECT visit_id, page, \
         user->ip, amount + 1, `amount` FROM (visits);"
    )
    .replace("(visits)", "visits")
    .replace(", `amount`", ""));
    let query = &program.topology.queries[0];
    assert_eq!(query.name, "SLIM");
    let sink = query.sink().unwrap();
    assert_eq!(sink.topic, "SLIM");
    assert!(matches!(&sink.value, Payload::Encoded { columns, .. } if columns == &[0, 1, 2]));
    assert_eq!(
        query.nodes.last().unwrap().schema.to_string(),
        "VISIT_ID STRING KEY, PAGE STRING, IP STRING, KSQL_COL_0 DECIMAL(13, 2)"
    );
    // The key's bytes are passed on: nobody reads them.
    assert!(query.nodes[0].schema.position("VISIT_ID").is_none());
}

#[test]
fn another_key_format_encodes_the_key_columns() {
    let program = program(&format!(
        "{VISITS}CREATE STREAM j WITH (key_format='JSON') AS SELECT page FROM visits;
         CREATE STREAM n WITH (key_format='NONE') AS SELECT * FROM visits;"
    ));
    let [j, n] = &program.topology.queries[..] else { panic!("{program:?}") };
    assert!(matches!(&j.sink().unwrap().key, Payload::Encoded { columns, .. } if columns == &[1]));
    assert!(
        matches!(&n.sink().unwrap().key, Payload::Encoded { columns, .. } if columns.is_empty())
    );
}

#[test]
fn a_time_stamp_of_text_is_parsed_before_the_sink() {
    let program = program(
        "CREATE STREAM v (at STRING, x INT) WITH (kafka_topic='v', value_format='JSON');
         CREATE STREAM w WITH (timestamp='at', timestamp_format='yyyy-MM-dd', delivery='idempotent') AS SELECT * FROM v;
         CREATE STREAM x AS SELECT at, x FROM w;",
    );
    let [w, x] = &program.topology.queries[..] else { panic!("{program:?}") };
    let Operator::Project(expressions) = &w.nodes[1].operator else { panic!("{w:?}") };
    assert_eq!(expressions[0].to_string(), "PARSE_TIMESTAMP(at, 'yyyy-MM-dd')");
    assert_eq!(w.sink().unwrap().timestamp, Some(0));
    assert_eq!(x.sources().next().unwrap().0.topic, "w");
}

#[test]
fn processing_chooses_the_delivery_that_is_not_given() {
    let program = program(
        "CREATE STREAM v WITH (kafka_topic='v');
         CREATE STREAM a AS SELECT * FROM v;
         CREATE STREAM b WITH (processing='at_least_once') AS SELECT * FROM v;
         SET 'processing.guarantee' = 'at_least_once';
         CREATE STREAM c AS SELECT * FROM v;
         CREATE STREAM d WITH (delivery='individual', delivery_pause='1 second') AS SELECT * FROM v;",
    );
    let modes: Vec<_> = program
        .topology
        .queries
        .iter()
        .map(|query| query.sink().unwrap().delivery.name())
        .collect();
    assert_eq!(modes, ["exactly_once", "idempotent", "idempotent", "individual"]);
}

#[test]
fn replacing_a_stream_replaces_its_query() {
    let program = program(
        "CREATE STREAM v WITH (kafka_topic='v');
         CREATE STREAM a WITH (kafka_topic='one') AS SELECT * FROM v;
         CREATE OR REPLACE STREAM A WITH (kafka_topic='two') AS SELECT * FROM v;
         CREATE STREAM IF NOT EXISTS a WITH (kafka_topic='three') AS SELECT * FROM v;",
    );
    let topics: Vec<_> =
        program.topology.queries.iter().map(|query| query.sink().unwrap().topic.as_str()).collect();
    assert_eq!(topics, ["two"]);
}

#[test]
fn what_follows_from_an_error_is_not_told() {
    let text = "CREATE STREAM v (a NOPE) WITH (kafka_topic='v', value_format='JSON');
        CREATE STREAM w AS SELECT * FROM v; CREATE STREAM x AS SELECT a FROM w;
        CREATE STREAM y FROM v; CREATE STREAM z AS SELECT * FROM y;";
    let errors = compile(&[Source::new("test.sql", text)], &Session::new("app")).unwrap_err();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert_eq!(errors[0].position(), (1, 20));
}

#[test]
fn settings_hold_to_the_end_of_their_source() {
    let sources = [
        Source::new("a.sql", "SET 'dialect'='ksqldb'; CREATE STREAM v WITH (kafka_topic='v');"),
        Source::new("b.sql", "CREATE STREAM copy AS SELECT * FROM V;"),
    ];
    let program = compile(&sources, &Session::new("app")).unwrap();
    assert_eq!(program.topology.queries[0].name, "copy");
}

#[test]
fn a_json_key_of_several_columns_is_not_taken_for_one_of_a_single_column() {
    // A single JSON key column is the whole key, so pruning the other would have read the object as that column.
    let program = program(
        "CREATE STREAM v (a INT KEY, b INT KEY, c INT) WITH (kafka_topic='v', format='JSON');
         CREATE STREAM w AS SELECT c FROM v WHERE b > 1;",
    );
    let read = program.topology.queries[0].nodes[0].schema.to_string();
    assert_eq!(read, "a INTEGER KEY, b INTEGER KEY, c INTEGER");
}

#[test]
fn a_value_column_that_repeats_the_key_needs_no_repartitioning() {
    let bins = "delivery='bin_packed', bin_key='visit_id', bin_order_by='event_time'";
    let program = program(&format!(
        "CREATE STREAM visits (visit_id STRING, event_time TIMESTAMP, page STRING)
           WITH (kafka_topic='visits', value_format='JSON', key='visit_id', partitions=2);
         CREATE STREAM one WITH ({bins}) AS SELECT * FROM visits;
         CREATE STREAM slim AS SELECT page, event_time, visit_id FROM visits;
         CREATE STREAM two WITH ({bins}) AS SELECT * FROM slim;"
    ));
    let [one, slim, two] = &program.topology.queries[..] else { panic!("{program:?}") };
    let source = one.sources().next().unwrap().0;
    assert_eq!((source.key_column, source.partitions), (Some(0), Some(2)));
    assert_eq!(slim.sources().next().unwrap().0.key_column, Some(0));
    let (source, schema) = two.sources().next().unwrap();
    assert_eq!(source.key_column, Some(1));
    assert_eq!(schema.to_string(), "event_time TIMESTAMP, visit_id STRING");
}

#[test]
fn generated_names_pass_over_those_of_the_input() {
    let program = program(
        "CREATE STREAM v (col_1 INT, x INT) WITH (kafka_topic='v', value_format='JSON');
         CREATE STREAM w AS SELECT x + 1, x + 2, col_1 FROM v;",
    );
    let sink = program.topology.queries[0].nodes.last().unwrap();
    assert_eq!(sink.schema.to_string(), "col_0 INTEGER, col_2 INTEGER, col_1 INTEGER");
}
