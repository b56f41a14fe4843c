//! The rows of all cases, and what a store must hold when they were written: the oracle, in plain code.

use super::case::Flow;
use super::store::Keeps;
use crate::foreign::{Delivered, read_topic};
use crate::kolk;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::net::SocketAddr;

pub(super) const TOPIC: &str = "rows";
const PARTITIONS: usize = 4;
/// Of each row: a batch does not go in one piece.
const NOTE_BYTES: usize = 200;
/// Of so many rows one deletes its key, where the store deletes: some delete a row, some what is not there and comes later.
const DELETES: i64 = 7;
/// The same of a query with state, which leaves these out of its result.
pub(super) const LEAVES_OUT: i64 = 9;
/// What stands in the place of a row that is none.
const NULL: &str = "NULL";
/// What clients quote, escape and encode.
const AWKWARD: &str = "it's \"q\\uoted\"; DROP \t\n → naïve 🦀 %s ${x} ";

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) id: String,
    /// Rises in each key.
    pub(crate) number: i64,
    pub(crate) note: String,
}

impl Row {
    /// Line `number` of so many.
    fn written(number: u32, rows: u32, keeps: Keeps) -> Self {
        // Each key comes twice, half of the rows apart. A prime: neighbours are of keys far from each other.
        let id = format!("key-{:06}", u64::from(number) * 7919 % u64::from((rows / 2).max(1)));
        let number = i64::from(number);
        if keeps == Keeps::LastOfKey && number % DELETES == 0 {
            return Self { id, number, note: String::new() };
        }
        let mut note = format!("{number} {AWKWARD}");
        note.extend(std::iter::repeat_n('.', NOTE_BYTES.saturating_sub(note.len())));
        Self { id, number, note }
    }

    /// Whether it is none, but deletes the row of its key.
    fn deletes(&self) -> bool {
        self.note.is_empty()
    }

    fn line(&self) -> String {
        let Self { id, number, note } = self;
        if self.deletes() {
            return format!("{id}|{NULL}\n");
        }
        format!("{id}|{}\n", json!({ "id": id, "number": number, "note": note }))
    }

    /// Whether a record's value is that of this row.
    fn is(&self, value: &[u8]) -> bool {
        if self.deletes() {
            return value.is_empty();
        }
        serde_json::from_slice(value).is_ok_and(|object| Self::of(&object) == *self)
    }

    /// Of an object with these fields; what is missing is empty, and so equals no row that was written.
    pub(crate) fn of(object: &Value) -> Self {
        let text = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
        Self { id: text("id"), number: object["number"].as_i64().unwrap_or(-1), note: text("note") }
    }
}

/// A topic of rows, by partition, in order.
#[derive(Debug)]
pub(super) struct Input {
    /// Of the store that it is for.
    keeps: Keeps,
    partitions: Vec<Vec<Row>>,
    /// Of all rows.
    pub(super) bytes: u64,
}

/// What a store holds, beside what it must hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Findings {
    pub(super) rows: usize,
    pub(super) lost: usize,
    /// Rows that nobody wrote, or older than what must be there.
    pub(super) wrong: usize,
    pub(super) reordered: usize,
    pub(super) repeats: usize,
}

impl Input {
    /// How many partitions there are.
    pub(super) fn partitions(&self) -> usize {
        self.partitions.len()
    }

    /// Writes `rows` rows of half as many keys.
    ///
    /// # Errors
    /// In words.
    pub(super) fn write(broker: SocketAddr, rows: u32, keeps: Keeps) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let written: Vec<Row> = (0..rows).map(|at| Row::written(at, rows, keeps)).collect();
        let lines: String = written.iter().map(Row::line).collect();
        let file = folder.path().join("lines");
        fs::write(&file, &lines).map_err(|error| error.to_string())?;
        let (broker_name, file) = (broker.to_string(), file.display().to_string());
        let partitions = PARTITIONS.to_string();
        kolk::done(&[
            "topic",
            "create",
            TOPIC,
            "--partitions",
            &partitions,
            "--bootstrap-servers",
            &broker_name,
        ])?;
        kolk::done(&[
            "produce",
            "--topic",
            TOPIC,
            "--key-separator",
            "|",
            "--null-marker",
            NULL,
            "--file",
            &file,
            "--bootstrap-servers",
            &broker_name,
        ])?;
        let partitions = placed(written, &read_topic(broker, TOPIC)?);
        let found: usize = partitions.iter().map(Vec::len).sum();
        if found != rows as usize || partitions.iter().any(Vec::is_empty) {
            return Err(format!(
                "{found} of {rows} rows are in {TOPIC}, or one of its partitions is empty"
            ));
        }
        Ok(Self { keeps, partitions, bytes: lines.len() as u64 })
    }

    /// Compares what a store holds with what it must hold.
    pub(super) fn findings(&self, flow: Flow, stored: &[Row]) -> Findings {
        let everything: Vec<usize> = self.partitions.iter().map(Vec::len).collect();
        let lost = self.missing(flow, stored, &everything);
        let mut findings = Findings { rows: stored.len(), lost, ..Findings::default() };
        let all: BTreeSet<&Row> = self.partitions.iter().flatten().collect();
        let mut seen: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
        for row in stored {
            let of_key = seen.entry(&row.id).or_default();
            if !all.contains(row) {
                findings.wrong += 1;
            } else if of_key.contains(&row.number) {
                findings.repeats += 1;
            } else if of_key.last().is_some_and(|last| *last > row.number) {
                findings.reordered += 1;
            }
            of_key.insert(row.number);
        }
        if self.keeps == Keeps::LastOfKey {
            let last = self.last(flow, &everything);
            let is_wrong = |row: &&Row| last.get(&*row.id) != Some(&(*row, false));
            findings.wrong += stored.iter().filter(is_wrong).count();
        }
        findings
    }

    /// How many rows before these offsets are not stored, nor what has taken their place; and how many that were deleted are still there.
    pub(super) fn missing(&self, flow: Flow, stored: &[Row], before: &[usize]) -> usize {
        if self.keeps == Keeps::LastOfKey {
            let there: BTreeMap<&str, i64> =
                stored.iter().map(|row| (&*row.id, row.number)).collect();
            let last = self.last(flow, before);
            // The store may be ahead of the offsets: a later deletion is a reason for a row not to be there, too.
            let everything: Vec<usize> = self.partitions.iter().map(Vec::len).collect();
            let deletions: BTreeMap<&str, i64> = self
                .changes(flow, &everything)
                .filter(|(_, deletes)| *deletes)
                .map(|(row, _)| (&*row.id, row.number))
                .collect();
            let is_missing = |(row, _): &&(&Row, bool)| match there.get(&*row.id) {
                None => deletions.get(&*row.id).is_none_or(|deletion| *deletion < row.number),
                Some(number) => *number < row.number,
            };
            return last.values().filter(is_missing).count();
        }
        let there: BTreeSet<&Row> = stored.iter().collect();
        self.changes(flow, before).filter(|(row, _)| !there.contains(row)).count()
    }

    /// The last change of each key before these offsets.
    fn last(&self, flow: Flow, before: &[usize]) -> BTreeMap<&str, (&Row, bool)> {
        self.changes(flow, before).map(|(row, deletes)| (&*row.id, (row, deletes))).collect()
    }

    /// What the query makes of the rows before these offsets, and of each whether it deletes its key's.
    fn changes(&self, flow: Flow, before: &[usize]) -> impl Iterator<Item = (&Row, bool)> {
        let rows = self.partitions.iter().zip(before).flat_map(|(rows, before)| &rows[..*before]);
        rows.filter_map(move |row| match flow {
            Flow::Rows => Some((row, row.deletes())),
            Flow::State if row.deletes() => None,
            Flow::State => {
                let is_left_out = row.number % LEAVES_OUT == 0;
                Some((row, is_left_out && self.keeps == Keeps::LastOfKey))
            }
        })
    }
}

/// The rows where they are in the topic; what is not as it was written is left out.
fn placed(written: Vec<Row>, read: &[Vec<Delivered>]) -> Vec<Vec<Row>> {
    let mut of_key: BTreeMap<String, VecDeque<Row>> = BTreeMap::new();
    for row in written {
        of_key.entry(row.id.clone()).or_default().push_back(row);
    }
    let mut place = |record: &Delivered| {
        let row = of_key.get_mut(str::from_utf8(&record.key).ok()?)?.pop_front()?;
        row.is(&record.value).then_some(row)
    };
    read.iter().map(|records| records.iter().filter_map(&mut place).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, number: i64) -> Row {
        Row { id: id.to_owned(), number, note: format!("note {number}") }
    }

    fn input(keeps: Keeps) -> Input {
        let partitions =
            vec![vec![row("a", 0), row("b", 1), row("a", 2)], vec![row("c", 0), row("c", 5)]];
        Input { keeps, partitions, bytes: 0 }
    }

    #[test]
    fn the_last_row_of_each_key_must_be_there() {
        let findings = |stored: &[Row]| input(Keeps::LastOfKey).findings(Flow::Rows, stored);
        let right = [row("c", 5), row("a", 2), row("b", 1)];
        assert_eq!(findings(&right), Findings { rows: 3, ..Findings::default() });
        let older = [row("c", 0), row("a", 2), row("b", 1)];
        assert_eq!(
            findings(&older),
            Findings { rows: 3, lost: 1, wrong: 1, ..Findings::default() }
        );
        assert_eq!(findings(&right[1..]).lost, 1);
        let other = Row { note: "other".to_owned(), ..row("b", 1) };
        assert_eq!(findings(&[row("c", 5), row("a", 2), other]).wrong, 2);
    }

    #[test]
    fn every_row_must_be_there_in_the_order_of_its_key() {
        let findings = |stored: &[Row]| input(Keeps::Every).findings(Flow::Rows, stored);
        let right = [row("c", 0), row("a", 0), row("b", 1), row("c", 5), row("a", 2)];
        assert_eq!(findings(&right), Findings { rows: 5, ..Findings::default() });
        let again: Vec<Row> = right.iter().chain(&right[3..]).cloned().collect();
        assert_eq!(findings(&again), Findings { rows: 7, repeats: 2, ..Findings::default() });
        let turned = [row("c", 5), row("a", 0), row("b", 1), row("c", 0), row("a", 2)];
        assert_eq!(findings(&turned).reordered, 1);
        assert_eq!(findings(&right[..4]).lost, 1);
    }

    #[test]
    fn what_was_deleted_must_not_be_there() {
        let gone = |id: &str, number: i64| Row { note: String::new(), ..row(id, number) };
        // `a` goes, `b` goes before it comes, `c` is left out of the state at last.
        let rows = [row("a", 1), gone("b", 2), row("c", 4), gone("a", 7), row("b", 8), row("c", 9)];
        let of = |keeps: Keeps, flow: Flow, stored: &[Row]| {
            let partitions = vec![rows.to_vec()];
            let found = Input { keeps, partitions, bytes: 0 }.findings(flow, stored);
            (found.lost, found.wrong)
        };
        let last = |flow, stored: &[Row]| of(Keeps::LastOfKey, flow, stored);
        assert_eq!(last(Flow::Rows, &[row("b", 8), row("c", 9)]), (0, 0));
        assert_eq!(last(Flow::Rows, &[row("a", 1), row("b", 8), row("c", 9)]), (1, 1));
        assert_eq!(last(Flow::Rows, &[row("c", 9)]), (1, 0), "deleted behind its time");
        assert_eq!(last(Flow::State, &[row("a", 1), row("b", 8)]), (0, 0));
        assert_eq!(last(Flow::State, &[row("a", 1), row("b", 8), row("c", 4)]), (1, 1));
        let every = [row("a", 1), row("c", 4), row("b", 8), row("c", 9)];
        assert_eq!(of(Keeps::Every, Flow::State, &every), (0, 0), "such a store deletes nothing");
        // Behind the first three offsets `a` must be there, unless the store has its deletion already.
        let input = Input { keeps: Keeps::LastOfKey, partitions: vec![rows.to_vec()], bytes: 0 };
        let missing = |stored: &[Row]| input.missing(Flow::Rows, stored, &[3]);
        assert_eq!([missing(&[row("a", 1), row("c", 4)]), missing(&[row("c", 4)])], [0, 0]);
        assert_eq!(missing(&[row("a", 1)]), 1, "`c` is never deleted");
    }

    #[test]
    fn what_is_committed_must_be_stored() {
        let missing = |stored: &[Row], before: &[usize]| {
            [Keeps::LastOfKey, Keeps::Every]
                .map(|keeps| input(keeps).missing(Flow::Rows, stored, before))
        };
        assert_eq!(missing(&[], &[0, 0]), [0, 0]);
        assert_eq!(missing(&[row("a", 0), row("c", 0)], &[1, 1]), [0, 0]);
        assert_eq!(missing(&[row("a", 0)], &[2, 1]), [2, 2]);
        // A later row of the key has taken its place; a store of every row must have both.
        assert_eq!(missing(&[row("a", 2)], &[1, 0]), [0, 1]);
    }
}
