//! Joins of streams against plain code: complete, nothing extra, and the same however they are cut or interrupted.

use super::tests::join;
use super::*;
use crate::operator::join::rig::{self, Joined, Out, Rig, Row as Fed, Step, Values, rows};
use crate::topology::{Join, JoinKind};
use proptest::prelude::*;

/// What a join is asked to do.
#[derive(Debug, Clone)]
struct Case {
    kind: JoinKind,
    bounds: (i64, i64, i64),
    unmatched: Unmatched,
    delay: i64,
    rows: Vec<Fed>,
    cuts: Vec<usize>,
    stop: usize,
}

impl Case {
    fn join(&self) -> Join {
        let [before, after, grace] =
            [self.bounds.0, self.bounds.1, self.bounds.2].map(|of| u64::try_from(of).unwrap());
        join(self.kind, (before, after, grace), self.unmatched)
    }

    /// The rows, each followed by the watermark of two inputs, as far as it moves.
    fn by_watermark(&self) -> Vec<Step> {
        let (mut largest, mut now, mut steps) = ([None; 2], None, Vec::new());
        for row in &self.rows {
            largest[row.input] = largest[row.input].max(Some(row.time));
            steps.push(Step::Row(row.clone()));
            let next = largest.into_iter().min().flatten().map(|time: i64| time - self.delay);
            if next > now {
                now = next;
                steps.extend(next.map(Step::Watermark));
            }
        }
        steps
    }

    /// The rows, each behind the time that it carries.
    fn by_stream_time(&self) -> Vec<Step> {
        let (mut now, mut steps) = (None, Vec::new());
        for row in &self.rows {
            if Some(row.time) > now {
                now = Some(row.time);
                steps.push(Step::Watermark(row.time));
            }
            steps.push(Step::Row(row.clone()));
        }
        steps
    }

    /// Whether the times of two rows fit.
    fn fits(&self, left: &Fed, right: &Fed) -> bool {
        let (before, after, _) = self.bounds;
        left.key.is_some()
            && left.key == right.key
            && (left.time - before..=left.time + after).contains(&right.time)
    }

    fn keeps(&self, input: usize) -> bool {
        if input == 0 { self.kind.keeps_left() } else { self.kind.keeps_right() }
    }

    /// How long behind a row of an input its partner may come.
    fn wait(&self, input: usize) -> i64 {
        (if input == 0 { self.bounds.1 } else { self.bounds.0 }) + self.bounds.2
    }
}

fn pair(left: &Fed, right: &Fed) -> Joined {
    let of = |row: &Fed| (row.key.clone(), row.number);
    out(left.time.max(right.time), (left.key.clone(), of(left), of(right)))
}

fn alone(row: &Fed) -> Joined {
    let own = (row.key.clone(), row.number);
    let nobody = (None, None);
    let (left, right) = if row.input == 0 { (own, nobody) } else { (nobody, own) };
    out(row.time, (row.key.clone(), left, right))
}

fn out(time: i64, values: Values) -> Joined {
    Joined { time, values, deleted: false, old: None }
}

/// By policy `min`: every pair of rows that are not late, and every row of a kept side that nobody met and whose bound the last
/// watermark has passed. In no order: a set has none.
fn expected_of_min(case: &Case, steps: &[Step]) -> (Vec<Joined>, u64) {
    let (mut now, mut late, mut good): (Option<i64>, u64, [Vec<&Fed>; 2]) = Default::default();
    for step in steps {
        match step {
            Step::Watermark(watermark) => now = Some(*watermark),
            Step::Row(row) if now.is_some_and(|now| row.time + case.bounds.2 < now) => late += 1,
            Step::Row(row) if row.deleted => {}
            Step::Row(row) => good[row.input].push(row),
        }
    }
    let mut all = Vec::new();
    for left in &good[0] {
        let partners = good[1].iter().filter(|right| case.fits(left, right));
        all.extend(partners.map(|right| pair(left, right)));
    }
    for input in [0, 1].into_iter().filter(|input| case.keeps(*input)) {
        for row in &good[input] {
            let fits = |other: &&&Fed| match input {
                0 => case.fits(row, other),
                _ => case.fits(other, row),
            };
            let has_passed = now.is_some_and(|now| now > row.time + case.wait(input));
            let goes = has_passed || row.key.is_none() || case.unmatched == Unmatched::Eagerly;
            // Eagerly a row goes alone when nobody is there yet, whoever comes later.
            let met = match case.unmatched {
                Unmatched::WhenPassed => good[1 - input].iter().any(|other| fits(&other)),
                Unmatched::Eagerly => {
                    let (own, theirs) = (place(steps, row), |other: &Fed| place(steps, other));
                    good[1 - input].iter().any(|other| fits(&other) && theirs(other) < own)
                }
            };
            all.extend((goes && !met).then(|| alone(row)));
        }
    }
    all.sort();
    (all, late)
}

/// Where a row stands among the steps; numbers of rows are unique.
fn place(steps: &[Step], row: &Fed) -> usize {
    steps.iter().position(|step| matches!(step, Step::Row(other) if other == row)).unwrap()
}

/// By policy `max`, in Kafka Streams' order: buffers are lists that are looked through from end to end.
fn expected_of_max(case: &Case) -> Vec<Joined> {
    let retention = (case.bounds.0 + case.bounds.1 + case.bounds.2).max(1);
    let (mut now, mut newest, mut result) = (i64::MIN, [i64::MIN; 2], Vec::new());
    let mut buffers: [Vec<(&Fed, bool)>; 2] = Default::default();
    for row in &case.rows {
        now = now.max(row.time);
        if row.deleted || row.key.is_none() {
            result.extend((!row.deleted && case.keeps(row.input)).then(|| alone(row)));
            continue;
        }
        let input = row.input;
        if row.time == now {
            let mut due: Vec<&Fed> = Vec::new();
            for (input, buffer) in buffers.iter_mut().enumerate() {
                for (row, waits) in buffer.iter_mut() {
                    if *waits && row.time + case.wait(input) < now {
                        *waits = false;
                        due.push(row);
                    }
                }
            }
            due.sort_by_key(|row| (row.time, 1 - row.input, row.key.clone()));
            result.extend(due.into_iter().map(alone));
        }
        let other = 1 - input;
        let mut partners: Vec<&mut (&Fed, bool)> = buffers[other]
            .iter_mut()
            .filter(
                |(other, _)| if input == 0 { case.fits(row, other) } else { case.fits(other, row) },
            )
            .filter(|(of, _)| of.time > newest[other].saturating_sub(retention))
            .collect();
        partners.sort_by_key(|(row, _)| row.time);
        let met = !partners.is_empty();
        for (partner, waits) in partners {
            *waits = false;
            result.push(if input == 0 { pair(row, partner) } else { pair(partner, row) });
        }
        let is_alone = !met && case.keeps(input);
        let waits = is_alone
            && case.unmatched == Unmatched::WhenPassed
            && row.time + case.wait(input) - case.bounds.2 >= now;
        result.extend((is_alone && !waits).then(|| alone(row)));
        newest[input] = newest[input].max(row.time);
        buffers[input].push((row, waits));
    }
    result
}

fn case() -> impl Strategy<Value = Case> {
    let kind = prop_oneof![
        Just(JoinKind::Inner),
        Just(JoinKind::Left),
        Just(JoinKind::Right),
        Just(JoinKind::Full)
    ];
    let unmatched = prop_oneof![3 => Just(Unmatched::WhenPassed), 1 => Just(Unmatched::Eagerly)];
    let bounds = (0..20_i64, 0..20_i64, prop_oneof![Just(0), 0..15_i64]);
    let row = (0..2_usize, -30..30_i64, 0..9_u8, 0..20_u8);
    let rows = prop::collection::vec(row, 1..60);
    let rest = (0..25_i64, 0..5_i64, prop::collection::vec(any::<prop::sample::Index>(), 0..12));
    (kind, unmatched, bounds, rows, rest, any::<prop::sample::Index>()).prop_map(
        |(kind, unmatched, bounds, rows, (delay, pace, cuts), stop)| {
            let fed = |(number, (input, disorder, key, value)): (i64, (usize, i64, u8, u8))| Fed {
                input,
                time: number * pace + disorder,
                // Few keys, so that they meet; some NULL.
                key: (key > 0).then(|| ["a", "b", "c"][usize::from(key % 3)].to_owned()),
                number: Some(number),
                deleted: value == 0,
            };
            let rows: Vec<Fed> = (0..).zip(rows).map(fed).collect();
            let cuts = cuts.iter().map(|cut| cut.index(rows.len() * 2)).collect();
            let stop = stop.index(rows.len() * 2);
            Case { kind, bounds, unmatched, delay, rows, cuts, stop }
        },
    )
}

fn check_cuts(case: &Case, policy: WatermarkPolicy, steps: &[Step]) -> (Vec<Out>, Rig) {
    rig::check_cuts((&case.join(), policy), steps, &case.cuts, case.stop)
}

/// No row is earlier than a watermark that was told before it.
fn check_watermarks(out: &[Out]) {
    let mut now = i64::MIN;
    for step in out {
        match step {
            Out::Watermark(watermark) => {
                assert!(*watermark > now, "watermarks rise");
                now = *watermark;
            }
            Out::Row(row) => assert!(row.time >= now, "{row:?} behind {now}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn by_watermark_the_result_is_complete_and_nothing_more(case in case()) {
        let steps = case.by_watermark();
        let (out, rig) = check_cuts(&case, WatermarkPolicy::Min, &steps);
        check_watermarks(&out);
        let mut seen = rows(&out);
        seen.sort();
        let (expected, late) = expected_of_min(&case, &steps);
        prop_assert_eq!(seen, expected);
        prop_assert_eq!(rig.fates.late, late);
    }

    #[test]
    fn by_stream_time_the_result_is_kafka_streams_own(case in case()) {
        let steps = case.by_stream_time();
        let (out, _) = check_cuts(&case, WatermarkPolicy::Max, &steps);
        prop_assert_eq!(rows(&out), expected_of_max(&case));
    }
}
