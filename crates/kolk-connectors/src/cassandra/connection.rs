//! A session with the cluster, and the writing of batches.

use super::convert;
use super::statement::{self, Bound, Statements};
use crate::{authorities, fields};
use kolk::sink::connector::{Connection, ConnectorError, ConnectorRow, Outcome, RowBatch};
use kolk::time::{Clock, SystemClock};
use kolk::topology::Target;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::cluster::metadata::Table;
use scylla::errors::{DbError, ExecutionError, NewSessionError, PrepareError, RequestAttemptError};
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::{CqlTimestamp, CqlValue};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

/// Requests on their way at a time.
const IN_FLIGHT_MAX: usize = 32;
/// Rows of one partition in a batch: Cassandra logs larger ones, and refuses those of 50 KiB.
const BATCH_ROWS: usize = 50;
/// Bytes of JSON in a batch.
const BATCH_BYTES: usize = 16 << 10;
/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Rows that go out in one request: all of one partition of the table.
#[derive(Debug, Clone, Default)]
struct Request {
    /// Positions in the batch of rows.
    rows: Vec<usize>,
    writes: Vec<(Verb, Vec<Option<CqlValue>>)>,
    bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Insert,
    Delete,
}

/// Prepared once, used by every task.
#[derive(Debug)]
struct Prepared {
    session: Session,
    insert: PreparedStatement,
    delete: Option<PreparedStatement>,
}

struct Cassandra {
    runtime: Runtime,
    prepared: Arc<Prepared>,
    statements: Statements,
    target: Target,
    clock: SystemClock,
    /// The time-stamp given last, in microseconds: each write has a later one.
    last: i64,
}

/// Connects, and checks the table.
///
/// # Errors
/// [`ConnectorError`].
pub(super) fn connect(target: &Target) -> Result<Box<dyn Connection>, ConnectorError> {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| ConnectorError::Later(error.to_string()))?;
    let session = runtime.block_on(open(target))?;
    if target.is_set("create_table") && table(&runtime, &session, target)?.is_none() {
        let create = statement::create(target)?;
        let done = runtime.block_on(session.query_unpaged(create, ()));
        done.map_err(|error| failed("the table cannot be created", &error).error())?;
        refresh(&runtime, &session)?;
    }
    let found = table(&runtime, &session, target)?.ok_or_else(|| {
        let (keyspace, table) = (target.option_or("keyspace", ""), target.option_or("table", ""));
        ConnectorError::Never(format!(
            "cassandra: there is no table {keyspace}.{table}: create it, or say create_table = TRUE"
        ))
    })?;
    let statements = statement::of_table(target, &found)?;
    let prepare = |text: String| {
        let prepared = runtime.block_on(session.prepare(text));
        prepared.map_err(|error| unprepared(&error)).map(|mut statement| {
            statement.set_request_timeout(Some(request_timeout(target)));
            // The driver would repeat it under the same time-stamp, which doubles the items of a list.
            statement.set_is_idempotent(false);
            statement
        })
    };
    let insert = prepare(statements.insert.clone())?;
    let delete = statements.delete.clone().map(prepare).transpose()?;
    let prepared = Arc::new(Prepared { session, insert, delete });
    let target = target.clone();
    Ok(Box::new(Cassandra {
        runtime,
        prepared,
        statements,
        target,
        clock: SystemClock::new(),
        last: 0,
    }))
}

fn request_timeout(target: &Target) -> Duration {
    let given = target.option("request_timeout_ms").and_then(|ms| ms.parse().ok());
    Duration::from_millis(given.unwrap_or(10_000))
}

async fn open(target: &Target) -> Result<Session, ConnectorError> {
    let points = target.option_or("contact_points", "").split(',').map(str::trim);
    let mut builder = SessionBuilder::new().known_nodes(points).connection_timeout(CONNECT_TIMEOUT);
    // A connection on which nothing is answered any more must go: what is repeated would go into it, too.
    let timeout = request_timeout(target);
    builder = builder.keepalive_interval(timeout / 2).keepalive_timeout(timeout);
    if let Some(user) = target.option("username") {
        builder = builder.user(user, target.secret("password").unwrap_or_default());
    }
    if target.is_set("tls") {
        let tls = authorities::client_config(target.option("tls_ca"))
            .map_err(|why| ConnectorError::Never(format!("cassandra: tls: {why}")))?;
        builder = builder.tls_context(Some(tls));
    }
    builder.build().await.map_err(|error| {
        let what = format!("cassandra at {}: {error}", target.option_or("contact_points", ""));
        if refused_login(&error) {
            ConnectorError::Never(what)
        } else {
            ConnectorError::Later(what)
        }
    })
}

/// Whether the credentials are at fault. The driver tells of it deep inside, in words.
fn refused_login(error: &NewSessionError) -> bool {
    let words = format!("{error:?} {error}");
    words.contains("AuthenticationError")
        || words.contains("Provided username")
        || words.contains("authenticator")
}

fn refresh(runtime: &Runtime, session: &Session) -> Result<(), ConnectorError> {
    let refreshed = runtime.block_on(session.refresh_metadata());
    refreshed.map_err(|error| ConnectorError::Later(format!("cassandra: {error}")))
}

fn table(
    runtime: &Runtime,
    session: &Session,
    target: &Target,
) -> Result<Option<Table>, ConnectorError> {
    let (keyspace, table) = (target.option_or("keyspace", ""), target.option_or("table", ""));
    let state = session.get_cluster_state();
    let known = state.get_keyspace(keyspace).and_then(|known| known.tables.get(table));
    if known.is_some() {
        return Ok(known.cloned());
    }
    // The driver passes over what a busy node did not tell it: whether it is there must be asked.
    let is_there = |from: &str, values: Vec<&str>| {
        let found = runtime
            .block_on(session.query_unpaged(format!("SELECT * FROM system_schema.{from}"), values));
        let found = found.map_err(|error| failed("the schema cannot be read", &error).error())?;
        let rows =
            found.into_rows_result().map_err(|error| ConnectorError::Later(error.to_string()))?;
        Ok(rows.rows_num() > 0)
    };
    if is_there("tables WHERE keyspace_name = ? AND table_name = ?", vec![keyspace, table])? {
        refresh(runtime, session)?;
        return Err(ConnectorError::Later(format!(
            "cassandra: the node did not tell all of its schema: {keyspace}.{table} is missing"
        )));
    }
    if is_there("keyspaces WHERE keyspace_name = ?", vec![keyspace])? {
        return Ok(None);
    }
    Err(ConnectorError::Never(format!(
        "cassandra: there is no keyspace {keyspace}: create it first"
    )))
}

/// What became of a request.
#[derive(Debug)]
enum Failure {
    Later(String),
    Never(String),
    /// A row of it is at fault.
    Refused(String),
}

impl Failure {
    fn error(self) -> ConnectorError {
        match self {
            Self::Later(why) => ConnectorError::Later(why),
            Self::Never(why) | Self::Refused(why) => ConnectorError::Never(why),
        }
    }
}

fn failed(what: &str, error: &ExecutionError) -> Failure {
    let why = format!("cassandra: {what}: {error}");
    match error {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(db, _)) => match db {
            DbError::Invalid | DbError::SyntaxError | DbError::ConfigError => Failure::Refused(why),
            DbError::Unauthorized | DbError::AuthenticationError => Failure::Never(why),
            _ => Failure::Later(why),
        },
        ExecutionError::LastAttemptError(
            RequestAttemptError::SerializationError(_)
            | RequestAttemptError::CqlRequestSerialization(_),
        )
        | ExecutionError::BadQuery(_) => Failure::Refused(why),
        _ => Failure::Later(why),
    }
}

fn unprepared(error: &PrepareError) -> ConnectorError {
    let why = format!("cassandra: the statement cannot be prepared: {error}");
    match error {
        PrepareError::AllAttemptsFailed {
            first_attempt:
                RequestAttemptError::DbError(
                    DbError::Invalid | DbError::SyntaxError | DbError::Unauthorized,
                    _,
                ),
        } => ConnectorError::Never(why),
        _ => ConnectorError::Later(why),
    }
}

impl Connection for Cassandra {
    fn write(&mut self, batch: &mut RowBatch) -> Result<(), ConnectorError> {
        let mut requests: Vec<Request> = Vec::new();
        // The request of a partition that takes more rows; rows of a partition stay in order.
        let mut filling: HashMap<String, usize> = HashMap::new();
        for index in batch.open() {
            let Some(row) = batch.get(index) else { continue };
            match self.bind(&row) {
                Ok((partition, verb, values)) => {
                    let bytes = row.value.map_or(0, <[u8]>::len);
                    let full = |it: &Request| {
                        it.rows.len() >= BATCH_ROWS || it.bytes + bytes > BATCH_BYTES
                    };
                    let at = filling.get(&partition).copied().filter(|at| !full(&requests[*at]));
                    let at = at.unwrap_or_else(|| {
                        requests.push(Request::default());
                        requests.len() - 1
                    });
                    filling.insert(partition, at);
                    let request = &mut requests[at];
                    request.rows.push(index);
                    request.writes.push((verb, values));
                    request.bytes += bytes;
                }
                Err(why) => batch.settle(index, Outcome::Refused(why)),
            }
        }
        let mut later = self.send(requests, batch)?;
        let single: Vec<Request> = std::mem::take(&mut later.apart);
        if !single.is_empty() {
            later.why = later.why.or(self.send(single, batch)?.why);
        }
        later.why.map_or(Ok(()), |why| Err(ConnectorError::Later(why)))
    }
}

/// What is left of a round of requests.
#[derive(Debug, Default)]
struct Left {
    why: Option<String>,
    /// Requests of which one row is at fault, row by row.
    apart: Vec<Request>,
}

impl Cassandra {
    /// The table's partition of a row, and the values of its statement.
    fn bind(
        &mut self,
        row: &ConnectorRow<'_>,
    ) -> Result<(String, Verb, Vec<Option<CqlValue>>), String> {
        let now_ms = self.clock.now_ms().0;
        self.last = (self.last + 1).max(now_ms.saturating_mul(1000));
        let stamp = Some(CqlValue::BigInt(self.last));
        let Statements { columns, key, partition, fields: names, delete, .. } = &self.statements;
        let (verb, json) = match row.value {
            Some(json) => (Verb::Insert, Cow::Borrowed(text(json)?)),
            None if delete.is_none() => {
                return Err(
                    "a row is deleted by its key, which is not the table's primary key".to_owned()
                );
            }
            None => {
                let key = text(row.key.unwrap_or_default())?;
                (Verb::Delete, Cow::Owned(fields::key_object(key, &self.target)?))
            }
        };
        let mut found = Vec::with_capacity(columns.len());
        fields::find(&json, names, &mut found)?;
        let value = |at: usize| match (&columns[at], found.get(at).copied().flatten()) {
            (Bound { field: None, .. }, _) => Ok(Some(CqlValue::Timestamp(CqlTimestamp(now_ms)))),
            (Bound { field: Some(name), data_type }, Some(json)) => {
                convert::of_text(json.get(), data_type).map_err(|why| format!("{name}: {why}"))
            }
            (_, None) => Ok(None),
        };
        let mut values = Vec::with_capacity(columns.len() + 1);
        match verb {
            Verb::Insert => {
                for at in 0..columns.len() {
                    values.push(value(at)?);
                }
                values.push(stamp);
            }
            Verb::Delete => {
                values.push(stamp);
                for at in key {
                    values.push(value(*at)?);
                }
            }
        }
        let named = partition.iter().filter_map(|at| found.get(*at).copied().flatten());
        let partition = named.map(RawValue::get).collect::<Vec<_>>().join("\u{0}");
        Ok((partition, verb, values))
    }

    /// Sends requests side by side, and settles their rows.
    fn send(&self, requests: Vec<Request>, batch: &mut RowBatch) -> Result<Left, ConnectorError> {
        let mut left = Left::default();
        let mut refused = false;
        // On the runtime's own thread: this one is woken when all is done, not for each answer.
        let sending = self.runtime.spawn(all(Arc::clone(&self.prepared), requests));
        let results = self.runtime.block_on(sending);
        let results = results.map_err(|error| ConnectorError::Later(error.to_string()))?;
        for (request, result) in results {
            match result {
                Ok(()) => request.rows.iter().for_each(|row| batch.settle(*row, Outcome::Stored)),
                Err(Failure::Never(why)) => return Err(ConnectorError::Never(why)),
                Err(Failure::Later(why)) => left.why = Some(why),
                Err(Failure::Refused(why)) => {
                    refused = true;
                    match request.rows[..] {
                        [row] => batch.settle(row, Outcome::Refused(why)),
                        _ => left.apart.extend(one_by_one(request)),
                    }
                }
            }
        }
        if refused {
            // The table may have been changed under the query: then no row is at fault.
            refresh(&self.runtime, &self.prepared.session)?;
            if let Some(table) = table(&self.runtime, &self.prepared.session, &self.target)? {
                statement::of_table(&self.target, &table)?;
            }
        }
        Ok(left)
    }
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    str::from_utf8(bytes).map_err(|_| "the row is no UTF-8".to_owned())
}

fn one_by_one(request: Request) -> impl Iterator<Item = Request> {
    let rows = request.rows.into_iter().zip(request.writes);
    rows.map(|(row, write)| Request { rows: vec![row], writes: vec![write], bytes: 0 })
}

async fn all(
    prepared: Arc<Prepared>,
    requests: Vec<Request>,
) -> Vec<(Request, Result<(), Failure>)> {
    let mut running = JoinSet::new();
    let mut results = Vec::with_capacity(requests.len());
    let mut waiting = requests.into_iter();
    loop {
        while running.len() < IN_FLIGHT_MAX
            && let Some(request) = waiting.next()
        {
            let prepared = Arc::clone(&prepared);
            running.spawn(async move {
                let result = one(&prepared, &request).await;
                (request, result.map_err(|error| failed("rows cannot be written", &error)))
            });
        }
        match running.join_next().await {
            Some(Ok(done)) => results.push(done),
            // A task that died leaves its rows open: they are written again.
            Some(Err(_)) => {}
            None => return results,
        }
    }
}

async fn one(prepared: &Prepared, request: &Request) -> Result<(), ExecutionError> {
    let statement = |verb: Verb| match verb {
        Verb::Delete => prepared.delete.as_ref().unwrap_or(&prepared.insert),
        Verb::Insert => &prepared.insert,
    };
    if let [(verb, values)] = &request.writes[..] {
        return prepared.session.execute_unpaged(statement(*verb), values).await.map(|_| ());
    }
    let mut batch = Batch::new(BatchType::Unlogged);
    batch.set_request_timeout(prepared.insert.get_request_timeout());
    let mut values = Vec::with_capacity(request.writes.len());
    for (verb, row) in &request.writes {
        batch.append_statement(statement(*verb).clone());
        values.push(row);
    }
    prepared.session.batch(&batch, values).await.map(|_| ())
}
