//! Joins in tests: rows of a key and a number on both sides, fed in any cuts, and what comes out as plain values.

use super::operate;
use crate::operator::chunk::{Chunk, Event, Mark};
use crate::operator::column::Vector;
use crate::operator::evaluate::Session;
use crate::operator::node;
use crate::operator::operate::{Context, Fates, Operate};
use crate::schema::{Column, DataType, Role, Schema};
use crate::state::Store;
use crate::state::row::Corrupt;
use crate::topology::{
    Collection, Conventions, Join, JoinWith, Node, Operator, Query, Sink, Source, WatermarkPolicy,
    stages,
};
use arrow_array::{Int64Array, LargeStringArray};

/// One step of what a join is fed with: a row of an input, or the node's watermark.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    Row(Row),
    Watermark(i64),
}

/// A row of one side: its columns are a key and a number.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) input: usize,
    pub(super) time: i64,
    pub(super) key: Option<String>,
    pub(super) number: Option<i64>,
    pub(super) deleted: bool,
}

/// A row that came out, or a watermark.
#[expect(clippy::large_enum_variant, reason = "there are few of them")]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Out {
    Row(Joined),
    Watermark(i64),
}

/// The values of a result: the key, key and number of the left, key and number of the right.
pub(super) type Values =
    (Option<String>, (Option<String>, Option<i64>), (Option<String>, Option<i64>));

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Joined {
    pub(super) time: i64,
    pub(super) values: Values,
    pub(super) deleted: bool,
    /// What the key held before.
    pub(super) old: Option<Values>,
}

/// A join that runs.
#[derive(Debug)]
pub(super) struct Rig {
    plan: Query,
    operate: Box<dyn Operate>,
    session: Session,
    watermark: Option<i64>,
    pub(super) fates: Fates,
}

pub(super) fn row(input: usize, time: i64, key: &str, number: i64) -> Step {
    let key = Some(key.to_owned());
    Step::Row(Row { input, time, key, number: Some(number), deleted: false })
}

pub(super) fn plan(join: &Join, policy: WatermarkPolicy) -> Query {
    let table = match join.with {
        JoinWith::Streams { .. } => [false, false],
        JoinWith::StreamTable => [false, true],
        JoinWith::Tables | JoinWith::ForeignKey => [true, true],
    };
    let schema = |is_table: bool| {
        let role = |of: Role| if is_table { of } else { Role::Value };
        let column =
            |name: &str, data_type, role| Column { name: name.to_owned(), data_type, role };
        Schema {
            columns: vec![
                column("k", DataType::String, role(Role::Key)),
                column("n", DataType::Bigint, Role::Value),
            ],
        }
    };
    let source = |is_table: bool| {
        let collection = if is_table { Collection::Table } else { Collection::Stream };
        let operator = Operator::Source(Source { collection, ..Source::new("topic") });
        Node { inputs: vec![], operator, schema: schema(is_table) }
    };
    let mut columns = vec![schema(false).columns[0].clone()];
    columns.extend(schema(false).columns);
    columns.extend(schema(false).columns);
    let joined = Schema { columns };
    let nodes = vec![
        source(table[0]),
        source(table[1]),
        Node { inputs: vec![0, 1], operator: Operator::Join(join.clone()), schema: joined.clone() },
        Node { inputs: vec![2], operator: Operator::Sink(Sink::new("out")), schema: joined },
    ];
    let conventions = Conventions { watermark_policy: policy, ..Conventions::default() };
    Query { name: "test".to_owned(), nodes, conventions }
}

impl Rig {
    pub(super) fn new(join: &Join, policy: WatermarkPolicy) -> Self {
        Self::of(plan(join, policy))
    }

    fn of(plan: Query) -> Self {
        let Operator::Join(join) = &plan.nodes[2].operator else { panic!("a join") };
        let operate: Box<dyn Operate> = match join.with {
            JoinWith::ForeignKey => Box::new(Steps(foreign_key_steps(&plan))),
            _ => operate(&plan, &plan.nodes[2], join).unwrap(),
        };
        let session = Session::new(&plan.conventions).unwrap();
        Self { operate, session, plan, watermark: None, fates: Fates::default() }
    }

    /// Feeds the steps; a chunk ends before each step whose number is among the cuts, and where the other input begins.
    pub(super) fn feed(&mut self, steps: &[Step], cuts: &[usize]) -> Vec<Out> {
        let (mut out, mut first) = (Vec::new(), 0);
        let input = |step: &Step| match step {
            Step::Row(row) => Some(row.input),
            Step::Watermark(_) => None,
        };
        while first < steps.len() {
            let mut of = None;
            let same = |(number, step): &(usize, &Step)| {
                let fits = of.is_none() || input(step).is_none() || input(step) == of;
                of = of.or(input(step));
                fits && (*number == first || !cuts.contains(number))
            };
            let len = steps.iter().enumerate().skip(first).take_while(same).count();
            self.feed_chunk(of.unwrap_or(first % 2), &steps[first..first + len], &mut out);
            first += len;
        }
        out
    }

    /// Feeds the steps in as few chunks as can be.
    pub(super) fn feed_all(&mut self, steps: &[Step]) -> Vec<Out> {
        self.feed(steps, &[])
    }

    fn feed_chunk(&mut self, input: usize, steps: &[Step], out: &mut Vec<Out>) {
        let (mut rows, mut marks) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Row(row) => rows.push(row),
                Step::Watermark(watermark) => {
                    self.watermark = Some(*watermark);
                    marks.push(Mark { at: rows.len(), watermark: *watermark });
                }
            }
        }
        let chunk = chunk(&rows, marks);
        let (session, fates) = (&mut self.session, &mut self.fates);
        let result = self.operate.process(input, &chunk, &mut Context { session, fates });
        for event in result.events() {
            let next = match event {
                Event::Watermark(watermark) => Out::Watermark(watermark),
                Event::Row(row) => Out::Row(joined(&result, row)),
            };
            // Of several watermarks in one place the last says it all.
            if let (Some(last @ Out::Watermark(_)), Out::Watermark(_)) = (out.last_mut(), &next) {
                *last = next;
            } else {
                out.push(next);
            }
        }
    }

    /// Another one that goes on from this one's changelogs, which take in what has changed.
    pub(super) fn restart(&mut self, changelogs: &mut Vec<Vec<Change>>) -> Self {
        let mut next = Self::of(self.plan.clone());
        changelogs.resize(self.operate.stores().len(), Vec::new());
        next.watermark = self.watermark;
        let stores = self.operate.stores().into_iter().zip(next.operate.stores());
        for ((from, to), changelog) in stores.zip(changelogs) {
            from.drain_changes(|key, value| {
                changelog.push((key.to_vec(), value.map(<[u8]>::to_vec)));
            });
            for (key, value) in changelog {
                to.restore(key, value.as_deref());
            }
        }
        next.operate.restored(next.watermark).unwrap();
        next
    }

    /// How many entries each store has.
    pub(super) fn stored(&mut self) -> Vec<usize> {
        self.operate.stores().iter().map(|store| store.len()).collect()
    }
}

/// The steps of a join by foreign key, one right behind the other.
#[derive(Debug)]
struct Steps([Box<dyn Operate>; 3]);

/// The nodes that run a join by foreign key: ask, answer, settle.
pub(super) fn foreign_key_steps(plan: &Query) -> [Box<dyn Operate>; 3] {
    let stages = stages(plan, "test").unwrap();
    let steps = stages.iter().filter_map(|stage| {
        let nodes = &stage.query.nodes;
        let step = nodes.iter().position(|node| matches!(node.operator, Operator::ForeignKey(_)));
        step.map(|place| node::operate(stage, place).unwrap().unwrap())
    });
    steps.collect::<Vec<_>>().try_into().unwrap()
}

impl Operate for Steps {
    fn process(&mut self, input: usize, chunk: &Chunk, context: &mut Context<'_>) -> Chunk {
        let [ask, answer, settle] = &mut self.0;
        let asked = (input == 0).then(|| ask.process(0, chunk, context));
        let answered = answer.process(input, asked.as_ref().unwrap_or(chunk), context);
        settle.process(0, &answered, context)
    }

    fn stores(&mut self) -> Vec<&mut Store> {
        self.0.iter_mut().flat_map(|step| step.stores()).collect()
    }

    fn restored(&mut self, watermark: Option<i64>) -> Result<(), Corrupt> {
        self.0.iter_mut().try_for_each(|step| step.restored(watermark))
    }
}

/// An entry of a changelog.
pub(super) type Change = (Vec<u8>, Option<Vec<u8>>);

pub(super) fn chunk(rows: &[&Row], marks: Vec<Mark>) -> Chunk {
    if rows.is_empty() {
        return Chunk { marks, ..Chunk::default() };
    }
    let keys: LargeStringArray = rows.iter().map(|row| row.key.as_deref()).collect();
    let numbers: Int64Array = rows.iter().map(|row| row.number).collect();
    let deleted: Vec<bool> = rows.iter().map(|row| row.deleted).collect();
    Chunk {
        rows: rows.len(),
        columns: vec![Vector::each(keys), Vector::each(numbers)],
        times: rows.iter().map(|row| row.time).collect(),
        deleted: if deleted.contains(&true) { deleted } else { Vec::new() },
        marks,
        ..Chunk::default()
    }
}

pub(super) fn joined(chunk: &Chunk, row: usize) -> Joined {
    assert_eq!(chunk.columns.len(), 5, "the key, both of the left, both of the right");
    let values = |columns: &[Vector]| {
        let text = |column: usize| columns[column].text().get(row).map(str::to_owned);
        let number = |column: usize| columns[column].int64().get(row);
        (text(0), (text(1), number(2)), (text(3), number(4)))
    };
    Joined {
        time: chunk.times[row],
        values: values(&chunk.columns),
        deleted: chunk.is_deleted(row),
        old: chunk.old.as_ref().filter(|old| old.present[row]).map(|old| values(&old.columns)),
    }
}

/// The rows alone.
pub(super) fn rows(out: &[Out]) -> Vec<Joined> {
    let row = |out: &Out| match out {
        Out::Row(row) => Some(row.clone()),
        Out::Watermark(_) => None,
    };
    out.iter().filter_map(row).collect()
}

/// The same steps in these cuts, and with restarts before step `stop` and halfway to it, give the same.
pub(super) fn check_cuts(
    (join, policy): (&Join, WatermarkPolicy),
    steps: &[Step],
    cuts: &[usize],
    stop: usize,
) -> (Vec<Out>, Rig) {
    let new = || Rig::new(join, policy);
    let mut whole = new();
    let out = whole.feed_all(steps);
    assert_eq!(new().feed(steps, cuts), out, "cuts");

    let (first, last) = steps.split_at(stop.min(steps.len()));
    let (first, second) = first.split_at(first.len() / 2);
    let mut changelogs = Vec::new();
    let mut rig = new();
    let mut seen = rig.feed(first, cuts);
    for steps in [second, last] {
        rig = rig.restart(&mut changelogs);
        seen.extend(rig.feed(steps, cuts));
    }
    assert_eq!(rows(&seen), rows(&out), "restart");
    (out, whole)
}
