//! The example folders as their READMEs say, with their sample input too.

use crate::kolk;
use crate::server::{Kind, Server};
use crate::world;

const FIFO: &[&str] =
    &["visits-individual-send", "visits-batched", "visits-idempotent", "visits-exactly-once"];

#[test]
fn the_examples_run_on_the_embedded_broker() {
    check(&Server::start(Kind::Embedded).unwrap());
}

fn check(server: &Server) {
    let (examples, broker) = (world::root().join("examples"), server.address().to_string());
    let folder = tempfile::tempdir().unwrap();
    let run = |line: &str| {
        let line = line.replace("examples/", &format!("{}/", examples.display()));
        let mut arguments: Vec<&str> = line.split_whitespace().collect();
        arguments.extend(["--bootstrap-servers", &broker]);
        let ended = kolk::run_in(folder.path(), &arguments);
        assert_eq!(ended.status, Some(0), "`kolk {line}`:\n{}{}", ended.out, ended.error);
        ended.out
    };
    run("topic create visits --partitions 2");
    run("produce --topic visits --file examples/fifo/visits.txt --key-separator \\t");
    run("produce --topic visits --file examples/bin-packing/visits.txt --key-separator \\t");
    run("topic delete visits");

    run("generate visits --topic visits --count 500 --seed 1");
    run("run examples/fifo --until-end");
    run("run examples/bin-packing --until-end");
    for topic in FIFO {
        run(&format!(
            "verify order --topic {topic} --key visit_id --by event_time --against visits"
        ));
        let stamped = run(&format!(
            "consume --topic {topic} --from-beginning --until-end --print-timestamp --print-partition"
        ));
        assert_eq!(stamped.lines().count(), 500, "{topic}");
        let first = stamped.lines().next().unwrap();
        assert!(first.starts_with("CreateTime:") && first.contains("\tPartition:"), "{first}");
    }
    run(
        "verify order --topic visits-ordered --key visit_id --by event_time --against visits --bins delivery_batch",
    );

    // What the table in the README says of time-stamps.
    let stamps = |topic: &str, partition: u8| -> Vec<i64> {
        let line = format!(
            "consume --topic {topic} --partition {partition} --from-beginning --until-end --print-timestamp"
        );
        let stamp = |line: &str| line.strip_prefix("CreateTime:")?.split('\t').next()?.parse().ok();
        run(&line).lines().map(|line| stamp(line).expect("a time-stamp")).collect()
    };
    for partition in 0..2 {
        let individual = stamps("visits-individual-send", partition);
        assert!(individual.windows(2).all(|pair| pair[1] - pair[0] >= 10), "{individual:?}");
        let batched = stamps("visits-batched", partition);
        assert!(
            batched.windows(2).any(|pair| pair[0] == pair[1]),
            "no two records of a batch: {batched:?}"
        );
        assert_eq!(stamps("visits-exactly-once", partition), stamps("visits", partition));
    }
}
