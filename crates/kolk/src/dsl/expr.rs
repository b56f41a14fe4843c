//! Expressions over named columns, typed when they meet the columns that they name.

use super::DslError;
use crate::expression::{
    BinaryOperator, Expression, Function, Kind, Literal, Pseudo, UnaryOperator,
};
use crate::schema::{DataType, Schema};

/// An expression that is not bound to columns yet.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A column by name; behind a join `left.name` where both sides have the name.
    Column(String),
    /// A constant.
    Literal(Literal, DataType),
    /// Something that every row has beside its columns.
    Pseudo(Pseudo),
    /// An operation on two operands.
    Binary(BinaryOperator, Box<Self>, Box<Self>),
    /// An operation on one operand.
    Unary(UnaryOperator, Box<Self>),
    /// Whether it is NULL.
    IsNull(Box<Self>),
    /// A field of a struct.
    Field(Box<Self>, String),
    /// As another type.
    Cast(Box<Self>, DataType),
    /// A function, and the type of its result.
    Call(Function, Vec<Self>, DataType),
}

/// The column of this name.
#[must_use]
pub fn col(name: &str) -> Expr {
    Expr::Column(name.to_owned())
}

/// A constant: `bool`, `i32`, `i64`, `f64` or text.
#[must_use]
pub fn lit(value: impl Into<Expr>) -> Expr {
    value.into()
}

/// The row's event time, BIGINT milliseconds since 1970.
#[must_use]
pub fn row_time() -> Expr {
    Expr::Pseudo(Pseudo::RowTime)
}

macro_rules! literals {
    ($( $from:ty => $variant:ident, $data_type:ident );* $(;)?) => {
        $(
            impl From<$from> for Expr {
                fn from(value: $from) -> Self {
                    Self::Literal(Literal::$variant(value.into()), DataType::$data_type)
                }
            }
        )*
    };
}

literals! {
    bool => Boolean, Boolean;
    i32 => Integer, Integer;
    i64 => Bigint, Bigint;
    f64 => Double, Double;
    &str => String, String;
    String => String, String;
}

macro_rules! operations {
    ($( $(#[$doc:meta])* $name:ident = $operator:ident );* $(;)?) => {
        impl Expr {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $name(self, other: impl Into<Self>) -> Self {
                    Self::Binary(BinaryOperator::$operator, Box::new(self), Box::new(other.into()))
                }
            )*
        }
    };
}

operations! {
    /// `=`.
    equals = Equal;
    /// `<>`.
    differs = NotEqual;
    /// `<`.
    less = Less;
    /// `<=`.
    at_most = LessOrEqual;
    /// `>`.
    greater = Greater;
    /// `>=`.
    at_least = GreaterOrEqual;
    /// `AND`, three-valued.
    and = And;
    /// `OR`, three-valued.
    or = Or;
    /// `+`; joins texts.
    plus = Add;
    /// `-`.
    minus = Subtract;
    /// `*`.
    times = Multiply;
    /// `/`; integers truncate, and by zero it is NULL.
    divided_by = Divide;
    /// The remainder of a division; the sign is the left side's.
    modulo = Remainder;
}

impl Expr {
    /// `NOT`.
    #[must_use]
    #[expect(
        clippy::should_implement_trait,
        reason = "the three-valued NOT of SQL, named as there"
    )]
    pub fn not(self) -> Self {
        Self::Unary(UnaryOperator::Not, Box::new(self))
    }

    /// Whether it is NULL.
    #[must_use]
    pub fn is_null(self) -> Self {
        Self::IsNull(Box::new(self))
    }

    /// A field of a struct.
    #[must_use]
    pub fn field(self, name: &str) -> Self {
        Self::Field(Box::new(self), name.to_owned())
    }

    /// As another type; NULL where that means nothing.
    #[must_use]
    pub fn cast(self, to: DataType) -> Self {
        Self::Cast(Box::new(self), to)
    }

    /// A function of SQL on it and further arguments, with the type of its result.
    #[must_use]
    pub fn call(self, function: Function, others: Vec<Self>, result: DataType) -> Self {
        Self::Call(function, [vec![self], others].concat(), result)
    }

    /// The expression over the columns of `schema`.
    pub(super) fn bind(&self, schema: &Schema, step: &str) -> Result<Expression, DslError> {
        let typed = |kind, data_type| Ok(Expression { kind, data_type });
        match self {
            Self::Column(name) => {
                let index = position(schema, name, step)?;
                let data_type = schema.columns[index].data_type.clone();
                typed(Kind::Column { index, name: name.clone() }, data_type)
            }
            Self::Literal(value, data_type) => {
                typed(Kind::Literal(value.clone()), data_type.clone())
            }
            Self::Pseudo(Pseudo::RowPartition) => {
                typed(Kind::Pseudo(Pseudo::RowPartition), DataType::Integer)
            }
            Self::Pseudo(pseudo) => typed(Kind::Pseudo(*pseudo), DataType::Bigint),
            Self::IsNull(operand) => {
                let operand = Box::new(operand.bind(schema, step)?);
                typed(Kind::IsNull(operand), DataType::Boolean)
            }
            Self::Unary(operator, operand) => {
                let operand = Box::new(operand.bind(schema, step)?);
                let data_type = operand.data_type.clone();
                typed(Kind::Unary { operator: *operator, operand }, data_type)
            }
            Self::Cast(operand, to) => {
                typed(Kind::Cast(Box::new(operand.bind(schema, step)?)), to.clone())
            }
            Self::Field(of, name) => {
                let of = Box::new(of.bind(schema, step)?);
                let data_type = field_type(&of.data_type, name, step)?;
                typed(Kind::Field { of, name: name.clone() }, data_type)
            }
            Self::Call(function, arguments, result) => {
                let bound = arguments.iter().map(|argument| argument.bind(schema, step));
                let arguments = bound.collect::<Result<Vec<Expression>, DslError>>()?;
                typed(Kind::Call { function: *function, arguments }, result.clone())
            }
            Self::Binary(operator, left, right) => {
                binary(*operator, left.bind(schema, step)?, right.bind(schema, step)?, step)
            }
        }
    }
}

/// The column that a name means: its own, or, without what stands before the point, the only one of that name.
pub(super) fn position(schema: &Schema, name: &str, step: &str) -> Result<usize, DslError> {
    if let Some(index) = schema.position(name) {
        return Ok(index);
    }
    let plain = |column: &str| column.rsplit_once('.').is_some_and(|(_, plain)| plain == name);
    let names: Vec<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
    let found: Vec<usize> = (0..names.len()).filter(|at| plain(names[*at])).collect();
    let owned = |names: &mut dyn Iterator<Item = &str>| names.map(str::to_owned).collect();
    let (step, column) = (step.to_owned(), name.to_owned());
    match *found {
        [index] => Ok(index),
        [] => Err(DslError::NoColumn { step, column, columns: owned(&mut names.into_iter()) }),
        _ => {
            let candidates = owned(&mut found.iter().map(|at| names[*at]));
            Err(DslError::Ambiguous { step, column, candidates })
        }
    }
}

fn field_type(of: &DataType, name: &str, step: &str) -> Result<DataType, DslError> {
    let DataType::Struct(fields) = of else {
        let (step, expected) = (step.to_owned(), format!("a struct with the field {name}"));
        return Err(DslError::Expected { step, expected, found: of.clone() });
    };
    let found = fields.iter().find(|(field, _)| field == name);
    found.map(|(_, data_type)| data_type.clone()).ok_or_else(|| DslError::NoColumn {
        step: step.to_owned(),
        column: name.to_owned(),
        columns: fields.iter().map(|(name, _)| name.clone()).collect(),
    })
}

fn binary(
    operator: BinaryOperator,
    left: Expression,
    right: Expression,
    step: &str,
) -> Result<Expression, DslError> {
    use BinaryOperator as Op;
    let refuse = || DslError::Types {
        step: step.to_owned(),
        operation: operator.to_string(),
        left: left.data_type.clone(),
        right: right.data_type.clone(),
    };
    let is_logic = matches!(operator, Op::And | Op::Or);
    let is_arithmetic =
        matches!(operator, Op::Add | Op::Subtract | Op::Multiply | Op::Divide | Op::Remainder);
    let common = common_type(&left.data_type, &right.data_type).ok_or_else(refuse)?;
    let fits = match common {
        DataType::Boolean => !is_arithmetic,
        DataType::Integer | DataType::Bigint | DataType::Double | DataType::Decimal { .. } => {
            !is_logic
        }
        DataType::String => operator == Op::Add || !is_logic && !is_arithmetic,
        _ => !is_logic && !is_arithmetic,
    };
    if !fits {
        return Err(refuse());
    }
    let data_type = if is_arithmetic { common.clone() } else { DataType::Boolean };
    let (left, right) = (Box::new(widened(left, &common)), Box::new(widened(right, &common)));
    Ok(Expression { kind: Kind::Binary { operator, left, right }, data_type })
}

/// The type in which two values meet: the wider number, or the one that both have.
fn common_type(left: &DataType, right: &DataType) -> Option<DataType> {
    const NUMBERS: [DataType; 3] = [DataType::Integer, DataType::Bigint, DataType::Double];
    if left == right {
        return Some(left.clone());
    }
    let place = |of: &DataType| NUMBERS.iter().position(|number| number == of);
    Some(NUMBERS[place(left)?.max(place(right)?)].clone())
}

pub(super) fn widened(expression: Expression, to: &DataType) -> Expression {
    if expression.data_type == *to {
        return expression;
    }
    Expression { kind: Kind::Cast(Box::new(expression)), data_type: to.clone() }
}
