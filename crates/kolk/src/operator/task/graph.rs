//! The nodes of a running stage: chunks go from node to node until they end in the sink.

use crate::operator::PlanError;
use crate::operator::chunk::{Chunk, Mark};
use crate::operator::column::Vector;
use crate::operator::evaluate::{Session, literal_null};
use crate::operator::node;
use crate::operator::operate::{Context, Fates, Operate, Turn};
use crate::schema::Schema;
use crate::state::Store;
use crate::topology::{Operator, Stage, WatermarkPolicy};
use std::collections::BTreeSet;

/// A node, its readers, and the watermarks that have come to it.
#[derive(Debug)]
struct Runner {
    /// What it does; the sink does nothing here, and neither do sources, unless they remember a table.
    operate: Option<Box<dyn Operate>>,
    /// The watermark that each input has brought.
    inputs: Vec<Option<i64>>,
    /// The nodes that are its inputs.
    feeders: Vec<usize>,
    /// Which inputs are idle, and left out.
    idle: Vec<bool>,
    /// Its own.
    watermark: Option<i64>,
    /// Who reads it: node and input.
    readers: Vec<(usize, usize)>,
}

impl Runner {
    /// Whether nothing comes to it for the moment.
    fn is_idle(&self) -> bool {
        self.idle.iter().all(|idle| *idle)
    }

    /// The least of its inputs' watermarks, idle ones left out; when all are idle, and by policy `max`, the largest.
    fn combined(&self, policy: WatermarkPolicy) -> Option<i64> {
        let inputs = || self.inputs.iter().copied();
        if policy == WatermarkPolicy::Max || self.is_idle() {
            return inputs().max().flatten();
        }
        let open = inputs().zip(&self.idle).filter(|(_, idle)| !**idle);
        open.map(|(watermark, _)| watermark).min().flatten()
    }
}

/// The nodes behind the sources.
#[derive(Debug)]
pub(super) struct Graph {
    nodes: Vec<Runner>,
    sink: usize,
    session: Session,
    policy: WatermarkPolicy,
    /// Chunks are cut into single rows: where two ways of a source meet again, what a row does on one must be done before the next
    /// row is on the other.
    row_by_row: Vec<bool>,
    /// For each node its columns without a row.
    blanks: Vec<Vec<Vector>>,
    pub(super) fates: Fates,
    /// Rows that came too late and go to a topic, with the node and the input that refused them.
    pub(super) late: Vec<(usize, usize, Chunk)>,
}

impl Graph {
    pub(super) fn new(of: &Stage) -> Result<Self, PlanError> {
        let stage = &of.query;
        let mut nodes = Vec::with_capacity(stage.nodes.len());
        for (number, node) in stage.nodes.iter().enumerate() {
            let readers = stage.nodes.iter().enumerate().flat_map(|(reader, node)| {
                let inputs = node.inputs.iter().enumerate();
                inputs
                    .filter(move |(_, input)| **input == number)
                    .map(move |(input, _)| (reader, input))
            });
            nodes.push(Runner {
                operate: node::operate(of, number)?,
                inputs: vec![None; node.inputs.len()],
                feeders: node.inputs.clone(),
                idle: vec![false; node.inputs.len()],
                watermark: None,
                readers: readers.collect(),
            });
        }
        let mut graph = Self {
            sink: nodes.len() - 1,
            nodes,
            session: Session::new(&stage.conventions)?,
            policy: stage.conventions.watermark_policy,
            row_by_row: Vec::new(),
            blanks: stage.nodes.iter().map(|node| blank(&node.schema)).collect(),
            fates: Fates::default(),
            late: Vec::new(),
        };
        graph.row_by_row = (0..graph.nodes.len()).map(|node| graph.meets_again(node)).collect();
        debug_assert!(matches!(stage.nodes[graph.sink].operator, Operator::Sink(_)));
        Ok(graph)
    }

    /// Whether two ways from this node lead to one.
    fn meets_again(&self, node: usize) -> bool {
        let mut ways = vec![0_usize; self.nodes.len()];
        ways[node] = 1;
        for at in node..self.nodes.len() {
            let of = ways[at].min(2);
            for (reader, _) in &self.nodes[at].readers {
                ways[*reader] += of;
            }
        }
        ways.iter().any(|ways| *ways > 1)
    }

    /// Takes what came out of the head in, as rows of `node`: a source that remembers its table does so first.
    pub(super) fn enter(&mut self, node: usize, chunk: Chunk, sink: &mut Vec<Chunk>) {
        let runner = &mut self.nodes[node];
        let chunk = match &mut runner.operate {
            Some(table) if runner.inputs.is_empty() => {
                let (session, fates) = (&mut self.session, &mut self.fates);
                table.process(0, &chunk, &mut Context { session, fates })
            }
            _ => chunk,
        };
        self.spread(node, chunk, sink);
    }

    /// Leads what `node` has put out to all its readers; what comes to the sink goes to `sink`.
    pub(super) fn spread(&mut self, node: usize, mut chunk: Chunk, sink: &mut Vec<Chunk>) {
        if chunk.is_empty() {
            return;
        }
        if chunk.columns.is_empty() {
            // One of marks alone: who reads it may still look for its columns.
            chunk.columns.clone_from(&self.blanks[node]);
        }
        if self.row_by_row[node] && chunk.rows > 1 {
            for row in 0..chunk.rows {
                self.spread_whole(node, chunk.single(row), sink);
            }
        } else {
            self.spread_whole(node, chunk, sink);
        }
    }

    fn spread_whole(&mut self, node: usize, chunk: Chunk, sink: &mut Vec<Chunk>) {
        let readers = self.nodes[node].readers.clone();
        let Some(((last, input), others)) = readers.split_last() else { return };
        self.fates.made += (others.len() * chunk.rows) as u64;
        for (reader, input) in others {
            self.push(*reader, *input, chunk.clone(), sink);
        }
        self.push(*last, *input, chunk, sink);
    }

    fn push(&mut self, node: usize, input: usize, mut chunk: Chunk, sink: &mut Vec<Chunk>) {
        self.combine(node, input, &mut chunk.marks);
        if node == self.sink {
            sink.push(chunk);
            return;
        }
        let runner = &mut self.nodes[node];
        let Some(operate) = &mut runner.operate else { return };
        let (session, fates) = (&mut self.session, &mut self.fates);
        let result = operate.process(input, &chunk, &mut Context { session, fates });
        let late = self.fates.late_rows.drain(..).map(|chunk| (node, input, chunk));
        self.late.extend(late);
        self.spread(node, result, sink);
    }

    /// Marks of one input → marks of the node: those that move the least of its inputs (by policy `max`, the largest).
    fn combine(&mut self, node: usize, input: usize, marks: &mut Vec<Mark>) {
        marks.retain_mut(|mark| match self.raise(node, input, mark.watermark) {
            Some(watermark) => {
                mark.watermark = watermark;
                true
            }
            None => false,
        });
    }

    /// What comes from `node` has become idle, or no longer is: nodes behind it leave it out. Those whose watermark rises by that go on.
    pub(super) fn set_idle(&mut self, node: usize, idle: bool, sink: &mut Vec<Chunk>) {
        for node in self.mark_idle(node, idle) {
            // What one input has brought is repeated: it is looked at in the new light.
            let brought = self.nodes[node].inputs.iter().enumerate();
            let brought = brought.filter_map(|(input, watermark)| Some((input, (*watermark)?)));
            let Some((input, watermark)) = brought.max_by_key(|of| of.1) else { continue };
            let marks = vec![Mark { at: 0, watermark }];
            let columns = self.blanks[self.nodes[node].feeders[input]].clone();
            self.push(node, input, Chunk { marks, columns, ..Chunk::default() }, sink);
        }
    }

    /// Notes which inputs are idle; the nodes of which one changed, in order.
    fn mark_idle(&mut self, from: usize, idle: bool) -> BTreeSet<usize> {
        let mut changed = BTreeSet::new();
        let mut ahead = vec![from];
        while let Some(node) = ahead.pop() {
            for (reader, input) in self.nodes[node].readers.clone() {
                let of = &mut self.nodes[reader];
                let was = of.is_idle();
                of.idle[input] = idle;
                changed.insert(reader);
                if was != of.is_idle() {
                    ahead.push(reader);
                }
            }
        }
        changed
    }

    /// Nodes whose watermark is beyond the least of their inputs', since one is left out or was.
    pub(super) fn ahead(&self) -> impl Iterator<Item = (usize, i64)> {
        let policy = self.policy;
        let nodes = self.nodes.iter().enumerate();
        nodes.filter_map(move |(number, node)| {
            let least = node.inputs.iter().copied().min().flatten();
            let watermark = node.watermark.filter(|_| policy == WatermarkPolicy::Min)?;
            (node.inputs.len() > 1 && Some(watermark) > least).then_some((number, watermark))
        })
    }

    /// An input's watermark has come so far: the node's, if that moves it.
    pub(super) fn raise(&mut self, node: usize, input: usize, watermark: i64) -> Option<i64> {
        let runner = &mut self.nodes[node];
        runner.inputs[input] = runner.inputs[input].max(Some(watermark));
        let combined = runner.combined(self.policy);
        if combined <= runner.watermark {
            return None;
        }
        runner.watermark = combined;
        combined
    }

    /// The node at which the rows of two nodes meet in turn, as its inputs 0 and 1, and go nowhere else; if there is one.
    pub(super) fn meeting(&mut self, from: [usize; 2]) -> Option<usize> {
        let [[(left, 0)], [(right, 1)]] = from.map(|node| &self.nodes[node].readers[..]) else {
            return None;
        };
        let node = *left;
        let is_one = node == *right && !from.iter().any(|from| self.row_by_row[*from]);
        let operate = self.nodes[node].operate.as_mut().filter(|_| is_one)?;
        operate.meet().is_some().then_some(node)
    }

    /// Leads rows of both inputs of such a node on, in this order.
    pub(super) fn meet(
        &mut self,
        node: usize,
        chunks: [&Chunk; 2],
        turns: &[Turn],
        sink: &mut Vec<Chunk>,
    ) {
        let (session, fates) = (&mut self.session, &mut self.fates);
        let operate = self.nodes[node].operate.as_mut().and_then(|operate| operate.meet());
        let Some(operate) = operate else { return };
        let result = operate.process_both(chunks, turns, &mut Context { session, fates });
        self.spread(node, result, sink);
    }

    /// Before a commit: what nodes hold back goes out.
    pub(super) fn flush(&mut self, sink: &mut Vec<Chunk>) {
        for node in 0..self.nodes.len() {
            let Some(operate) = &mut self.nodes[node].operate else { continue };
            let (session, fates) = (&mut self.session, &mut self.fates);
            let chunk = operate.flush(&mut Context { session, fates });
            self.spread(node, chunk, sink);
        }
    }

    /// The stores of a node.
    pub(super) fn stores(&mut self, node: usize) -> Vec<&mut Store> {
        self.nodes[node].operate.as_mut().map_or_else(Vec::new, |operate| operate.stores())
    }

    /// What a node holds beside its stores, in bytes.
    pub(super) fn index_bytes(&self, node: usize) -> usize {
        self.nodes[node].operate.as_ref().map_or(0, |operate| operate.index_bytes())
    }

    /// The stores of every node.
    pub(super) fn all_stores(&mut self) -> impl Iterator<Item = Vec<&mut Store>> {
        let operators = self.nodes.iter_mut().map(|node| node.operate.as_mut());
        operators.map(|operate| operate.map_or_else(Vec::new, |operate| operate.stores()))
    }

    /// The sources' watermarks are as they were committed, and so are those of nodes that were ahead of their inputs: each node's
    /// follow, and it makes itself ready. `idle` are the sources from which nothing comes.
    ///
    /// # Errors
    /// What is wrong with a node's stores.
    pub(super) fn restored(
        &mut self,
        sources: &[(usize, Option<i64>)],
        idle: &[usize],
        ahead: &[(usize, i64)],
    ) -> Result<(), String> {
        for (node, watermark) in sources {
            self.nodes[*node].watermark = *watermark;
        }
        for source in idle {
            self.mark_idle(*source, true);
        }
        for node in 0..self.nodes.len() {
            let was = ahead.iter().find(|(of, _)| *of == node).map(|(_, watermark)| *watermark);
            self.nodes[node].watermark = self.nodes[node].watermark.max(was);
            let mut watermark = self.nodes[node].watermark;
            if let Some(operate) = &mut self.nodes[node].operate {
                operate.restored(watermark).map_err(|error| format!("node {node}: {error}"))?;
                watermark = watermark.map(|watermark| operate.output_watermark(watermark));
            }
            for (reader, input) in self.nodes[node].readers.clone() {
                let reader = &mut self.nodes[reader];
                reader.inputs[input] = watermark;
                reader.watermark = reader.combined(self.policy);
            }
        }
        Ok(())
    }

    /// The watermark of a node.
    pub(super) fn watermark(&self, node: usize) -> Option<i64> {
        self.nodes[node].watermark
    }

    /// What expressions and encoders work with.
    pub(super) fn session(&mut self) -> &mut Session {
        &mut self.session
    }
}

/// The columns of a schema without a row: NULL for all of none.
fn blank(schema: &Schema) -> Vec<Vector> {
    schema.columns.iter().map(|column| literal_null(&column.data_type)).collect()
}
