//! Rows that are handed over at once, in input order: whole batches as they were fetched where that is the same.

use crate::record::{Output, OutputRow, Rows};
use crate::sink::held::SinkRow;
use crate::sink::outlet::{Outlet, Stamp};
use crate::sink::progress::Lane;

/// Hands the rows of `output`, which came of `input`, to `outlet`, and counts them in `by_lane`. Without a `stamp` they keep
/// their own time.
pub(super) fn stream(
    (input, output): (&Rows, &Output),
    stamp: Option<Stamp>,
    by_lane: &mut Vec<u64>,
    outlet: &mut impl Outlet,
) {
    let append = |rows: &[OutputRow], by_lane: &mut Vec<u64>, outlet: &mut _| {
        append((input, output), rows, stamp, by_lane, outlet);
    };
    let mut done = 0;
    if stamp.is_none() && output.is_all_of(input) {
        for whole in &input.whole {
            let end = whole.first + whole.rows();
            let Some(rows) = output.rows.get(whole.first..end) else { break };
            append(&output.rows[done..whole.first], by_lane, outlet);
            done = end;
            match one_lane((input, output), rows, outlet) {
                Some(lane) if outlet.forward(lane, &whole.batch) => {
                    count(by_lane, lane, rows.len() as u64);
                }
                _ => append(rows, by_lane, outlet),
            }
        }
    }
    append(&output.rows[done..], by_lane, outlet);
}

fn append(
    (input, output): (&Rows, &Output),
    rows: &[OutputRow],
    stamp: Option<Stamp>,
    by_lane: &mut Vec<u64>,
    outlet: &mut impl Outlet,
) {
    for row in rows {
        let row = SinkRow::of(input, output, row);
        let lane = outlet.lane(&row);
        count(by_lane, lane, 1);
        outlet.append(lane, &row, stamp.unwrap_or(Stamp::At(row.timestamp)), None);
    }
}

/// The lane that all of these rows belong to; `None` when they belong to several.
fn one_lane(
    (input, output): (&Rows, &Output),
    rows: &[OutputRow],
    outlet: &mut impl Outlet,
) -> Option<Lane> {
    let mut lanes = rows.iter().map(|row| outlet.lane(&SinkRow::of(input, output, row)));
    let first = lanes.next()?;
    lanes.all(|lane| lane == first).then_some(first)
}

/// Counts rows of a lane.
#[inline]
pub(super) fn count(by_lane: &mut Vec<u64>, lane: Lane, rows: u64) {
    let lane = lane.0 as usize;
    if by_lane.len() <= lane {
        by_lane.resize(lane + 1, 0);
    }
    by_lane[lane] += rows;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{OutputRow, Place, Row, Slice, WholeBatch};
    use crate::sink::outlet::AddedHeader;
    use kolk_wire::record::{Batch, BatchBuilder, Compression};

    /// An outlet with two lanes, chosen by the first byte of the key; it forwards to lane 0 only.
    #[derive(Default)]
    struct Told(Vec<String>);

    impl Outlet for Told {
        fn lane(&mut self, row: &SinkRow<'_>) -> Lane {
            Lane(u32::from(row.key.unwrap_or_default()[0] == b'b'))
        }

        fn append(&mut self, to: Lane, row: &SinkRow<'_>, _: Stamp, _: Option<AddedHeader<'_>>) {
            let key = String::from_utf8_lossy(row.key.unwrap_or_default()).into_owned();
            self.0.push(format!("{key}>{}", to.0));
        }

        fn forward(&mut self, lane: Lane, batch: &Batch) -> bool {
            if lane == Lane(0) {
                self.0.push(format!("{}>0", batch.header.records_count));
            }
            lane == Lane(0)
        }

        fn dispatch(&mut self) {}

        fn has_room(&self) -> bool {
            true
        }

        fn acknowledged(&mut self, _: &mut dyn FnMut(Lane, u64)) {}
    }

    fn whole(first: usize, rows: usize) -> WholeBatch {
        let mut builder = BatchBuilder::new(Compression::None);
        for _ in 0..rows {
            builder.push(0, None, None, &[]).unwrap();
        }
        let batch = Batch::parse(&builder.finish().freeze()).unwrap().unwrap();
        WholeBatch { first, batch }
    }

    /// What the outlet is told of rows with these keys, of a byte each, that came in these batches.
    fn told(keys: &str, batches: &[(usize, usize)], change: impl FnOnce(&mut Output)) -> String {
        let row = |at: u32| Row {
            offset: at.into(),
            timestamp: 0,
            key: Slice::new(at, 1),
            value: Slice::NULL,
            headers: Slice::NULL,
            fields: Slice::NULL,
        };
        let count = u32::try_from(keys.len()).unwrap();
        let rows: Vec<Row> = (0..count).map(row).collect();
        let whole = batches.iter().map(|(first, rows)| whole(*first, *rows)).collect();
        let input = Rows { buffer: keys.to_owned().into(), rows, whole, ..Rows::default() };
        let row = |(input, row): (u32, &Row)| OutputRow {
            input,
            timestamp: 0,
            key: Place::Input(row.key),
            value: Place::Input(row.value),
            bin: None,
        };
        let rows = (0..).zip(&input.rows).map(row).collect();
        let mut output = Output { rows, as_read: true, ..Output::default() };
        change(&mut output);
        let (mut told, mut by_lane) = (Told::default(), Vec::new());
        stream((&input, &output), None, &mut by_lane, &mut told);
        assert_eq!(by_lane.iter().sum::<u64>(), output.rows.len() as u64);
        told.0.join(" ")
    }

    #[test]
    fn batches_of_one_lane_are_forwarded_and_all_else_goes_row_by_row_in_order() {
        // A batch of lane 0, rows of none, a batch of both lanes, one of a lane that does not forward, one more of lane 0.
        let batches = [(0, 2), (3, 2), (5, 2), (7, 1)];
        let told = told("aababbba", &batches, |_| {});
        assert_eq!(told, "2>0 b>1 a>0 b>1 b>1 b>1 1>0");
    }

    #[test]
    fn rows_that_are_not_exactly_those_of_the_batch_are_not_forwarded() {
        assert_eq!(told("aa", &[(0, 2)], |output| output.as_read = false), "a>0 a>0");
        assert_eq!(told("aa", &[(0, 2)], |output| output.rows.truncate(1)), "a>0");
    }
}
