//! A session with the server: what is checked when it opens, and the writing of batches.

use super::config::{config, shown};
use super::failure::{self, Failure};
use super::payload::{self, Change};
use super::positions::Positions;
use super::schema;
use super::statement::{self, Mode, Statements};
use super::tls::Rustls;
use super::transaction::{Attempt, Prepared, Written};
use kolk::sink::connector::{Connection, ConnectorError, Ledger, Outcome, RowBatch};
use kolk::topology::Target;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::Client;

struct Postgres {
    runtime: Runtime,
    target: Target,
    session: Option<Session>,
    /// It was open before: the table did fit.
    has_been_open: bool,
    ledger: Ledger,
    patience: Duration,
}

/// An open connection and what was prepared on it.
struct Session {
    client: Client,
    driver: JoinHandle<()>,
    prepared: Prepared,
    positions: Option<Positions>,
    statements: Statements,
}

/// Connects, and checks the table.
///
/// # Errors
/// [`ConnectorError`].
pub(super) fn connect(target: &Target) -> Result<Box<dyn Connection>, ConnectorError> {
    // Everything happens while the worker's thread waits for it: no other thread is needed.
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| ConnectorError::Later(error.to_string()))?;
    let patience = target.option("request_timeout_ms").and_then(|ms| ms.parse().ok());
    let mut postgres = Postgres {
        runtime,
        target: target.clone(),
        session: None,
        has_been_open: false,
        ledger: Ledger::default(),
        patience: Duration::from_millis(patience.unwrap_or(30_000)),
    };
    postgres.open()?;
    Ok(Box::new(postgres))
}

impl Postgres {
    fn open(&mut self) -> Result<(), ConnectorError> {
        self.ledger.forget();
        let opening =
            async { timeout(self.patience, Session::open(&self.target, self.patience)).await };
        let opened = self.runtime.block_on(opening).unwrap_or_else(|_| Err(self.silent()));
        self.session = Some(opened.map_err(|error| match error {
            ConnectorError::Never(why) if self.has_been_open => changed(&why),
            error => error,
        })?);
        self.has_been_open = true;
        Ok(())
    }

    fn silent(&self) -> ConnectorError {
        let ms = self.patience.as_millis();
        ConnectorError::Later(format!("postgresql: no answer within {ms} ms (request_timeout_ms)"))
    }
}

impl Connection for Postgres {
    fn write(&mut self, batch: &mut RowBatch) -> Result<(), ConnectorError> {
        if self.session.as_ref().is_none_or(|session| session.client.is_closed()) {
            self.open()?;
        }
        let Some(session) = &self.session else { return Ok(()) };
        let writing = async {
            let writing = session.write(batch, &self.target, &mut self.ledger);
            timeout(self.patience, writing).await
        };
        let written = self.runtime.block_on(writing).unwrap_or_else(|_| Err(self.silent()));
        match &written {
            Ok(()) => {}
            // What became of the last transaction is not known: the position tells when it is claimed anew.
            Err(ConnectorError::Later(_) | ConnectorError::Never(_)) => {
                self.ledger.forget();
                self.session = None;
            }
            Err(ConnectorError::Fenced(_)) => self.ledger.forget(),
        }
        written
    }
}

/// A connection of which nothing is heard any more would wait for its answers for ever.
impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Session {
    async fn open(target: &Target, patience: Duration) -> Result<Self, ConnectorError> {
        let config = config(target)?;
        let tls = Rustls::new(target.option("tls_ca"))?;
        let at = format!("server {}", shown(&config));
        let (client, driver) =
            config.connect(tls).await.map_err(|error| failure::of(&at, &error).error())?;
        let driver = tokio::spawn(async move {
            // Requests hear of its end by themselves.
            let _ = driver.await;
        });
        settle_in(&client, patience).await.map_err(Failure::error)?;
        let statements = check(&client, target).await?;
        let prepared = Prepared::new(&client, &statements.mode).await.map_err(Failure::error)?;
        let positions = match &target.reader {
            Some(reader) => {
                Some(Positions::open(&client, target, reader).await.map_err(Failure::error)?)
            }
            None => None,
        };
        Ok(Self { client, driver, prepared, positions, statements })
    }

    async fn write(
        &self,
        batch: &mut RowBatch,
        target: &Target,
        ledger: &mut Ledger,
    ) -> Result<(), ConnectorError> {
        self.claim(batch, ledger).await?;
        if batch.is_done() {
            return Ok(());
        }
        let mut refused = Vec::new();
        let advances = ledger.advances(batch);
        let written = {
            let changes = changes(batch, target, &self.statements.mode, &mut refused);
            if !refused.is_empty() {
                // Their rows find their place first: the transaction passes over them.
                None
            } else {
                let (prepared, positions) = (&self.prepared, self.positions.as_ref());
                let (client, columns) = (&self.client, &self.statements.columns[..]);
                let attempt = Attempt { client, prepared, columns, positions, advances: &advances };
                Some(attempt.write(&changes).await)
            }
        };
        match written {
            None => {}
            Some(Ok(Written::Stored)) => {
                ledger.committed(&advances);
                batch.open().into_iter().for_each(|index| batch.settle(index, Outcome::Stored));
            }
            Some(Ok(Written::Fenced)) => return Err(fenced(target)),
            Some(Ok(Written::Refused(rows))) => {
                self.check_again(target).await?;
                refused = rows;
            }
            Some(Err(failure @ (Failure::Schema(_) | Failure::Data(_)))) => {
                self.check_again(target).await?;
                // The table fits again, or a cast fails that should not: prepared anew.
                return Err(ConnectorError::Later(failure.why().to_owned()));
            }
            Some(Err(failure)) => return Err(failure.error()),
        }
        for (index, why) in refused {
            batch.settle(index, Outcome::Refused(why));
        }
        Ok(())
    }

    /// Claims the places of new rows, and settles the rows that are there already.
    async fn claim(&self, batch: &mut RowBatch, ledger: &mut Ledger) -> Result<(), ConnectorError> {
        let Some(positions) = &self.positions else { return Ok(()) };
        for place in ledger.unclaimed(batch) {
            let claim = positions.claim(&self.client, &place).await.map_err(Failure::error)?;
            ledger.claimed(place, claim);
        }
        let passed = ledger.pass_over(batch);
        if let Some((place, claim)) = passed.first() {
            batch.notice(format!(
                "the table has the rows of {}-{} before offset {} already: they are passed over",
                place.topic.name, place.partition, claim.position
            ));
        }
        Ok(())
    }

    /// Whether the table was changed under the query: then no row is at fault.
    async fn check_again(&self, target: &Target) -> Result<(), ConnectorError> {
        match check(&self.client, target).await {
            Err(ConnectorError::Never(why)) => Err(changed(&why)),
            Err(other) => Err(other),
            Ok(statements) if statements != self.statements => {
                // A column has another type now, and takes the rows all the same.
                Err(ConnectorError::Later("postgresql: the table was changed".to_owned()))
            }
            Ok(_) => Ok(()),
        }
    }
}

/// What did fit does not any more.
fn changed(why: &str) -> ConnectorError {
    ConnectorError::Never(format!("{why} (it was changed under the query)"))
}

fn fenced(target: &Target) -> ConnectorError {
    ConnectorError::Fenced(format!(
        "postgresql: another instance writes rows of these partitions of {}: what is not stored is read again",
        target.query
    ))
}

/// What the open rows do to the table; those that are no rows of this target are noted as refused.
fn changes<'a>(
    batch: &'a RowBatch,
    target: &Target,
    mode: &Mode,
    refused: &mut Vec<(usize, String)>,
) -> Vec<Change<'a>> {
    let mut changes = Vec::with_capacity(batch.len());
    let mut rows = payload::Reader::new(target, mode);
    for index in batch.open() {
        let Some(row) = batch.get(index) else { continue };
        match rows.change(index, &row) {
            Ok(change) => changes.push(change),
            Err(why) => refused.push((index, why)),
        }
    }
    changes
}

/// What the session must be like whatever the server's defaults are.
async fn settle_in(client: &Client, patience: Duration) -> Result<(), Failure> {
    // Texts of times have no zone; an instance that was stopped inside of a transaction, or is gone without a word, must not hold its
    // rows' locks; and a commit that was acknowledged must survive the server, since offsets follow it.
    let settings = format!(
        "SET TIME ZONE 'UTC'; SET idle_in_transaction_session_timeout = {};
         SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;
         SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
        patience.as_millis()
    );
    let done = client.batch_execute(&settings).await;
    done.map_err(|error| failure::of("the session cannot be set up", &error))
}

/// The statements for the table, which is made first if it is to be.
async fn check(client: &Client, target: &Target) -> Result<Statements, ConnectorError> {
    let mut found = schema::read(client, target).await.map_err(Failure::error)?;
    if found.is_none() && target.is_set("create_table") {
        let create = statement::create(target)?;
        // Another instance may make it at the same time: what counts is that it is there.
        let made = client.batch_execute(&create).await;
        found = schema::read(client, target).await.map_err(Failure::error)?;
        if let (Err(error), None) = (made, &found) {
            return Err(failure::of("the table cannot be created", &error).error());
        }
    }
    let (schema, table) = schema::names(target);
    let found = found.ok_or_else(|| {
        ConnectorError::Never(format!(
            "postgresql: there is no table {schema}.{table}: create it, or say create_table = TRUE"
        ))
    })?;
    statement::of_table(target, &found)
}
