//! The physical plan as text: the stages of a query, their nodes, stores and topics.

use super::{Pretty, explain_node};
use crate::topology::{PhysicalError, Stage, Topology, WatermarkPolicy, stages};
use std::fmt::{self, Display, Formatter};

/// How a program runs: queries, cut into stages. What `kolk explain` prints.
#[derive(Debug)]
pub struct Physical {
    application: String,
    queries: Vec<(String, Vec<Stage>)>,
}

impl Physical {
    /// Plans a program; `application` is what the names of groups and internal topics begin with.
    ///
    /// # Errors
    /// [`PhysicalError`] when a query's graph is not one that can be run.
    pub fn new(topology: &Topology, application: &str) -> Result<Self, PhysicalError> {
        let of =
            |query: &crate::topology::Query| Ok((query.name.clone(), stages(query, application)?));
        let queries = topology.queries.iter().map(of).collect::<Result<_, PhysicalError>>()?;
        Ok(Self { application: application.to_owned(), queries })
    }
}

impl Display for Physical {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (number, (name, stages)) in self.queries.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            match stages.as_slice() {
                [stage] if stage.is_plain() => write!(f, "{}", stage.query)?,
                stages => {
                    writeln!(f, "query {name}")?;
                    stages.iter().try_for_each(|stage| self.stage(f, stage))?;
                }
            }
        }
        Ok(())
    }
}

impl Physical {
    fn stage(&self, f: &mut Formatter<'_>, stage: &Stage) -> fmt::Result {
        let query = &stage.query;
        writeln!(f, "  stage {}, group {}-{}", query.name, self.application, query.name)?;
        for (number, node) in query.nodes.iter().enumerate() {
            let behind = match *node.inputs {
                // One that reads the node before it needs no number.
                [input] if input + 1 == number => String::new(),
                [input] => format!(" (behind #{input})"),
                _ => String::new(),
            };
            explain_node(f, node, &format!("    #{number}{behind} "), "         ")?;
            for store in stage.stores.iter().filter(|store| store.node == Some(number)) {
                let until = store.retention.map_or(String::new(), |kept| {
                    format!(", deleted {} after their time", Pretty(kept))
                });
                writeln!(
                    f,
                    "         store       {}: changelog topic {}-{}-changelog{until}",
                    store.name, self.application, store.name
                )?;
            }
        }
        let policy = match query.conventions.watermark_policy {
            WatermarkPolicy::Min => {
                "the least of the inputs'; a row meets what the rows before it left"
            }
            WatermarkPolicy::Max => "the largest time-stamp that the task has seen (stream time)",
        };
        writeln!(f, "         watermark   {policy}")
    }
}
