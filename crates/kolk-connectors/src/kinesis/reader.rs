//! Reading what a stream holds: every shard from its oldest record to its end, each behind its parents.

use super::client::{self, Failure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::types::{Shard as Listed, ShardIteratorType};
use kolk::sink::connector::ConnectorError;
use kolk::topology::Target;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How often a call that may go later is tried before it has failed.
const ATTEMPTS: u32 = 6;
/// Pause before the second attempt; it doubles each time. A shard answers five times in a second.
const PAUSE_FIRST: Duration = Duration::from_millis(200);

/// A shard of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// Its id: `shardId-000000000001`.
    pub id: String,
    /// Positions of the shards that it was split or merged from, and of those before them: their records come before its own.
    pub ancestors: BTreeSet<usize>,
}

/// A record of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamRecord<'a> {
    /// Position of its shard among [`Stream::shards`].
    pub shard: usize,
    /// When it came, about, in milliseconds since 1970.
    pub arrived_ms: i64,
    /// What chose its shard.
    pub partition_key: &'a str,
    /// Its bytes.
    pub data: &'a [u8],
}

/// A stream that can be read.
pub struct Stream {
    runtime: Runtime,
    client: Client,
    name: String,
    shards: Vec<Shard>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("name", &self.name)
            .field("shards", &self.shards)
            .finish_non_exhaustive()
    }
}

impl Stream {
    /// Opens the stream that the options of `target` name, as for writing, and lists its shards.
    ///
    /// # Errors
    /// [`ConnectorError`].
    pub fn open(target: &Target) -> Result<Self, ConnectorError> {
        let (runtime, client) = (client::runtime()?, client::of(target)?);
        let name = target.option_or("stream", "").to_owned();
        let mut stream = Self { runtime, client, name, shards: Vec::new() };
        stream.shards = in_order(stream.list()?);
        Ok(stream)
    }

    /// Its shards, each behind those that it was made from.
    #[must_use]
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// Hands every record to `each`: shard after shard, each in its order. `goes_on` is asked between calls.
    ///
    /// # Errors
    /// [`ConnectorError`], also when it does not go on.
    pub fn read(
        &self,
        goes_on: &dyn Fn() -> bool,
        each: &mut dyn FnMut(&StreamRecord<'_>),
    ) -> Result<(), ConnectorError> {
        for (number, shard) in self.shards.iter().enumerate() {
            let mut at = self.start(&shard.id)?;
            while let Some(iterator) = at.take() {
                if !goes_on() {
                    let what = "stopped before everything was read".to_owned();
                    return Err(ConnectorError::Later(what));
                }
                let answer = self.records(&iterator)?;
                for record in answer.records() {
                    let arrived = record.approximate_arrival_timestamp();
                    each(&StreamRecord {
                        shard: number,
                        arrived_ms: arrived.and_then(|it| it.to_millis().ok()).unwrap_or_default(),
                        partition_key: record.partition_key().unwrap_or_default(),
                        data: record.data().as_ref(),
                    });
                }
                // An answer without records may be one from the middle, and one with records may not be the last.
                let is_behind = answer.millis_behind_latest().unwrap_or_default() > 0;
                if is_behind || !answer.records().is_empty() {
                    at = answer.next_shard_iterator().map(str::to_owned);
                }
            }
        }
        Ok(())
    }

    fn list(&self) -> Result<Vec<Listed>, ConnectorError> {
        let (mut shards, mut next) = (Vec::new(), None::<String>);
        loop {
            let asked = || match &next {
                Some(token) => self.client.list_shards().next_token(token),
                None => self.client.list_shards().stream_name(&self.name),
            };
            let answer = self.call("its shards", || asked().send())?;
            shards.extend_from_slice(answer.shards());
            match answer.next_token() {
                Some(token) => next = Some(token.to_owned()),
                None => return Ok(shards),
            }
        }
    }

    fn start(&self, shard: &str) -> Result<Option<String>, ConnectorError> {
        let asked = || {
            let asked = self.client.get_shard_iterator().stream_name(&self.name).shard_id(shard);
            asked.shard_iterator_type(ShardIteratorType::TrimHorizon)
        };
        let answer = self.call(shard, || asked().send())?;
        Ok(answer.shard_iterator().map(str::to_owned))
    }

    fn records(&self, iterator: &str) -> Result<GetRecordsOutput, ConnectorError> {
        self.call("its records", || self.client.get_records().shard_iterator(iterator).send())
    }

    /// Calls until there is an answer, a few times.
    fn call<T, E, F>(&self, what: &str, ask: impl Fn() -> F) -> Result<T, ConnectorError>
    where
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Result<T, SdkError<E>>>,
    {
        let what = format!("stream {}: {what}", self.name);
        let mut pause = PAUSE_FIRST;
        for _ in 1..ATTEMPTS {
            match self.runtime.block_on(ask()).map_err(|error| client::failure(&what, &error)) {
                Err(Failure::Later(_)) => {
                    self.runtime.block_on(async { tokio::time::sleep(pause).await });
                }
                answer => return answer.map_err(Failure::error),
            }
            pause *= 2;
        }
        self.runtime.block_on(ask()).map_err(|error| client::failure(&what, &error).error())
    }
}

/// Shards behind those that they were made from, otherwise by id.
fn in_order(listed: Vec<Listed>) -> Vec<Shard> {
    let mut left: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for shard in listed {
        let parents = [shard.parent_shard_id, shard.adjacent_parent_shard_id];
        left.insert(shard.shard_id, parents.into_iter().flatten().collect());
    }
    let mut shards: Vec<Shard> = Vec::new();
    // A parent that is not listed is past its retention. A ring of parents, which there cannot be, is cut where it begins.
    while let Some(id) = left
        .iter()
        .find(|(_, parents)| !parents.iter().any(|parent| left.contains_key(parent)))
        .or_else(|| left.iter().next())
        .map(|(id, _)| id.clone())
    {
        let parents = left.remove(&id).unwrap_or_default();
        let mut ancestors = BTreeSet::new();
        for (at, shard) in shards.iter().enumerate().filter(|(_, it)| parents.contains(&it.id)) {
            ancestors.insert(at);
            ancestors.extend(&shard.ancestors);
        }
        shards.push(Shard { id, ancestors });
    }
    shards
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(id: &str, parents: [Option<&str>; 2]) -> Listed {
        let [parent, adjacent] = parents.map(|it| it.map(str::to_owned));
        let shard = Listed::builder().shard_id(id);
        let shard = shard.set_parent_shard_id(parent).set_adjacent_parent_shard_id(adjacent);
        let range = aws_sdk_kinesis::types::HashKeyRange::builder();
        let range = range.starting_hash_key("0").ending_hash_key("1").build().unwrap();
        let numbers = aws_sdk_kinesis::types::SequenceNumberRange::builder();
        let numbers = numbers.starting_sequence_number("0").build().unwrap();
        shard.hash_key_range(range).sequence_number_range(numbers).build().unwrap()
    }

    #[test]
    fn shards_come_behind_those_that_they_were_made_from() {
        // 1 was split into 2 and 3, and those were merged into 0; the parent of 1 is gone.
        let shards = in_order(vec![
            listed("0", [Some("2"), Some("3")]),
            listed("1", [Some("gone"), None]),
            listed("2", [Some("1"), None]),
            listed("3", [Some("1"), None]),
        ]);
        let order: Vec<&str> = shards.iter().map(|shard| shard.id.as_str()).collect();
        assert_eq!(order, ["1", "2", "3", "0"]);
        let ancestors: Vec<Vec<usize>> =
            shards.iter().map(|shard| shard.ancestors.iter().copied().collect()).collect();
        assert_eq!(ancestors, [vec![], vec![0], vec![0], vec![0, 1, 2]]);
    }
}
