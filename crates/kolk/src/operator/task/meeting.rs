//! Two inputs whose rows meet in turn: they are led to their node together, however often the turn changes.

use super::{BadRow, From, Task};
use crate::operator::chunk::Chunk;
use crate::operator::head::{Fate, Head};
use crate::operator::lanes::{Item, Next};
use crate::operator::operate::Turn;
use crate::record::Output;

/// Turns of one call, at most.
const TURNS_MAX: usize = 4096;

impl Task {
    /// Processes the rows of both inputs that are decoded, in append order; `false` when there is nothing to do until something is
    /// offered.
    pub(super) fn run_both(&mut self, node: usize, output: &mut Output) -> Result<bool, String> {
        let mut turns = std::mem::take(&mut self.turns);
        turns.clear();
        let (mut is_waiting, mut idled) = (false, None);
        while turns.len() < TURNS_MAX {
            let goes_on = match self.lanes.next() {
                Next::Wait => {
                    is_waiting = true;
                    false
                }
                Next::Idle { input, idle } => {
                    idled = Some((input, idle));
                    false
                }
                Next::Watermark { input, watermark } => {
                    let raised = self.graph.raise(node, input, watermark);
                    turns.extend(raised.map(Turn::Watermark));
                    true
                }
                Next::Rows { lane, until } => {
                    self.take_turn((node, lane, until), &mut turns, output)
                }
            };
            if !goes_on {
                break;
            }
        }
        let mut sink = Vec::new();
        if !turns.is_empty() {
            let empty = Chunk::default();
            let chunk = |input: usize| self.inputs.get(input).and_then(head_of).map(Head::chunk);
            let chunks = [0, 1].map(|input| chunk(input).unwrap_or(&empty));
            self.graph.meet(node, chunks, &turns, &mut sink);
        }
        if let Some((input, idle)) = idled {
            self.graph.set_idle(self.out_of(input), idle, &mut sink);
        }
        self.write(sink, output)?;
        // Behind a join no record is at hand that could be a bad one.
        if let Some((_, reason)) = self.graph.fates.unreadable.pop() {
            return Err(reason);
        }
        let worked = !turns.is_empty() || !is_waiting;
        self.turns = turns;
        Ok(worked)
    }

    /// Takes decoded rows of a lane up to a record time-stamp; `false` when more must be decoded first, and turns refer to what is.
    fn take_turn(
        &mut self,
        (node, lane, until): (usize, usize, i64),
        turns: &mut Vec<Turn>,
        output: &mut Output,
    ) -> bool {
        let input = self.lanes.all()[lane].input;
        let From::Records { head, .. } = &mut self.inputs[input].from else { return false };
        if head.is_empty() && !turns.is_empty() {
            return false;
        }
        let Some(item) = self.lanes.lend(lane) else { return false };
        let Item::Records { rows, next } = &item else { return false };
        if head.is_empty() {
            head.decode(rows, *next, output);
        }
        let before = output.bad.len();
        let mut taken = 0;
        while let Some(record) = head.next(until, output) {
            taken += 1;
            if record.fate == Fate::Bad {
                continue;
            }
            let row =
                (record.fate == Fate::Row).then(|| Turn::Row { input, row: head.rows_taken() - 1 });
            let beside = (record.timestamp, rows.read_at);
            let moved = self.lanes.advance(lane, record.time, beside);
            let mark = moved.and_then(|watermark| self.graph.raise(node, input, watermark));
            let mark = mark.map(Turn::Watermark);
            let in_order = if head.marks_before() { [mark, row] } else { [row, mark] };
            turns.extend(in_order.into_iter().flatten());
        }
        let bad = output.bad.drain(before..).filter_map(|bad| BadRow::new(input, rows, &bad));
        self.bad.extend(bad);
        self.lanes.give_back(lane, item, taken);
        self.graph.fates.read += taken as u64;
        true
    }
}

fn head_of(input: &super::Input) -> Option<&Head> {
    match &input.from {
        From::Records { head, .. } => Some(head),
        From::Blocks { .. } => None,
    }
}
