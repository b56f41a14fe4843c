//! A node of the plan → the one that runs.

use crate::operator::PlanError;
use crate::operator::aggregate::aggregation;
use crate::operator::explode::Explode;
use crate::operator::join;
use crate::operator::operate::Operate;
use crate::operator::process::Processing;
use crate::operator::shapes::shapes;
use crate::operator::stateless::{Filter, Merge, Project};
use crate::operator::table::Table;
use crate::topology::{Operator, Stage};

/// What the node at `place` does; nothing for sources without a store, and for the sink.
///
/// # Errors
/// [`PlanError`].
pub(crate) fn operate(of: &Stage, place: usize) -> Result<Option<Box<dyn Operate>>, PlanError> {
    let mut node = make(of, place)?;
    if let Some(operate) = &mut node {
        for (store, shape) in operate.stores().into_iter().zip(shapes(&of.query, place)) {
            store.set_shape(shape);
        }
    }
    Ok(node)
}

fn make(of: &Stage, place: usize) -> Result<Option<Box<dyn Operate>>, PlanError> {
    let stage = &of.query;
    let node = &stage.nodes[place];
    let has_store = of.stores.iter().any(|store| store.node == Some(place));
    let columns = |input: usize| stage.nodes[node.inputs[input]].schema.columns.len();
    Ok(match &node.operator {
        Operator::Source(source) if has_store => {
            Some(Box::new(Table::new(&source.name, &node.schema)?))
        }
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
        Operator::Explode(arrays) => Some(Box::new(Explode::new(arrays, columns(0)))),
        Operator::Aggregate(of) => Some(aggregation(stage, place, of)?),
        Operator::Join(join) => Some(join::operate(stage, node, join)?),
        Operator::ForeignKey(of) => Some(join::foreign_key(stage, node, of)),
    })
}
