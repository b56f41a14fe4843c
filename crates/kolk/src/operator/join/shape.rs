//! The two sides of a join: their columns, their keys, and which of them is kept without a partner.

use crate::operator::chunk::Chunk;
use crate::operator::column::Vector;
use crate::operator::stateless::types;
use crate::schema::DataType;
use crate::topology::{Join, JoinKind, Node, Query};
use std::ops::{Index, IndexMut};

/// One of the two inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Left,
    Right,
}

/// Something that each side has.
#[derive(Debug, Clone, Default)]
pub(super) struct Both<T> {
    pub(super) left: T,
    pub(super) right: T,
}

/// What the sides of a join look like.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) kind: JoinKind,
    /// The types of their columns.
    pub(super) types: Both<Vec<DataType>>,
    /// The columns of their keys.
    pub(super) keys: Both<Vec<usize>>,
}

impl Side {
    pub(super) const ALL: [Self; 2] = [Self::Left, Self::Right];

    /// The side of a node's input of this number.
    pub(super) fn of(input: usize) -> Self {
        if input == 0 { Self::Left } else { Self::Right }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

impl<T> Index<Side> for Both<T> {
    type Output = T;

    #[inline]
    fn index(&self, side: Side) -> &T {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }
}

impl<T> IndexMut<Side> for Both<T> {
    #[inline]
    fn index_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
    }
}

impl Shape {
    /// That of a node of a stage.
    pub(super) fn new(stage: &Query, node: &Node, join: &Join) -> Self {
        let of = |input: usize| {
            let input = node.inputs.get(input).and_then(|input| stage.nodes.get(*input));
            input.map(|input| types(&input.schema)).unwrap_or_default()
        };
        Self {
            kind: join.kind,
            types: Both { left: of(0), right: of(1) },
            keys: Both { left: join.left_key.clone(), right: join.right_key.clone() },
        }
    }

    /// Whether rows of a side that have no partner are put out.
    #[inline]
    pub(super) fn keeps(&self, side: Side) -> bool {
        match side {
            Side::Left => self.kind.keeps_left(),
            Side::Right => self.kind.keeps_right(),
        }
    }

    /// The columns of a chunk that make the key of its side.
    pub(super) fn key_columns<'a>(&self, side: Side, chunk: &'a Chunk) -> Vec<&'a Vector> {
        self.keys[side].iter().map(|column| &chunk.columns[*column]).collect()
    }
}
