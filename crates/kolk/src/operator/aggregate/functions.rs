//! Which state computes a call, by its function and the types of its arguments.

use super::accumulator::{Fixed, Variable};
use super::collect::{Collect, LIMIT};
use super::count::Count;
use super::distinct::CountDistinct;
use super::extreme::{End, Extreme, ExtremeBytes};
use super::kept::{Kept, Pick};
use super::layout::{Call, State};
use super::moments::{Correlation, Deviation, Measure};
use super::offset::{ByOffset, SeveralByOffset, Which};
use super::standing::Standing;
use super::sum::{Mean, MeanDouble, Sum, SumDouble};
use super::tally::{Attr, Histogram};
use super::top::Top;
use crate::expression::Literal;
use crate::schema::{DataType, Role, Schema};
use crate::topology::{AggregateCall, AggregateFunction as Function};

/// A call over the columns of `schema`; `undoes` says whether rows will be taken out again.
///
/// # Errors
/// Why it cannot be computed, to stand behind the function's name.
pub(super) fn call(of: &AggregateCall, schema: &Schema, undoes: bool) -> Result<Call, String> {
    let types = of.arguments.iter().map(|column| schema.columns[*column].data_type.clone());
    let types: Vec<DataType> = types.collect();
    let state = state(of, &types, undoes)?;
    let mut arguments = of.arguments.clone();
    if undoes && matches!(of.function, Function::EarliestByOffset | Function::LatestByOffset) {
        let key = primary_key(schema);
        if key.is_empty() {
            return Err(
                "of a table needs the columns of its primary key, and there are none".to_owned()
            );
        }
        arguments.extend(key);
    }
    Ok(Call { arguments, data_type: of.data_type.clone(), state })
}

/// The columns of a table's primary key.
fn primary_key(schema: &Schema) -> Vec<usize> {
    let is_key = |role: &Role| matches!(role, Role::Key | Role::WindowStart | Role::WindowEnd);
    let columns = schema.columns.iter().enumerate();
    columns.filter(|(_, column)| is_key(&column.role)).map(|(at, _)| at).collect()
}

fn fixed(of: impl Fixed + 'static) -> State {
    State::Fixed(Box::new(of), 0..0)
}

fn variable(of: impl Variable + 'static) -> State {
    State::Variable(Box::new(of), 0)
}

fn state(of: &AggregateCall, types: &[DataType], undoes: bool) -> Result<State, String> {
    let misfit = || {
        let types: Vec<String> = types.iter().map(ToString::to_string).collect();
        Err(format!("does not take ({})", types.join(", ")))
    };
    if let (true, Some(pick)) = (undoes, pick(of)) {
        return match types {
            [argument] => Ok(variable(Kept::new(argument, pick))),
            _ => Err("of a table takes one column, not several".to_owned()),
        };
    }
    Ok(match (of.function, types) {
        (Function::Count, [] | [_]) => fixed(Count),
        (Function::Sum, [argument]) => match argument {
            DataType::Integer => fixed(Sum::<i32>::new(&of.data_type)),
            DataType::Bigint => fixed(Sum::<i64>::new(&of.data_type)),
            DataType::Decimal { .. } => fixed(Sum::<i128>::new(&of.data_type)),
            DataType::Double => fixed(SumDouble),
            _ => return misfit(),
        },
        (Function::Avg, [argument]) => match argument {
            DataType::Integer => fixed(Mean::<i32>::new()),
            DataType::Bigint => fixed(Mean::<i64>::new()),
            DataType::Double => fixed(MeanDouble),
            _ => return misfit(),
        },
        (Function::Min, [argument]) => extreme(End::Least, argument),
        (Function::Max, [argument]) => extreme(End::Greatest, argument),
        (Function::StdDevSamp, [DataType::Double]) => fixed(Deviation::new(Measure::Deviation)),
        (Function::VarSamp, [DataType::Double]) => fixed(Deviation::new(Measure::Variance)),
        (Function::Correlation, [DataType::Double, DataType::Double]) => fixed(Correlation),
        (Function::CountDistinct, [argument]) => variable(CountDistinct::new(argument)),
        (Function::CollectList | Function::CollectSet, [argument]) => {
            let limit = number(of).unwrap_or(LIMIT);
            variable(Collect::new(argument, limit, of.function == Function::CollectSet))
        }
        (Function::TopK, [_, ..]) | (Function::TopKDistinct, [_]) => {
            let Some(k) = number(of) else {
                return Err("needs a constant: how many values to keep".to_owned());
            };
            variable(Top::new(types, &of.data_type, k, of.function == Function::TopKDistinct))
        }
        (Function::EarliestByOffset, [argument]) => {
            by_offset(Which::Earliest, of, argument, undoes)
        }
        (Function::LatestByOffset, [argument]) => by_offset(Which::Latest, of, argument, undoes),
        (Function::Histogram, [DataType::String]) => variable(Histogram),
        (Function::Attr, [argument]) => variable(Attr::new(argument, undoes)),
        _ => return misfit(),
    })
}

/// What a function takes from the values of a table, where all must be kept so that rows can be taken out again.
fn pick(of: &AggregateCall) -> Option<Pick> {
    match of.function {
        Function::Min => Some(Pick::Least),
        Function::Max => Some(Pick::Greatest),
        Function::CountDistinct => Some(Pick::Count),
        Function::CollectSet => Some(Pick::Set(number(of).unwrap_or(LIMIT))),
        Function::TopK => number(of).map(Pick::Top),
        Function::TopKDistinct => number(of).map(Pick::TopDistinct),
        _ => None,
    }
}

/// The number among a call's constants.
fn number(of: &AggregateCall) -> Option<usize> {
    of.constants.iter().find_map(|constant| match constant {
        Literal::Integer(number) => usize::try_from(*number).ok(),
        Literal::Bigint(number) => usize::try_from(*number).ok(),
        _ => None,
    })
}

/// NULLs are passed over unless FALSE says otherwise.
fn by_offset(which: Which, of: &AggregateCall, argument: &DataType, undoes: bool) -> State {
    let ignores_nulls = !of.constants.contains(&Literal::Boolean(false));
    match number(of) {
        count if undoes => variable(Standing::new(which, argument, count, ignores_nulls)),
        Some(count) => variable(SeveralByOffset::new(which, argument, count, ignores_nulls)),
        None => variable(ByOffset::new(which, argument, ignores_nulls)),
    }
}

/// Values of nested types compare as their texts.
fn extreme(end: End, argument: &DataType) -> State {
    match argument {
        DataType::Boolean => fixed(Extreme::<bool>::new(end)),
        DataType::Integer | DataType::Date | DataType::Time => fixed(Extreme::<i32>::new(end)),
        DataType::Bigint | DataType::Timestamp => fixed(Extreme::<i64>::new(end)),
        DataType::Double => fixed(Extreme::<f64>::new(end)),
        DataType::Decimal { .. } => fixed(Extreme::<i128>::new(end)),
        DataType::String
        | DataType::Bytes
        | DataType::Array(_)
        | DataType::Map(..)
        | DataType::Struct(_) => variable(ExtremeBytes::new(end)),
    }
}
