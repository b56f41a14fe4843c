//! The operands of an expression, for whoever walks through it.

use super::{Expression, Kind};

/// Both walks are the same but for `mut`.
macro_rules! walk {
    ($visit:expr, $kind:expr, $iter:ident) => {
        match $kind {
            Kind::Column { .. } | Kind::Pseudo(_) | Kind::Literal(_) | Kind::Parameter { .. } => {}
            Kind::Field { of: operand, .. }
            | Kind::Unary { operand, .. }
            | Kind::Cast(operand)
            | Kind::IsNull(operand)
            | Kind::Lambda { body: operand, .. } => $visit(operand),
            Kind::Element { of: left, index: right }
            | Kind::Binary { left, right, .. }
            | Kind::Like { value: left, pattern: right, .. } => {
                $visit(left);
                $visit(right);
            }
            Kind::Case { branches, otherwise } => {
                for (when, then) in branches {
                    $visit(when);
                    $visit(then);
                }
                if let Some(otherwise) = otherwise {
                    $visit(otherwise);
                }
            }
            Kind::In { value, list } => {
                $visit(value);
                list.$iter().for_each($visit);
            }
            Kind::Map(entries) => {
                for (key, value) in entries {
                    $visit(key);
                    $visit(value);
                }
            }
            Kind::Call { arguments: list, .. } | Kind::Array(list) | Kind::Struct(list) => {
                list.$iter().for_each($visit);
            }
        }
    };
}

impl Expression {
    /// Calls `visit` with each direct operand, from left to right.
    pub fn each_operand<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        walk!(visit, &self.kind, iter);
    }

    /// Calls `visit` with each direct operand, from left to right.
    pub fn each_operand_mut(&mut self, visit: &mut impl FnMut(&mut Self)) {
        walk!(visit, &mut self.kind, iter_mut);
    }
}
