//! The steps in several partitions, whose messages come in any order that queues allow: the result is that of a join from scratch.

use super::{Model, join};
use crate::operator::chunk::{Chunk, Origin};
use crate::operator::evaluate::Session;
use crate::operator::join::rig::{Row, Values, chunk, foreign_key_steps, joined, plan};
use crate::operator::operate::{Context, Fates, Operate};
use crate::topology::{JoinKind, WatermarkPolicy};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::{BTreeMap, VecDeque};

/// Where a message is on its way: from a partition of a step to one of the next; left and right rows come from partition 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Left { to: usize },
    Right { to: usize },
    Question { from: usize, to: usize },
    Answer { from: usize, to: usize },
}

/// A join in several partitions.
struct Scattered {
    /// Ask, answer and settle, by partition.
    steps: [Vec<Box<dyn Operate>>; 3],
    ways: BTreeMap<Way, VecDeque<Chunk>>,
    session: Session,
    results: BTreeMap<String, Values>,
}

/// Left rows and results lie by the primary key, right rows and questions by the number.
fn partition(of: u64, partitions: usize) -> usize {
    usize::try_from(of).unwrap() % partitions
}

fn of_text(key: &str) -> u64 {
    key.bytes().map(u64::from).sum()
}

impl Scattered {
    fn new(kind: JoinKind, lefts: usize, rights: usize) -> Self {
        let plan = plan(&join(kind), WatermarkPolicy::Min);
        let mut steps: [Vec<Box<dyn Operate>>; 3] = Default::default();
        for partition in 0..lefts.max(rights) {
            let [ask, answer, settle] = foreign_key_steps(&plan);
            if partition < lefts {
                steps[0].push(ask);
                steps[2].push(settle);
            }
            if partition < rights {
                steps[1].push(answer);
            }
        }
        let session = Session::new(&plan.conventions).unwrap();
        Self { steps, ways: BTreeMap::new(), session, results: BTreeMap::new() }
    }

    fn feed(&mut self, row: &Row, offset: i64) {
        let mut chunk = chunk(&[row], Vec::new());
        chunk.origins = vec![Origin { timestamp: row.time, partition: 0, offset }];
        let way = match row.input {
            0 => Way::Left {
                to: partition(of_text(row.key.as_deref().unwrap_or_default()), self.steps[0].len()),
            },
            _ => Way::Right { to: self.by_number(row.number) },
        };
        self.send(way, chunk);
    }

    fn by_number(&self, number: Option<i64>) -> usize {
        partition(number.map_or(0, i64::unsigned_abs), self.steps[1].len())
    }

    fn send(&mut self, way: Way, chunk: Chunk) {
        self.ways.entry(way).or_default().push_back(chunk);
    }

    /// Lets the first message on one of the ways arrive; `false` when there is none on any.
    fn arrive(&mut self, choice: impl Fn(usize) -> usize) -> bool {
        self.ways.retain(|_, queue| !queue.is_empty());
        if self.ways.is_empty() {
            return false;
        }
        let way = *self.ways.keys().nth(choice(self.ways.len())).unwrap();
        let chunk = self.ways.get_mut(&way).and_then(VecDeque::pop_front).unwrap();
        let (step, to, input) = match way {
            Way::Left { to } => (0, to, 0),
            Way::Question { to, .. } => (1, to, 0),
            Way::Right { to } => (1, to, 1),
            Way::Answer { to, .. } => (2, to, 0),
        };
        let fates = &mut Fates::default();
        let context = &mut Context { session: &mut self.session, fates };
        let out = self.steps[step][to].process(input, &chunk, context);
        for row in 0..out.rows {
            match step {
                0 => {
                    let target = self.by_number(out.columns[1].int64().get(row));
                    self.send(Way::Question { from: to, to: target }, out.slice(row..row + 1));
                }
                1 => {
                    let key = of_text(out.columns[0].text().get(row).unwrap());
                    let target = partition(key, self.steps[2].len());
                    self.send(Way::Answer { from: to, to: target }, out.slice(row..row + 1));
                }
                _ => self.take(&out, row),
            }
        }
        true
    }

    /// A change of the result, which says what was there before.
    fn take(&mut self, out: &Chunk, row: usize) {
        let change = joined(out, row);
        let key = change.values.0.clone().unwrap();
        assert_eq!(self.results.get(&key), change.old.as_ref(), "{key}");
        if change.deleted {
            self.results.remove(&key);
        } else {
            self.results.insert(key, change.values);
        }
    }

    /// How many entries the stores hold, those of all partitions together: asked, left, right, results.
    fn stored(&mut self) -> [usize; 4] {
        let mut stored = [0; 4];
        for (step, first) in self.steps.iter_mut().zip([0, 1, 3]) {
            for operate in step {
                for (at, store) in operate.stores().into_iter().enumerate() {
                    stored[first + at] += store.len();
                }
            }
        }
        stored
    }
}

/// The entries that there must be when everything has arrived: none of rows that are gone.
fn needed(model: &Model, kind: JoinKind) -> [usize; 4] {
    let naming = model.left.values().filter(|(_, names)| names.is_some()).count();
    let asking = if kind == JoinKind::Left { model.left.len() } else { naming };
    [asking, naming, model.right.len(), asking]
}

/// Rows, given as input, primary key, number (0: none) and whether they stay; everything arrives at the end, the first way first.
fn left_behind(partitions: (usize, usize), rows: &[(usize, u8, i64, bool)]) -> [usize; 4] {
    let mut scattered = Scattered::new(JoinKind::Inner, partitions.0, partitions.1);
    let mut model = Model::default();
    for ((input, key, names, stays), offset) in rows.iter().zip(0..) {
        let number = (*names > 0).then_some(*names);
        let key = Some(key.to_string());
        let row = Row { input: *input, time: 0, key, number, deleted: !stays };
        model.apply(&row);
        scattered.feed(&row, offset);
    }
    while scattered.arrive(|_| 0) {}
    assert_eq!(scattered.results, model.results(JoinKind::Inner));
    scattered.stored()
}

/// Two lives of a key, and the answers of the second that come from the first partition arrive before all others. When questions were
/// merely counted, those of the first life made up for what the second still waited for: the key was forgotten, came back with the next
/// answer, and stayed. Here with a right row that it names, so that its deleted row stayed in the result.
#[test]
fn answers_of_one_life_do_not_make_up_for_those_of_another() {
    let rows = [
        (1, 9, 3, true),
        (0, 0, 3, true),
        (0, 0, 3, true),
        (0, 0, 1, true),
        (0, 0, 0, false),
        (0, 0, 1, true),
        (0, 0, 3, true),
        (0, 0, 2, true),
        (0, 0, 0, false),
    ];
    assert_eq!(left_behind((1, 2), &rows), [0, 0, 1, 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_comes_first_the_result_is_that_of_a_join_from_scratch(
        kind in prop_oneof![Just(JoinKind::Inner), Just(JoinKind::Left)],
        partitions in (1..4_usize, 1..5_usize),
        rows in prop::collection::vec((0..2_usize, 0..100_i64, 0..3_u8, 0..4_i64, 0..4_u8), 0..40),
        choices in prop::collection::vec((any::<Index>(), any::<bool>()), 0..300),
    ) {
        let mut scattered = Scattered::new(kind, partitions.0, partitions.1);
        let mut model = Model::default();
        let mut choices = choices.into_iter();
        for (number, (input, time, key, names, call)) in (0..).zip(rows) {
            let key = if input == 0 { key.to_string() } else { number.to_string() };
            let row = Row {
                input,
                time,
                key: Some(key),
                number: (names > 0).then_some(names),
                deleted: call == 0,
            };
            model.apply(&row);
            scattered.feed(&row, number);
            // Some of what is on its way arrives before the next row comes.
            for (choice, _) in choices.by_ref().take_while(|(_, more)| *more) {
                scattered.arrive(|ways| choice.index(ways));
            }
        }
        for (choice, _) in choices {
            scattered.arrive(|ways| choice.index(ways));
        }
        while scattered.arrive(|_| 0) {}
        prop_assert_eq!(&scattered.results, &model.results(kind));
        prop_assert_eq!(scattered.stored(), needed(&model, kind));
    }
}
