//! From the records of a source to chunks: what is filtered and projected right behind a stream is done while it is decoded.

use crate::operator::Pipeline;
use crate::operator::PlanError;
use crate::operator::chunk::{Chunk, Mark, Origin};
use crate::operator::decode::Morsel;
use crate::operator::pipeline::{MORSEL_BYTES, MORSEL_ROWS};
use crate::record::{Output, Rows};
use crate::topology::{
    Collection, Conventions, Format, Node, Operator, Payload, Query, Sink, WatermarkPolicy,
};
use std::ops::Range;

/// Decodes the rows of one source.
#[derive(Debug)]
pub(crate) struct Head {
    pipeline: Pipeline,
    policy: WatermarkPolicy,
}

impl Head {
    /// For the source at `place` of a stage. Returns the node whose rows come out: the last of the filters and projections
    /// behind a stream that nobody else reads.
    ///
    /// # Errors
    /// [`PlanError`].
    pub(crate) fn new(stage: &Query, place: usize) -> Result<(Self, usize), PlanError> {
        let Conventions { watermark_policy: policy, .. } = stage.conventions;
        let mut nodes = vec![Node { inputs: Vec::new(), ..stage.nodes[place].clone() }];
        let mut last = place;
        if stage.collection(place) == Collection::Stream {
            while let Some(next) = only_reader(stage, last) {
                let node = &stage.nodes[next];
                if !matches!(node.operator, Operator::Filter(_) | Operator::Project(_)) {
                    break;
                }
                nodes.push(Node { inputs: vec![nodes.len() - 1], ..node.clone() });
                last = next;
            }
        }
        let schema = stage.nodes[last].schema.clone();
        let columns = (0..schema.columns.len()).collect();
        let value = Payload::Encoded { format: Format::Json, columns };
        let key = Payload::Encoded { format: Format::Json, columns: Vec::new() };
        let sink = Sink { key, value, ..Sink::new("") };
        nodes.push(Node { inputs: vec![nodes.len() - 1], operator: Operator::Sink(sink), schema });
        let query =
            Query { nodes, name: stage.name.clone(), conventions: stage.conventions.clone() };
        Ok((Self { pipeline: Pipeline::new(&query)?, policy }, last))
    }

    /// Decodes some of the rows; how many fit into the processor's cache is decided here, so the end of the range that was
    /// decoded comes back. `advance` is told the event time and record time of each good row, and says where the watermark
    /// stands then, if it moved.
    pub(crate) fn decode(
        &mut self,
        rows: &Rows,
        range: Range<usize>,
        advance: &mut dyn FnMut(i64, i64) -> Option<i64>,
        output: &mut Output,
    ) -> (Chunk, usize) {
        let mut bytes = 0;
        let fits = rows.rows[range.clone()].iter().take(MORSEL_ROWS).take_while(|row| {
            let before = bytes;
            bytes += row.value.len() + row.key.len();
            before < MORSEL_BYTES
        });
        let end = range.start + fits.count();
        let cut = &rows.rows[range.start..end];
        let morsel = Morsel { rows: cut, buffer: &rows.buffer, partition: rows.partition };
        let before = output.bad.len();
        let decoded = self.pipeline.columns(range.start, morsel, output);

        let mut marks: Vec<Mark> = Vec::new();
        let mut selected = decoded.selection.iter().peekable();
        let mut at = 0;
        for (number, row) in cut.iter().enumerate().filter(|(number, _)| !decoded.bad[*number]) {
            let time = decoded.times[number];
            let is_selected = selected.next_if(|selected| **selected == number).is_some();
            // Kafka Streams' time takes the row itself in before it is processed.
            let after = usize::from(is_selected && self.policy == WatermarkPolicy::Min);
            if let Some(watermark) = advance(time, row.timestamp) {
                let place = at + after;
                match marks.last_mut() {
                    Some(last) if last.at == place => last.watermark = watermark,
                    _ => marks.push(Mark { at: place, watermark }),
                }
            }
            at += usize::from(is_selected);
        }
        let (partition, kept) = (rows.partition, decoded.selection);
        let origin = |row: &usize| {
            let row = &cut[*row];
            Origin { timestamp: row.timestamp, partition, offset: row.offset }
        };
        let deleted: Vec<bool> =
            kept.iter().map(|row| decoded.has_no_value(*row, cut[*row].value)).collect();
        let chunk = Chunk {
            rows: kept.len(),
            times: kept.iter().map(|row| decoded.times[*row]).collect(),
            deleted: if deleted.contains(&true) { deleted } else { Vec::new() },
            old: None,
            origins: kept.iter().map(origin).collect(),
            marks,
            columns: decoded.columns,
        };
        output.bad[before..].sort_by_key(|bad| bad.input);
        (chunk, end)
    }
}

/// The node that alone reads the rows of `node`.
pub(crate) fn only_reader(stage: &Query, node: usize) -> Option<usize> {
    let mut readers =
        (0..stage.nodes.len()).filter(|reader| stage.nodes[*reader].inputs.contains(&node));
    let first = readers.next()?;
    readers.next().is_none().then_some(first)
}
