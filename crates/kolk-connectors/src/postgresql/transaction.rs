//! One transaction: positions and rows together, or row by row to find the one at fault.

use super::append::Lines;
use super::failure::{self, Failure};
use super::payload::{self, Change, Verb};
use super::positions::{Advances, Positions};
use super::statement::{Bound, Mode};
use bytes::Bytes;
use futures_util::SinkExt;
use futures_util::future::{join, join3};
use kolk::sink::connector::Advance;
use std::pin::pin;
use tokio_postgres::{Client, Error, Statement};

/// The statements of rows, prepared.
#[derive(Debug)]
pub(super) enum Prepared {
    Upsert { insert: Statement, delete: Option<Statement> },
    Append { copy: Statement },
}

impl Prepared {
    pub(super) async fn new(client: &Client, mode: &Mode) -> Result<Self, Failure> {
        let failed = |error| failure::of("the statement cannot be prepared", &error);
        Ok(match mode {
            Mode::Upsert { insert, delete, .. } => {
                let insert = client.prepare(insert).await.map_err(failed)?;
                let delete = match delete {
                    Some(delete) => Some(client.prepare(delete).await.map_err(failed)?),
                    None => None,
                };
                Self::Upsert { insert, delete }
            }
            Mode::Append { copy } => {
                Self::Append { copy: client.prepare(copy).await.map_err(failed)? }
            }
        })
    }
}

/// What became of a transaction.
#[derive(Debug)]
pub(super) enum Written {
    /// It is committed.
    Stored,
    /// Nothing was stored: an epoch is another's.
    Fenced,
    /// Nothing was stored: these rows are never taken.
    Refused(Vec<(usize, String)>),
}

/// What a transaction is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) client: &'a Client,
    pub(super) prepared: &'a Prepared,
    pub(super) columns: &'a [Bound],
    pub(super) positions: Option<&'a Positions>,
    pub(super) advances: &'a [Advance],
}

fn failed(error: &Error) -> Failure {
    failure::of("rows cannot be written", error)
}

impl Attempt<'_> {
    /// Writes all of it, or finds the rows at fault.
    pub(super) async fn write(&self, changes: &[Change<'_>]) -> Result<Written, Failure> {
        match self.at_once(changes).await {
            Err(Failure::Data(why)) => self.apart(changes, why).await,
            done => done,
        }
    }

    /// One way to the server and back for all statements, and one for the commit.
    async fn at_once(&self, changes: &[Change<'_>]) -> Result<Written, Failure> {
        let advances = Advances::new(self.advances);
        let begin = self.client.batch_execute("BEGIN");
        let (begun, moved, applied) = match self.prepared {
            Prepared::Upsert { .. } => {
                join3(begin, self.advance(&advances), self.apply(changes)).await
            }
            // A server that waits for more of a `COPY` knows no time-out: positions are not locked meanwhile.
            Prepared::Append { .. } => {
                let begun = begin.await;
                let applied = self.apply(changes).await;
                let moved = if applied.is_ok() { self.advance(&advances).await } else { Ok(0) };
                (begun, moved, applied)
            }
        };
        let applied = begun.map_err(|error| failed(&error)).and(applied);
        let moved = moved.map_err(|error| failed(&error));
        match (moved, applied) {
            (Ok(moved), Ok(())) if moved == advances.len() as u64 => self.commit().await,
            (Ok(moved), Ok(())) => {
                debug_assert!(moved < advances.len() as u64, "a place has one row");
                self.roll_back().await?;
                Ok(Written::Fenced)
            }
            // What came first is the cause: the transaction was aborted by then.
            (Err(failure), _) | (Ok(_), Err(failure)) => {
                self.roll_back().await?;
                Err(failure)
            }
        }
    }

    async fn advance(&self, advances: &Advances) -> Result<u64, Error> {
        match self.positions {
            Some(positions) => positions.advance(self.client, advances).await,
            None => Ok(0),
        }
    }

    async fn commit(&self) -> Result<Written, Failure> {
        // Deferred constraints speak up only now.
        let done = self.client.batch_execute("COMMIT").await;
        done.map(|()| Written::Stored).map_err(|error| failed(&error))
    }

    async fn roll_back(&self) -> Result<(), Failure> {
        self.client.batch_execute("ROLLBACK").await.map_err(|error| failed(&error))
    }

    async fn apply(&self, changes: &[Change<'_>]) -> Result<(), Failure> {
        match self.prepared {
            Prepared::Upsert { insert, delete } => {
                let payload = payload::of(changes);
                let run = async |statement: Option<&Statement>, rows: &Option<String>| match (
                    statement, rows,
                ) {
                    (Some(statement), Some(rows)) => {
                        self.client.execute(statement, &[rows]).await.map(|_| ())
                    }
                    _ => Ok(()),
                };
                let deleted = run(delete.as_ref(), &payload.deletes);
                let (deleted, inserted) = join(deleted, run(Some(insert), &payload.upserts)).await;
                deleted.and(inserted).map_err(|error| failed(&error))
            }
            Prepared::Append { copy } => self.copy(copy, changes).await,
        }
    }

    async fn copy(&self, copy: &Statement, changes: &[Change<'_>]) -> Result<(), Failure> {
        let mut lines = Lines::new(self.columns);
        for change in changes {
            if let Verb::Write(row) = &change.verb {
                lines.push(row).map_err(Failure::Data)?;
            }
        }
        let copied = async {
            let mut sink = pin!(self.client.copy_in::<_, Bytes>(copy).await?);
            sink.send(Bytes::from(lines.finish())).await?;
            sink.finish().await
        };
        copied.await.map(|_| ()).map_err(|error: Error| failed(&error))
    }

    /// Finds the rows at fault, by halves. Without any the rows do not go together, only one after the other, and are stored so.
    async fn apart(&self, changes: &[Change<'_>], why: String) -> Result<Written, Failure> {
        let execute =
            async |sql: &str| self.client.batch_execute(sql).await.map_err(|error| failed(&error));
        let advances = Advances::new(self.advances);
        execute("BEGIN; SET CONSTRAINTS ALL IMMEDIATE").await?;
        let moved = self.advance(&advances).await.map_err(|error| failed(&error))?;
        if moved != advances.len() as u64 {
            execute("ROLLBACK").await?;
            return Ok(Written::Fenced);
        }
        let mut refused = Vec::new();
        let mut waiting = vec![changes];
        while let Some(part) = waiting.pop() {
            execute("SAVEPOINT part").await?;
            match self.apply(part).await {
                Ok(()) => execute("RELEASE part").await?,
                Err(Failure::Data(why)) => {
                    execute("ROLLBACK TO part; RELEASE part").await?;
                    match part {
                        [] => {}
                        [row] => refused.push((row.index, why)),
                        _ => {
                            let (front, back) = part.split_at(part.len() / 2);
                            waiting.extend([back, front]);
                        }
                    }
                }
                Err(other) => {
                    execute("ROLLBACK").await?;
                    return Err(other);
                }
            }
        }
        if refused.is_empty() {
            return self.commit().await.map_err(|failure| match failure {
                Failure::Data(_) => Failure::Data(why),
                other => other,
            });
        }
        execute("ROLLBACK").await?;
        Ok(Written::Refused(refused))
    }
}
