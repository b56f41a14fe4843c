//! Joins of tables by a foreign key, in three steps: no partition has both the left rows and all that they name.
//!
//! ```text
//! left table ─▶ ask ─▶ (by foreign key) ─▶ answer ◀─ right table
//!                                            └─▶ (by the left's primary key) ─▶ settle ─▶ result
//! ```
//! The columns between them: those of the left table, then version, sum and word of the question, then (of answers) those of the
//! right table. What the words are is said in `operator/join/foreign_key`.

use super::{Join, JoinKind, JoinWith, Node, Operator, Query, origins};
use crate::schema::{Column, DataType, Role, Schema};

/// A step of a join by foreign key. Only physical plans have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    /// Which one.
    pub step: ForeignKeyStep,
    /// Whether left rows without a partner are kept.
    pub kind: JoinKind,
    /// How many columns the left table has; they come first in questions and answers.
    pub left_columns: usize,
    /// Those of them that are its primary key.
    pub primary_key: Vec<usize>,
    /// Those of them that name a row of the right table.
    pub left_key: Vec<usize>,
    /// The right table's primary key, among its columns.
    pub right_key: Vec<usize>,
}

/// The steps of a join by foreign key, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignKeyStep {
    /// Each change of a left row asks for the right row that it names, and calls off what it asked before.
    Ask,
    /// Right rows answer those that ask for them, at once and whenever they change.
    Answer,
    /// The answers to a left row come from several places; what is out of date is left out, the rest is the result.
    Settle,
}

/// What stands beside the left table's columns in questions and answers.
const WORDS: [(&str, DataType); 3] =
    [("VERSION", DataType::Bigint), ("SUM", DataType::Bigint), ("WORD", DataType::Integer)];

impl ForeignKey {
    /// The column with the version of the left row: it rises with each change of a key.
    #[must_use]
    pub fn version(&self) -> usize {
        self.left_columns
    }

    /// The column with the sum of the marks of all questions that the left row has asked.
    #[must_use]
    pub fn sum(&self) -> usize {
        self.left_columns + 1
    }

    /// The column with the word.
    #[must_use]
    pub fn word(&self) -> usize {
        self.left_columns + 2
    }

    /// The first column of the right table in answers.
    #[must_use]
    pub fn right(&self) -> usize {
        self.left_columns + WORDS.len()
    }
}

/// The query with the steps of its joins by foreign key in their place.
///
/// # Errors
/// What cannot be joined by a foreign key.
pub(super) fn split(query: &Query) -> Result<Query, String> {
    let mut nodes: Vec<Node> = Vec::with_capacity(query.nodes.len());
    // Where the nodes of the query stand among the new ones.
    let mut places: Vec<usize> = Vec::with_capacity(query.nodes.len());
    for (number, node) in query.nodes.iter().enumerate() {
        let inputs: Vec<usize> = node.inputs.iter().map(|input| places[*input]).collect();
        match &node.operator {
            Operator::Join(join) if join.with == JoinWith::ForeignKey => {
                steps(query, number, join, [inputs[0], inputs[1]], &mut nodes)?;
            }
            _ => nodes.push(Node { inputs, ..node.clone() }),
        }
        places.push(nodes.len() - 1);
    }
    Ok(Query { nodes, ..query.clone() })
}

/// Adds the steps of a join.
fn steps(
    query: &Query,
    number: usize,
    join: &Join,
    [left, right]: [usize; 2],
    nodes: &mut Vec<Node>,
) -> Result<(), String> {
    if join.kind.keeps_right() {
        return Err(format!("there is no {} JOIN of tables by a foreign key", join.kind.name()));
    }
    if !origins::has_origins(query, query.nodes[number].inputs[0]) {
        return Err("the left table of a join by a foreign key is not that of a topic: write it to one first".to_owned());
    }
    let columns =
        |node: usize| query.nodes[query.nodes[number].inputs[node]].schema.columns.clone();
    let (of_left, of_right) = (columns(0), columns(1));
    let keys = of_left.iter().enumerate().filter(|(_, column)| column.role == Role::Key);
    let primary_key: Vec<usize> = keys.map(|(at, _)| at).collect();
    if primary_key.is_empty() {
        return Err("the left table of a join has no primary key".to_owned());
    }
    let step = |step| {
        Operator::ForeignKey(ForeignKey {
            step,
            kind: join.kind,
            left_columns: of_left.len(),
            primary_key: primary_key.clone(),
            left_key: join.left_key.clone(),
            right_key: join.right_key.clone(),
        })
    };
    let words = WORDS.map(|(name, data_type)| Column {
        name: name.to_owned(),
        data_type,
        role: Role::Value,
    });
    let value = |column: &Column| Column { role: Role::Value, ..column.clone() };
    let asked: Vec<Column> = of_left.iter().map(value).chain(words).collect();
    let answered = asked.iter().cloned().chain(of_right.iter().map(value)).collect();
    let mut push = |inputs, of, columns| {
        nodes.push(Node { inputs, operator: step(of), schema: Schema { columns } });
        nodes.len() - 1
    };
    let ask = push(vec![left], ForeignKeyStep::Ask, asked);
    let answer = push(vec![ask, right], ForeignKeyStep::Answer, answered);
    push(vec![answer], ForeignKeyStep::Settle, query.nodes[number].schema.columns.clone());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Physical;
    use crate::topology::{
        Aggregate, Collection, Conventions, Emit, Format, Late, Payload, Sink, Source, Topology,
    };

    fn columns(names: &str) -> Schema {
        let column = |name: &str| {
            let (name, role) = match name.strip_prefix('*') {
                Some(name) => (name, Role::Key),
                None => (name, Role::Value),
            };
            Column { name: name.to_owned(), data_type: DataType::String, role }
        };
        Schema { columns: names.split(' ').map(column).collect() }
    }

    fn node(inputs: &[usize], operator: Operator, names: &str) -> Node {
        Node { inputs: inputs.to_vec(), operator, schema: columns(names) }
    }

    fn table(topic: &str) -> Operator {
        Operator::Source(Source {
            collection: Collection::Table,
            key_format: Format::Kafka,
            value_format: Format::Json,
            ..Source::new(topic)
        })
    }

    /// Orders beside the customers that they name; `between` stands behind the orders.
    fn query(kind: JoinKind, orders: &str, between: Operator) -> Query {
        let join = Join {
            kind,
            left_key: vec![1],
            right_key: vec![0],
            with: JoinWith::ForeignKey,
            late: Late::Skip,
        };
        let payload = |columns| Payload::Encoded { format: Format::Json, columns };
        let sink = Sink { key: payload(vec![0]), value: payload(vec![4]), ..Sink::new("out") };
        let joined = "*order id customer name city";
        let nodes = vec![
            node(&[], table("orders"), orders),
            node(&[], table("customers"), "*name city"),
            node(&[0], between, orders),
            node(&[2, 1], Operator::Join(join), joined),
            node(&[3], Operator::Sink(sink), joined),
        ];
        Query { name: "q".to_owned(), nodes, conventions: Conventions::default() }
    }

    fn same() -> Operator {
        let column = |index| crate::expression::Expression {
            kind: crate::expression::Kind::Column { index, name: String::new() },
            data_type: DataType::String,
        };
        Operator::Project(vec![column(0), column(1)])
    }

    fn explained(query: Query) -> Result<String, String> {
        let topology = Topology { queries: vec![query] };
        Physical::new(&topology, "app")
            .map(|physical| physical.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_join_becomes_three_stages_with_topics_between_them() {
        let text = explained(query(JoinKind::Left, "*id customer", same())).unwrap();
        for line in [
            "ask for the rows that customer names",
            "repartition by name to topic app-q-join-1-left-repartition",
            "answer #0 by customer, the primary key of #1",
            "repartition by id to topic app-q-join-1-answers-repartition",
            "LEFT join by a foreign key: settle by order",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
        assert_eq!(text.matches("  stage ").count(), 3, "{text}");
        for store in ["asked", "left", "right", "result"] {
            assert!(text.contains(&format!("changelog topic app-q-join-1-{store}-changelog")));
        }
    }

    #[test]
    fn what_cannot_be_joined_is_refused_by_name() {
        let refused = |kind, orders, between| explained(query(kind, orders, between)).unwrap_err();
        let right = refused(JoinKind::Right, "*id customer", same());
        assert!(right.contains("no RIGHT JOIN of tables by a foreign key"), "{right}");
        let keyless = refused(JoinKind::Inner, "id customer", same());
        assert!(keyless.contains("the left table of a join has no primary key"), "{keyless}");
        let (group_by, calls) = (vec![0, 1], Vec::new());
        let groups =
            Aggregate { group_by, windowing: None, calls, emit: Emit::Changes, late: Late::Skip };
        let made = refused(JoinKind::Inner, "*id *customer", Operator::Aggregate(groups));
        assert!(made.contains("is not that of a topic: write it to one first"), "{made}");
    }
}
