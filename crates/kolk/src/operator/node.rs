//! A node of the plan → the one that runs.

use crate::operator::PlanError;
use crate::operator::aggregate::aggregation;
use crate::operator::join;
use crate::operator::operate::Operate;
use crate::operator::process::Processing;
use crate::operator::stateless::{Filter, Merge, Project};
use crate::topology::{Operator, Query};

/// What the node at `place` does; nothing for sources without state, and for the sink.
///
/// # Errors
/// [`PlanError`].
pub(crate) fn operate(stage: &Query, place: usize) -> Result<Option<Box<dyn Operate>>, PlanError> {
    let node = &stage.nodes[place];
    let columns = |input: usize| stage.nodes[node.inputs[input]].schema.columns.len();
    Ok(match &node.operator {
        Operator::Source(_) | Operator::Sink(_) => None,
        Operator::Filter(predicate) => {
            Some(Box::new(Filter::new(predicate, columns(0), stage.collection(place))))
        }
        Operator::Project(expressions) => Some(Box::new(Project::new(expressions, columns(0)))),
        Operator::Merge => Some(Box::new(Merge)),
        Operator::Process(process) => {
            let input = &stage.nodes[node.inputs[0]].schema;
            let conventions = &stage.conventions;
            Some(Box::new(Processing::new(process, input, &node.schema, conventions)?))
        }
        Operator::Explode(_) => return Err(not_yet(stage, "EXPLODE")),
        Operator::Aggregate(of) => Some(aggregation(stage, place, of)?),
        Operator::Join(join) => Some(join::operate(stage, node, join)?),
    })
}

fn not_yet(stage: &Query, what: &str) -> PlanError {
    PlanError::Graph { query: stage.name.clone(), why: format!("{what} cannot be run yet") }
}
