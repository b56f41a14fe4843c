//! The key of a join's rows: what has its value, and what can be selected to select it.

use super::condition::{Condition, Term};
use crate::plan::Planner;
use crate::plan::graph::Graph;
use crate::plan::rows::{KeyOrigin, KeyPart, Rows};
use crate::resolve::{Relation, Visible};
use crate::settings::ProjectedKeys;
use kolk::expression::{Expression, Kind};
use kolk::schema::Role;
use kolk::topology::JoinKind;

/// What a key is called that is in no column of an input.
const SYNTHETIC: &str = "ROWKEY";

/// What of one side stands for the key.
#[derive(Default)]
struct Standing {
    /// Equal to it wherever the side is there.
    same: Vec<Expression>,
    /// Columns that can be selected in its place …
    selectable: Vec<Expression>,
    /// … as people know them.
    shown: Vec<String>,
}

impl Standing {
    fn of(rows: &Rows, term: &Term) -> Self {
        if let [part] = &rows.key.parts[..]
            && rows.key.origin == KeyOrigin::Join
            && part.is(&term.expression)
        {
            let mut same = part.same.clone();
            same.push(part.expression.clone());
            let shown = vec![part.shown.clone()];
            return Self { same, selectable: part.selectable.clone(), shown };
        }
        let same = vec![term.expression.clone()];
        match term.expression.kind {
            Kind::Column { .. } => {
                Self { selectable: same.clone(), same, shown: vec![term.shown.clone()] }
            }
            _ => Self { same, ..Self::default() },
        }
    }
}

/// The key of a join of these rows on this condition; its value is in `expression`.
pub(super) fn part(
    kind: JoinKind,
    [left, right]: [&Rows; 2],
    condition: &Condition,
    expression: Expression,
) -> KeyPart {
    let left = Standing::of(left, &condition.left);
    let right = Standing::of(right, &condition.right);
    let terms = [&condition.left, &condition.right];
    let named = terms.iter().find_map(|term| match &term.expression.kind {
        Kind::Column { name, .. } | Kind::Field { name, .. } => Some(name.clone()),
        _ => None,
    });
    // A side that may be missing is not always equal; and a full join has keys that are on neither side.
    let (same, selectable, shown) = match kind {
        JoinKind::Inner => (
            [left.same, right.same].concat(),
            [left.selectable, right.selectable].concat(),
            [left.shown, right.shown].concat(),
        ),
        JoinKind::Left | JoinKind::Right => (
            if kind == JoinKind::Left { left.same } else { right.same },
            [left.selectable, right.selectable].concat(),
            [left.shown, right.shown].concat(),
        ),
        JoinKind::Full => Default::default(),
    };
    let (name, shown) = (named.unwrap_or_else(|| "key".to_owned()), shown.join(" or "));
    KeyPart { name, shown, expression, same, selectable }
}

/// The key of a join by foreign key: the primary key of the left table, whose columns the node has in front.
pub(super) fn primary_key(left: &Rows, node: usize, graph: &Graph) -> Vec<KeyPart> {
    let qualifier = &left.relations[0].qualifier;
    let parts = left.key.parts.iter().enumerate().map(|(number, part)| KeyPart {
        name: part.name.clone(),
        shown: format!("{qualifier}.{}", part.shown),
        expression: graph.column(node, number),
        same: vec![part.expression.clone()],
        selectable: vec![part.expression.clone()],
    });
    parts.collect()
}

/// Rows of which nobody can name the key that is in no column: only that of the last join is there.
pub(super) fn without_synthetic(mut rows: Rows) -> Rows {
    rows.relations.retain(|relation| !relation.is_synthetic());
    rows
}

impl Planner<'_> {
    /// Gives a key that is in no column a name, where keys must be selected.
    pub(super) fn named(&self, mut part: KeyPart, relations: &mut Vec<Relation>) -> KeyPart {
        if !part.selectable.is_empty() || self.settings.projected_keys == ProjectedKeys::Value {
            return part;
        }
        let is_taken = |name: &String| {
            let columns = relations.iter().flat_map(|relation| relation.columns.iter().flatten());
            columns.into_iter().any(|column| column.name == *name)
        };
        let numbered = (1..).map(|number| format!("{SYNTHETIC}_{number}"));
        let mut names = std::iter::once(SYNTHETIC.to_owned()).chain(numbered);
        part.name = names.find(|name| !is_taken(name)).unwrap_or_default();
        part.shown.clone_from(&part.name);
        let Kind::Column { index, .. } = part.expression.kind else { return part };
        let column = Visible {
            name: part.name.clone(),
            data_type: part.expression.data_type.clone(),
            role: Role::Key,
            index,
        };
        part.selectable = vec![column.expression()];
        relations.insert(0, Relation::synthetic(column));
        part
    }
}
