//! A side of a join: its rows with their key as columns, and where its columns stand in the result.

use super::condition::{Term, at};
use crate::ast::{Expr, ExprKind, Select, SelectItem};
use crate::plan::graph::Graph;
use crate::plan::rows::{KeyPart, Rows, WindowColumns};
use crate::resolve;
use kolk::expression::{Expression, Kind};
use kolk::schema::{Column, Role, Schema};

/// Rows, and the columns of their node that make the key of the join.
pub(super) struct Side {
    pub(super) rows: Rows,
    pub(super) key: Vec<usize>,
}

impl Side {
    /// With a term of ON as key: what is computed becomes a column.
    pub(super) fn new(mut rows: Rows, term: &Term, graph: &mut Graph) -> Self {
        // By the key of a join before, its rows lie together already.
        let known = rows.key.parts.iter().find(|part| part.is(&term.expression));
        let expression = known.map_or(&term.expression, |part| &part.expression);
        let column = match expression.kind {
            Kind::Column { index, .. } => index,
            _ => {
                let mut columns = all_columns(graph, rows.node);
                let name = unused("on", &columns);
                let data_type = expression.data_type.clone();
                columns.push((Column { name, data_type, role: Role::Value }, expression.clone()));
                let place = columns.len() - 1;
                rows.node = graph.project(rows.node, columns);
                rows.bytes = false;
                place
            }
        };
        let mut key = vec![column];
        key.extend(rows.window.iter().flat_map(|window| [window.start, window.end]));
        Self { rows, key }
    }

    /// The columns of its own key.
    pub(super) fn primary_key(&self) -> Vec<usize> {
        let index = |part: &KeyPart| match part.expression.kind {
            Kind::Column { index, .. } => Some(index),
            _ => None,
        };
        self.rows.key.parts.iter().filter_map(index).collect()
    }
}

impl Rows {
    /// The same rows, when their columns stand so much further behind.
    pub(super) fn moved(mut self, by: usize) -> Self {
        let moved = |expression: &Expression| at(expression, |column| column + by);
        self.relations = self.relations.iter().map(|relation| relation.moved(by)).collect();
        for part in &mut self.key.parts {
            part.expression = moved(&part.expression);
            part.same.iter_mut().for_each(|same| *same = moved(same));
            part.selectable.iter_mut().for_each(|column| *column = moved(column));
        }
        self.window = self.window.map(|window| WindowColumns {
            start: window.start + by,
            end: window.end + by,
            ..window
        });
        self
    }
}

/// Every column of a node, as it is.
fn all_columns(graph: &Graph, node: usize) -> Vec<(Column, Expression)> {
    let columns = graph.schema(node).columns.iter().cloned().enumerate();
    columns.map(|(index, column)| (column, graph.column(node, index))).collect()
}

fn unused(name: &str, columns: &[(Column, Expression)]) -> String {
    let mut unused = name.to_owned();
    while columns.iter().any(|(column, _)| column.name == unused) {
        unused.push('_');
    }
    unused
}

/// The columns of a join: those of the key, of the left and of the right, under names that tell them apart.
pub(super) fn schema(graph: &Graph, left: &Rows, right: &Rows, key: &[usize]) -> Schema {
    let columns_of = |rows: &Rows| graph.schema(rows.node).columns.clone().into_iter();
    let of_left: Vec<Column> = columns_of(left).collect();
    let keys = key.iter().map(|column| of_left[*column].clone()).map(|column| match column.role {
        Role::WindowStart | Role::WindowEnd => column,
        _ => Column { role: Role::Key, ..column },
    });
    let sides = [left, right].into_iter().flat_map(|rows| {
        columns_of(rows).map(move |column| match &rows.relations[..] {
            [only] => Column { name: format!("{}.{}", only.qualifier, column.name), ..column },
            // Those of a join before are told apart already.
            _ => column,
        })
    });
    let sides = sides.map(|column| Column { role: Role::Value, ..column });
    let mut columns: Vec<Column> = Vec::new();
    for mut column in keys.chain(sides) {
        while columns.iter().any(|other| other.name == column.name) {
            column.name.push('_');
        }
        columns.push(column);
    }
    Schema { columns }
}

/// Whether a query asks an input for something that its rows have beside their columns.
pub(super) fn names_pseudo(select: &Select) -> bool {
    fn named_in(expr: &Expr) -> bool {
        let mut found = match &expr.kind {
            ExprKind::Column { qualifier: Some(_), name } => resolve::is_pseudo(&name.text),
            _ => false,
        };
        expr.kind.for_each_child(&mut |child| found |= named_in(child));
        found
    }
    let values = select.items.iter().filter_map(|item| match item {
        SelectItem::All { .. } => None,
        SelectItem::Fields { of: value, .. } | SelectItem::Value { value, .. } => Some(value),
    });
    let clauses = select.group_by.iter().chain(&select.partition_by);
    values
        .chain(select.joins.iter().map(|join| &join.on))
        .chain(select.filter.iter().chain(&select.having))
        .chain(clauses.flat_map(|clause| &clause.content))
        .any(named_in)
}

/// Rows of an input with what they have beside their columns as columns.
pub(super) fn with_pseudo(mut rows: Rows, graph: &mut Graph) -> Rows {
    let mut columns = all_columns(graph, rows.node);
    let mut places = Vec::new();
    for (name, pseudo, data_type) in resolve::PSEUDO_COLUMNS {
        places.push((*pseudo, columns.len()));
        let (name, data_type) = (unused(name, &columns), data_type.clone());
        let column = Column { name, data_type: data_type.clone(), role: Role::Value };
        columns.push((column, Expression { kind: Kind::Pseudo(*pseudo), data_type }));
    }
    rows.node = graph.project(rows.node, columns);
    rows.bytes = false;
    for relation in &mut rows.relations {
        relation.pseudo.clone_from(&places);
    }
    rows
}
