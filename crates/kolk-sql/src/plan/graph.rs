//! The nodes of a query in the making.

use kolk::expression::{Expression, Kind};
use kolk::schema::{Column, Role, Schema};
use kolk::topology::{Conventions, JoinWith, Node, Operator, Query};

/// The nodes of a query in the making, each behind its inputs.
#[derive(Debug, Clone, Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
}

impl Graph {
    /// Adds a node; its position.
    pub(super) fn push(&mut self, inputs: Vec<usize>, operator: Operator, schema: Schema) -> usize {
        self.nodes.push(Node { inputs, operator, schema });
        self.nodes.len() - 1
    }

    /// Adds a node that leaves columns as they are.
    pub(super) fn filter(&mut self, input: usize, predicate: Expression) -> usize {
        let schema = self.schema(input).clone();
        self.push(vec![input], Operator::Filter(predicate), schema)
    }

    /// Adds a node that computes columns.
    pub(super) fn project(&mut self, input: usize, columns: Vec<(Column, Expression)>) -> usize {
        let (columns, expressions) = columns.into_iter().unzip();
        self.push(vec![input], Operator::Project(expressions), Schema { columns })
    }

    /// What a node puts out.
    pub(super) fn schema(&self, node: usize) -> &Schema {
        &self.nodes[node].schema
    }

    /// The column of a node as an expression.
    pub(super) fn column(&self, node: usize, index: usize) -> Expression {
        let Column { name, data_type, .. } = &self.schema(node).columns[index];
        Expression {
            kind: Kind::Column { index, name: name.clone() },
            data_type: data_type.clone(),
        }
    }

    /// The topics that are read, with the names of the streams.
    pub(super) fn topics(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter_map(|node| match &node.operator {
            Operator::Source(source) => Some(source.topic.as_str()),
            _ => None,
        })
    }

    /// Whether a node reads a topic.
    pub(super) fn is_source(&self, node: usize) -> bool {
        matches!(self.nodes[node].operator, Operator::Source(_))
    }

    /// Whether rows of two streams wait for each other.
    pub(super) fn joins_streams(&self) -> bool {
        self.nodes.iter().any(|node| match &node.operator {
            Operator::Join(join) => matches!(join.with, JoinWith::Streams { .. }),
            _ => false,
        })
    }

    /// Whether something is remembered from row to row.
    pub(super) fn is_stateful(&self) -> bool {
        self.nodes
            .iter()
            .any(|node| matches!(node.operator, Operator::Aggregate(_) | Operator::Join(_)))
    }

    /// The query; of its topics only those columns are read that it uses.
    pub(super) fn into_query(self, name: String, conventions: Conventions) -> Query {
        Query { name, nodes: self.nodes, conventions }.pruned()
    }
}

/// The positions of the columns of a role.
pub(super) fn of_role(schema: &Schema, role: &Role) -> Vec<usize> {
    let columns = schema.columns.iter().enumerate();
    columns.filter(|(_, column)| column.role == *role).map(|(index, _)| index).collect()
}
