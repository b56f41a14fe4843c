//! Lambda functions over many rows at once give what they give row by row.

use super::{Batch, Session, evaluate};
use crate::expression::{
    BinaryOperator as Op, Expression, Function as F, Kind, Literal as L, UnaryOperator,
};
use crate::operator::column::{Column, Vector};
use crate::schema::DataType as T;
use crate::topology::{Conventions, LambdaFailures};
use arrow_array::{Int32Array, LargeStringArray};
use proptest::prelude::*;

fn of(kind: Kind, data_type: T) -> Expression {
    Expression { kind, data_type }
}

fn column(index: usize, data_type: T) -> Expression {
    of(Kind::Column { index, name: format!("c{index}") }, data_type)
}

fn parameter(number: usize) -> Expression {
    of(Kind::Parameter { number, name: format!("p{number}") }, T::Integer)
}

fn bin(operator: Op, left: Expression, right: Expression, data_type: T) -> Expression {
    of(Kind::Binary { operator, left: Box::new(left), right: Box::new(right) }, data_type)
}

fn lambda(first: usize, count: usize, body: Expression) -> Expression {
    let data_type = body.data_type.clone();
    let parameters = (first..first + count).map(|number| format!("p{number}")).collect();
    of(Kind::Lambda { first, parameters, body: Box::new(body) }, data_type)
}

fn call(function: F, arguments: Vec<Expression>, data_type: T) -> Expression {
    of(Kind::Call { function, arguments }, data_type)
}

fn ints() -> T {
    T::Array(Box::new(T::Integer))
}

/// Column 0 is an array of integers, column 1 an integer.
fn expressions() -> Vec<Expression> {
    let (array, number) = (|| column(0, ints()), || column(1, T::Integer));
    let sum = |a, b| bin(Op::Add, a, b, T::Integer);
    let zero = || of(Kind::Literal(L::Integer(0)), T::Integer);
    let reduce =
        |state, body| call(F::Reduce, vec![array(), state, lambda(0, 2, body)], T::Integer);
    let positive = bin(Op::Greater, parameter(0), zero(), T::Boolean);
    let negated = Kind::Unary { operator: UnaryOperator::Negate, operand: Box::new(parameter(0)) };
    let case = Kind::Case {
        branches: vec![(positive.clone(), sum(parameter(0), number()))],
        otherwise: Some(Box::new(of(negated, T::Integer))),
    };
    let inner = call(
        F::Reduce,
        vec![array(), parameter(0), lambda(1, 2, sum(parameter(1), parameter(2)))],
        T::Integer,
    );
    vec![
        call(F::Transform, vec![array(), lambda(0, 1, sum(parameter(0), number()))], ints()),
        call(F::Transform, vec![array(), lambda(0, 1, of(case, T::Integer))], ints()),
        call(F::Transform, vec![array(), lambda(0, 1, inner)], ints()),
        call(F::Filter, vec![array(), lambda(0, 1, positive)], ints()),
        reduce(zero(), sum(parameter(0), parameter(1))),
        reduce(number(), bin(Op::Divide, parameter(0), parameter(1), T::Integer)),
    ]
}

/// The results of rows `from` to `to`, and how often something failed.
fn results(
    expression: &Expression,
    rows: &[(Option<String>, Option<i32>)],
    failures: LambdaFailures,
) -> (Vec<Option<String>>, u64) {
    let arrays: LargeStringArray = rows.iter().map(|(array, _)| array.as_deref()).collect();
    let numbers: Int32Array = rows.iter().map(|(_, number)| *number).collect();
    let columns = [Some(Vector::each(arrays)), Some(Vector::each(numbers))];
    let conventions = Conventions { lambda_failures: failures, ..Conventions::default() };
    let (mut session, mut failed) = (Session::new(&conventions).unwrap(), 0);
    let vector =
        evaluate(expression, &mut Batch::new(rows.len(), &columns, &mut failed, &mut session));
    let shown = |row: usize| match &vector.column {
        Column::Text(_) => vector.text().get(row).map(ToOwned::to_owned),
        _ => vector.int32().get(row).map(|value| value.to_string()),
    };
    ((0..rows.len()).map(shown).collect(), failed)
}

fn array() -> impl Strategy<Value = Option<String>> {
    let item = prop::option::weighted(0.8, -3..4);
    prop::option::weighted(0.9, prop::collection::vec(item, 0..5)).prop_map(|items| {
        let shown = |item: &Option<i32>| item.map_or("null".to_owned(), |item| item.to_string());
        Some(format!("[{}]", items?.iter().map(shown).collect::<Vec<_>>().join(",")))
    })
}

proptest! {
    #[test]
    fn all_rows_at_once_or_one_by_one(
        rows in prop::collection::vec((array(), prop::option::weighted(0.9, -3..4)), 0..7),
        whole in any::<bool>(),
    ) {
        let failures = if whole { LambdaFailures::Whole } else { LambdaFailures::Item };
        for expression in expressions() {
            let together = results(&expression, &rows, failures);
            let mut apart = (Vec::new(), 0);
            for row in &rows {
                let (shown, failed) = results(&expression, std::slice::from_ref(row), failures);
                apart.0.extend(shown);
                apart.1 += failed;
            }
            prop_assert_eq!(together, apart, "{}", expression);
        }
    }
}
