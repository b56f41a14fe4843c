//! Bin packing: no bin holds a visit twice, one bin after the other.

use crate::kolk::eventually;
use crate::place::{Place, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

const VISITS: usize = 600;

/// The bin of a row: its only header.
fn bin(row: &Row) -> usize {
    let [(name, number)] = row.headers.as_slice() else { panic!("{row:?}") };
    assert_eq!(name, "delivery_batch");
    number.parse().unwrap()
}

/// Checks bins without the help of `kolk verify`; returns how many intervals there are.
fn check_bins(rows: &[Row]) -> usize {
    let mut intervals = 0;
    for partition in rows.chunk_by(|a, b| a.partition == b.partition) {
        // An interval is a transaction; its marker takes an offset.
        for interval in partition.chunk_by(|a, b| a.offset + 1 == b.offset) {
            intervals += 1;
            let bins: Vec<&[Row]> = interval.chunk_by(|a, b| bin(a) == bin(b)).collect();
            let numbers = bins.iter().map(|rows| bin(&rows[0]));
            assert!(numbers.eq(1..=bins.len()), "bins go 1, 2, 3 …, each in one piece");
            let mut last = BTreeMap::new();
            for rows in bins {
                let visits: BTreeSet<String> =
                    rows.iter().map(|row| row.field("visit_id")).collect();
                assert_eq!(visits.len(), rows.len(), "a bin holds a visit twice");
                let stamps: BTreeSet<i64> = rows.iter().map(|row| row.timestamp).collect();
                assert_eq!(stamps.len(), 1, "the rows of a bin are stamped together");
                for row in rows {
                    let (visit, time) = (row.field("visit_id"), row.field("event_time"));
                    let before = last.insert(visit, time.clone());
                    assert!(before.as_ref().is_none_or(|before| *before < time), "{row:?}");
                }
            }
        }
    }
    intervals
}

/// Keys and values, sorted.
fn sorted(rows: &[Row]) -> Vec<(&Option<String>, &str)> {
    let mut sorted: Vec<_> = rows.iter().map(|row| (&row.key, row.value.as_str())).collect();
    sorted.sort_unstable();
    sorted
}

pub(crate) fn visits_are_delivered_in_bins(place: &Place) {
    place.generate(VISITS);
    let example = Place::example("bin-packing/bin-packing.sql");
    place.run_to_end(&place.program("bin-packing.sql", &example), VISITS);
    place.verify("visits-ordered", "--bins delivery_batch");
    let (rows, visits) = (place.rows("visits-ordered"), place.rows("visits"));
    assert_eq!(sorted(&rows), sorted(&visits));
    // 20 seconds are not over: the end flushes the one interval.
    assert_eq!(check_bins(&rows), 2, "one interval in each partition");
    // A row limit makes several, each a transaction of its own.
    let example = example
        .replace("'visits-ordered'", "'visits-limited'")
        .replace("bin_header", "bin_rows = 100, bin_header");
    assert!(example.contains("bin_rows = 100"));
    place.run_to_end(&place.program("limited.sql", &example), VISITS);
    place.verify("visits-limited", "--bins delivery_batch");
    let rows = place.rows("visits-limited");
    assert_eq!(sorted(&rows), sorted(&visits));
    assert!(check_bins(&rows) >= VISITS / 100, "{} intervals", check_bins(&rows));
}

pub(crate) fn rows_that_lie_elsewhere_are_repartitioned_first(place: &Place) {
    place.generate(VISITS);
    // The same visits without a key, so that the rows of one visit lie in three partitions.
    let (scattered, visits) = (place.topic("scattered"), place.rows("visits"));
    place.kolk.ok(&format!("topic create {scattered} --partitions 3"));
    let mut in_order: Vec<&Row> = visits.iter().collect();
    in_order.sort_by_key(|row| row.field("event_time"));
    for partition in 0..3 {
        let rows = in_order.iter().skip(partition).step_by(3);
        let lines: String = rows.map(|row| format!("{}\n", row.value)).collect();
        place.kolk.produce(&format!("--topic {scattered} --partition {partition}"), &lines);
    }
    let program = Place::example("bin-packing/bin-packing.sql")
        .replace("'visits'", "'scattered'")
        .replace(", key = 'visit_id'", "")
        .replace("partitions = 2", "partitions = 3");
    assert!(program.contains("'scattered'") && !program.contains(", key ="), "{program}");
    place.run_to_end(&place.program("scattered.sql", &program), VISITS);
    let topics = place.kolk.ok("topic list --output json");
    assert!(topics.contains(&place.topic("scattered-visits_ordered-repartition")), "{topics}");
    let rows = place.rows("visits-ordered");
    let values = |rows: &[Row]| {
        let mut values: Vec<String> = rows.iter().map(|row| row.value.clone()).collect();
        values.sort_unstable();
        values
    };
    assert_eq!(values(&rows), values(&visits), "value bytes unchanged, each once");
    assert_eq!(rows.iter().map(|row| row.partition).collect::<BTreeSet<_>>().len(), 3);
    check_bins(&rows);
    let topic = place.topic("visits-ordered");
    place.kolk.ok(&format!(
        "verify order --topic {topic} --key visit_id --by event_time --bins delivery_batch"
    ));
}

pub(crate) fn a_signal_flushes_an_open_interval(place: &Place) {
    place.generate(VISITS);
    let program = place.program("signal.sql", &Place::example("bin-packing/bin-packing.sql"));
    let run = place.kolk.start(&program, "");
    let group = format!("group describe {} --output json", place.topic("signal-visits_ordered"));
    eventually("the query to own its partitions", || {
        let described = place.kolk.run(&group);
        described.status == 0 && described.json()["state"] == "Stable"
    });
    // Long enough to read something; the interval is far from over.
    eventually("rows to be read", {
        let start = Instant::now();
        move || start.elapsed() > Duration::from_secs(1)
    });
    let totals = run.stop().with(0).json();
    let (read, rows) = (&totals["queries"][0]["read"], place.rows("visits-ordered"));
    assert_eq!(read, rows.len(), "{totals:#}");
    assert!(!rows.is_empty() && totals["seconds"].as_f64().unwrap() < 20.0, "{totals:#}");
    check_bins(&rows);
    // What was not read is there for the next run, and nothing comes twice.
    place.run_to_end(&program, VISITS - rows.len());
    place.verify("visits-ordered", "--bins delivery_batch");
}
