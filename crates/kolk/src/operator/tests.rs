//! Whole queries: records in, records out.

use super::{Pipeline, PlanError};
use crate::expression::{BinaryOperator, Expression, Kind, Literal, Pseudo};
use crate::record::{Output, Row, Rows, Slice};
use crate::schema::{Column, DataType, Role, Schema};
use crate::topology::{
    BinPacking, Conventions, Delivery, EventTime, Format, JsonNulls, JsonTimestamps, Node,
    OffsetReset, OnBadRecord, Operator, Payload, Query, Sink, Source,
};
use proptest::prelude::*;
use std::time::Duration;

/// A query over value columns, which a test changes as it needs.
struct Draft {
    columns: Vec<Column>,
    source: Source,
    steps: Vec<(Operator, Schema)>,
    sink: Sink,
    conventions: Conventions,
}

fn draft(columns: &[(&str, DataType)]) -> Draft {
    let columns = columns
        .iter()
        .map(|(name, data_type)| Column {
            name: (*name).to_owned(),
            data_type: data_type.clone(),
            role: Role::Value,
        })
        .collect();
    Draft {
        columns,
        source: Source {
            name: "s".to_owned(),
            topic: "in".to_owned(),
            key_format: Format::Kafka,
            value_format: Format::Json,
            event_time: EventTime::Record,
            watermark_delay: Duration::ZERO,
            idle_timeout: None,
            offset_reset: OffsetReset::Earliest,
            on_bad_record: OnBadRecord::Fail,
            ..Source::new("")
        },
        steps: Vec::new(),
        sink: Sink { name: "t".to_owned(), ..Sink::new("out") },
        conventions: Conventions::default(),
    }
}

impl Draft {
    fn schema(&self) -> Schema {
        match self.steps.last() {
            Some((_, schema)) => schema.clone(),
            None => Schema { columns: self.columns.clone() },
        }
    }

    fn filter(mut self, predicate: Expression) -> Self {
        let schema = self.schema();
        self.steps.push((Operator::Filter(predicate), schema));
        self
    }

    /// Projects, and writes all columns as JSON.
    fn project(mut self, expressions: &[(&str, Expression)]) -> Self {
        let columns = expressions
            .iter()
            .map(|(name, expression)| Column {
                name: (*name).to_owned(),
                data_type: expression.data_type.clone(),
                role: Role::Value,
            })
            .collect();
        let all = expressions.iter().map(|(_, expression)| expression.clone()).collect();
        self.steps.push((Operator::Project(all), Schema { columns }));
        self.write_all()
    }

    /// Writes all columns as JSON.
    fn write_all(mut self) -> Self {
        let columns = (0..self.schema().columns.len()).collect();
        self.sink.value = Payload::Encoded { format: Format::Json, columns };
        self
    }

    fn ksqldb(mut self) -> Self {
        self.conventions.json_timestamps = JsonTimestamps::Milliseconds;
        self.conventions.json_nulls = JsonNulls::Write;
        self
    }

    fn paris(mut self) -> Self {
        self.conventions.timezone = "Europe/Paris".to_owned();
        self
    }

    fn query(&self) -> Query {
        let schema = Schema { columns: self.columns.clone() };
        let source = Operator::Source(self.source.clone());
        let mut nodes = vec![Node { inputs: vec![], operator: source, schema }];
        for (operator, schema) in self.steps.iter().cloned() {
            nodes.push(Node { inputs: vec![nodes.len() - 1], operator, schema });
        }
        let (inputs, schema) = (vec![nodes.len() - 1], self.schema());
        nodes.push(Node { inputs, operator: Operator::Sink(self.sink.clone()), schema });
        Query { name: "q".to_owned(), nodes, conventions: self.conventions.clone() }
    }

    fn run(&self, records: &[Record]) -> Vec<Result<Record, String>> {
        run(&self.query(), records, &[])
    }

    /// Runs values without keys, and gives back values and reasons.
    fn values(&self, values: &[&str]) -> Vec<String> {
        let records: Vec<Record> =
            values.iter().map(|value| (None, Some((*value).into()), 7)).collect();
        self.run(&records)
            .into_iter()
            .map(|found| match found {
                Ok((_, value, _)) => {
                    value.map_or("NULL".to_owned(), |v| String::from_utf8(v).unwrap())
                }
                Err(reason) => format!("bad: {reason}"),
            })
            .collect()
    }
}

/// Key, value, time-stamp.
type Record = (Option<Vec<u8>>, Option<Vec<u8>>, i64);

fn rows(records: &[Record], first: usize) -> Rows {
    let mut buffer = b"junk \"".to_vec();
    let mut slice = |bytes: &Option<Vec<u8>>| match bytes {
        None => Slice::NULL,
        Some(bytes) => {
            let start = u32::try_from(buffer.len()).unwrap();
            buffer.extend_from_slice(bytes);
            Slice::new(start, u32::try_from(bytes.len()).unwrap())
        }
    };
    let rows = records
        .iter()
        .enumerate()
        .map(|(i, (key, value, timestamp))| Row {
            offset: i64::try_from(first + i).unwrap(),
            timestamp: *timestamp,
            key: slice(key),
            value: slice(value),
            headers: Slice::NULL,
            fields: Slice::NULL,
        })
        .collect();
    Rows { source: 0, partition: 3, buffer: buffer.into(), rows, ..Rows::default() }
}

/// What came of the records, cut into batches before the given positions: outputs and bad records in input order.
fn run(query: &Query, records: &[Record], cuts: &[usize]) -> Vec<Result<Record, String>> {
    account(query, records, cuts).0
}

type Account = (Vec<Result<Record, String>>, Vec<(Vec<u8>, Vec<u8>)>, [u64; 2], Option<i64>);

fn account(query: &Query, records: &[Record], cuts: &[usize]) -> Account {
    let mut pipeline = Pipeline::new(query).unwrap();
    let (mut found, mut bins, mut counts, mut latest) = (Vec::new(), Vec::new(), [0, 0], None);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (records.len() + 1)).collect();
    cuts.extend([0, records.len()]);
    cuts.sort_unstable();
    for cut in cuts.windows(2) {
        let input = rows(&records[cut[0]..cut[1]], cut[0]);
        let mut output = Output::default();
        pipeline.process(&input, &mut output);
        let fates =
            output.rows.len() + output.bad.len() + usize::try_from(output.filtered).unwrap();
        assert_eq!(fates, input.rows.len(), "every row has one fate");
        assert!(
            output.bad.is_sorted_by_key(|bad| bad.input)
                && output.rows.is_sorted_by_key(|row| row.input)
        );
        let mut all: Vec<(u32, Result<Record, String>)> = Vec::new();
        for row in &output.rows {
            let bytes = |place| output.bytes(&input, place).map(<[u8]>::to_vec);
            all.push((row.input, Ok((bytes(row.key), bytes(row.value), row.timestamp))));
            bins.extend(row.bin.map(|bin| {
                let bytes = |slice: Slice| slice.of(&output.encoded).unwrap().to_vec();
                (bytes(bin.key), bytes(bin.order))
            }));
        }
        all.extend(output.bad.iter().map(|bad| (bad.input, Err(bad.reason.clone()))));
        all.sort_by_key(|(input, _)| *input);
        found.extend(all.into_iter().map(|(_, found)| found));
        counts[0] += output.filtered;
        counts[1] += output.failed_expressions;
        latest = latest.max(output.max_event_time);
    }
    (found, bins, counts, latest)
}

fn column(index: usize, data_type: DataType) -> Expression {
    Expression { kind: Kind::Column { index, name: format!("c{index}") }, data_type }
}

fn field(of: Expression, name: &str, data_type: DataType) -> Expression {
    Expression { kind: Kind::Field { of: Box::new(of), name: name.to_owned() }, data_type }
}

fn text(value: &str) -> Expression {
    Expression {
        kind: Kind::Literal(Literal::String(value.to_owned())),
        data_type: DataType::String,
    }
}

fn int(value: i32) -> Expression {
    Expression { kind: Kind::Literal(Literal::Integer(value)), data_type: DataType::Integer }
}

fn binary(
    operator: BinaryOperator,
    left: Expression,
    right: Expression,
    data_type: DataType,
) -> Expression {
    let (left, right) = (Box::new(left), Box::new(right));
    Expression { kind: Kind::Binary { operator, left, right }, data_type }
}

fn equal(left: Expression, right: Expression) -> Expression {
    binary(BinaryOperator::Equal, left, right, DataType::Boolean)
}

#[test]
fn what_is_not_read_is_passed_on() {
    let draft = draft(&[("a", DataType::Integer)]);
    let records: Vec<Record> =
        vec![(Some(b"k".to_vec()), Some(b"no JSON".to_vec()), 5), (None, None, 9)];
    let expected: Vec<_> = records.iter().cloned().map(Ok).collect();
    assert_eq!(draft.run(&records), expected);
    assert_eq!(account(&draft.query(), &records, &[]).3, Some(9));
}

#[test]
fn columns_are_spliced_or_written_anew() {
    let columns = [
        ("s", DataType::String),
        ("i", DataType::Integer),
        ("l", DataType::Bigint),
        ("d", DataType::Double),
        ("b", DataType::Boolean),
        ("t", DataType::Timestamp),
        ("n", DataType::Decimal { precision: 5, scale: 2 }),
        ("a", DataType::Array(Box::new(DataType::Integer))),
        ("m", DataType::Map(Box::new(DataType::String), Box::new(DataType::Integer))),
        ("x", DataType::Bytes),
        ("da", DataType::Date),
        ("ti", DataType::Time),
    ];
    let draft = draft(&columns).write_all().paris();
    for (value, expected) in [
        (r#"{"s":"a\"\u00e9"}"#, r#"{"s":"a\"\u00e9"}"#),
        (r#"{"s": 1.50}"#, r#"{"s":"1.50"}"#),
        (r#"{"s":true}"#, r#"{"s":"true"}"#),
        (r#"{"s":{"a": [1, "b c\""]}}"#, r#"{"s":"{\"a\":[1,\"b c\\\"\"]}"}"#),
        (r#"{"i":1,"l":2}"#, r#"{"i":1,"l":2}"#),
        (r#"{"i":-0,"l":"-12"}"#, r#"{"i":0,"l":-12}"#),
        (r#"{"i":1.9,"l":1e3}"#, r#"{"i":1,"l":1000}"#),
        (r#"{"i":2147483648}"#, "bad: column i: expected INTEGER, found 2147483648"),
        (
            r#"{"l":9223372036854775808}"#,
            "bad: column l: expected BIGINT, found 9223372036854775808",
        ),
        (r#"{"i":"x"}"#, r#"bad: column i: expected INTEGER, found "x""#),
        (r#"{"d":1}"#, r#"{"d":1.0}"#),
        (r#"{"d":1.5}"#, r#"{"d":1.5}"#),
        (r#"{"d":1.50}"#, r#"{"d":1.5}"#),
        (r#"{"d":1e400}"#, "bad: column d: expected DOUBLE, found 1e400"),
        (r#"{"d":"NaN"}"#, r#"{"d":"NaN"}"#),
        (r#"{"b":false}"#, r#"{"b":false}"#),
        (r#"{"b":"true"}"#, r#"bad: column b: expected BOOLEAN, found "true""#),
        (r#"{"t":"2024-01-01T08:20:00Z"}"#, r#"{"t":"2024-01-01T09:20:00.000+01:00"}"#),
        (r#"{"t":"2024-01-01 09:20:00"}"#, r#"{"t":"2024-01-01T09:20:00.000+01:00"}"#),
        (r#"{"t":1704097200000}"#, r#"{"t":"2024-01-01T09:20:00.000+01:00"}"#),
        (r#"{"t":"xyz"}"#, r#"bad: column t: expected TIMESTAMP, found "xyz""#),
        (r#"{"n":1.5}"#, r#"{"n":1.50}"#),
        (r#"{"n":"1.5"}"#, r#"{"n":1.50}"#),
        (r#"{"n":1.555}"#, "bad: column n: expected DECIMAL(5, 2), found 1.555"),
        (r#"{"a":[1, 2],"m":{"k" :1}}"#, r#"{"a":[1, 2],"m":{"k" :1}}"#),
        (r#"{"a":{}}"#, "bad: column a: expected ARRAY<INTEGER>, found {}"),
        (r#"{"m":[]}"#, "bad: column m: expected MAP<STRING, INTEGER>, found []"),
        (r#"{"x":"AQI="}"#, r#"{"x":"AQI="}"#),
        (r#"{"x":"!"}"#, r#"bad: column x: expected BYTES, found "!""#),
        (r#"{"da":"2024-01-01","ti":"09:20"}"#, r#"{"da":"2024-01-01","ti":"09:20:00.000"}"#),
        (r#"{"da":1,"ti":86400000}"#, "bad: column ti: expected TIME, found 86400000"),
        (r#"{"S":"other case","z":1}"#, r#"{"s":"other case"}"#),
        ("{}", "{}"),
        (r#"{"s":null}"#, "{}"),
        ("null", "NULL"),
        ("5", "bad: value: expected a JSON object, found 5"),
        (r#"{"s":"#, "bad: value: not JSON: a value is missing at byte 5"),
        ("", "bad: value: not JSON: a value is missing at byte 0"),
    ] {
        assert_eq!(draft.values(&[value]), [expected], "{value}");
    }
    assert_eq!(draft.run(&[(None, None, 1)]), [Ok((None, None, 1))], "a tombstone stays one");
    let ksqldb = self::draft(&columns[4..7]).write_all().ksqldb();
    let found = ksqldb.values(&[r#"{"t":"2024-01-01T08:20:00Z"}"#]);
    assert_eq!(found, [r#"{"b":null,"t":1704097200000,"n":null}"#]);
}

#[test]
fn fields_of_structs_are_paths() {
    let inner = DataType::Struct(vec![("b".to_owned(), DataType::String)]);
    let outer = DataType::Struct(vec![("b".to_owned(), inner.clone())]);
    let path = field(field(column(0, outer.clone()), "b", inner), "b", DataType::String);
    let draft = draft(&[("a", outer.clone())])
        .filter(equal(path.clone(), text("x")))
        .project(&[("p", path), ("whole", column(0, outer))]);
    let found = draft.values(&[
        r#"{"a":{"b":{"b":"x"}}}"#,
        r#"{"a":{"b":{"b":"y"}}}"#,
        r#"{"a":{"b":null}}"#,
        r#"{"a":null}"#,
        r#"{"a":{"b":5}}"#,
        r#"{"a":"x"}"#,
    ]);
    let expected = [
        r#"{"p":"x","whole":{"b":{"b":"x"}}}"#,
        "bad: column a->b: expected STRUCT, found 5",
        "bad: column a->b: expected STRUCT, found \"x\"",
    ];
    assert_eq!(found, expected);
}

#[test]
fn rows_meet_filters_and_projections_in_order() {
    let n = || column(0, DataType::Integer);
    let twice = binary(BinaryOperator::Multiply, n(), int(2), DataType::Integer);
    let large = binary(BinaryOperator::Greater, n(), int(3), DataType::Boolean);
    let draft = draft(&[("n", DataType::Integer), ("s", DataType::String)])
        .project(&[("m", twice), ("s", column(1, DataType::String)), ("c", text("const"))])
        .filter(large)
        .project(&[
            ("s", column(1, DataType::String)),
            ("m", n()),
            ("c", column(2, DataType::String)),
        ]);
    let values = [
        r#"{"n":1,"s":"a"}"#,
        r#"{"n":2,"s":"b"}"#,
        r#"{"n":null,"s":"c"}"#,
        r#"{"n":"x"}"#,
        r#"{"n":5}"#,
    ];
    let expected = [
        r#"{"s":"b","m":4,"c":"const"}"#,
        r#"bad: column n: expected INTEGER, found "x""#,
        r#"{"m":10,"c":"const"}"#,
    ];
    assert_eq!(draft.values(&values), expected);
    let records: Vec<Record> =
        values.iter().map(|value| (None, Some((*value).into()), 7)).collect();
    assert_eq!(account(&draft.query(), &records, &[]).2, [2, 0], "two are filtered, NULL too");
}

#[test]
fn event_times_come_from_columns() {
    let mut draft = draft(&[("t", DataType::Timestamp), ("s", DataType::String)]).write_all();
    draft.source.event_time = EventTime::Column { index: 0, format: None };
    let time = |t: &str| (None, Some(format!("{{\"t\":{t}}}").into_bytes()), 1);
    let records = [
        time("20"),
        time("10"),
        time("null"),
        time("-5"),
        time("\"1970-01-01T00:00:00.015Z\""),
        time("{"),
    ];
    let (found, _, _, latest) = account(&draft.query(), &records, &[]);
    let found: Vec<_> = found.into_iter().map(|found| found.map(|(_, _, time)| time)).collect();
    assert_eq!(found[..2], [Ok(20), Ok(10)]);
    assert_eq!(found[2], Err("column t: the event time is NULL".to_owned()));
    assert!(found[3].as_ref().unwrap_err().contains("before 1970"));
    assert_eq!(found[4], Ok(15));
    assert!(found[5].is_err());
    assert_eq!(latest, Some(20));
    let format = Some("dd.MM.yyyy HH:mm".to_owned());
    draft.source.event_time = EventTime::Column { index: 1, format };
    let draft = draft.paris();
    let of = |s: &str| {
        draft.run(&[(None, Some(format!("{{\"s\":\"{s}\"}}").into_bytes()), 1)]).remove(0)
    };
    assert_eq!(of("01.01.1970 01:30").unwrap().2, 1_800_000);
    let bad = of("1.1.1970").unwrap_err();
    assert_eq!(bad, "column s: expected a time-stamp, found \"1.1.1970\"");
}

#[test]
fn a_filtered_row_moves_the_event_time_and_a_bad_one_does_not() {
    let mut draft = draft(&[("t", DataType::Bigint), ("n", DataType::Integer)])
        .filter(equal(column(1, DataType::Integer), int(1)))
        .write_all();
    draft.source.event_time = EventTime::Column { index: 0, format: None };
    let record = |value: &str| (None, Some(value.into()), 1);
    let records =
        [record(r#"{"t":30,"n":"x"}"#), record(r#"{"t":20,"n":2}"#), record(r#"{"t":10,"n":1}"#)];
    assert_eq!(account(&draft.query(), &records, &[]).3, Some(20));
}

#[test]
fn keys_are_read_and_written() {
    let mut draft = draft(&[("k", DataType::Integer), ("v", DataType::String)]);
    draft.columns[0].role = Role::Key;
    draft.sink.key = Payload::Encoded { format: Format::Kafka, columns: vec![1] };
    draft.sink.value = Payload::Encoded { format: Format::Json, columns: vec![0] };
    let run = |draft: &Draft, key: Option<&[u8]>, value: &str| {
        draft.run(&[(key.map(<[u8]>::to_vec), Some(value.into()), 1)]).remove(0)
    };
    let found = run(&draft, Some(&[0, 0, 1, 0]), r#"{"v":"a\nb"}"#);
    assert_eq!(found, Ok((Some(b"a\nb".to_vec()), Some(br#"{"k":256}"#.to_vec()), 1)));
    assert_eq!(run(&draft, None, "{}"), Ok((None, Some(b"{}".to_vec()), 1)));
    let bad = run(&draft, Some(&[1]), "{}").unwrap_err();
    assert!(bad.starts_with("column k: expected INTEGER as 4 bytes, found 1 bytes"), "{bad}");
    draft.source.key_format = Format::Json;
    draft.sink.key = Payload::Encoded { format: Format::Json, columns: vec![0] };
    let found = run(&draft, Some(b" 7 "), r#"{"v":"a"}"#);
    assert_eq!(found, Ok((Some(b"7".to_vec()), Some(br#"{"k":7}"#.to_vec()), 1)));
    draft.sink.key = Payload::Encoded { format: Format::Json, columns: vec![0, 1] };
    assert_eq!(run(&draft, Some(b"7"), "{}").unwrap().0, Some(br#"{"k":7}"#.to_vec()));
    draft.sink.key = Payload::Encoded { format: Format::Json, columns: vec![] };
    assert_eq!(run(&draft, Some(b"7"), "{}").unwrap().0, None);
}

#[test]
fn rowtime_partition_and_offset() {
    let pseudo = |pseudo, data_type| Expression { kind: Kind::Pseudo(pseudo), data_type };
    let draft = draft(&[("a", DataType::Integer)]).project(&[
        ("t", pseudo(Pseudo::RowTime, DataType::Bigint)),
        ("p", pseudo(Pseudo::RowPartition, DataType::Integer)),
        ("o", pseudo(Pseudo::RowOffset, DataType::Bigint)),
    ]);
    assert_eq!(draft.values(&["{}", "{}"]), [r#"{"t":7,"p":3,"o":0}"#, r#"{"t":7,"p":3,"o":1}"#]);
}

#[test]
fn bins_have_keys_that_compare_as_the_columns_do() {
    let mut draft = draft(&[("visit", DataType::String), ("t", DataType::Timestamp)]);
    draft.sink.delivery = Delivery::BinPacked(BinPacking {
        key: 0,
        order_by: 1,
        interval: Duration::from_secs(20),
        rows: 1000,
        header: None,
    });
    let record = |value: &str| (None, Some(value.into()), 1);
    let records = [
        record(r#"{"visit":"a","t":"1970-01-01T00:00:00.002Z"}"#),
        record(r#"{"visit":"\u0061","t":-1}"#),
        record(r#"{"visit":null,"t":1}"#),
        record(r#"{"visit":"b"}"#),
    ];
    let (found, bins, ..) = account(&draft.query(), &records, &[]);
    assert_eq!(bins[0].0, bins[1].0);
    assert!(bins[0].1 > bins[1].1);
    assert_eq!(found[0], Ok(records[0].clone()), "the value stays as it is");
    assert_eq!(found[2], Err("column visit: the key of bin-packed delivery is NULL".to_owned()));
    assert_eq!(found[3], Err("column t: the order of bin-packed delivery is NULL".to_owned()));
}

#[test]
fn the_key_must_be_what_the_source_says_where_it_matters() {
    let mut draft = draft(&[("visit", DataType::String), ("n", DataType::Bigint)]);
    draft.source.key_column = Some(0);
    let record = |key: &str| (Some(key.into()), Some(br#"{"visit":"\u0061","n":5}"#.to_vec()), 1);
    assert!(draft.run(&[record("b")])[0].is_ok(), "no order depends on it");
    let (interval, header) = (Duration::from_secs(1), None);
    draft.sink.delivery =
        Delivery::BinPacked(BinPacking { key: 0, order_by: 1, interval, rows: 9, header });
    assert!(draft.run(&[record("a")])[0].is_ok());
    let bad = draft.run(&[record("b")]).remove(0).unwrap_err();
    assert_eq!(bad, "record key \"b\" is not visit \"a\", as the source's declaration says");
    draft.source.key_column = Some(1);
    assert!(draft.run(&[record("5")])[0].is_ok());
    assert!(draft.run(&[record("6")])[0].is_err());
}

#[test]
fn headers_are_columns() {
    let mut draft =
        draft(&[("one", DataType::Bytes), ("all", DataType::Array(Box::new(DataType::String)))]);
    draft.columns[0].role = Role::Header(Some("h".to_owned()));
    draft.columns[1].role = Role::Header(None);
    let draft = draft.write_all();
    let mut input = rows(&[(None, Some(b"{}".to_vec()), 1), (None, Some(b"{}".to_vec()), 1)], 0);
    // Two headers: h = 1, h = 2.
    let headers = b"\x04\x02h\x02\x01\x02h\x02\x02";
    let start = u32::try_from(input.buffer.len()).unwrap();
    input.buffer = [&input.buffer[..], headers].concat().into();
    input.rows[0].headers = Slice::new(start, u32::try_from(headers.len()).unwrap());
    let mut output = Output::default();
    Pipeline::new(&draft.query()).unwrap().process(&input, &mut output);
    let value = |row: usize| {
        String::from_utf8_lossy(output.bytes(&input, output.rows[row].value).unwrap()).into_owned()
    };
    assert_eq!(
        value(0),
        r#"{"one":"Ag==","all":[{"KEY":"h","VALUE":"AQ=="},{"KEY":"h","VALUE":"Ag=="}]}"#
    );
    assert_eq!(value(1), r#"{"all":[]}"#);
}

#[test]
fn the_statement_may_choose_the_time_stamp() {
    let mut draft = draft(&[("t", DataType::Bigint)]).write_all();
    draft.sink.timestamp = Some(0);
    let found =
        draft.run(&[(None, Some(br#"{"t":42}"#.to_vec()), 1), (None, Some(b"{}".to_vec()), 1)]);
    assert_eq!(found[0].as_ref().unwrap().2, 42);
    assert!(found[1].as_ref().unwrap_err().contains("column t: the record's time-stamp is NULL"));
}

#[test]
fn queries_that_cannot_run_are_refused() {
    let refused = |draft: Draft| Pipeline::new(&draft.query()).unwrap_err().to_string();
    let mut none = draft(&[("a", DataType::Integer)]).write_all();
    none.source.value_format = Format::None;
    assert_eq!(
        refused(none),
        "column a: format NONE reads no columns: declare JSON, DELIMITED or KAFKA"
    );
    let mut kafka = draft(&[("a", DataType::Integer), ("b", DataType::Integer)]).write_all();
    kafka.sink.value = Payload::Encoded { format: Format::Kafka, columns: vec![0, 1] };
    assert!(refused(kafka).contains("KAFKA holds one column"));
    let mut zone = draft(&[("a", DataType::Integer)]);
    zone.conventions.timezone = "Mars/Olympus".to_owned();
    assert!(refused(zone).contains("timezone = 'Mars/Olympus'"));
    let mut time = draft(&[("a", DataType::Boolean)]);
    time.source.event_time = EventTime::Column { index: 0, format: None };
    assert!(refused(time).contains("not BOOLEAN"));
    let mut query = draft(&[]).query();
    query.nodes.pop();
    assert!(matches!(Pipeline::new(&query), Err(PlanError::Graph { .. })));
}

/// A query that uses most of what there is.
fn busy() -> Draft {
    let inner = DataType::Struct(vec![("x".to_owned(), DataType::Integer)]);
    let x = field(column(3, inner.clone()), "x", DataType::Integer);
    let quotient =
        binary(BinaryOperator::Divide, column(1, DataType::Integer), x.clone(), DataType::Integer);
    let constant = binary(BinaryOperator::Divide, int(1), int(0), DataType::Integer);
    let small =
        binary(BinaryOperator::Less, column(1, DataType::Integer), int(8), DataType::Boolean);
    let mut draft = draft(&[
        ("t", DataType::Timestamp),
        ("n", DataType::Integer),
        ("s", DataType::String),
        ("o", inner),
    ])
    .filter(small)
    .project(&[
        ("s", column(2, DataType::String)),
        ("q", quotient),
        ("x", x),
        ("c", constant),
        ("t", column(0, DataType::Timestamp)),
    ]);
    draft.source.event_time = EventTime::Column { index: 0, format: None };
    let (interval, header) = (Duration::from_secs(1), None);
    draft.sink.delivery =
        Delivery::BinPacked(BinPacking { key: 0, order_by: 4, interval, rows: 9, header });
    draft.paris()
}

fn busy_value() -> impl Strategy<Value = String> {
    let piece = |name: &'static str, values: &'static [&'static str]| {
        prop::option::weighted(0.9, prop::sample::select(values))
            .prop_map(move |value| value.map(|value| format!("\"{name}\": {value}")))
    };
    let document = (
        piece(
            "t",
            &["1", "5000", "\"2024-01-01\"", "\"2024-03-31 02:30:00\"", "\"x\"", "-1", "null"],
        ),
        piece("n", &["1", "7", "8", "null", "\"3\"", "2.5", "99999999999", "true"]),
        piece("s", &["\"a\"", "\"\\u0041\"", "\"é\"", "5", "null", "[1, 2]"]),
        piece("o", &["{\"x\":2}", "{\"x\":0}", "{}", "null", "7", "{\"X\":1}"]),
    )
        .prop_map(|(t, n, s, o)| {
            let pieces: Vec<String> = [t, n, s, o].into_iter().flatten().collect();
            format!("{{{}}}", pieces.join(", "))
        });
    prop_oneof![12 => document, 1 => "[{}\\[\\]:,\"a-z0-9 ]{0,12}"]
}

#[test]
fn rows_of_a_large_batch_keep_their_numbers() {
    let value = |n: i32| match n % 7 {
        0 => "{".to_owned(),
        1 => r#"{"t":1,"n":"x"}"#.to_owned(),
        n => format!(r#"{{"t":{n},"n":{n},"s":"{}"}}"#, "x".repeat(200)),
    };
    let records: Vec<Record> =
        (0..3000).map(|n| (None, Some(value(n).into_bytes()), n.into())).collect();
    let cuts: Vec<usize> = (0..3000).step_by(10).collect();
    let query = busy().query();
    assert_eq!(account(&query, &records, &[]), account(&query, &records, &cuts));
}

proptest! {
    #[test]
    fn cuts_change_nothing(
        values in prop::collection::vec(prop::option::weighted(0.95, busy_value()), 0..40),
        cuts in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        let records: Vec<Record> =
            (0..).zip(&values).map(|(i, value)| (None, value.clone().map(String::into_bytes), i)).collect();
        let query = busy().query();
        prop_assert_eq!(account(&query, &records, &cuts), account(&query, &records, &[]));
    }

    #[test]
    fn any_bytes_do_no_harm(
        records in prop::collection::vec((any::<Option<Vec<u8>>>(), any::<Option<Vec<u8>>>(), any::<i64>()), 0..10),
    ) {
        run(&busy().query(), &records, &[]);
    }

    #[test]
    fn texts_come_through_as_they_were(text in any::<String>()) {
        let value = serde_json::json!({ "s": text }).to_string();
        let draft = draft(&[("s", DataType::String)]).project(&[
            ("spliced", column(0, DataType::String)),
            ("decoded", binary(BinaryOperator::Add, column(0, DataType::String), self::text(""), DataType::String)),
        ]);
        let found: serde_json::Value = serde_json::from_str(&draft.values(&[&value])[0]).unwrap();
        prop_assert_eq!(&found["spliced"], &serde_json::json!(text));
        prop_assert_eq!(&found["decoded"], &serde_json::json!(text));
    }
}
