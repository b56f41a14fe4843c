//! Kinesis by `scripts/kinesis.sh`, which takes calls in part: order, completeness, and what is sent again; read back by boto3.
//!
//! Needs Node, npm for the first time, and Python; says `skipped: why` without.

mod server;
mod store;

pub(super) use store::start;

use crate::embedded::Kolk;
use serde_json::Value;
use server::{ACCESS_KEY_ID, Call, Record, Server};
use std::collections::{BTreeMap, BTreeSet};

/// The example's folder, with this server and stream in its program.
fn place(server: &Server, stream: &str) -> Kolk {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/bin-packing-kinesis");
    let program = std::fs::read_to_string(format!("{folder}/bin-packing.sql")).unwrap();
    let kolk = Kolk::new()
        .with_variable("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .with_variable("AWS_SECRET_ACCESS_KEY", "secret");
    let program = program.replace("http://127.0.0.1:4567", &server.endpoint());
    kolk.write("bins.sql", &program.replace("visits-ordered", stream));
    kolk.ok("topic create visits --partitions 2");
    kolk
}

/// The values of the topic, in no order.
fn visits(kolk: &Kolk) -> Vec<String> {
    let out = kolk.ok("consume --topic visits --from-beginning --until-end");
    let mut lines: Vec<String> = out.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn field(data: &str, name: &str) -> String {
    let value: Value = serde_json::from_str(data).unwrap();
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {data}")).to_owned()
}

/// Fails unless each visit is in one shard, or in a parent and then its child, and its times rise.
fn assert_order(records: &[Record]) {
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    for record in records {
        let (visit, time) = (field(&record.data, "visit_id"), field(&record.data, "event_time"));
        assert_eq!(visit, record.key, "the partition key is the record's key");
        let before = last.insert(visit.clone(), time.clone());
        assert!(before.as_ref() < Some(&time), "{visit}: {time} follows {before:?}");
    }
}

/// What a visit's record is without the number of its bin, and that number.
fn bin(record: &Record) -> (String, u32) {
    let (data, bin) = record.data.rsplit_once(r#","delivery_batch":"#).unwrap();
    (format!("{data}}}"), bin.trim_end_matches('}').parse().unwrap())
}

fn entries(calls: &[Call]) -> usize {
    calls.iter().map(|call| call.keys.len()).sum()
}

/// The scenario: a part of the entries is refused, and still each visit's events are all there, once, in order.
#[test]
fn visits_arrive_in_order_though_every_fifth_entry_is_refused() {
    let Some(server) = Server::own() else { return };
    let kolk = place(&server, "packed");
    server.create("packed", 2);
    server.faults(r#""failEvery": 5"#);
    kolk.ok("generate visits --count 600 --seed 3");
    let totals = kolk.run("run bins.sql --until-end --output json").with(0).json();

    let records = server.records("packed");
    assert_order(&records);
    let mut delivered: Vec<String> = records.iter().map(|record| bin(record).0).collect();
    delivered.sort();
    assert!(delivered == visits(&kolk), "the bytes of every visit are there, once");
    let mut bins: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for record in &records {
        bins.entry(&record.key).or_default().push(bin(record).1);
    }
    for (visit, bins) in bins {
        let expected: Vec<u32> = (1..).take(bins.len()).collect();
        assert_eq!(bins, expected, "{visit}: one row in each bin");
    }

    let calls = server.calls("packed");
    for Call { keys, .. } in &calls {
        assert_eq!(
            keys.iter().collect::<BTreeSet<_>>().len(),
            keys.len(),
            "a visit is in a call once"
        );
        assert!(keys.len() <= 500);
    }
    let refused: usize = calls.iter().map(|call| call.refused).sum();
    assert!(refused >= 120, "{refused} entries were refused");
    assert_eq!(entries(&calls), 600 + refused, "only what was refused was sent again");
    assert_eq!(totals["queries"][0]["delivered"], 600);
    assert_eq!(totals["queries"][0]["sent_again"], refused);
}

/// Calls that are refused in part, refused whole, and whose answers are lost: rows are there again, and never in another order.
#[test]
fn batches_keep_the_order_of_keys_whatever_becomes_of_calls() {
    let Some(server) = Server::own() else { return };
    let kolk = place(&server, "batches");
    server.create("batches", 2);
    server.faults(r#""failEvery": 7, "throttleEvery": 9, "loseAnswerEvery": 13"#);
    kolk.ok("generate visits --count 400 --seed 4");
    let program = std::fs::read_to_string(kolk.folder().join("bins.sql")).unwrap();
    let (declared, _) = program.split_once("CREATE STREAM visits_ordered").unwrap();
    let options = format!(
        "connector = 'kinesis', stream = 'batches', endpoint = '{}', delivery = 'batched', partition_key = 'visit_id'",
        server.endpoint()
    );
    let query = format!("CREATE STREAM sent WITH ({options}) AS SELECT * FROM visits;");
    kolk.write("batches.sql", &format!("{declared}{query}"));
    let totals = kolk.ok("run batches.sql --until-end");
    assert!(totals.contains("rows were sent again"), "{totals}");

    let mut records = server.records("batches");
    let count = records.len();
    let mut seen = BTreeSet::new();
    records.retain(|record| seen.insert(record.data.clone()));
    assert!(count > records.len(), "no answer was lost: nothing was written twice");
    assert_order(&records);
    let mut delivered: Vec<String> = records.into_iter().map(|record| record.data).collect();
    delivered.sort();
    assert!(delivered == visits(&kolk), "the bytes of every visit are there");
    for Call { keys, .. } in server.calls("batches") {
        assert_eq!(
            keys.iter().collect::<BTreeSet<_>>().len(),
            keys.len(),
            "a visit is in a call once"
        );
    }
}

/// The check reads the shards of a stream that was split half-way, and finds what is wrong in one that was written by hand.
#[test]
fn verify_order_reads_a_stream_that_was_split() {
    let Some(server) = Server::own() else { return };
    let kolk = place(&server, "split");
    server.create("split", 1);
    kolk.ok("generate visits --count 300 --seed 5");
    kolk.run("run bins.sql --until-end").with(0);
    server.split("split");
    kolk.ok("generate visits --count 600 --seed 5");
    kolk.run("run bins.sql --until-end").with(0);
    let shards: BTreeSet<String> =
        server.records("split").into_iter().map(|record| record.shard).collect();
    assert_eq!(shards.len(), 3, "the second half went to the new shards");

    let check =
        format!("verify order --kinesis split --endpoint {} --key visit_id", server.endpoint());
    // The topic has the first 300 twice, and so has the stream.
    let right = "--by event_time --bins delivery_batch --against visits --allow-duplicates";
    let report = kolk.ok(&format!("{check} {right}"));
    assert!(report.contains("900 records"), "{report}");
    assert!(report.contains("in 3 shards"), "{report}");
    let wrong = kolk.run(&format!("{check} --by page --allow-duplicates")).with(1).out;
    assert!(wrong.contains("shardId-000000000000 record"), "{wrong}");
    assert!(wrong.contains("page falls from"), "{wrong}");
    let nothing =
        format!("verify order --kinesis nothing --endpoint {} --key a --by b", server.endpoint());
    kolk.run(&nothing).with(1).says(&["ResourceNotFoundException"]);
}

#[test]
fn a_row_that_kinesis_never_takes_goes_to_the_dead_letters() {
    let Some(server) = Server::own() else { return };
    let kolk = place(&server, "large");
    server.create("large", 1);
    kolk.ok("topic create notes --partitions 1");
    let line = |id: &str| format!("{id}|{{\"id\":\"{id}\",\"note\":\"n\"}}\n");
    kolk.write("lines", &[line("a"), line(&"b".repeat(257)), line("c")].concat());
    kolk.ok("produce --topic notes --key-separator | --file lines");
    let program = format!(
        "CREATE STREAM notes (id STRING, note STRING) WITH (kafka_topic = 'notes', value_format = 'JSON', key = 'id');
         CREATE STREAM sent WITH (connector = 'kinesis', stream = 'large', endpoint = '{}', delivery = 'individual',
           on_bad_record = 'dead_letter', dead_letter_topic = 'dead')
           AS SELECT note FROM notes;",
        server.endpoint()
    );
    kolk.write("large.sql", &program);
    let totals = kolk.run("run large.sql --until-end --output json").with(0).json();
    assert_eq!(totals["queries"][0]["too_large"], 1);
    let keys: Vec<String> = server.records("large").into_iter().map(|record| record.key).collect();
    assert_eq!(keys, ["a", "c"]);
    let dead =
        kolk.ok("consume --topic dead --from-beginning --until-end --property print.headers=true");
    assert_eq!(dead.lines().count(), 1);
    assert!(
        dead.contains("257 characters, and Kinesis takes 256"),
        "{}",
        &dead[..dead.len().min(500)]
    );
}

#[test]
fn what_does_not_fit_is_told_before_there_is_a_row() {
    let Some(server) = Server::own() else { return };
    let kolk = place(&server, "misfit");
    kolk.ok("generate visits --count 10");
    let program = std::fs::read_to_string(kolk.folder().join("bins.sql")).unwrap();
    let misfits = [
        ("stream = 'misfit'", "stream = 'nowhere'", "there is no stream nowhere"),
        (
            "bin_header",
            "partition_key = 'nothing', bin_header",
            "partition_key names nothing, which the query does not select",
        ),
        ("bin_header", "profile = 'nobody', bin_header", "profile nobody of ~/.aws/credentials"),
    ];
    for (number, (from, to, says)) in misfits.into_iter().enumerate() {
        assert!(program.contains(from), "{from}");
        kolk.write(&format!("misfit-{number}.sql"), &program.replace(from, to));
        kolk.run(&format!("run misfit-{number}.sql --until-end")).with(1).says(&[says]);
    }
}
