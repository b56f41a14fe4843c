//! What a row costs between source and sink, in nanoseconds: `cargo run --release -p kolk --example pipeline_cost`.
//!
//! Visits of about 466 bytes, as `kolk generate visits` makes them; each figure is the best of several rounds.
#![allow(clippy::print_stdout, reason = "a program for people")]

use kolk::codec::json::{Paths, Scanner, Token};
use kolk::expression::{BinaryOperator, Expression, Kind, Literal};
use kolk::operator::Pipeline;
use kolk::record::{Output, Rows, RowsReader};
use kolk::schema::{Column, DataType, Role, Schema};
use kolk::testing::visits::Visits;
use kolk::topology::{
    BinPacking, Conventions, Delivery, EventTime, Format, Node, Operator, Payload, Query, Sink,
    Source,
};
use kolk_wire::record::{BatchBuilder, Batches, Compression, Scratch, set_base_offset};
use std::hint::black_box;
use std::time::{Duration, Instant};

const ROWS: usize = 20_000;
const BATCH_BYTES: usize = 512 << 10;
const ROUNDS: usize = 15;

fn main() {
    let fetched = fetched();
    let mut scratch = Scratch::new();
    let mut batches = Vec::new();
    read(&fetched, &mut scratch, &mut batches);
    let values = batches.iter().flat_map(|rows| {
        rows.rows.iter().filter_map(|row| row.value.of(&rows.buffer)).map(<[u8]>::len)
    });
    println!("{ROWS} rows, values of {} bytes", values.sum::<usize>() / ROWS);
    let iterate = best(|| {
        for batch in Batches::new(fetched.clone()) {
            for record in batch.expect("sound").body(&mut scratch).expect("sound").records() {
                black_box(record.expect("sound"));
            }
        }
    });
    report("iterate records", iterate);
    let mut again = Vec::new();
    report("records to rows", best(|| read(&fetched, &mut scratch, &mut again)));
    scans(&batches);
    let all = [("visit_id", 0), ("event_time", 1), ("page", 2)];
    let filter = Some(("page", "main"));
    for (name, query) in [
        ("pass on", query(None, &[])),
        ("filter, value unchanged", query(filter, &[])),
        ("project 3 fields", query(None, &all)),
        ("project 2 fields (no time-stamp)", query(None, &[("visit_id", 0), ("page", 2)])),
        ("filter and project 3 fields", query(filter, &all)),
        ("event time, value unchanged", event_time(query(None, &[]))),
        ("event time and bins", bins(event_time(query(None, &[])))),
    ] {
        let mut pipeline = Pipeline::new(&query).expect("a query that can run");
        let mut output = Output::default();
        let ns = best(|| {
            for rows in &batches {
                output.clear();
                pipeline.process(rows, &mut output);
                assert!(output.bad.is_empty(), "{:?}", output.bad.first());
                black_box(&output);
            }
        });
        report(name, ns);
    }
}

fn report(name: &str, ns: f64) {
    println!("{name:<36}{ns:>8.1} ns/row");
}

fn scans(batches: &[Rows]) {
    for (name, paths) in [
        ("scan 3 fields", &["visit_id", "event_time", "page"][..]),
        ("scan 1 field", &["page"]),
        ("scan 3 nested fields", &["context->user->ip", "context->technical->browser", "page"]),
    ] {
        let mut of = Paths::default();
        for path in paths {
            of.add(path.split("->")).expect("few paths");
        }
        let width = of.len();
        let mut tokens = vec![Token::default(); width];
        let mut scanner = Scanner::new(of);
        let ns = best(|| {
            for rows in batches {
                for row in &rows.rows {
                    black_box(scanner.scan(&rows.buffer, row.value, &mut tokens).expect("JSON"));
                    black_box(&tokens);
                }
            }
        });
        report(name, ns);
    }
}

fn fetched() -> bytes::Bytes {
    let mut visits = Visits::new(7);
    let (mut key, mut value) = (String::new(), String::new());
    let mut builder = BatchBuilder::new(Compression::None);
    let (mut all, mut base) = (Vec::new(), 0);
    for number in 0..ROWS {
        visits.next_into(&mut key, &mut value);
        let time = 1_700_000_000_000 + i64::try_from(number).expect("few");
        builder.push(time, Some(key.as_bytes()), Some(value.as_bytes()), &[]).expect("fits");
        if builder.size_estimate() >= BATCH_BYTES || number + 1 == ROWS {
            let mut batch = builder.finish();
            set_base_offset(&mut batch, base, 0);
            base = i64::try_from(number + 1).expect("few");
            all.extend_from_slice(&batch);
        }
    }
    all.into()
}

fn read(fetched: &bytes::Bytes, scratch: &mut Scratch, into: &mut Vec<Rows>) {
    let mut reader = RowsReader::new(fetched.clone(), Batches::new(fetched.clone()), 0);
    for number in 0.. {
        if into.len() == number {
            into.push(Rows::default());
        }
        if !reader.next_rows(scratch, &mut into[number]).expect("sound") {
            into.truncate(number);
            break;
        }
    }
}

fn query(filter: Option<(&str, &str)>, columns: &[(&str, usize)]) -> Query {
    let types = [
        ("visit_id", DataType::String),
        ("event_time", DataType::Timestamp),
        ("page", DataType::String),
    ];
    let schema = Schema {
        columns: types
            .iter()
            .map(|(name, data_type)| Column {
                name: (*name).to_owned(),
                data_type: data_type.clone(),
                role: Role::Value,
            })
            .collect(),
    };
    let source =
        Source { key_format: Format::Kafka, value_format: Format::Json, ..Source::new("visits") };
    let operator = Operator::Source(source);
    let mut nodes = vec![Node { inputs: vec![], operator, schema: schema.clone() }];
    if let Some((column, text)) = filter {
        let index = schema.position(column).expect("a column");
        let kind = Kind::Column { index, name: column.to_owned() };
        let left = Box::new(Expression { kind, data_type: DataType::String });
        let kind = Kind::Literal(Literal::String(text.to_owned()));
        let right = Box::new(Expression { kind, data_type: DataType::String });
        let kind = Kind::Binary { operator: BinaryOperator::Equal, left, right };
        let predicate = Expression { kind, data_type: DataType::Boolean };
        let operator = Operator::Filter(predicate);
        nodes.push(Node { inputs: vec![0], operator, schema: schema.clone() });
    }
    let value = if columns.is_empty() {
        Payload::Unchanged
    } else {
        let columns = columns.iter().map(|(_, index)| *index).collect();
        Payload::Encoded { format: Format::Json, columns }
    };
    let sink = Sink { value, ..Sink::new("out") };
    nodes.push(Node { inputs: vec![nodes.len() - 1], operator: Operator::Sink(sink), schema });
    Query { name: "q".to_owned(), nodes, conventions: Conventions::default() }
}

fn event_time(mut query: Query) -> Query {
    if let Operator::Source(source) = &mut query.nodes[0].operator {
        source.event_time = EventTime::Column { index: 1, format: None };
    }
    query
}

fn bins(mut query: Query) -> Query {
    if let Some(Operator::Sink(sink)) = query.nodes.last_mut().map(|node| &mut node.operator) {
        sink.delivery = Delivery::BinPacked(BinPacking {
            key: 0,
            order_by: 1,
            interval: Duration::from_secs(20),
            rows: 1000,
            header: None,
        });
    }
    query
}

/// Nanoseconds for each row, in the best round.
#[expect(clippy::disallowed_methods, reason = "measures")]
fn best(mut run: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best * 1e9 / ROWS as f64
}
