//! GROUP BY: groups, their windows and sessions, and the functions over their rows.

mod bytes;
mod scalar;
mod accumulator;
mod count;
mod sum;
mod extreme;
mod moments;
mod item;
mod collect;
mod distinct;
mod top;
mod kept;
mod offset;
mod standing;
mod tally;
mod functions;
mod layout;
mod windows;
mod results;
mod grouped;
mod regrouped;
mod sessions;
mod timeouts;
#[cfg(test)]
mod tests;

use crate::operator::PlanError;
use crate::operator::operate::Operate;
use crate::operator::stateless::types;
use crate::topology::{Aggregate, Collection, Emit, Late, Operator, Query, Updates, Window};
use grouped::{Grouped, Plan, When};
use layout::Layout;
use regrouped::Regrouped;
use results::Shape;
use sessions::Sessions;
use timeouts::Timeouts;
use windows::Hopping;

/// The aggregation at `place` of a stage.
///
/// # Errors
/// [`PlanError`] for what cannot be run.
pub(crate) fn aggregation(
    stage: &Query,
    place: usize,
    of: &Aggregate,
) -> Result<Box<dyn Operate>, PlanError> {
    let refuse = |why: String| PlanError::Graph { query: stage.name.clone(), why };
    if of.emit == Emit::Final && of.windowing.is_none() {
        return Err(refuse(
            "EMIT FINAL is only for aggregations with windows: others never end".to_owned(),
        ));
    }
    if is_table(stage, place) && of.windowing.is_some() {
        return Err(refuse(
            "a table's rows have no windows: WINDOW is only for streams".to_owned(),
        ));
    }
    let hopping = of.windowing.as_ref().map(Hopping::new).transpose().map_err(refuse)?.flatten();
    let window = of.windowing.as_ref().map(|windowing| (windowing, windowing.window));
    Ok(match window {
        Some((windowing, Window::Session { gap })) => {
            let plan = plan(stage, place, of, sessions::HEADER)?;
            Box::new(Sessions::new(plan, gap, windowing))
        }
        Some((_, Window::Timeout { timeout })) => {
            let mut plan = plan(stage, place, of, timeouts::HEADER)?;
            (plan.when, plan.shape.wants_old) = (When::Closed, false);
            Box::new(Timeouts::new(plan, timeout))
        }
        Some((_, Window::Hopping { .. })) | None => {
            let plan = plan(stage, place, of, grouped::HEADER)?;
            if is_table(stage, place) {
                Box::new(Regrouped::new(plan))
            } else {
                Box::new(Grouped::new(plan, hopping))
            }
        }
    })
}

/// Whether the rows that an aggregation reads are those of a table.
fn is_table(stage: &Query, place: usize) -> bool {
    stage.collection(stage.nodes[place].inputs[0]) == Collection::Table
}

fn plan(stage: &Query, place: usize, of: &Aggregate, header: usize) -> Result<Plan, PlanError> {
    let node = &stage.nodes[place];
    let input = &stage.nodes[node.inputs[0]].schema;
    let refuse = |why: String| PlanError::Graph { query: stage.name.clone(), why };
    let calls = of.calls.iter().map(|call| {
        functions::call(call, input, is_table(stage, place))
            .map_err(|why| refuse(format!("the aggregate function {} {why}", call.function)))
    });
    let layout = Layout::new(header, calls.collect::<Result<_, _>>()?);
    let input = types(input);
    let bounds = match &of.windowing {
        None => 0,
        Some(windowing) if matches!(windowing.window, Window::Timeout { .. }) => 3,
        Some(_) => 2,
    };
    let when = match of.emit {
        Emit::Final => When::Closed,
        Emit::Changes if holds(stage, place) => When::Commit,
        Emit::Changes => When::Each,
    };
    let shape = Shape {
        group_types: of.group_by.iter().map(|column| input[*column].clone()).collect(),
        bounds,
        call_types: layout.types().cloned().collect(),
        wants_old: when == When::Each && wants_old(stage, place),
    };
    let wants_late = of.late != Late::Skip;
    Ok(Plan { group_by: of.group_by.clone(), layout, shape, when, wants_late })
}

/// The readers of a node.
fn readers(stage: &Query, node: usize) -> impl Iterator<Item = usize> + '_ {
    (0..stage.nodes.len()).filter(move |reader| stage.nodes[*reader].inputs.contains(&node))
}

/// Whether only the last change of a key since the last commit is wanted: by the sink, behind nothing but filters and projections.
fn holds(stage: &Query, node: usize) -> bool {
    let mut readers = readers(stage, node);
    let (Some(reader), None) = (readers.next(), readers.next()) else { return false };
    match &stage.nodes[reader].operator {
        Operator::Filter(_) | Operator::Project(_) => holds(stage, reader),
        Operator::Sink(sink) => sink.updates == Updates::Latest && sink.exchange.is_none(),
        _ => false,
    }
}

/// Whether somebody behind must know what a result was before: filters, so that they delete nothing that was never there, and
/// what groups tables, also in the stage behind.
fn wants_old(stage: &Query, node: usize) -> bool {
    readers(stage, node).any(|reader| match &stage.nodes[reader].operator {
        Operator::Filter(_) | Operator::Aggregate(_) => true,
        Operator::Project(_) => wants_old(stage, reader),
        Operator::Sink(sink) => sink.exchange.is_some(),
        _ => false,
    })
}
