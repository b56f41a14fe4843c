//! Tasks by hand: bytes in, bytes out, through a repartition topic and over a restart.

use super::*;
use crate::expression::{Expression, Kind};
use crate::record::Row;
use crate::schema::{Column, Role, Schema};
use crate::topology::{
    Aggregate, AggregateCall, AggregateFunction, Collection, Conventions, Emit, Exchange, Format,
    Late, Node, Payload, Query, Stage, StoreSpec, Window, Windowing,
};
use std::time::Duration;

fn schema() -> Schema {
    let column = |name: &str, data_type, role| Column { name: name.to_owned(), data_type, role };
    Schema {
        columns: vec![
            column("page", DataType::String, Role::Value),
            column("at", DataType::Bigint, Role::Value),
        ],
    }
}

fn stage(name: &str, source: Source, sink: Sink) -> Stage {
    let nodes = vec![
        Node { inputs: vec![], operator: Operator::Source(source), schema: schema() },
        Node { inputs: vec![0], operator: Operator::Sink(sink), schema: schema() },
    ];
    let conventions = Conventions::default();
    let query = Query { name: name.to_owned(), nodes, conventions };
    let time = StoreSpec { name: format!("{name}-time"), node: None, retention: None };
    Stage { query, stores: vec![time] }
}

/// visits → repartitioned by page → pages.
fn stages() -> [Stage; 2] {
    let exchange =
        Exchange { keys: vec![0], key_names: vec!["page".to_owned()], key_format: Format::Kafka };
    let visits = Source {
        value_format: Format::Json,
        event_time: EventTime::Column { index: 1, format: None },
        watermark_delay: Duration::from_millis(10),
        collection: Collection::Stream,
        ..Source::new("visits")
    };
    let send = Sink { exchange: Some(exchange.clone()), ..Sink::new("between") };
    let receive = Source { exchange: Some(exchange), ..Source::new("between") };
    let value = Payload::Encoded { format: Format::Json, columns: vec![0, 1] };
    let key = Payload::Encoded { format: Format::Kafka, columns: vec![0] };
    [
        stage("send", visits, send),
        stage("receive", receive, Sink { key, value, ..Sink::new("pages") }),
    ]
}

fn task(stage: &Stage, upstream: i32) -> Task {
    Task::new(stage, &TaskOptions { task: 0, targets: 2, upstream: vec![upstream] }).unwrap()
}

/// Rows of values, with record time-stamps.
fn rows(offset: i64, values: &[(i64, &[u8])]) -> Rows {
    let (mut buffer, mut rows) = (Vec::new(), Vec::new());
    for (offset, (timestamp, value)) in (offset..).zip(values) {
        let start = u32::try_from(buffer.len()).unwrap();
        buffer.extend_from_slice(value);
        let value = Slice::new(start, u32::try_from(value.len()).unwrap());
        rows.push(Row {
            offset,
            timestamp: *timestamp,
            key: Slice::NULL,
            value,
            headers: Slice::NULL,
            fields: Slice::NULL,
        });
    }
    Rows { source: 0, partition: 0, buffer: buffer.into(), rows, ..Rows::default() }
}

fn run(task: &mut Task) -> Output {
    let mut output = Output::default();
    while task.run(&mut output).unwrap() {}
    output
}

/// The values of the records written, or of those addressed to the sink, by partition.
fn values(output: &Output) -> Vec<String> {
    let text =
        |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or(b"NULL")).into_owned();
    output.rows.iter().map(|row| text(output.bytes(&Rows::default(), row.value))).collect()
}

fn sent(output: &Output, partition: i32) -> Vec<(i64, Vec<u8>)> {
    let of = output
        .addressed
        .iter()
        .filter(|of| of.to == Destination::Sink && of.partition == partition);
    of.map(|of| (of.timestamp, of.value.of(&output.encoded).unwrap().to_vec())).collect()
}

fn offer(task: &mut Task, offset: i64, records: &[(i64, Vec<u8>)]) {
    let records: Vec<(i64, &[u8])> =
        records.iter().map(|(at, value)| (*at, value.as_slice())).collect();
    task.offer(0, rows(offset, &records)).unwrap();
}

#[test]
fn rows_change_partitions_and_every_partition_learns_the_time() {
    let [first, second] = stages();
    let mut sender = task(&first, 0);
    let visits: [(i64, &[u8]); 3] = [
        (1, br#"{"page":"home","at":100}"#),
        (2, br#"{"page":"cart","at":130}"#),
        (3, br#"{"page":"home","at":90}"#),
    ];
    sender.offer(0, rows(0, &visits)).unwrap();
    sender.caught_up(0);
    let mut output = run(&mut sender);
    assert_eq!(sender.position(0), Some(3));
    assert_eq!(sender.watermark(), Some(120));
    sender.prepare_commit(&mut output).unwrap();
    // "home" and "cart" choose different partitions of two, as murmur2 has it.
    let mut seen = Vec::new();
    for partition in 0..2 {
        let mut receiver = task(&second, 1);
        offer(&mut receiver, 0, &sent(&output, partition));
        seen.push(values(&run(&mut receiver)));
        assert_eq!(receiver.watermark(), Some(120), "partition {partition}");
    }
    seen.sort();
    let home = [r#"{"page":"home","at":100}"#, r#"{"page":"home","at":90}"#];
    assert_eq!(seen, [vec![r#"{"page":"cart","at":130}"#], home.to_vec()]);
}

/// Blocks of 4096 rows once became records larger than a broker takes.
#[test]
fn rows_for_one_partition_become_several_records_where_one_would_be_too_large() {
    let [first, second] = stages();
    let options = TaskOptions { task: 0, targets: 1, upstream: vec![0] };
    let mut sender = Task::new(&first, &options).unwrap();
    let page = "p".repeat(1000);
    let visits: Vec<Vec<u8>> =
        (0..3000).map(|at| format!(r#"{{"page":"{page}","at":{at}}}"#).into_bytes()).collect();
    let visits: Vec<(i64, &[u8])> = (0..).zip(visits.iter().map(Vec::as_slice)).collect();
    sender.offer(0, rows(0, &visits)).unwrap();
    sender.caught_up(0);
    let mut output = run(&mut sender);
    sender.prepare_commit(&mut output).unwrap();
    let sent = sent(&output, 0);
    assert!(sent.iter().all(|(_, value)| value.len() <= 512 << 10));
    let mut receiver = task(&second, 1);
    offer(&mut receiver, 0, &sent);
    assert_eq!(values(&run(&mut receiver)).len(), 3000);
}

#[test]
fn rows_of_two_tasks_are_taken_in_append_order_and_none_before_the_other_has_spoken() {
    let [first, second] = stages();
    let send = |number: i32, at: &[i64]| {
        let options = TaskOptions { task: number, targets: 1, upstream: vec![0] };
        let mut sender = Task::new(&first, &options).unwrap();
        let visits: Vec<Vec<u8>> =
            at.iter().map(|at| format!(r#"{{"page":"p","at":{at}}}"#).into_bytes()).collect();
        let visits: Vec<(i64, &[u8])> =
            at.iter().copied().zip(visits.iter().map(Vec::as_slice)).collect();
        sender.offer(0, rows(0, &visits)).unwrap();
        let mut output = run(&mut sender);
        sender.prepare_commit(&mut output).unwrap();
        sent(&output, 0)
    };
    let mut receiver = task(&second, 2);
    offer(&mut receiver, 0, &send(0, &[100, 300]));
    assert_eq!(values(&run(&mut receiver)), [""; 0], "task 1 may bring an earlier one");
    assert_eq!(receiver.position(0), Some(0), "nothing is done");
    offer(&mut receiver, 2, &send(1, &[200, 250]));
    let seen = values(&run(&mut receiver));
    let expected =
        [r#"{"page":"p","at":100}"#, r#"{"page":"p","at":200}"#, r#"{"page":"p","at":250}"#];
    assert_eq!(seen, expected, "300 waits: task 1 was told to have come to 250 only");
    assert_eq!(
        receiver.watermark(),
        Some(90),
        "task 0 has come to 100, less the delay; task 1 further"
    );
}

#[test]
fn a_task_goes_on_where_it_was_committed_even_in_the_middle_of_a_record() {
    let [first, second] = stages();
    let mut sender = task(&first, 0);
    let visits: [(i64, &[u8]); 2] =
        [(100, br#"{"page":"home","at":100}"#), (300, br#"{"page":"home","at":300}"#)];
    sender.offer(0, rows(0, &visits)).unwrap();
    let mut output = run(&mut sender);
    sender.prepare_commit(&mut output).unwrap();
    let records: Vec<(i64, Vec<u8>)> =
        (0..2).map(|partition| sent(&output, partition)).find(|records| records.len() > 1).unwrap();

    let mut receiver = task(&second, 2);
    offer(&mut receiver, 7, &records);
    let mut told = Vec::new();
    block::write_told(
        1,
        Progress { watermark: Some(1), reached: 200, caught_up: false, idle: false },
        &mut told,
    );
    offer(&mut receiver, 9, &[(0, told)]);
    let mut output = run(&mut receiver);
    assert_eq!(values(&output), [r#"{"page":"home","at":100}"#]);
    assert_eq!(receiver.position(0), Some(7), "the record at 7 is done by half");
    receiver.prepare_commit(&mut output).unwrap();

    let mut next = task(&second, 2);
    for of in output.addressed.iter().filter(|of| of.to == Destination::Changelog(0)) {
        next.restore(0, of.key.of(&output.encoded).unwrap(), of.value.of(&output.encoded));
    }
    next.restored().unwrap();
    assert_eq!(next.watermark(), Some(1));
    offer(&mut next, 7, &records);
    let mut told = Vec::new();
    block::write_told(
        1,
        Progress { watermark: Some(1), reached: 400, caught_up: false, idle: false },
        &mut told,
    );
    offer(&mut next, 9, &[(0, told)]);
    assert_eq!(values(&run(&mut next)), [r#"{"page":"home","at":300}"#]);
}

/// A topic that a query reads twice has one committed offset. Rows behind it were once taken a second time by the input that had
/// been ahead.
#[test]
fn of_two_inputs_of_a_topic_each_goes_on_where_it_was() {
    let [first, second] = stages();
    let [visits, pages] = [first, second].map(|stage| stage.query.nodes);
    let Operator::Sink(mut sink) = pages[1].operator.clone() else { panic!("a sink") };
    sink.topic = "both".to_owned();
    let mut both = stage("both", Source::new("visits"), sink);
    let sink = both.query.nodes.remove(1);
    both.query.nodes = vec![
        visits[0].clone(),
        visits[0].clone(),
        Node { inputs: vec![0, 1], operator: Operator::Merge, schema: schema() },
        Node { inputs: vec![2], ..sink },
    ];
    let new = || {
        let options = TaskOptions { task: 0, targets: 2, upstream: vec![0, 0] };
        Task::new(&both, &options).unwrap()
    };
    let texts: Vec<String> =
        (1..=3).map(|at| format!("{{\"page\":\"p{at}\",\"at\":{at}}}")).collect();
    let visits: Vec<(i64, &[u8])> = (1..).zip(texts.iter().map(String::as_bytes)).collect();

    let mut task = new();
    task.offer(0, rows(0, &visits[..2])).unwrap();
    task.offer(1, rows(0, &visits[..1])).unwrap();
    (0..2).for_each(|input| task.caught_up(input));
    let mut output = run(&mut task);
    assert_eq!(values(&output), [&*texts[0], &texts[0], &texts[1]]);
    assert_eq!([0, 1].map(|input| task.position(input)), [Some(2), Some(1)]);
    task.prepare_commit(&mut output).unwrap();

    let mut task = new();
    for of in output.addressed.iter().filter(|of| of.to == Destination::Changelog(0)) {
        task.restore(0, of.key.of(&output.encoded).unwrap(), of.value.of(&output.encoded));
    }
    task.restored().unwrap();
    assert_eq!([0, 1].map(|input| task.position(input)), [Some(2), Some(1)]);
    for input in 0..2 {
        task.passed(input, 1);
        task.offer(input, rows(1, &visits[1..])).unwrap();
        task.caught_up(input);
    }
    assert_eq!(values(&run(&mut task)), [&*texts[1], &texts[2], &texts[2]]);
    assert_eq!([0, 1].map(|input| task.position(input)), [Some(3), Some(3)]);
}

#[test]
fn a_bad_record_is_told_with_its_bytes_and_moves_no_watermark() {
    let [first, _] = stages();
    let mut sender = task(&first, 0);
    let visits: [(i64, &[u8]); 2] =
        [(1, br#"{"page":"home","at":100}"#), (2, br#"{"page":"home","at":"#)];
    sender.offer(0, rows(4, &visits)).unwrap();
    run(&mut sender);
    let bad = sender.take_bad();
    assert_eq!((bad.len(), bad[0].offset), (1, 5));
    assert_eq!(bad[0].value.as_deref(), Some(visits[1].1));
    assert_eq!(sender.watermark(), Some(90));
    assert_eq!(sender.position(0), Some(6));
}

#[test]
fn an_expression_that_names_the_offset_sees_it() {
    let [mut first, _] = stages();
    let offset = Expression {
        kind: Kind::Pseudo(crate::expression::Pseudo::RowOffset),
        data_type: DataType::Bigint,
    };
    let page = Expression {
        kind: Kind::Column { index: 0, name: "page".to_owned() },
        data_type: DataType::String,
    };
    let value = Payload::Encoded { format: Format::Json, columns: vec![0, 1] };
    let key = Payload::Encoded { format: Format::Json, columns: vec![] };
    let sink = Sink { key, value, ..Sink::new("out") };
    first.query.nodes[1] =
        Node { inputs: vec![0], operator: Operator::Project(vec![page, offset]), schema: schema() };
    first.query.nodes.push(Node {
        inputs: vec![1],
        operator: Operator::Sink(sink),
        schema: schema(),
    });
    let mut task = task(&first, 0);
    task.offer(0, rows(41, &[(1, br#"{"page":"home","at":100}"#)])).unwrap();
    assert_eq!(values(&run(&mut task)), [r#"{"page":"home","at":41}"#]);
}

/// A chunk of marks alone had no columns, and a group that looked for its own fell over.
#[test]
fn time_passes_through_a_group_without_a_row() {
    let [first, _] = stages();
    let count = AggregateCall {
        function: AggregateFunction::Count,
        arguments: vec![0],
        constants: vec![],
        data_type: DataType::Bigint,
    };
    let windowing = Windowing {
        window: Window::Hopping { size: Duration::from_secs(1), advance: Duration::from_secs(1) },
        grace: Duration::ZERO,
        retention: None,
    };
    let aggregate = Aggregate {
        group_by: vec![0],
        windowing: Some(windowing),
        calls: vec![count],
        emit: Emit::Changes,
        late: Late::Skip,
    };
    let column = |name: &str, data_type, role| Column { name: name.to_owned(), data_type, role };
    let grouped = Schema {
        columns: vec![
            column("page", DataType::String, Role::Key),
            column("from", DataType::Bigint, Role::WindowStart),
            column("to", DataType::Bigint, Role::WindowEnd),
            column("n", DataType::Bigint, Role::Value),
        ],
    };
    let value = Payload::Encoded { format: Format::Json, columns: vec![0, 3] };
    let sink = Sink { key: value.clone(), value, ..Sink::new("out") };
    let mut query = first.query;
    query.nodes[1] =
        Node { inputs: vec![0], operator: Operator::Aggregate(aggregate), schema: grouped.clone() };
    query.nodes.push(Node { inputs: vec![1], operator: Operator::Sink(sink), schema: grouped });
    let cut = crate::topology::stages(&query, "app").unwrap();
    let [_, group] = &cut[..] else { panic!("two stages") };
    let mut group = task(group, 1);
    let mut told = Vec::new();
    block::write_told(
        0,
        Progress { watermark: Some(5), reached: 5, caught_up: true, idle: false },
        &mut told,
    );
    offer(&mut group, 0, &[(5, told)]);
    assert_eq!(values(&run(&mut group)), [""; 0]);
    assert_eq!(group.position(0), Some(1));
}
