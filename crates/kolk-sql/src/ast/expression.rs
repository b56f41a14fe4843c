//! Expressions as written.

use super::{Ident, Text, TypeName};
use crate::source::Span;

/// An expression and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
    /// Nodes on the longest way down to a leaf. The parser bounds it, so every walk over the tree may recurse.
    pub(crate) height: usize,
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `NULL`.
    Null,
    /// `TRUE`, `FALSE`.
    Boolean(bool),
    /// Digits; at most those of a BIGINT.
    Integer(i64),
    /// Digits with a point.
    Decimal(String),
    /// A number with an exponent.
    Double(f64),
    /// `'text'`.
    Text(String),
    /// `TIMESTAMP '…'`, `DATE '…'`, `TIME '…'`.
    Typed(TypedLiteral, Text),
    /// `name` or `stream.name`.
    Column {
        /// The stream's name or alias.
        qualifier: Option<Ident>,
        /// The column's name.
        name: Ident,
    },
    /// `of->name`.
    Field {
        /// The struct.
        of: Box<Expr>,
        /// The field.
        name: Ident,
    },
    /// `of[index]`.
    Element {
        /// The array or map.
        of: Box<Expr>,
        /// The position or key.
        index: Box<Expr>,
    },
    /// `NOT x`, `-x`, `+x`.
    Unary {
        /// The operator.
        operator: UnaryOperator,
        /// The operand.
        operand: Box<Expr>,
    },
    /// `left operator right`.
    Binary {
        /// The operator.
        operator: BinaryOperator,
        /// Where the operator stands.
        operator_span: Span,
        /// Left side.
        left: Box<Expr>,
        /// Right side.
        right: Box<Expr>,
    },
    /// `CASE …`.
    Case {
        /// The value compared in the simple form.
        operand: Option<Box<Expr>>,
        /// WHEN and THEN, in order; at least one.
        branches: Vec<Branch>,
        /// ELSE.
        otherwise: Option<Box<Expr>>,
    },
    /// `CAST(operand AS target)`.
    Cast {
        /// What is cast.
        operand: Box<Expr>,
        /// To what.
        target: TypeName,
    },
    /// `value [NOT] LIKE pattern [ESCAPE 'c']`.
    Like {
        /// The text.
        value: Box<Expr>,
        /// The pattern.
        pattern: Box<Expr>,
        /// The escape character as text.
        escape: Option<Text>,
        /// Whether NOT stands before LIKE.
        negated: bool,
    },
    /// `value [NOT] IN (list)`.
    In {
        /// The value.
        value: Box<Expr>,
        /// The list; at least one.
        list: Vec<Expr>,
        /// Whether NOT stands before IN.
        negated: bool,
    },
    /// `value [NOT] BETWEEN low AND high`.
    Between {
        /// The value.
        value: Box<Expr>,
        /// The lower bound, included.
        low: Box<Expr>,
        /// The upper bound, included.
        high: Box<Expr>,
        /// Whether NOT stands before BETWEEN.
        negated: bool,
    },
    /// `value IS [NOT] NULL`.
    IsNull {
        /// The value.
        value: Box<Expr>,
        /// Whether NOT stands before NULL.
        negated: bool,
    },
    /// `name(arguments)`.
    Call {
        /// The function.
        name: Ident,
        /// The arguments.
        arguments: Vec<Expr>,
    },
    /// `name(*)`, as in `COUNT(*)`.
    CallAll {
        /// The function.
        name: Ident,
    },
    /// `x => body`, `(x, y) => body`.
    Lambda {
        /// Its parameters.
        parameters: Vec<Ident>,
        /// What it computes.
        body: Box<Expr>,
    },
    /// `STRUCT(name := value, …)`.
    Struct(Vec<(Ident, Expr)>),
    /// `MAP(key := value, …)`.
    Map(Vec<(Expr, Expr)>),
    /// `ARRAY[value, …]`.
    Array(Vec<Expr>),
}

/// WHEN and THEN.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// The condition, or the value compared in the simple form.
    pub when: Expr,
    /// The result.
    pub then: Expr,
}

/// The type in front of a typed literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypedLiteral {
    /// `TIMESTAMP '…'`.
    Timestamp,
    /// `DATE '…'`.
    Date,
    /// `TIME '…'`.
    Time,
}

/// An operator in front of its operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOperator {
    /// `NOT`.
    Not,
    /// `-`.
    Negate,
    /// `+`, which changes nothing.
    Plus,
}

macro_rules! binary_operators {
    ($( $variant:ident = $text:literal ),* $(,)?) => {
        /// An operator between two operands.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each is named as it is read")]
        pub enum BinaryOperator { $( $variant ),* }

        impl BinaryOperator {
            /// How it is written.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $( Self::$variant => $text ),* }
            }
        }
    };
}

binary_operators! {
    Add = "+", Subtract = "-", Multiply = "*", Divide = "/", Remainder = "%", Concat = "||",
    Equal = "=", NotEqual = "<>", Less = "<", LessOrEqual = "<=", Greater = ">", GreaterOrEqual = ">=",
    And = "AND", Or = "OR", IsDistinct = "IS DISTINCT FROM", IsNotDistinct = "IS NOT DISTINCT FROM",
}

impl Expr {
    /// A node; its height follows from its children.
    #[must_use]
    pub fn new(kind: ExprKind, span: Span) -> Self {
        let mut below = 0;
        kind.for_each_child(&mut |child| below = below.max(child.height));
        Self { kind, span, height: below + 1 }
    }
}

impl ExprKind {
    /// Visits the direct children in the order in which they are written.
    pub fn for_each_child<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match self {
            Self::Null
            | Self::Boolean(_)
            | Self::Integer(_)
            | Self::Decimal(_)
            | Self::Double(_)
            | Self::Text(_)
            | Self::Typed(..)
            | Self::CallAll { .. }
            | Self::Column { .. } => {}
            Self::Field { of: one, .. }
            | Self::Unary { operand: one, .. }
            | Self::Cast { operand: one, .. }
            | Self::IsNull { value: one, .. }
            | Self::Lambda { body: one, .. } => visit(one),
            Self::Element { of: one, index: two }
            | Self::Binary { left: one, right: two, .. }
            | Self::Like { value: one, pattern: two, .. } => {
                visit(one);
                visit(two);
            }
            Self::Between { value, low, high, .. } => {
                visit(value);
                visit(low);
                visit(high);
            }
            Self::Case { operand, branches, otherwise } => {
                operand.iter().for_each(|operand| visit(operand));
                for Branch { when, then } in branches {
                    visit(when);
                    visit(then);
                }
                otherwise.iter().for_each(|otherwise| visit(otherwise));
            }
            Self::In { value, list, .. } => {
                visit(value);
                list.iter().for_each(visit);
            }
            Self::Call { arguments: list, .. } | Self::Array(list) => list.iter().for_each(visit),
            Self::Struct(fields) => fields.iter().for_each(|(_, value)| visit(value)),
            Self::Map(entries) => {
                for (key, value) in entries {
                    visit(key);
                    visit(value);
                }
            }
        }
    }
}
