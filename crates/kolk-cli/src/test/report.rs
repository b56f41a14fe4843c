//! What the user is told of a test that failed.

use super::compare::{Difference, Written, difference, line};
use super::file::Record;

/// Most lines about the records of a topic; of long lists only the neighbourhood of the first difference is shown.
const LINES_AROUND: usize = 3;

/// Compares the records that a topic must hold with those it holds; `None` when they agree.
///
/// ```text
///   topic VISITS_OUT: 3 records expected, 2 written
///       0   "a" → {"N":1}
///     - 1   "b" → {"N":2}
///     + 1   "b" → {"N":3}
///           value.N: expected 2, found 3
///     - 2   "c" → {"N":4}
///           it was not written
/// ```
pub(crate) fn topic(name: &str, expected: &[&Record], written: &[Written]) -> Option<String> {
    let differs = |at: usize| match (expected.get(at), written.get(at)) {
        (Some(expected), Some(written)) => difference(expected, written),
        _ => Some(Difference { path: String::new(), what: String::new() }),
    };
    let count = expected.len().max(written.len());
    let first = (0..count).find(|at| differs(*at).is_some())?;
    let mut text =
        format!("  topic {name}: {} records expected, {} written\n", expected.len(), written.len());
    let shown = first.saturating_sub(LINES_AROUND)..count.min(first + LINES_AROUND + 1);
    if shown.start > 0 {
        text.push_str(&format!("      … {} that agree\n", shown.start));
    }
    for at in shown.clone() {
        text.push_str(&record(at, expected.get(at).copied(), written.get(at), differs(at)));
    }
    if shown.end < count {
        text.push_str(&format!("      … {} more\n", count - shown.end));
    }
    Some(text)
}

fn record(
    at: usize,
    expected: Option<&Record>,
    written: Option<&Written>,
    difference: Option<Difference>,
) -> String {
    let of_expected =
        |record: &Record| line((&record.key, &record.value), record.window, record.timestamp);
    let of_written = |written: &Written, with_stamp: bool| {
        let stamp = with_stamp.then_some(written.timestamp);
        line((&written.key, &written.value), written.window, stamp)
    };
    match (expected, written, difference) {
        (Some(record), Some(_), None) => format!("      {at:<3} {}\n", of_expected(record)),
        (Some(record), Some(written), Some(Difference { path, what })) => format!(
            "    - {at:<3} {}\n    + {at:<3} {}\n          {path}: {what}\n",
            of_expected(record),
            of_written(written, record.timestamp.is_some()),
        ),
        (Some(record), None, _) => {
            format!("    - {at:<3} {}\n          it was not written\n", of_expected(record))
        }
        (None, Some(written), _) => {
            format!("    + {at:<3} {}\n          none was expected\n", of_written(written, true))
        }
        (None, None, _) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::Json;
    use super::*;

    fn expected(value: i64, timestamp: Option<i64>) -> Record {
        Record {
            topic: "t".to_owned(),
            key: Json::Text("k".to_owned()),
            value: Json::Number(value.to_string()),
            timestamp,
            window: None,
            headers: None,
        }
    }

    fn written(value: i64) -> Written {
        Written {
            key: Json::Text("k".to_owned()),
            value: Json::Number(value.to_string()),
            timestamp: 7,
            window: None,
            headers: Vec::new(),
        }
    }

    #[test]
    fn the_first_difference_is_marked_and_long_agreement_left_out() {
        let wanted: Vec<Record> = (0..10).map(|value| expected(value, None)).collect();
        let wanted: Vec<&Record> = wanted.iter().collect();
        let mut found: Vec<Written> = (0..10).map(written).collect();
        assert_eq!(topic("T", &wanted, &found), None);
        found[5] = written(50);
        assert_eq!(
            topic("T", &wanted, &found).unwrap(),
            "  topic T: 10 records expected, 10 written
      … 2 that agree
      2   \"k\" → 2
      3   \"k\" → 3
      4   \"k\" → 4
    - 5   \"k\" → 5
    + 5   \"k\" → 50
          value: expected 5, found 50
      6   \"k\" → 6
      7   \"k\" → 7
      8   \"k\" → 8
      … 1 more\n"
        );
    }

    #[test]
    fn records_too_few_and_too_many_are_told() {
        let wanted = expected(1, Some(7));
        let missing = topic("T", &[&wanted], &[]).unwrap();
        assert!(
            missing.ends_with("    - 0   \"k\" → 1 (7 ms)\n          it was not written\n"),
            "{missing}"
        );
        let extra = topic("T", &[], &[written(1)]).unwrap();
        assert!(
            extra.ends_with("    + 0   \"k\" → 1 (7 ms)\n          none was expected\n"),
            "{extra}"
        );
    }
}
