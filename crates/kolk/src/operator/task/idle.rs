//! Inputs from which nothing comes: where two meet the silent one is left out, and a restart does not take that back.

use super::*;
use crate::dsl::{Program, Within};
use crate::record::Row;
use crate::schema::DataType::String as Text;
use std::time::Duration;

/// The stage of `a` joined with `b` within a second, behind repartition topics; nodes after the join have its watermark less a second.
fn join() -> Stage {
    let program = Program::new();
    let [a, b] = ["a", "b"].map(|topic| program.stream(topic, [("page", Text)]).named(topic));
    let within = Within::between(Duration::ZERO, Duration::from_secs(1));
    a.left_join(b, within).on(&[("page", "page")]).to("out");
    let topology = program.build().unwrap();
    crate::topology::stages(&topology.queries[0], "app").unwrap().pop().unwrap()
}

fn task(stage: &Stage) -> Task {
    Task::new(stage, &TaskOptions { task: 0, targets: 1, upstream: vec![1, 1] }).unwrap()
}

/// The task before tells how far it has come; the stage's watermark then.
fn tell(task: &mut Task, input: usize, offset: i64, watermark: i64, idle: bool) -> Option<i64> {
    let mut told = Vec::new();
    let progress = Progress { watermark: Some(watermark), reached: 0, caught_up: true, idle };
    block::write_told(0, progress, &mut told);
    let value = Slice::new(0, u32::try_from(told.len()).unwrap());
    let (key, headers, fields) = (Slice::NULL, Slice::NULL, Slice::NULL);
    let rows = vec![Row { offset, timestamp: 0, key, value, headers, fields }];
    task.offer(input, Rows { buffer: told.into(), rows, ..Rows::default() }).unwrap();
    run(task);
    task.watermark()
}

fn run(task: &mut Task) -> Output {
    let mut output = Output::default();
    while task.run(&mut output).unwrap() {}
    output
}

#[test]
fn an_idle_input_is_left_out_until_it_speaks_again_and_time_never_goes_back() {
    let mut task = task(&join());
    assert_eq!(tell(&mut task, 0, 0, 10_000, false), None, "b has no watermark yet, and holds all");
    assert_eq!(tell(&mut task, 1, 0, 2_000, false), Some(1_000));
    assert_eq!(tell(&mut task, 1, 1, 2_000, true), Some(9_000), "a alone counts");
    assert_eq!(tell(&mut task, 0, 1, 20_000, false), Some(19_000), "and goes on");
    assert_eq!(tell(&mut task, 1, 2, 3_000, false), Some(19_000), "b is back, far behind");
    assert_eq!(tell(&mut task, 0, 2, 30_000, false), Some(19_000), "and holds again");
    assert_eq!(tell(&mut task, 1, 3, 25_000, false), Some(24_000));
}

#[test]
fn when_all_inputs_are_idle_the_largest_watermark_counts_whoever_was_first() {
    for order in [[0, 1], [1, 0]] {
        let mut task = task(&join());
        let watermarks = [10_000, 2_000];
        for input in order {
            tell(&mut task, input, 0, watermarks[input], false);
        }
        for input in order {
            tell(&mut task, input, 1, watermarks[input], true);
        }
        assert_eq!(task.watermark(), Some(9_000), "{order:?}");
    }
}

#[test]
fn one_without_any_watermark_no_longer_holds_when_it_is_idle() {
    let mut task = task(&join());
    tell(&mut task, 0, 0, 10_000, false);
    assert_eq!(task.watermark(), None);
    let mut told = Vec::new();
    let progress = Progress { watermark: None, reached: i64::MIN, caught_up: true, idle: true };
    block::write_told(0, progress, &mut told);
    let value = Slice::new(0, u32::try_from(told.len()).unwrap());
    let (key, headers, fields) = (Slice::NULL, Slice::NULL, Slice::NULL);
    let rows = vec![Row { offset: 0, timestamp: 0, key, value, headers, fields }];
    task.offer(1, Rows { buffer: told.into(), rows, ..Rows::default() }).unwrap();
    run(&mut task);
    assert_eq!(task.watermark(), Some(9_000));
}

/// The watermark of a join that one input was left out of is not the least of its inputs: computed from them after a restart it
/// would go back.
#[test]
fn a_restart_does_not_take_time_back() {
    let stage = join();
    let mut task = task(&stage);
    tell(&mut task, 0, 0, 10_000, false);
    tell(&mut task, 1, 0, 2_000, false);
    tell(&mut task, 1, 1, 2_000, true);
    let mut output = Output::default();
    task.prepare_commit(&mut output).unwrap();

    let mut next = self::task(&stage);
    for of in &output.addressed {
        if let Destination::Changelog(store) = of.to {
            let key = of.key.of(&output.encoded).unwrap();
            next.restore(store, key, of.value.of(&output.encoded));
        }
    }
    next.restored().unwrap();
    assert_eq!(next.watermark(), Some(9_000));
    assert_eq!(tell(&mut next, 0, 1, 11_000, false), Some(10_000), "b is still known as idle");
    assert_eq!(tell(&mut next, 1, 2, 2_000, false), Some(10_000));
    assert_eq!(tell(&mut next, 0, 2, 12_000, false), Some(10_000), "and now holds");
}

/// What lies in the log and was not fetched yet is not silence.
#[test]
fn an_input_that_is_not_caught_up_is_never_idle() {
    let program = Program::new();
    let a = program.stream("a", [("page", Text)]);
    a.group_by(["page"]).count().to("out");
    let topology = program.build().unwrap();
    let stage = crate::topology::stages(&topology.queries[0], "app").unwrap().remove(0);
    let mut task = task(&stage);
    assert!(!task.idle(0), "nothing was fetched yet");
    task.caught_up(0);
    assert!(!task.idle(0), "the sign was not taken yet");
    run(&mut task);
    assert!(task.idle(0));
    assert!(!task.idle(0), "known");
}
