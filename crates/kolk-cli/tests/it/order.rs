//! `verify order` over real topics; each kind of problem with its exit status. The check itself has its own tests.

use crate::kolk::Kolk;
use serde_json::{Value, json};

const CHECK: &str = "verify order --key visit --by at --output json";

/// Writes `visit at` pairs as JSON with the visit as key.
fn write(kolk: &Kolk, options: &str, rows: &[(&str, &str)]) {
    let line = |(visit, at): &(&str, &str)| {
        format!("{visit}\t{{\"visit\": \"{visit}\", \"at\": \"{at}\"}}\n")
    };
    let lines: String = rows.iter().map(line).collect();
    kolk.produce(&format!("--key-separator \\t {options}"), &lines);
}

fn problems(kolk: &Kolk, line: &str, status: i32) -> Value {
    kolk.run(&format!("{CHECK} {line}")).with(status).json()["problems"].take()
}

#[test]
fn each_kind_of_problem_is_found() {
    let kolk = Kolk::new();
    kolk.ok("topic create in --partitions 2");
    kolk.ok("topic create out --partitions 2");
    let rows = [
        ("a", "2024-01-01T00:00:00Z"),
        ("b", "2024-01-01T00:00:05Z"),
        ("a", "2024-01-01T00:00:01Z"),
    ];
    write(&kolk, "--topic in", &rows);
    write(&kolk, "--topic out", &rows);
    let clean = json!({
        "violation": 0, "not_comparable": 0, "duplicate": 0, "missing": 0, "extra": 0, "unreadable": 0,
    });
    assert_eq!(problems(&kolk, "--topic out --against in", 0), clean);

    let with = |changes: &[(&str, i32)]| {
        let mut wanted = clean.clone();
        for (kind, count) in changes {
            wanted[kind] = (*count).into();
        }
        wanted
    };
    // A repeat of what was delivered: allowed, or not.
    write(&kolk, "--topic out", &rows[2..]);
    assert_eq!(problems(&kolk, "--topic out --against in --allow-duplicates", 0), clean);
    let wanted = with(&[("duplicate", 1), ("extra", 1)]);
    assert_eq!(problems(&kolk, "--topic out --against in", 1), wanted);
    // Earlier by half a second, although the text is later.
    write(&kolk, "--topic out", &[("a", "2024-01-01T01:00:00.500+01:00")]);
    let wanted = with(&[("violation", 1), ("extra", 1)]);
    assert_eq!(problems(&kolk, "--topic out --against in --allow-duplicates", 1), wanted);

    kolk.ok("topic create split --partitions 2");
    write(&kolk, "--topic split --partition 0", &[("a", "1")]);
    write(&kolk, "--topic split --partition 1", &[("a", "2")]);
    kolk.produce("--topic split", "no json\n");
    let wanted = json!({ "violation": 0, "not_comparable": 1, "duplicate": 0, "unreadable": 1 });
    assert_eq!(problems(&kolk, "--topic split", 1), wanted);
    let wanted = with(&[("missing", 3), ("extra", 3), ("not_comparable", 1), ("unreadable", 1)]);
    assert_eq!(problems(&kolk, "--topic split --against in", 1), wanted);
}

#[test]
fn the_report_is_readable() {
    let kolk = Kolk::new();
    kolk.ok("topic create t --partitions 1");
    write(&kolk, "--topic t", &[("a", "9"), ("a", "10"), ("a", "8"), ("b", "1")]);
    let report = kolk.run("verify order --topic t --key visit --by at").with(1).out;
    let golden = "t: 4 records of 2 keys (visit) in 1 partitions, by at\n\
                  \x20 violation             1\n\
                  \x20   t-0 offset 2: a: at falls from 10 (offset 1) to 8\n\
                  \x20 not comparable        0\n\
                  \x20 duplicate             0\n\
                  \x20 unreadable            0\n\
                  NOT as promised: violation 1\n";
    assert_eq!(report, golden);
    // By what the record itself has.
    kolk.ok("verify order --topic t --key @key --by @timestamp");
}

#[test]
fn bins_are_checked() {
    let kolk = Kolk::new();
    let row = |bin: &str, visit: &str, at: i32| {
        format!("bin:{bin}\t{visit}\t{{\"visit\": \"{visit}\", \"at\": {at}}}\n")
    };
    let check = |topic: &str, rows: &[String], status: i32, bins: i32| {
        kolk.ok(&format!("topic create {topic} --partitions 1"));
        kolk.produce(
            &format!("--topic {topic} --key-separator \\t --parse-headers"),
            &rows.concat(),
        );
        let report = kolk.run(&format!("{CHECK} --bins bin --topic {topic}")).with(status).json();
        assert_eq!(report["problems"]["bin"], bins, "{report}");
    };
    check("right", &[row("1", "a", 1), row("1", "b", 1), row("2", "a", 2), row("1", "a", 0)], 0, 0);
    check("twice", &[row("1", "a", 1), row("1", "a", 2)], 1, 1);
    check("skip", &[row("1", "a", 1), row("3", "a", 2)], 1, 1);
    check("falls", &[row("1", "a", 2), row("2", "a", 1)], 1, 0);
}

#[test]
fn generated_visits_are_in_order() {
    let kolk = Kolk::new();
    kolk.ok("generate visits --topic visits --count 1500 --seed 3");
    let out =
        kolk.ok("verify order --topic visits --key visit_id --by event_time --against visits");
    assert!(out.ends_with("in order\n"), "{out}");
}
