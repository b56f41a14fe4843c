//! `produce` and `consume`: what goes in comes out, in lines that do not change.

use crate::kolk::Kolk;

/// The lines, with a fixed time in place of the real one.
fn at_fixed_time(out: &str) -> String {
    let line = |line: &str| {
        let (before, rest) = line.split_once("CreateTime:").expect("a time-stamp");
        let digits = rest.chars().take_while(char::is_ascii_digit).count();
        assert_eq!(digits, 13, "{line}");
        format!("{before}CreateTime:T{}\n", &rest[digits..])
    };
    out.lines().map(line).collect()
}

#[test]
fn records_come_out_as_they_went_in() {
    let kolk = Kolk::new();
    kolk.ok("topic create t --partitions 1");
    let lines = "h1:a,h2:NULL\tk1\tv1\nh1:c\tk2\tNULL\nNULL\tNULL\t{\"a\": 1}\nh:\t\t\n";
    kolk.produce("--topic t --key-separator \\t --parse-headers --null-marker NULL", lines);

    let all = "--print-timestamp --print-partition --print-offset --print-headers --print-key";
    let out = kolk.ok(&format!("consume --topic t --from-beginning --until-end {all}"));
    let golden = "CreateTime:T\tPartition:0\tOffset:0\th1:a,h2:null\tk1\tv1\n\
                  CreateTime:T\tPartition:0\tOffset:1\th1:c\tk2\tnull\n\
                  CreateTime:T\tPartition:0\tOffset:2\tNO_HEADERS\tnull\t{\"a\": 1}\n\
                  CreateTime:T\tPartition:0\tOffset:3\th:\t\t\n";
    assert_eq!(at_fixed_time(&out), golden);

    let habits = "--property print.key=true --property key.separator=| --property null.literal=~";
    let out = kolk.ok(&format!("consume --topic t --from-beginning --until-end {habits}"));
    assert_eq!(out, "k1|v1\nk2|~\n~|{\"a\": 1}\n|\n");

    let json = kolk.ok("consume --topic t --partition 0 --offset 1 --max-messages 1 --output json");
    let mut record: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(record["timestamp"].take().is_i64());
    let golden = serde_json::json!({
        "topic": "t", "partition": 0, "offset": 1, "timestamp": null, "timestamp_type": "CreateTime",
        "headers": [{ "name": "h1", "value": "c" }], "key": "k2", "value": null,
    });
    assert_eq!(record, golden);
}

#[test]
fn partition_acks_compression_and_headers_are_as_asked_for() {
    let kolk = Kolk::new();
    kolk.ok("topic create t --partitions 3");
    for (acks, codec) in
        [("0", "gzip"), ("1", "snappy"), ("all", "lz4"), ("all", "zstd"), ("all", "none")]
    {
        let options = format!(
            "--topic t --partition 2 --acks {acks} --compression {codec} --headers by:{codec}"
        );
        kolk.produce(&options, &format!("{acks} {codec}\n"));
    }
    let consume = "consume --topic t --from-beginning --until-end";
    let out = kolk.ok(&format!("{consume} --print-partition --print-headers"));
    let golden = "Partition:2\tby:gzip\t0 gzip\nPartition:2\tby:snappy\t1 snappy\nPartition:2\tby:lz4\tall lz4\n\
                  Partition:2\tby:zstd\tall zstd\nPartition:2\tby:none\tall none\n";
    assert_eq!(out, golden);
    assert_eq!(kolk.ok("consume --topic t --partition 0 --offset earliest --until-end"), "");
    assert_eq!(
        kolk.ok("consume --topic t --partition 2 --offset 4 --max-messages 1"),
        "all none\n"
    );
}

#[test]
fn keys_go_where_kafkas_clients_put_them_and_nulls_are_spread() {
    let kolk = Kolk::new();
    kolk.ok("topic create t --partitions 2");
    // murmur2("21") is −973932308 and murmur2("foobar") −790332482: as positive numbers, even both.
    kolk.produce("--topic t --key-separator :", "21:a\nfoobar:b\nabc:c\n");
    let out =
        kolk.ok("consume --topic t --from-beginning --until-end --print-partition --print-key");
    let mut lines: Vec<&str> = out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["Partition:0\t21\ta", "Partition:0\tfoobar\tb", "Partition:1\tabc\tc"]);
    for number in 0..4 {
        kolk.produce("--topic t", &format!("null {number}\n"));
    }
    assert_eq!(kolk.ok("consume --topic t --from-beginning --until-end").lines().count(), 7);
}

#[test]
fn a_consumer_waits_for_what_comes_and_ends_as_told() {
    let kolk = Kolk::new();
    kolk.ok("topic create t --partitions 2");
    let mut consumer = kolk.start("consume --topic t --from-beginning", "");
    kolk.produce("--topic t", "one\n");
    consumer.wait_until(|out| out == "one\n");
    kolk.ok("topic alter t --partitions 3");
    kolk.produce("--topic t --partition 2 --set metadata.max.age.ms=500", "two\n");
    // A signal ends it in order.
    let ended = consumer.stop().with(0);
    assert!(ended.err.contains("Processed a total of "), "{}", ended.err);
    let ended = kolk.run("consume --topic t --timeout-ms 300").with(0);
    assert_eq!((ended.out.as_str(), ended.err.as_str()), ("", "Processed a total of 0 messages\n"));
}

#[test]
fn a_group_goes_on_where_it_stopped() {
    let kolk = Kolk::new();
    kolk.ok("topic create t --partitions 2");
    let numbers: String = (0..10).map(|number| format!("{number}\n")).collect();
    kolk.produce("--topic t", &numbers);
    let consume = "consume --topic t --group g --from-beginning";
    let first = kolk.ok(&format!("{consume} --max-messages 4"));
    let second = kolk.ok(&format!("{consume} --timeout-ms 700"));
    let mut read: Vec<&str> = first.lines().chain(second.lines()).collect();
    read.sort_unstable();
    assert_eq!(read, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    assert_eq!(first.lines().count(), 4);
}

#[test]
fn the_members_of_a_group_share_the_partitions() {
    let kolk = Kolk::new();
    kolk.ok("topic create t --partitions 2");
    // Somebody must keep the broker between the commands.
    let broker = kolk.start("broker --listen 127.0.0.1:0 --data .kolk/broker", "");
    let mut broker = broker;
    broker.wait_until(|out| out.starts_with("ready "));
    let consume = "consume --topic t --group g --from-beginning --print-partition";
    let (mut one, mut two) = (kolk.start(consume, ""), kolk.start(consume, ""));
    crate::kolk::eventually("two members with a partition each", || {
        let group = kolk.run("group describe g --output json");
        let members = if group.status == 0 {
            group.json()["members"].take()
        } else {
            serde_json::Value::Null
        };
        members.as_array().is_some_and(|members| {
            members.len() == 2
                && members
                    .iter()
                    .all(|it| it["partitions"].as_array().is_some_and(|it| it.len() == 1))
        })
    });
    kolk.produce("--topic t --partition 0", "a\n");
    kolk.produce("--topic t --partition 1", "b\n");
    one.wait_until(|out| !out.is_empty());
    two.wait_until(|out| !out.is_empty());
    let mut lines = [one.stop().with(0).out, two.stop().with(0).out];
    lines.sort_unstable();
    assert_eq!(lines, ["Partition:0\ta\n", "Partition:1\tb\n"]);
    let group = kolk.run("group describe g --output json").with(0).json();
    assert_eq!(group["state"], "Empty", "both have left: {group}");
    assert!(
        group["offsets"].as_array().unwrap().iter().all(|offset| offset["lag"] == 0),
        "{group}"
    );
    broker.stop().with(0);
}

#[test]
fn generated_visits_are_the_same_for_the_same_seed() {
    let kolk = Kolk::new();
    for (topic, seed) in [("a", 7), ("b", 7), ("c", 8)] {
        kolk.ok(&format!(
            "generate visits --topic {topic} --count 300 --seed {seed} --partitions 2"
        ));
    }
    let read = |topic: &str| {
        let out = kolk.ok(&format!(
            "consume --topic {topic} --from-beginning --until-end --print-key --print-partition"
        ));
        let mut lines: Vec<String> = out.lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 300);
        lines.sort_unstable();
        lines
    };
    assert_eq!(read("a"), read("b"));
    assert_ne!(read("a"), read("c"));
    let topic = kolk.run("topic describe a --output json").with(0).json();
    assert_eq!(topic["partitions"].as_array().unwrap().len(), 2);
}

#[test]
fn generated_sessions_and_ads_are_the_same_for_the_same_seed() {
    let kolk = Kolk::new();
    for (number, seed) in [(1, 7), (2, 7), (3, 8)] {
        kolk.ok(&format!("generate sessions --topic s{number} --count 100 --seed {seed}"));
        let topics = format!("--visits-topic v{number} --ads-topic a{number}");
        kolk.ok(&format!("generate ads {topics} --count 200 --seed {seed}"));
    }
    let read = |topic: &str| {
        let read = "--from-beginning --until-end --print-partition";
        let mut lines: Vec<String> = kolk
            .ok(&format!("consume --topic {topic} {read}"))
            .lines()
            .map(str::to_owned)
            .collect();
        lines.sort_unstable();
        lines
    };
    for topic in ["s", "v", "a"] {
        let [first, same, other] = [1, 2, 3].map(|number| read(&format!("{topic}{number}")));
        assert_eq!(first, same);
        assert_ne!(first, other);
    }
    assert_eq!(read("s1").len(), 100);
    assert_eq!(read("v1").len() + read("a1").len(), 200);
}
