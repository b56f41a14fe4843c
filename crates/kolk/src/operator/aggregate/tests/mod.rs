//! Aggregations by hand: rows and watermarks in, results out, however they are cut into chunks; compared with plain code.

#[path = "../../../../tests/oracle/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod oracle;
mod functions;
mod grouped;
mod regrouped;
mod sessions;
mod standing;

use super::aggregation;
use crate::expression::Literal;
use crate::operator::PlanError;
use crate::operator::appender::Appender;
use crate::operator::chunk::{Chunk, Mark, Old, Origin};
use crate::operator::column::{Column as Values, Vector};
use crate::operator::evaluate::Session;
use crate::operator::operate::{Context, Fates, Operate};
use crate::schema::{Column, DataType, Role, Schema};
use crate::topology::{
    Aggregate, AggregateCall, AggregateFunction, Collection, Conventions, Emit, Format, JsonNulls,
    Late, Node, Operator, Payload, Query, Sink, Source, Updates, WatermarkPolicy, Windowing,
};

/// The input of all tests: what a row is, and what its values are called.
const COLUMNS: [(&str, DataType); 6] = [
    ("user", DataType::String),
    ("n", DataType::Bigint),
    ("i", DataType::Integer),
    ("d", DataType::Double),
    ("page", DataType::String),
    ("cost", DataType::Decimal { precision: 4, scale: 1 }),
];

/// A row's values as text; NULL is none.
type Cells = Vec<Option<String>>;

/// A step of an input.
#[derive(Debug, Clone)]
enum In {
    Row { cells: Option<Cells>, time: i64, old: Option<Cells> },
    Mark(i64),
}

/// A step of an output: a row's cells one behind the other, `-` when it deletes; NULL is `null`.
#[derive(Debug, Clone, PartialEq)]
enum Out {
    Row { cells: String, time: i64 },
    Mark(i64),
}

fn call(function: AggregateFunction, arguments: &[usize], data_type: DataType) -> AggregateCall {
    AggregateCall { function, arguments: arguments.to_vec(), constants: Vec::new(), data_type }
}

fn with(constants: &[Literal], call: AggregateCall) -> AggregateCall {
    AggregateCall { constants: constants.to_vec(), ..call }
}

/// `SELECT user, … GROUP BY user`.
fn by_user(calls: Vec<AggregateCall>, windowing: Option<Windowing>, emit: Emit) -> Aggregate {
    Aggregate { group_by: vec![0], windowing, calls, emit, late: Late::Topic("late".to_owned()) }
}

/// What a test runs beside the aggregation itself.
#[derive(Debug, Clone)]
struct Setting {
    columns: Vec<(&'static str, DataType)>,
    /// The column that is the primary key of a table.
    key: Option<usize>,
    collection: Collection,
    updates: Updates,
    policy: WatermarkPolicy,
    /// Whether somebody behind wants to know what results were before.
    wants_old: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            columns: COLUMNS.to_vec(),
            key: None,
            collection: Collection::Stream,
            updates: Updates::All,
            policy: WatermarkPolicy::Min,
            wants_old: false,
        }
    }
}

fn schema(columns: &[(&str, DataType)]) -> Schema {
    let column = |(name, data_type): &(&str, DataType)| Column {
        name: (*name).to_owned(),
        data_type: data_type.clone(),
        role: Role::Value,
    };
    Schema { columns: columns.iter().map(column).collect() }
}

fn query(aggregate: &Aggregate, setting: &Setting) -> Query {
    let mut input = schema(&setting.columns);
    setting.key.into_iter().for_each(|key| input.columns[key].role = Role::Key);
    let source = Source { collection: setting.collection, ..Source::new("visits") };
    let key = Payload::Encoded { format: Format::Json, columns: vec![] };
    let sink = Sink { updates: setting.updates, value: key.clone(), key, ..Sink::new("counts") };
    let node = |inputs: Vec<usize>, operator, schema| Node { inputs, operator, schema };
    let mut nodes = vec![
        node(vec![], Operator::Source(source), input),
        node(vec![0], Operator::Aggregate(aggregate.clone()), Schema::default()),
    ];
    if setting.wants_old {
        let again = by_user(Vec::new(), None, Emit::Changes);
        nodes.push(node(vec![1], Operator::Aggregate(again), Schema::default()));
    }
    nodes.push(node(vec![nodes.len() - 1], Operator::Sink(sink), Schema::default()));
    let conventions = Conventions {
        watermark_policy: setting.policy,
        json_nulls: JsonNulls::Write,
        ..Conventions::default()
    };
    Query { name: "counts".to_owned(), nodes, conventions }
}

/// An aggregation that runs.
struct Running {
    operate: Box<dyn Operate>,
    setting: Setting,
    session: Session,
    fates: Fates,
    offset: i64,
}

impl Running {
    fn new(aggregate: &Aggregate, setting: &Setting) -> Result<Self, PlanError> {
        let query = query(aggregate, setting);
        Ok(Self {
            operate: aggregation(&query, 1, aggregate)?,
            setting: setting.clone(),
            session: Session::new(&query.conventions)?,
            fates: Fates::default(),
            offset: 0,
        })
    }

    fn context<T>(&mut self, f: impl FnOnce(&mut dyn Operate, &mut Context<'_>) -> T) -> T {
        let (session, fates) = (&mut self.session, &mut self.fates);
        f(&mut *self.operate, &mut Context { session, fates })
    }

    /// Runs steps, cut before each of these.
    fn run(&mut self, steps: &[In], cuts: &[usize]) -> Vec<Out> {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (steps.len() + 1)).collect();
        cuts.extend([0, steps.len()]);
        cuts.sort_unstable();
        cuts.dedup();
        let mut outputs = Vec::new();
        for cut in cuts.windows(2) {
            let chunk = self.chunk(&steps[cut[0]..cut[1]]);
            let output = self.context(|operate, context| operate.process(0, &chunk, context));
            outputs.extend(shown(&output));
        }
        outputs
    }

    fn flush(&mut self) -> Vec<Out> {
        shown(&self.context(|operate, context| operate.flush(context)))
    }

    fn chunk(&mut self, steps: &[In]) -> Chunk {
        let mut chunk = Chunk::default();
        let types: Vec<DataType> =
            self.setting.columns.iter().map(|column| column.1.clone()).collect();
        let appenders = || types.iter().map(Appender::new).collect::<Vec<Appender>>();
        let (mut now, mut before, mut present) = (appenders(), appenders(), Vec::new());
        for step in steps {
            match step {
                In::Mark(watermark) => {
                    chunk.marks.push(Mark { at: chunk.rows, watermark: *watermark });
                }
                In::Row { cells, time, old } => {
                    chunk.rows += 1;
                    chunk.times.push(*time);
                    chunk.deleted.push(cells.is_none());
                    let nothing = vec![None; types.len()];
                    push(cells.as_ref().or(old.as_ref()).unwrap_or(&nothing), &mut now);
                    push(old.as_ref().unwrap_or(&nothing), &mut before);
                    present.push(old.is_some());
                    let (partition, offset) = (0, self.offset);
                    chunk.origins.push(Origin { timestamp: *time, partition, offset });
                    self.offset += 1;
                }
            }
        }
        let finish =
            |of: Vec<Appender>| of.into_iter().map(|mut of| Vector::each(of.finish())).collect();
        chunk.columns = finish(now);
        if self.setting.collection == Collection::Table {
            chunk.old = Some(Old { present, columns: finish(before) });
        }
        chunk
    }

    /// Another one that goes on from what this one has committed; `watermark` is the operator's.
    fn restored(
        &mut self,
        aggregate: &Aggregate,
        watermark: Option<i64>,
        changelog: &mut Changelog,
    ) -> Self {
        let mut next = Self::new(aggregate, &self.setting).unwrap();
        next.offset = self.offset;
        for store in self.operate.stores() {
            store.drain_changes(|key, value| match value {
                Some(value) => {
                    changelog.insert(key.to_vec(), value.to_vec());
                }
                None => {
                    changelog.remove(key);
                }
            });
        }
        for store in next.operate.stores() {
            changelog.iter().for_each(|(key, value)| store.restore(key, Some(value)));
        }
        next.operate.restored(watermark).unwrap();
        next
    }
}

type Changelog = std::collections::BTreeMap<Vec<u8>, Vec<u8>>;

fn push(cells: &Cells, into: &mut [Appender]) {
    for (cell, into) in cells.iter().zip(into) {
        let Some(cell) = cell else {
            into.push_null();
            continue;
        };
        match into {
            Appender::Boolean(_) => into.push_bool(cell.parse().unwrap()),
            Appender::Int32(_) => into.push_i32(cell.parse().unwrap()),
            Appender::Int64(_) => into.push_i64(cell.parse().unwrap()),
            Appender::Double(_) => into.push_f64(cell.parse().unwrap()),
            Appender::Decimal(_) => into.push_i128(cell.parse().unwrap()),
            Appender::Text(_) => into.push_text(cell),
            Appender::Bytes(_) => into.push_bytes(cell.as_bytes()),
        }
    }
}

fn cell(vector: &Vector, row: usize) -> String {
    let text = match &vector.column {
        Values::Boolean(_) => vector.boolean().get(row).map(|value| value.to_string()),
        Values::Int32(_) => vector.int32().get(row).map(|value| value.to_string()),
        Values::Int64(_) => vector.int64().get(row).map(|value| value.to_string()),
        Values::Double(_) => vector.double().get(row).map(|value| format!("{value:?}")),
        Values::Decimal(_) => vector.decimal().get(row).map(|value| value.to_string()),
        Values::Text(_) => vector.text().get(row).map(str::to_owned),
        Values::Bytes(_) => vector.bytes().get(row).map(|bytes| format!("{bytes:?}")),
    };
    text.unwrap_or_else(|| "null".to_owned())
}

fn shown(chunk: &Chunk) -> Vec<Out> {
    use crate::operator::chunk::Event;
    let row = |row: usize| {
        let cells = |columns: &[Vector]| {
            columns.iter().map(|of| cell(of, row)).collect::<Vec<_>>().join(" ")
        };
        let mut shown = cells(&chunk.columns);
        if chunk.is_deleted(row) {
            shown.push_str(" -");
        }
        match &chunk.old {
            Some(old) if old.present[row] => {
                shown = format!("{shown} (was {})", cells(&old.columns));
            }
            Some(_) => shown.push_str(" (new)"),
            None => {}
        }
        Out::Row { cells: shown, time: chunk.times[row] }
    };
    chunk
        .events()
        .map(|event| match event {
            Event::Row(number) => row(number),
            Event::Watermark(watermark) => Out::Mark(watermark),
        })
        .collect()
}

/// A row: `alice 1 - 2.5`, `-` for NULL, the missing ones too.
fn row(time: i64, cells: &str) -> In {
    In::Row { cells: Some(cells_of(cells)), time, old: None }
}

fn cells_of(text: &str) -> Cells {
    let given = text.split(' ').map(|cell| (cell != "-").then(|| cell.to_owned()));
    given.chain(std::iter::repeat(None)).take(COLUMNS.len()).collect()
}

/// What one chunk of these rows gives, as `time: cells`.
fn results(aggregate: &Aggregate, setting: &Setting, steps: &[In]) -> Vec<String> {
    let mut running = Running::new(aggregate, setting).unwrap();
    rows_of(&running.run(steps, &[]))
}

/// Of watermarks with nothing between them the last says it all.
fn settled(outputs: Vec<Out>) -> Vec<Out> {
    let mut settled: Vec<Out> = Vec::new();
    for output in outputs {
        match (settled.last_mut(), &output) {
            (Some(Out::Mark(last)), Out::Mark(watermark)) => *last = *watermark,
            _ => settled.push(output),
        }
    }
    settled
}

fn rows_of(outputs: &[Out]) -> Vec<String> {
    let row = |output: &Out| match output {
        Out::Row { cells, time } => Some(format!("{time}: {cells}")),
        Out::Mark(_) => None,
    };
    outputs.iter().filter_map(row).collect()
}
