//! What the stores of each operator hold, for those who look into state without the program.

use crate::schema::{self, DataType, Role};
use crate::state::{NumberForm, Part, Shape};
use crate::topology::{
    Aggregate, ForeignKey, ForeignKeyStep, Join, JoinWith, Node, Operator, Query, Window,
};

/// The shapes of the stores of the node at `place`, in the order in which it has them.
pub(crate) fn shapes(stage: &Query, place: usize) -> Vec<Shape> {
    let node = &stage.nodes[place];
    let input = |number: usize| -> &[schema::Column] {
        let input = node.inputs.get(number).and_then(|input| stage.nodes.get(*input));
        input.map_or(&[], |input| &input.schema.columns)
    };
    match &node.operator {
        Operator::Aggregate(of) => vec![aggregate(node, of, input(0))],
        Operator::Join(join) => joined(node, join, [input(0), input(1)]),
        Operator::ForeignKey(of) => foreign_key(of, input(0), input(1)),
        Operator::Source(_) => vec![table(&node.schema.columns)],
        _ => Vec::new(),
    }
}

/// Names and types.
fn named<'a>(columns: impl IntoIterator<Item = &'a schema::Column>) -> Vec<(String, DataType)> {
    columns.into_iter().map(|column| (column.name.clone(), column.data_type.clone())).collect()
}

fn number(name: &str, form: NumberForm) -> Part {
    Part::Number(name.to_owned(), form)
}

/// A topic's table, where the source has to remember it.
fn table(columns: &[schema::Column]) -> Shape {
    let is_key = |role: &Role| matches!(role, Role::Key | Role::WindowStart | Role::WindowEnd);
    let key = columns.iter().filter(|column| is_key(&column.role));
    Shape { key: vec![Part::Key(named(key))], value: vec![Part::Row(named(columns))] }
}

fn aggregate(node: &Node, of: &Aggregate, input: &[schema::Column]) -> Shape {
    let mut key = vec![Part::Key(named(node.schema.columns.iter().take(of.group_by.len())))];
    let windowing = of.windowing.as_ref();
    if windowing.is_some_and(|of| matches!(of.window, Window::Hopping { .. })) {
        key.push(number("WINDOWSTART", NumberForm::BigEndian(8)));
    }
    // What functions keep is theirs. That they are the same ones can be told.
    let call = |call: &crate::topology::AggregateCall| {
        let arguments = call.arguments.iter().filter_map(|column| input.get(*column));
        let arguments: Vec<&str> = arguments.map(|column| column.name.as_str()).collect();
        format!("{}({}) {:?}", call.function, arguments.join(", "), call.constants)
    };
    let calls: Vec<String> = of.calls.iter().map(call).collect();
    let mut value = Vec::new();
    if windowing.is_none_or(|of| matches!(of.window, Window::Hopping { .. })) {
        value.push(number("time", NumberForm::LittleEndian(8)));
        value.push(number("number", NumberForm::LittleEndian(8)));
    }
    value.push(Part::Opaque(calls.join(", ")));
    Shape { key, value }
}

fn joined(node: &Node, join: &Join, [left, right]: [&[schema::Column]; 2]) -> Vec<Shape> {
    let key = Part::Key(named(node.schema.columns.iter().take(join.left_key.len())));
    let time = number("time", NumberForm::LittleEndian(8));
    let waiting = |columns: &[schema::Column]| Shape {
        key: vec![
            key.clone(),
            number("time", NumberForm::Sorted),
            number("number", NumberForm::BigEndian(8)),
        ],
        value: vec![number("waits", NumberForm::LittleEndian(1)), Part::Row(named(columns))],
    };
    let latest = |columns: &[schema::Column]| Shape {
        key: vec![key.clone()],
        value: vec![time.clone(), Part::Row(named(columns))],
    };
    match join.with {
        JoinWith::Streams { .. } => vec![waiting(left), waiting(right)],
        JoinWith::StreamTable => vec![latest(right)],
        JoinWith::Tables => vec![latest(left), latest(right)],
        // Its steps have stores, see below.
        JoinWith::ForeignKey => Vec::new(),
    }
}

/// The stores of a step of a join by foreign key; `asked` are the columns of the left table, and what stands behind them.
fn foreign_key(of: &ForeignKey, asked: &[schema::Column], right: &[schema::Column]) -> Vec<Shape> {
    let some = |columns: &[usize], all: &[schema::Column]| {
        named(columns.iter().filter_map(|column| all.get(*column)))
    };
    let primary_key = vec![Part::Key(some(&of.primary_key, asked))];
    let time = || number("time", NumberForm::LittleEndian(8));
    let opaque = |columns: &[schema::Column]| {
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        Part::Opaque(names.join(", "))
    };
    match of.step {
        ForeignKeyStep::Ask => {
            let front = [
                number("questions", NumberForm::LittleEndian(8)),
                number("names", NumberForm::LittleEndian(1)),
            ];
            let value = front.into_iter().chain([Part::Row(some(&of.left_key, asked))]).collect();
            vec![Shape { key: primary_key, value }]
        }
        ForeignKeyStep::Answer => {
            let left = Shape { key: primary_key, value: vec![time(), opaque(asked)] };
            let key = vec![Part::Key(some(&of.right_key, right))];
            vec![left, Shape { key, value: vec![time(), Part::Row(named(right))] }]
        }
        ForeignKeyStep::Settle => {
            let value = vec![
                number("version", NumberForm::LittleEndian(8)),
                number("open", NumberForm::LittleEndian(8)),
                number("state", NumberForm::LittleEndian(1)),
                opaque(asked),
            ];
            vec![Shape { key: primary_key, value }]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::chunk::{Chunk, Origin};
    use crate::operator::column::Vector;
    use crate::operator::evaluate::Session;
    use crate::operator::node;
    use crate::operator::operate::{Context, Fates};
    use crate::schema::{Column, Schema};
    use crate::state::show;
    use crate::topology::{
        AggregateCall, AggregateFunction, Collection, Conventions, Emit, JoinKind, Late, Sink,
        Source, Stage, Unmatched, Windowing,
    };
    use arrow_array::{Int64Array, LargeStringArray};
    use std::time::Duration;

    /// What the stores hold as JSON when a node has taken in one row of each input: user `ann`, 7, at second 90.
    fn stored(operator: Operator, collections: &[Collection]) -> Vec<String> {
        let column =
            |name: &str, data_type, role| Column { name: name.to_owned(), data_type, role };
        let columns = vec![
            column("user", DataType::String, Role::Key),
            column("amount", DataType::Bigint, Role::Value),
        ];
        let schema = Schema { columns };
        let node = |inputs: Vec<usize>, operator| Node { inputs, operator, schema: schema.clone() };
        let source = |collection: &Collection| {
            let source = Source { collection: *collection, ..Source::new("topic") };
            node(Vec::new(), Operator::Source(source))
        };
        let mut nodes: Vec<Node> = collections.iter().map(source).collect();
        nodes.push(node((0..collections.len()).collect(), operator));
        nodes.push(node(vec![collections.len()], Operator::Sink(Sink::new("out"))));
        let conventions = Conventions::default();
        let query = Query { name: "test".to_owned(), nodes, conventions };
        let stage = Stage { query, stores: Vec::new() };
        let mut operate = node::operate(&stage, collections.len()).unwrap().unwrap();
        let mut session = Session::new(&stage.query.conventions).unwrap();
        let mut fates = Fates::default();
        let (session, fates) = (&mut session, &mut fates);
        let users = LargeStringArray::from(vec!["ann"]);
        let chunk = Chunk {
            rows: 1,
            columns: vec![Vector::each(users), Vector::each(Int64Array::from(vec![7]))],
            times: vec![90_000],
            deleted: vec![false],
            origins: vec![Origin { timestamp: 90_000, partition: 0, offset: 0 }],
            ..Chunk::default()
        };
        for input in 0..collections.len() {
            operate.process(input, &chunk, &mut Context { session, fates });
        }
        let mut shown = Vec::new();
        for store in operate.stores() {
            let Shape { key: of_key, value: of_value } = store.shape();
            shown.extend(store.iter().map(|(_, key, value)| {
                format!("{} → {}", show(of_key, key), show(of_value, value))
            }));
        }
        shown
    }

    fn join(with: JoinWith) -> Operator {
        let (left_key, right_key) = (vec![0], vec![0]);
        Operator::Join(Join { kind: JoinKind::Left, left_key, right_key, with, late: Late::Skip })
    }

    #[test]
    fn groups_in_windows_are_shown_with_the_inner_state_as_bytes() {
        let minute = Duration::from_secs(60);
        let window = Window::Hopping { size: minute, advance: minute };
        let count = AggregateCall {
            function: AggregateFunction::Count,
            arguments: Vec::new(),
            constants: Vec::new(),
            data_type: DataType::Bigint,
        };
        let aggregate = Aggregate {
            group_by: vec![0],
            windowing: Some(Windowing { window, grace: Duration::ZERO, retention: None }),
            calls: vec![count],
            emit: Emit::Changes,
            late: Late::Skip,
        };
        let shown = stored(Operator::Aggregate(aggregate), &[Collection::Stream]);
        let expected = r#"{"user":"ann","WINDOWSTART":60000} → {"time":90000,"number":0,"bytes":"0100000000000000"}"#;
        assert_eq!(shown, [expected]);
    }

    #[test]
    fn rows_that_joins_keep_are_shown_with_their_columns() {
        let minute = Duration::from_secs(60);
        let streams = JoinWith::Streams {
            before: minute,
            after: minute,
            grace: minute,
            unmatched: Unmatched::WhenPassed,
        };
        let row = r#""user":"ann","amount":7}"#;
        let both = [Collection::Stream, Collection::Stream];
        assert_eq!(
            stored(join(streams), &both),
            [
                format!(r#"{{"user":"ann","time":90000,"number":0}} → {{"waits":0,{row}"#),
                format!(r#"{{"user":"ann","time":90000,"number":1}} → {{"waits":0,{row}"#),
            ]
        );
        let table = format!(r#"{{"user":"ann"}} → {{"time":90000,{row}"#);
        let inputs = [Collection::Stream, Collection::Table];
        assert_eq!(stored(join(JoinWith::StreamTable), &inputs), std::slice::from_ref(&table));
        let inputs = [Collection::Table, Collection::Table];
        assert_eq!(stored(join(JoinWith::Tables), &inputs), [table.clone(), table.clone()]);
    }
}
