//! `topic`, `group`, `reset`: looking after a cluster.

use crate::kolk::Kolk;
use serde_json::json;

#[test]
fn topics_are_made_shown_changed_and_deleted() {
    let kolk = Kolk::new();
    assert_eq!(
        kolk.ok("topic create visits --partitions 2 --topic-config retention.ms=100000"),
        "created topic visits\n"
    );
    kolk.run("topic create visits").with(2).says(&["TOPIC_ALREADY_EXISTS", "--if-not-exists"]);
    kolk.ok("topic create visits --if-not-exists");
    kolk.run("topic create many --replication-factor 3")
        .with(2)
        .says(&["INVALID_REPLICATION_FACTOR"]);
    kolk.ok("topic create other --partitions 1");
    let listed = kolk.run("topic list --output json").with(0).json();
    let topic = |name: &str, partitions: i32| json!({ "name": name, "partitions": partitions, "replicas": 1, "internal": false });
    assert_eq!(listed, json!([topic("other", 1), topic("visits", 2)]));

    kolk.ok("topic alter visits --partitions 3 --topic-config cleanup.policy=compact --unset retention.ms");
    kolk.produce("--topic visits --partition 1 --key-separator :", "k:a\nk:b\n");
    let described = kolk.run("topic describe visits --output json").with(0).json();
    assert_eq!(described["settings"], json!({ "cleanup.policy": "compact" }));
    let ends: Vec<i64> = described["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|partition| partition["end"].as_i64().unwrap())
        .collect();
    assert_eq!(ends, [0, 2, 0]);
    let text = kolk.ok("topic describe visits");
    assert!(text.contains("topic visits: 3 partitions, 1 replicas\n"), "{text}");
    assert!(text.contains("  cleanup.policy = compact\n"), "{text}");

    kolk.ok("topic delete visits");
    kolk.run("topic delete visits").with(2).says(&["there is no topic `visits`"]);
    kolk.ok("topic delete visits --if-exists");
    assert_eq!(kolk.ok("topic list"), "topic  partitions  replicas\nother           1         1\n");
}

#[test]
fn groups_are_shown_reset_and_deleted() {
    let kolk = Kolk::new();
    kolk.ok("topic create t --partitions 1");
    kolk.produce("--topic t", "a\nb\nc\n");
    kolk.ok("consume --topic t --group mail --from-beginning --max-messages 2");
    let listed = kolk.run("group list --output json").with(0).json();
    assert_eq!(listed, json!([{ "name": "mail", "state": "Empty", "protocol_type": "consumer" }]));
    let offsets = |kolk: &Kolk| {
        kolk.run("group describe mail --output json").with(0).json()["offsets"][0].take()
    };
    let expected = json!({ "topic": "t", "partition": 0, "committed": 2, "end": 3, "lag": 1 });
    assert_eq!(offsets(&kolk), expected);

    for (how, wanted) in [
        ("--to-earliest --dry-run", 2),
        ("--to-earliest", 0),
        ("--to-latest", 3),
        ("--shift-by -1 --topic t:0", 2),
        ("--to-offset 100", 3),
        ("--to-datetime 2020-01-01T00:00:00Z", 0),
        ("--to-datetime 2100-01-01T00:00:00Z --topic t", 3),
    ] {
        kolk.ok(&format!("group reset mail {how}"));
        assert_eq!(offsets(&kolk)["committed"], wanted, "{how}");
    }
    kolk.run("group reset mail --topic t:7 --to-latest").with(2).says(&["does not have"]);
    kolk.run("group reset mail --to-datetime yesterday").with(2).says(&["is not a time"]);
    kolk.run("group reset mail").with(2);

    kolk.ok("group delete mail --topic t");
    kolk.run("group describe mial").with(2);
    kolk.ok("consume --topic t --group mail --from-beginning --max-messages 1");
    kolk.run("group describe mial").with(2).says(&["did you mean `mail`?"]);
    kolk.ok("group delete mail");
    kolk.run("group delete mail").with(2).says(&["there is no group `mail`"]);
}

#[test]
fn a_running_application_is_not_reset_and_a_stopped_one_starts_anew() {
    let kolk = Kolk::new();
    let sql = "CREATE STREAM i WITH (kafka_topic='i', value_format='JSON', partitions=1);\n\
               CREATE STREAM o WITH (kafka_topic='o') AS SELECT * FROM i;";
    kolk.write("app.sql", sql);
    kolk.ok("topic create i --partitions 1");
    kolk.produce("--topic i", "{}\n{}\n");
    let run = "run app.sql --until-end --output json";
    assert_eq!(kolk.run(run).with(0).json()["queries"][0]["delivered"], 2);
    assert_eq!(kolk.run(run).with(0).json()["queries"][0]["delivered"], 0);

    let running = kolk.start("run app.sql", "");
    crate::kolk::eventually("the application to join", || {
        let group = kolk.run("group describe app-o --output json");
        group.status == 0 && group.json()["state"] == "Stable"
    });
    kolk.run("reset app").with(2).says(&["application app is running"]);
    running.stop().with(0);

    let planned = kolk.ok("reset app --dry-run");
    assert_eq!(planned, "would delete group app-o with its offsets\n");
    assert_eq!(kolk.ok("reset app"), "deleted group app-o with its offsets\n");
    kolk.run("reset app").with(0).says(&["has left nothing"]);
    assert_eq!(kolk.run(run).with(0).json()["queries"][0]["delivered"], 2);
}
