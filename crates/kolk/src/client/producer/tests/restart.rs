//! A broker that comes back with less than it had: forgotten, or lost.

use super::*;

impl World {
    /// The broker starts again after a crash: as Apache Kafka, it remembers only the last batch of the producer.
    pub(super) fn restart(&mut self) {
        for log in self.broker.logs.values_mut() {
            log.recent = log.recent.pop_back().into_iter().collect();
        }
    }
}

#[test]
fn acknowledged_records_missing_at_the_broker_are_renumbered_only_when_nothing_can_be_doubled() {
    for uncertain in [false, true] {
        let mut world = World::new(&[], 1);
        world.append(0, "a");
        world.heal();
        world.broker.logs.clear(); // the broker lost everything: the next expected number is 0
        world.append(0, "b");
        world.step();
        if uncertain {
            world.cut(0, false);
            world.step();
            world.network.advance(Duration::from_secs(1));
            world.step();
        }
        world.serve(Twist::None);
        let result = world.try_step();
        if uncertain {
            assert_eq!(result.unwrap_err().action(), Action::Fatal);
        } else {
            result.unwrap();
            world.heal();
            assert_eq!(world.log(0), ["b"]);
            assert_eq!(world.broker.logs[&0].epoch, 1);
        }
    }
}

/// Seen with Apache Kafka 4.1 and `kill -9`: three batches were appended and unanswered, the broker came back, knew only the
/// third, and refused the first.
#[test]
fn batches_that_a_restarted_broker_forgot_are_known_by_a_later_one() {
    for appended in 1..=4 {
        let mut world = World::new(&[("batch.size", "1")], 1);
        world.append(0, "before");
        world.heal();
        for value in ["a", "b", "c", "d"] {
            world.append(0, value);
        }
        world.producer.flush();
        world.step();
        assert_eq!(world.producer.in_flight(), 4);
        world.cut(appended, false);
        world.restart();
        world.heal();
        world.check_exactly_once();
        assert_eq!(world.broker.logs[&0].epoch, 0, "nothing had to be renumbered");
    }
}

#[test]
fn a_log_that_lost_what_was_acknowledged_is_told_after_every_batch_was_probed() {
    let mut world = World::new(&[("batch.size", "1")], 1);
    for value in ["a", "b"] {
        world.append(0, value);
        world.heal();
    }
    for value in ["c", "d"] {
        world.append(0, value);
    }
    world.producer.flush();
    world.step();
    let log = world.broker.logs.get_mut(&0).unwrap();
    log.values.pop();
    log.next -= 1; // "b" is gone
    log.recent.pop_back();
    world.cut(0, false);
    let mut told = None;
    while told.is_none() {
        told = world.try_step().err();
        if !world.serve(Twist::None) {
            world.network.advance(Duration::from_millis(200));
        }
    }
    assert_eq!(told.unwrap().action(), Action::Fatal);
    assert_eq!(world.log(0), ["a"]);
}
