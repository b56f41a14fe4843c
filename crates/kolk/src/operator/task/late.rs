//! Rows that came too late and are wanted elsewhere: written as JSON of the columns that the operator would have taken.

use crate::operator::PlanError;
use crate::operator::chunk::Chunk;
use crate::operator::column::Vector;
use crate::operator::evaluate::Session;
use crate::operator::plan::Part;
use crate::operator::tail::Encoder;
use crate::record::{Addressed, Destination, Output, Slice};
use crate::topology::{Format, Late, Operator, Payload, Query};
use std::collections::BTreeMap;

/// The encoders of the nodes that send late rows to a topic, by node and input.
#[derive(Debug)]
pub(super) struct LateRows(BTreeMap<(usize, usize), Encoder>);

impl LateRows {
    pub(super) fn new(query: &Query) -> Result<Self, PlanError> {
        let mut encoders = BTreeMap::new();
        for (number, node) in query.nodes.iter().enumerate() {
            let late = match &node.operator {
                Operator::Aggregate(aggregate) => &aggregate.late,
                Operator::Join(join) => &join.late,
                _ => continue,
            };
            if *late == Late::Skip {
                continue;
            }
            for (input, of) in node.inputs.iter().enumerate() {
                let schema = &query.nodes[*of].schema;
                let payload = |columns| Payload::Encoded { format: Format::Json, columns };
                let all = payload((0..schema.columns.len()).collect());
                let encoder = Encoder::new(schema, &payload(Vec::new()), &all, &query.conventions)?;
                encoders.insert((number, input), encoder);
            }
        }
        Ok(Self(encoders))
    }

    /// Appends the rows that `from`, a node and one of its inputs, refused.
    pub(super) fn write(
        &self,
        from: (usize, usize),
        chunk: &Chunk,
        session: &mut Session,
        output: &mut Output,
    ) -> Result<(), String> {
        let Some(encoder) = self.0.get(&from) else { return Ok(()) };
        let columns: Vec<Option<Vector>> = chunk.columns.iter().cloned().map(Some).collect();
        for row in 0..chunk.rows {
            let start = output.encoded.len();
            encoder.write(Part::Value, &columns, row, session, &mut output.encoded)?;
            let len = u32::try_from(output.encoded.len() - start).unwrap_or_default();
            output.addressed.push(Addressed {
                to: Destination::Late(from.0),
                partition: chunk.origins.get(row).map_or(0, |origin| origin.partition),
                timestamp: chunk.times[row].max(0),
                key: Slice::NULL,
                value: Slice::new(u32::try_from(start).unwrap_or_default(), len),
            });
        }
        Ok(())
    }
}
