//! Columns that nobody looks at are not read: each node keeps what those behind it need.

use crate::expression::{Expression, Kind};
use crate::schema::Role;
use crate::topology::{
    Aggregate, Collection, Delivery, EventTime, Format, Join, JoinWith, Node, Operator, Payload,
    Query, Sink,
};

/// The same query without columns that do not matter for its output.
pub(super) fn prune(query: &Query) -> Query {
    let mut needed: Vec<Vec<bool>> =
        query.nodes.iter().map(|node| vec![false; node.schema.columns.len()]).collect();
    for number in (0..query.nodes.len()).rev() {
        let node = &query.nodes[number];
        keep_own(query, number, &mut needed[number]);
        let own = needed[number].clone();
        for (input, of) in node.inputs.iter().enumerate() {
            let columns = query.nodes[*of].schema.columns.len();
            for column in
                wanted(query, number, &own, input).into_iter().filter(|column| *column < columns)
            {
                needed[*of][column] = true;
            }
        }
    }
    let mut kept: Vec<Vec<bool>> = Vec::with_capacity(needed.len());
    for (number, needed) in needed.into_iter().enumerate() {
        kept.push(passed_on(query, number, needed, &kept));
    }
    let places: Vec<Vec<usize>> = kept.iter().map(|kept| places(kept)).collect();
    let nodes =
        (0..query.nodes.len()).map(|number| pruned(query, number, &kept, &places)).collect();
    Query { nodes, ..query.clone() }
}

/// The columns that a node puts out: filters, explosions and joins pass on whatever their inputs have kept.
fn passed_on(query: &Query, number: usize, mut needed: Vec<bool>, kept: &[Vec<bool>]) -> Vec<bool> {
    let node = &query.nodes[number];
    match &node.operator {
        Operator::Filter(_) => needed.clone_from(&kept[node.inputs[0]]),
        Operator::Explode(_) => {
            let input = &kept[node.inputs[0]];
            needed[..input.len()].copy_from_slice(input);
            needed[input.len()..].fill(true);
        }
        Operator::Join(_) => {
            let (left, right) = sides(query, number);
            needed[left].copy_from_slice(&kept[node.inputs[0]]);
            needed[right].copy_from_slice(&kept[node.inputs[1]]);
        }
        _ => {}
    }
    needed
}

/// For each column where it stands among those that are kept.
fn places(needed: &[bool]) -> Vec<usize> {
    let mut next = 0;
    let place = |kept: &bool| {
        let place = next;
        next += usize::from(*kept);
        place
    };
    needed.iter().map(place).collect()
}

/// Columns that a node keeps whoever reads it.
fn keep_own(query: &Query, number: usize, needed: &mut [bool]) {
    let node = &query.nodes[number];
    let columns = || node.schema.columns.iter().enumerate();
    let is_key = |role: &Role| matches!(role, Role::Key | Role::WindowStart | Role::WindowEnd);
    match &node.operator {
        Operator::Source(source) => {
            if let EventTime::Column { index, .. } = source.event_time {
                needed[index] = true;
            }
            source.key_column.iter().for_each(|column| needed[*column] = true);
            // How a key is read depends on how many columns it has; how a line of values is read, on all of them.
            let reads_key = columns().any(|(at, column)| is_key(&column.role) && needed[at]);
            let reads_value =
                columns().any(|(at, column)| column.role == Role::Value && needed[at]);
            for (at, column) in columns() {
                needed[at] |= match column.role {
                    Role::Key => reads_key || source.collection == Collection::Table,
                    Role::Value => reads_value && source.value_format != Format::Json,
                    _ => false,
                };
            }
        }
        Operator::Aggregate(_) | Operator::Process(_) | Operator::Sink(_) => needed.fill(true),
        // Their inputs are one shape, which other readers of them could change.
        Operator::Merge => needed.fill(true),
        Operator::Join(join) => {
            needed.iter_mut().take(join.left_key.len()).for_each(|needed| *needed = true);
            // Its left side's rows are known by their whole key.
            if join.with == JoinWith::ForeignKey {
                needed.fill(true);
            }
        }
        _ => {}
    }
    if query.collection(number) == Collection::Table {
        columns().filter(|(_, column)| is_key(&column.role)).for_each(|(at, _)| needed[at] = true);
    }
}

/// The columns of an input that a node needs, when these of its own are needed.
fn wanted(query: &Query, number: usize, own: &[bool], input: usize) -> Vec<usize> {
    let node = &query.nodes[number];
    let kept = || own.iter().enumerate().filter(|(_, needed)| **needed).map(|(at, _)| at);
    let mut columns = Vec::new();
    match &node.operator {
        Operator::Source(_) => {}
        Operator::Filter(predicate) => {
            columns.extend(kept());
            columns_of(predicate, &mut columns);
        }
        Operator::Project(expressions) => {
            kept().for_each(|at| columns_of(&expressions[at], &mut columns));
        }
        Operator::Explode(expressions) => {
            let before = own.len().saturating_sub(expressions.len());
            columns.extend(kept().filter(|at| *at < before));
            expressions.iter().for_each(|expression| columns_of(expression, &mut columns));
        }
        Operator::Merge => columns.extend(kept()),
        // Code sees whole rows, and steps of a join are made of pruned queries.
        Operator::Process(_) | Operator::ForeignKey(_) => {
            columns.extend(0..query.nodes[node.inputs[0]].schema.columns.len());
        }
        Operator::Aggregate(Aggregate { group_by, calls, .. }) => {
            columns.extend(group_by);
            calls.iter().for_each(|call| columns.extend(&call.arguments));
        }
        Operator::Join(Join { left_key, right_key, .. }) => {
            let (left, right) = sides(query, number);
            if input == 0 {
                columns.extend(left_key);
                columns.extend(kept().filter(|at| left.contains(at)).map(|at| at - left.start));
            } else {
                columns.extend(right_key);
                columns.extend(kept().filter(|at| right.contains(at)).map(|at| at - right.start));
            }
        }
        Operator::Sink(sink) => columns.extend(of_sink(sink)),
    }
    columns
}

/// Where the columns of a join's left and right input stand in its schema.
fn sides(query: &Query, join: usize) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    let node = &query.nodes[join];
    let width = |input: usize| query.nodes[node.inputs[input]].schema.columns.len();
    let keys = node.schema.columns.len().saturating_sub(width(0) + width(1));
    (keys..keys + width(0), keys + width(0)..keys + width(0) + width(1))
}

fn of_sink(sink: &Sink) -> Vec<usize> {
    let of = |payload: &Payload| match payload {
        Payload::Unchanged => Vec::new(),
        Payload::Encoded { columns, .. } => columns.clone(),
    };
    let mut columns = of(&sink.key);
    columns.extend(of(&sink.value));
    columns.extend(sink.timestamp);
    columns.extend(sink.window.into_iter().flat_map(|window| [window.start, window.end]));
    if let Delivery::BinPacked(bins) = &sink.delivery {
        columns.extend([bins.key, bins.order_by]);
    }
    columns
}

fn columns_of(expression: &Expression, into: &mut Vec<usize>) {
    if let Kind::Column { index, .. } = &expression.kind {
        into.push(*index);
    }
    expression.each_operand(&mut |operand| columns_of(operand, into));
}

fn remap(expression: &mut Expression, places: &[usize]) {
    if let Kind::Column { index, .. } = &mut expression.kind {
        *index = places.get(*index).copied().unwrap_or(*index);
    }
    expression.each_operand_mut(&mut |operand| remap(operand, places));
}

/// A node over the columns that are kept.
fn pruned(query: &Query, number: usize, kept: &[Vec<bool>], all: &[Vec<usize>]) -> Node {
    let mut node = query.nodes[number].clone();
    let places = |input: usize| &all[query.nodes[number].inputs[input]][..];
    let move_all = |columns: &mut Vec<usize>, input: usize| {
        columns.iter_mut().for_each(|column| *column = places(input)[*column]);
    };
    match &mut node.operator {
        Operator::Source(source) => {
            if let EventTime::Column { index, .. } = &mut source.event_time {
                *index = all[number][*index];
            }
            source.key_column.iter_mut().for_each(|column| *column = all[number][*column]);
        }
        Operator::Filter(predicate) => remap(predicate, places(0)),
        Operator::Project(expressions) => {
            retain(expressions, &kept[number]);
            expressions.iter_mut().for_each(|expression| remap(expression, places(0)));
        }
        Operator::Explode(expressions) => {
            expressions.iter_mut().for_each(|expression| remap(expression, places(0)));
        }
        Operator::Merge | Operator::Process(_) | Operator::ForeignKey(_) => {}
        Operator::Aggregate(aggregate) => {
            move_all(&mut aggregate.group_by, 0);
            aggregate.calls.iter_mut().for_each(|call| move_all(&mut call.arguments, 0));
        }
        Operator::Join(join) => {
            move_all(&mut join.left_key, 0);
            move_all(&mut join.right_key, 1);
        }
        Operator::Sink(sink) => {
            move_sink(sink, places(0));
            // Its schema is that of the stream which others will read.
            return node;
        }
    }
    retain(&mut node.schema.columns, &kept[number]);
    node
}

fn retain<T>(all: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    all.retain(|_| kept.next().copied().unwrap_or(true));
}

fn move_sink(sink: &mut Sink, places: &[usize]) {
    let mut move_one =
        |column: &mut usize| *column = places.get(*column).copied().unwrap_or(*column);
    for payload in [&mut sink.key, &mut sink.value] {
        if let Payload::Encoded { columns, .. } = payload {
            columns.iter_mut().for_each(&mut move_one);
        }
    }
    sink.timestamp.iter_mut().for_each(&mut move_one);
    if let Some(window) = &mut sink.window {
        move_one(&mut window.start);
        move_one(&mut window.end);
    }
    if let Delivery::BinPacked(bins) = &mut sink.delivery {
        move_one(&mut bins.key);
        move_one(&mut bins.order_by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Column, DataType, Schema};
    use crate::topology::{
        AggregateCall, AggregateFunction, Conventions, Emit, JoinKind, Late, Source,
    };

    fn schema(names: &str) -> Schema {
        let column = |name: &str| {
            let (name, role) = match name.strip_prefix('*') {
                Some(name) => (name, Role::Key),
                None => (name, Role::Value),
            };
            Column { name: name.to_owned(), data_type: DataType::Bigint, role }
        };
        Schema { columns: names.split_whitespace().map(column).collect() }
    }

    fn column(index: usize) -> Expression {
        Expression {
            kind: Kind::Column { index, name: String::new() },
            data_type: DataType::Bigint,
        }
    }

    fn node(inputs: &[usize], operator: Operator, names: &str) -> Node {
        Node { inputs: inputs.to_vec(), operator, schema: schema(names) }
    }

    fn source(format: Format) -> Operator {
        Operator::Source(Source {
            key_format: Format::Json,
            value_format: format,
            ..Source::new("t")
        })
    }

    fn sink(columns: &[usize]) -> Operator {
        let value = Payload::Encoded { format: Format::Json, columns: columns.to_vec() };
        let key = Payload::Encoded { format: Format::Json, columns: Vec::new() };
        Operator::Sink(Sink { key, value, ..Sink::new("out") })
    }

    fn prune_all(nodes: Vec<Node>) -> Query {
        prune(&Query { name: "q".to_owned(), nodes, conventions: Conventions::default() })
    }

    fn names(query: &Query, node: usize) -> String {
        let names: Vec<&str> =
            query.nodes[node].schema.columns.iter().map(|column| column.name.as_str()).collect();
        names.join(" ")
    }

    #[test]
    fn a_join_reads_its_keys_and_what_is_projected_behind_it() {
        let join = Operator::Join(Join {
            kind: JoinKind::Left,
            left_key: vec![1],
            right_key: vec![2],
            with: JoinWith::Tables,
            late: Late::Skip,
        });
        let query = prune_all(vec![
            node(&[], source(Format::Json), "a b c"),
            node(&[], source(Format::Json), "d e f"),
            node(&[0, 1], join, "key a b c d e f"),
            // c and e.
            node(&[2], Operator::Project(vec![column(3), column(5)]), "c e"),
            node(&[3], sink(&[1, 0]), "c e"),
        ]);
        assert_eq!([names(&query, 0), names(&query, 1)], ["b c", "e f"]);
        assert_eq!(names(&query, 2), "key b c e f");
        let Operator::Join(join) = &query.nodes[2].operator else { panic!("a join") };
        assert_eq!((&join.left_key[..], &join.right_key[..]), (&[0][..], &[1][..]));
        assert_eq!(query.nodes[3].operator, Operator::Project(vec![column(2), column(3)]));
    }

    #[test]
    fn a_count_reads_its_group_the_filter_and_the_time() {
        let count = AggregateCall {
            function: AggregateFunction::Sum,
            arguments: vec![3],
            constants: Vec::new(),
            data_type: DataType::Bigint,
        };
        let aggregate = Operator::Aggregate(Aggregate {
            group_by: vec![2],
            windowing: None,
            calls: vec![count],
            emit: Emit::Changes,
            late: Late::Skip,
        });
        let Operator::Source(timed) = source(Format::Json) else { panic!("a source") };
        let timed = Source { event_time: EventTime::Column { index: 4, format: None }, ..timed };
        let query = prune_all(vec![
            node(&[], Operator::Source(timed), "a b c d e f"),
            node(&[0], Operator::Filter(column(5)), "a b c d e f"),
            node(&[1], aggregate, "*c sum"),
            node(&[2], sink(&[0, 1]), "*c sum"),
        ]);
        assert_eq!([names(&query, 0), names(&query, 1)], ["c d e f", "c d e f"]);
        let Operator::Aggregate(aggregate) = &query.nodes[2].operator else {
            panic!("an aggregation")
        };
        assert_eq!(
            (&aggregate.group_by[..], &aggregate.calls[0].arguments[..]),
            (&[0][..], &[1][..])
        );
        let Operator::Source(source) = &query.nodes[0].operator else { panic!("a source") };
        assert_eq!(source.event_time, EventTime::Column { index: 2, format: None });
        assert_eq!(query.nodes[1].operator, Operator::Filter(column(3)));
    }

    #[test]
    fn the_whole_key_stays_where_a_part_of_it_is_read_and_so_does_a_line_of_values() {
        let query = prune_all(vec![
            node(&[], source(Format::Json), "*k *l a b"),
            node(&[0], Operator::Project(vec![column(1), column(3)]), "l b"),
            node(&[1], sink(&[0, 1]), "l b"),
        ]);
        assert_eq!(names(&query, 0), "k l b");
        let query = prune_all(vec![
            node(&[], source(Format::Kafka), "*k *l a b"),
            node(&[0], Operator::Project(vec![column(3)]), "b"),
            node(&[1], sink(&[0]), "b"),
        ]);
        assert_eq!(names(&query, 0), "a b");
    }
}
