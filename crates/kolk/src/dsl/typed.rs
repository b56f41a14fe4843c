//! Streams of serde types, and the closures that their rows go through.

use super::process::{Process, Running, read};
use super::{DslError, Expr, Grouped, Joined, Rows, Stream, Table, Within, reflect};
use crate::schema::{Column, DataType, Role, Schema};
use crate::topology::{self, OnBadRecord, Operator, ProcessError, Processor, ProcessorContext};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// What can be a row: a struct that serde reads and writes, with a field for each column.
pub trait Record: Serialize + DeserializeOwned + 'static {}

impl<T: Serialize + DeserializeOwned + 'static> Record for T {}

/// From a row as JSON to values.
type Chain<T> = Arc<dyn Fn(&[u8], &mut dyn FnMut(T)) -> Result<(), ProcessError> + Send + Sync>;

/// A stream of values of a serde type. Closures see them one by one; they must be deterministic: no clock, no I/O, no randomness.
///
/// Integers up to 32 bits are INTEGER columns, wider ones BIGINT; floats DOUBLE; text and enums of names STRING, [`super::Timestamp`]
/// TIMESTAMP; sequences ARRAY, maps MAP, structs STRUCT. Any column may be NULL, which only an `Option` takes. A record that is no
/// value of the type is a bad one: it is counted, and [`Self::on_bad_record`] says what else becomes of it.
///
/// **What a closure costs.** An expression (`col("page").equals(lit("home"))`) is computed on a column of a whole batch at a time, and
/// columns that nobody names are not even read. A closure needs each row as a value: the row is written as JSON, read by serde into
/// the type, with the allocations that its fields need, and what comes out goes the same way back. That is about what it costs to
/// read and to write the record once more, and all fields of the type are read. Closures that follow each other share one such
/// pass; so take what an expression can do first ([`Typed::filter_by`]), and closures for the rest.
pub struct Typed<'p, T> {
    rows: Rows<'p>,
    /// What the rows go through before they are values of the type; without one they are such.
    chain: Option<Chain<T>>,
}

/// A typed stream whose rows have a key: a column `key` beside their own.
pub struct Keyed<'p, K, T> {
    stream: Stream<'p>,
    of: PhantomData<fn() -> (K, T)>,
}

impl<T> Clone for Typed<'_, T> {
    fn clone(&self) -> Self {
        Self { rows: self.rows, chain: self.chain.clone() }
    }
}

impl<K, T> Clone for Keyed<'_, K, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, T> Copy for Keyed<'_, K, T> {}

impl<'p> Stream<'p> {
    /// The rows as values of a struct, whose fields are columns by name. Numbers may be wider in the struct than in the column.
    #[must_use]
    pub fn typed<T: Record>(self) -> Typed<'p, T> {
        let columns = self.0.program.or_fail(columns::<T>("typed"), Vec::new);
        let checked = columns.iter().try_for_each(|wanted| reads(&self.schema(), wanted));
        self.0.program.or_fail(checked, || ());
        let names = || columns.iter().map(|column| column.name.as_str());
        let is_all = self.schema().columns.iter().map(|column| column.name.as_str()).eq(names());
        let select = || self.select(names().map(|name| (name, super::col(name))));
        Typed { rows: if is_all { self.0 } else { select().0 }, chain: None }
    }
}

impl<'p, T: Record> Typed<'p, T> {
    pub(super) fn new(rows: Rows<'p>) -> Self {
        Self { rows, chain: None }
    }

    /// Takes event times from a TIMESTAMP or BIGINT field, which come up to `delay` out of order. Right behind the topic only.
    #[must_use]
    pub fn event_time(self, field: &str, delay: Duration) -> Self {
        Self { rows: Stream(self.rows).event_time(field, delay).0, ..self }
    }

    /// What becomes of a record that is no value of the type; without it the query stops. Right behind the topic only.
    #[must_use]
    pub fn on_bad_record(self, then: OnBadRecord) -> Self {
        Self { rows: Stream(self.rows).on_bad_record(then).0, ..self }
    }

    /// Keeps the values for which the closure says so.
    #[must_use]
    pub fn filter(self, keep: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        self.through(move |value, out| {
            if keep(&value) {
                out(value);
            }
        })
    }

    /// Keeps the rows for which the expression is true, a batch at a time.
    #[must_use]
    pub fn filter_by(self, predicate: Expr) -> Self {
        Self::new(self.columns().filter(predicate).0)
    }

    /// Makes a value of each.
    #[must_use]
    pub fn map<U: Record>(self, f: impl Fn(T) -> U + Send + Sync + 'static) -> Typed<'p, U> {
        self.through(move |value, out| out(f(value)))
    }

    /// Makes any number of values of each.
    #[must_use]
    pub fn flat_map<U: Record, I: IntoIterator<Item = U>>(
        self,
        f: impl Fn(T) -> I + Send + Sync + 'static,
    ) -> Typed<'p, U> {
        self.through(move |value, out| f(value).into_iter().for_each(out))
    }

    /// Gives each row a key, as a column `key` beside its own; nothing moves before the rows are grouped.
    #[must_use]
    pub fn key_by<K: Record>(
        self,
        key: impl Fn(&T) -> K + Send + Sync + 'static,
    ) -> Keyed<'p, K, T> {
        let program = self.rows.program;
        let key_type = reflect::data_type::<K>().map_err(|why| step("key_by", why));
        let key_type = program.or_fail(key_type, || DataType::String);
        let name = "key".to_owned();
        let column = Column { name, data_type: key_type, role: Role::Key };
        let mut schema = Schema { columns: vec![column] };
        schema.columns.extend(program.or_fail(columns::<T>("key_by"), Vec::new));
        let clash = schema.columns[1..].iter().any(|column| column.name == "key");
        let why = "the rows have a column key already: group by it".to_owned();
        program.or_fail(if clash { Err(step("key_by", why)) } else { Ok(()) }, || ());
        let chain = self.chain();
        let node = self.rows.then(
            code(Arc::new(move |row, out: &mut dyn FnMut(WithKey<K, T>)| {
                chain(row, &mut |value| out(WithKey { key: key(&value), value }))
            })),
            schema,
        );
        Keyed { stream: Stream(node), of: PhantomData }
    }

    /// Groups by fields, which needs no closure.
    pub fn group_by<'n>(self, fields: impl IntoIterator<Item = &'n str>) -> Grouped<'p> {
        self.columns().group_by(fields)
    }

    /// The values of both.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self::new(self.columns().merge(other.columns()).0)
    }

    /// Each value meets those of `other` that are near it in time, see [`Stream::join`]. Call one side [`Stream::named`] where both have a
    /// field of one name: join their [`Self::columns`] then.
    pub fn join<U: Record>(self, other: Typed<'p, U>, within: Within) -> Joined<'p, Stream<'p>> {
        self.columns().join(other.columns(), within)
    }

    /// Each value meets the table's row of its key, see [`Stream::join_table`].
    pub fn join_table(self, table: Table<'p>) -> Joined<'p, Stream<'p>> {
        self.columns().join_table(table)
    }

    /// Leads the values through an operator of one's own, see [`Stream::process`]; values with equal `keys` (fields) meet in one task.
    #[must_use]
    pub fn process<'n, P: Process<Input = T> + 'static>(
        self,
        name: &str,
        keys: impl IntoIterator<Item = &'n str>,
        make: impl Fn() -> P + Send + Sync + 'static,
    ) -> Typed<'p, P::Output>
    where
        P::Output: Record,
    {
        let program = self.rows.program;
        let stream = self.columns();
        let keys: Vec<String> = keys.into_iter().map(str::to_owned).collect();
        let keys = stream.0.keys(&keys, "process");
        let schema = program.or_fail(columns::<P::Output>("process"), Vec::new);
        let make = move || -> Box<dyn Processor> { Box::new(Running(make())) };
        let name = name.to_owned();
        let process = topology::Process { name, keys, keeps_state: true, make: Arc::new(make) };
        Typed::new(stream.0.then(Operator::Process(process), Schema { columns: schema }))
    }

    /// The values as rows, for what goes by columns.
    #[must_use]
    pub fn columns(self) -> Stream<'p> {
        let Some(chain) = self.chain else { return Stream(self.rows) };
        let columns = self.rows.program.or_fail(columns::<T>("map"), Vec::new);
        Stream(self.rows.then(code(chain), Schema { columns }))
    }

    /// Writes the values to a topic as JSON, see [`Stream::to`].
    pub fn to(self, topic: &str) {
        self.columns().to(topic);
    }

    fn chain(&self) -> Chain<T> {
        let reading = |row: &[u8], out: &mut dyn FnMut(T)| read(row).map(out);
        self.chain.clone().unwrap_or_else(|| Arc::new(reading))
    }

    fn through<U>(self, f: impl Fn(T, &mut dyn FnMut(U)) + Send + Sync + 'static) -> Typed<'p, U> {
        let before = self.chain();
        let chain: Chain<U> =
            Arc::new(move |row, out: &mut dyn FnMut(U)| before(row, &mut |value| f(value, out)));
        Typed { rows: self.rows, chain: Some(chain) }
    }
}

impl<'p, K: Record, T: Record> Keyed<'p, K, T> {
    /// Groups by the key.
    pub fn group_by_key(self) -> Grouped<'p> {
        self.stream.group_by(["key"])
    }

    /// The rows, for what goes by columns: `key`, and those of the values.
    #[must_use]
    pub fn columns(self) -> Stream<'p> {
        self.stream
    }

    /// The values, without their keys.
    #[must_use]
    pub fn values(self) -> Typed<'p, T> {
        self.stream.typed()
    }
}

/// A value and its key as one JSON object.
#[derive(Serialize)]
struct WithKey<K, T> {
    key: K,
    #[serde(flatten)]
    value: T,
}

/// A chain as the engine sees it.
struct Code<T>(Chain<T>);

impl<T: Serialize> Processor for Code<T> {
    fn process(
        &mut self,
        row: &[u8],
        context: &mut ProcessorContext<'_>,
    ) -> Result<(), ProcessError> {
        let ProcessorContext { rows, ends, .. } = context;
        let mut failed = Ok(());
        (self.0)(row, &mut |value| match serde_json::to_writer(&mut **rows, &value) {
            Ok(()) => ends.push(rows.len()),
            Err(error) => failed = Err(ProcessError::Failed(error.to_string())),
        })?;
        failed
    }

    fn timer(&mut self, _: &[u8], _: i64, _: &mut ProcessorContext<'_>) -> Result<(), String> {
        Ok(())
    }
}

fn code<T: Serialize + 'static>(chain: Chain<T>) -> Operator {
    let make = move || -> Box<dyn Processor> { Box::new(Code(Arc::clone(&chain))) };
    let name = "closures".to_owned();
    Operator::Process(topology::Process {
        name,
        keys: Vec::new(),
        keeps_state: false,
        make: Arc::new(make),
    })
}

/// The columns of a type.
pub(super) fn columns<T: Record>(of: &str) -> Result<Vec<Column>, DslError> {
    let fields = reflect::columns::<T>()
        .map_err(|why| step(of, format!("{}: {why}", std::any::type_name::<T>())))?;
    let column = |(name, data_type)| Column { name, data_type, role: Role::Value };
    Ok(fields.into_iter().map(column).collect())
}

fn step(step: &str, why: String) -> DslError {
    DslError::Step { step: step.to_owned(), why }
}

/// Whether a field can be read from the columns of a stream.
fn reads(schema: &Schema, wanted: &Column) -> Result<(), DslError> {
    let at = super::expr::position(schema, &wanted.name, "typed")?;
    let there = &schema.columns[at].data_type;
    let widens = matches!(
        (there, &wanted.data_type),
        (DataType::Integer, DataType::Bigint | DataType::Double)
            | (DataType::Bigint, DataType::Double)
            | (DataType::Timestamp, DataType::Bigint)
            | (DataType::Bigint, DataType::Timestamp)
    );
    if *there == wanted.data_type || widens {
        return Ok(());
    }
    let expected = format!("{there} for the field {}", wanted.name);
    Err(DslError::Expected { step: "typed".to_owned(), expected, found: wanted.data_type.clone() })
}

impl<T> fmt::Debug for Typed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typed").field("of", &std::any::type_name::<T>()).finish_non_exhaustive()
    }
}

impl<K, T> fmt::Debug for Keyed<'_, K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed").field("stream", &self.stream).finish_non_exhaustive()
    }
}
