//! The table that holds positions in the input, in the words of SQL: see [`Ledger`](kolk::sink::connector::Ledger).

use super::failure::{self, Failure};
use super::statement::quoted;
use kolk::sink::connector::{Advance, Claim, Place};
use kolk::topology::Target;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};

/// The statements, prepared.
#[derive(Debug)]
pub(super) struct Positions {
    reader: String,
    claim: Statement,
    advance: Statement,
}

/// The positions of a transaction as the statement takes them.
#[derive(Debug, Default)]
pub(super) struct Advances {
    topics: Vec<String>,
    ids: Vec<String>,
    partitions: Vec<i32>,
    positions: Vec<i64>,
    epochs: Vec<i64>,
}

impl Advances {
    pub(super) fn new(advances: &[Advance]) -> Self {
        let mut all = Self::default();
        for Advance { place, epoch, position } in advances {
            all.topics.push(place.topic.name.clone());
            all.ids.push(hex(place.topic.id));
            all.partitions.push(place.partition);
            all.positions.push(*position);
            all.epochs.push(*epoch);
        }
        all
    }

    pub(super) fn len(&self) -> usize {
        self.topics.len()
    }
}

impl Positions {
    /// Makes the table if there is none, and prepares.
    pub(super) async fn open(
        client: &Client,
        target: &Target,
        reader: &str,
    ) -> Result<Self, Failure> {
        let schema = target.option_or("schema", "public");
        let name = target.option_or("offsets_table", "kolk_offsets");
        let table = format!("{}.{}", quoted(schema), quoted(name));
        let failed = |error: Error| failure::of(&format!("positions in {table}"), &error);
        let there = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&table]).await;
        if !there.and_then(|row| row.try_get::<_, bool>(0)).map_err(failed)? {
            create(client, &table).await.map_err(failed)?;
        }
        let claim = format!(
            "INSERT INTO {table} AS o (reader, topic, topic_id, partition, position, epoch)
             VALUES ($1, $2, $3::text::uuid, $4, 0, 1)
             ON CONFLICT (reader, topic, topic_id, partition) DO UPDATE SET epoch = o.epoch + 1
             RETURNING epoch, position"
        );
        let advance = format!(
            "UPDATE {table} AS o SET position = v.position, moved_at = now()
             FROM unnest($2::text[], $3::text[], $4::int4[], $5::int8[], $6::int8[])
               AS v(topic, topic_id, partition, position, epoch)
             WHERE o.reader = $1 AND o.topic = v.topic AND o.topic_id = v.topic_id::uuid
               AND o.partition = v.partition AND o.epoch = v.epoch"
        );
        let claim = client.prepare(&claim).await.map_err(failed)?;
        let advance = client.prepare(&advance).await.map_err(failed)?;
        Ok(Self { reader: reader.to_owned(), claim, advance })
    }

    /// Claims a place.
    pub(super) async fn claim(&self, client: &Client, place: &Place) -> Result<Claim, Failure> {
        let failed = |error: Error| failure::of("positions cannot be claimed", &error);
        let id = hex(place.topic.id);
        let with: [&(dyn ToSql + Sync); 4] =
            [&self.reader, &place.topic.name, &id, &place.partition];
        let row = client.query_one(&self.claim, &with).await.map_err(failed)?;
        let (epoch, position) = (row.try_get(0), row.try_get(1));
        Ok(Claim { epoch: epoch.map_err(failed)?, position: position.map_err(failed)? })
    }

    /// Moves positions inside of a transaction; how many still have their epoch.
    pub(super) async fn advance(&self, client: &Client, by: &Advances) -> Result<u64, Error> {
        if by.len() == 0 {
            return Ok(0);
        }
        let Advances { topics, ids, partitions, positions, epochs } = by;
        let with: [&(dyn ToSql + Sync); 6] =
            [&self.reader, topics, ids, partitions, positions, epochs];
        client.execute(&self.advance, &with).await
    }
}

async fn create(client: &Client, table: &str) -> Result<(), Error> {
    let create = format!(
        "CREATE TABLE IF NOT EXISTS {table} (
           reader text, topic text, topic_id uuid, partition integer,
           position bigint NOT NULL, epoch bigint NOT NULL, moved_at timestamptz NOT NULL DEFAULT now(),
           PRIMARY KEY (reader, topic, topic_id, partition))"
    );
    match client.batch_execute(&create).await {
        // Another instance makes it at the same time.
        Err(error)
            if matches!(
                error.code(),
                Some(&(SqlState::UNIQUE_VIOLATION | SqlState::DUPLICATE_TABLE))
            ) =>
        {
            Ok(())
        }
        done => done,
    }
}

fn hex(id: [u8; 16]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
