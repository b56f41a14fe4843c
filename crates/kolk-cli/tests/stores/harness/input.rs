//! The rows of all cases, and what a store must hold when they were written: the oracle, in plain code.

use super::store::Keeps;
use crate::foreign::read_topic;
use crate::kolk;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;

pub(super) const TOPIC: &str = "rows";
const PARTITIONS: usize = 4;
/// Of each row: enough that memory would show if rows did not wait in Kafka.
const NOTE_BYTES: usize = 200;
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
    /// Of an object with these fields; what is missing is empty, and so equals no row that was written.
    pub(crate) fn of(object: &Value) -> Self {
        let text = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
        Self { id: text("id"), number: object["number"].as_i64().unwrap_or(-1), note: text("note") }
    }
}

/// A topic of rows, by partition, in order.
#[derive(Debug)]
pub(super) struct Input {
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
    pub(super) fn write(broker: SocketAddr, rows: u32) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let lines: String = (0..rows).map(|number| line(number, rows)).collect();
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
            "--file",
            &file,
            "--bootstrap-servers",
            &broker_name,
        ])?;
        let read = read_topic(broker, TOPIC)?;
        let of = |value: &[u8]| serde_json::from_slice(value).map(|row| Row::of(&row));
        let mut partitions = Vec::new();
        for records in &read {
            let rows: Result<Vec<Row>, _> =
                records.iter().map(|record| of(&record.value)).collect();
            partitions.push(rows.map_err(|error| error.to_string())?);
        }
        let found: usize = partitions.iter().map(Vec::len).sum();
        if found != rows as usize || partitions.iter().any(Vec::is_empty) {
            return Err(format!(
                "{found} of {rows} rows are in {TOPIC}, or one of its partitions is empty"
            ));
        }
        Ok(Self { partitions, bytes: lines.len() as u64 })
    }

    /// Compares what a store holds with what it must hold.
    pub(super) fn findings(&self, keeps: Keeps, stored: &[Row]) -> Findings {
        let everything: Vec<usize> = self.partitions.iter().map(Vec::len).collect();
        let lost = self.missing(keeps, stored, &everything);
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
        if keeps == Keeps::LastOfKey {
            let last = self.last(&everything);
            findings.wrong += stored.iter().filter(|row| last.get(&*row.id) != Some(row)).count();
        }
        findings
    }

    /// How many rows before these offsets are not stored, nor what has taken their place.
    pub(super) fn missing(&self, keeps: Keeps, stored: &[Row], before: &[usize]) -> usize {
        if keeps == Keeps::LastOfKey {
            let there: BTreeMap<&str, i64> =
                stored.iter().map(|row| (&*row.id, row.number)).collect();
            let last = self.last(before);
            let is_missing =
                |row: &&&Row| there.get(&*row.id).is_none_or(|number| *number < row.number);
            return last.values().filter(is_missing).count();
        }
        let there: BTreeSet<&Row> = stored.iter().collect();
        let wanted = self.partitions.iter().zip(before).flat_map(|(rows, before)| &rows[..*before]);
        wanted.filter(|row| !there.contains(row)).count()
    }

    /// The last row of each key before these offsets.
    fn last(&self, before: &[usize]) -> BTreeMap<&str, &Row> {
        let rows = self.partitions.iter().zip(before).flat_map(|(rows, before)| &rows[..*before]);
        rows.map(|row| (&*row.id, row)).collect()
    }
}

/// Each key comes twice, half of the rows apart.
fn line(number: u32, rows: u32) -> String {
    // A prime: neighbours are of keys far from each other.
    let id = format!("key-{:06}", u64::from(number) * 7919 % u64::from((rows / 2).max(1)));
    let mut note = format!("{number} {AWKWARD}");
    note.extend(std::iter::repeat_n('.', NOTE_BYTES.saturating_sub(note.len())));
    format!("{id}|{}\n", json!({ "id": id, "number": number, "note": note }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, number: i64) -> Row {
        Row { id: id.to_owned(), number, note: format!("note {number}") }
    }

    fn input() -> Input {
        let partitions =
            vec![vec![row("a", 0), row("b", 1), row("a", 2)], vec![row("c", 0), row("c", 5)]];
        Input { partitions, bytes: 0 }
    }

    #[test]
    fn the_last_row_of_each_key_must_be_there() {
        let findings = |stored: &[Row]| input().findings(Keeps::LastOfKey, stored);
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
        let findings = |stored: &[Row]| input().findings(Keeps::Every, stored);
        let right = [row("c", 0), row("a", 0), row("b", 1), row("c", 5), row("a", 2)];
        assert_eq!(findings(&right), Findings { rows: 5, ..Findings::default() });
        let again: Vec<Row> = right.iter().chain(&right[3..]).cloned().collect();
        assert_eq!(findings(&again), Findings { rows: 7, repeats: 2, ..Findings::default() });
        let turned = [row("c", 5), row("a", 0), row("b", 1), row("c", 0), row("a", 2)];
        assert_eq!(findings(&turned).reordered, 1);
        assert_eq!(findings(&right[..4]).lost, 1);
    }

    #[test]
    fn what_is_committed_must_be_stored() {
        let missing = |stored: &[Row], before: &[usize]| {
            [Keeps::LastOfKey, Keeps::Every].map(|keeps| input().missing(keeps, stored, before))
        };
        assert_eq!(missing(&[], &[0, 0]), [0, 0]);
        assert_eq!(missing(&[row("a", 0), row("c", 0)], &[1, 1]), [0, 0]);
        assert_eq!(missing(&[row("a", 0)], &[2, 1]), [2, 2]);
        // A later row of the key has taken its place; a store of every row must have both.
        assert_eq!(missing(&[row("a", 2)], &[1, 0]), [0, 1]);
    }
}
