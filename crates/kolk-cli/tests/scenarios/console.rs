//! Kolk's console commands and Kafka's: each reads what the other wrote, and both print the same lines.

use crate::java::{self, CONSUMER, PRODUCER};
use crate::place::Place;

/// Two statements whose outputs have what lines can show: shared stamps, and headers.
const PROGRAM: &str = "
    CREATE STREAM visits (visit_id STRING, event_time TIMESTAMP)
      WITH (kafka_topic = 'visits', value_format = 'JSON', key = 'visit_id');
    CREATE STREAM batched WITH (kafka_topic = 'visits-batched', delivery = 'batched') AS SELECT * FROM visits;
    CREATE STREAM ordered WITH (
      kafka_topic = 'visits-ordered', delivery = 'bin_packed', bin_key = 'visit_id', bin_order_by = 'event_time',
      bin_interval = '20 seconds', bin_header = 'delivery_batch'
    ) AS SELECT * FROM visits;";

pub(crate) fn lines_are_those_of_the_console_consumer(place: &Place) {
    let (address, _broker) = place.address();
    place.generate(120);
    place.run_to_end(&place.program("lines.sql", PROGRAM), 120);
    let (batched, ordered) = (place.topic("visits-batched"), place.topic("visits-ordered"));
    for (topic, ours, theirs) in [
        (
            batched,
            "--print-timestamp --print-partition",
            "--property print.timestamp=true --property print.partition=true",
        ),
        (
            ordered,
            "--property print.headers=true --print-key",
            "--property print.headers=true --property print.key=true",
        ),
    ] {
        for partition in [0, 1] {
            let from = format!("--topic {topic} --partition {partition} --offset earliest");
            let ours = place.kolk.ok(&format!("consume {from} {ours} --until-end"));
            let count = ours.lines().count();
            assert!(count > 20, "{count} lines of {topic}-{partition}");
            let theirs =
                format!("{from} {theirs} --max-messages {count} --bootstrap-server {address}");
            let Some(theirs) = java::run(CONSUMER, &theirs, "") else { return };
            assert_eq!(ours, theirs, "{topic}-{partition}");
        }
    }
}

pub(crate) fn what_kolk_produces_the_console_consumer_reads(place: &Place) {
    let (address, _broker) = place.address();
    let topic = place.topic("from-kolk");
    place.kolk.ok(&format!("topic create {topic} --partitions 1"));
    let options = "--key-separator \\t --parse-headers --null-marker NULL";
    place.kolk.produce(
        &format!("--topic {topic} {options}"),
        "h:1,i:ü\tkey\t{\"name\": \"naïve\"}\nNULL\tNULL\tno key\nh:NULL\ttombstone\tNULL\nNULL\t\t\n",
    );
    place.kolk.produce(&format!("--topic {topic} --compression zstd --acks 1"), "packed\n");
    let show =
        "--property print.headers=true --property print.key=true --property print.offset=true";
    let arguments = format!(
        "--topic {topic} --from-beginning {show} --max-messages 5 --bootstrap-server {address}"
    );
    let Some(lines) = java::run(CONSUMER, &arguments, "") else { return };
    let wanted = "Offset:0\th:1,i:ü\tkey\t{\"name\": \"naïve\"}\n\
                  Offset:1\tNO_HEADERS\tnull\tno key\n\
                  Offset:2\th:null\ttombstone\tnull\n\
                  Offset:3\tNO_HEADERS\t\t\n\
                  Offset:4\tNO_HEADERS\tnull\tpacked\n";
    assert_eq!(lines, wanted);
    let ours =
        place.kolk.ok(&format!("consume --topic {topic} --from-beginning {show} --max-messages 5"));
    assert_eq!(ours, wanted);
}

pub(crate) fn what_the_console_producer_produces_kolk_consumes(place: &Place) {
    let (address, _broker) = place.address();
    let topic = place.topic("from-java");
    place.kolk.ok(&format!("topic create {topic} --partitions 1"));
    let arguments = format!(
        "--topic {topic} --bootstrap-server {address} --compression-codec lz4 --property parse.key=true \
         --property parse.headers=true --property null.marker=NULL"
    );
    let lines = "a:1,b:2\tkey\tvalue ü\nc:3\ttombstone\tNULL\nNULL\tNULL\tno key\n";
    if java::run(PRODUCER, &arguments, lines).is_none() {
        return;
    }
    let shown = place.kolk.ok(&format!(
        "consume --topic {topic} --from-beginning --until-end --print-headers --print-key --print-partition"
    ));
    let wanted = "Partition:0\ta:1,b:2\tkey\tvalue ü\n\
                  Partition:0\tc:3\ttombstone\tnull\n\
                  Partition:0\tNO_HEADERS\tnull\tno key\n";
    assert_eq!(shown, wanted);
    // A group takes them once, and goes on behind them.
    let group = place.topic("readers");
    let member =
        format!("consume --topic {topic} --group {group} --from-beginning --max-messages 3");
    assert_eq!(place.kolk.ok(&member).lines().count(), 3);
    place.kolk.produce(&format!("--topic {topic}"), "later\n");
    let member = format!("consume --topic {topic} --group {group} --max-messages 1");
    assert_eq!(place.kolk.ok(&member), "later\n");
}
