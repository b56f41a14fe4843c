//! First in, first out: the same visits in each mode of delivery.

use crate::place::{Place, Row};
use std::collections::BTreeSet;

const VISITS: usize = 400;

/// Rows by partition.
fn partitions(rows: &[Row]) -> impl Iterator<Item = &[Row]> {
    rows.chunk_by(|a, b| a.partition == b.partition)
}

/// Where and what a row is.
fn contents(rows: &[Row]) -> Vec<(i64, &Option<String>, &str)> {
    rows.iter().map(|row| (row.partition, &row.key, row.value.as_str())).collect()
}

pub(crate) fn visits_are_delivered_in_order_in_each_mode(place: &Place) {
    place.generate(VISITS);
    let run = place.program("fifo.sql", &Place::example("fifo/fifo.sql"));
    let totals = place.run_to_end(&run, VISITS);
    assert_eq!(totals["queries"].as_array().unwrap().len(), 4);
    let visits = place.rows("visits");
    assert_eq!(visits.len(), VISITS);
    assert!(visits.iter().all(|row| row.key.as_ref() == Some(&row.field("visit_id"))));
    assert_eq!(partitions(&visits).count(), 2);
    for mode in ["individual-send", "batched", "idempotent", "exactly-once"] {
        let topic = format!("visits-{mode}");
        place.verify(&topic, "");
        let rows = place.rows(&topic);
        // As many partitions, chosen alike: each holds what its source held, byte for byte, in the same order.
        assert_eq!(contents(&rows), contents(&visits), "{mode}");
        assert!(rows.iter().all(|row| row.headers.is_empty()), "{mode}");
        for rows in partitions(&rows) {
            check_timestamps(mode, rows);
        }
        if mode == "exactly-once" {
            assert!(rows.iter().zip(&visits).all(|(row, visit)| row.timestamp == visit.timestamp));
        }
    }
    // A second run finds nothing to do, and repeats nothing.
    place.run_to_end(&run, 0);
    assert_eq!(place.rows("visits-batched").len(), VISITS);
}

fn check_timestamps(mode: &str, rows: &[Row]) {
    let steps: Vec<i64> =
        rows.windows(2).map(|pair| pair[1].timestamp - pair[0].timestamp).collect();
    match mode {
        "individual-send" => assert!(steps.iter().all(|step| *step >= 10), "{mode}: {steps:?}"),
        "batched" | "idempotent" => {
            assert!(steps.iter().all(|step| *step >= 0), "{mode}: {steps:?}");
            let distinct: BTreeSet<i64> = rows.iter().map(|row| row.timestamp).collect();
            assert!(distinct.len() * 4 < rows.len(), "{mode}: {distinct:?} of {}", rows.len());
        }
        _ => {}
    }
}

pub(crate) fn individual_delivery_pauses_a_second(place: &Place) {
    place.generate(8);
    let program = "
        CREATE STREAM visits (visit_id STRING) WITH (kafka_topic = 'visits', value_format = 'JSON');
        CREATE STREAM one_by_one WITH (
          kafka_topic = 'one-by-one', delivery = 'individual', delivery_pause = '1 second'
        ) AS SELECT * FROM visits;";
    place.run_to_end(&place.program("slow.sql", program), 8);
    let (rows, visits) = (place.rows("one-by-one"), place.rows("visits"));
    assert_eq!(contents(&rows), contents(&visits));
    for pair in partitions(&rows).flat_map(|rows| rows.windows(2)) {
        assert!(pair[1].timestamp - pair[0].timestamp >= 1000, "{pair:?}");
    }
    // What the command shows looks like what Kafka's own tool shows.
    let topic = place.topic("one-by-one");
    let shown = place.kolk.ok(&format!(
        "consume --topic {topic} --from-beginning --print-timestamp --print-partition --until-end"
    ));
    for row in rows {
        let Row { timestamp, partition, value, .. } = row;
        let line = format!("CreateTime:{timestamp}\tPartition:{partition}\t{value}\n");
        assert!(shown.contains(&line), "{line} is not in\n{shown}");
    }
}
