//! Topics of a run: inputs that all contenders read, outputs that are made for one run and deleted after it.

use crate::link;
use crate::pool::{Kind, Pool};
use crate::process::{Finished, Running, pause};
use crate::writer::{self, Supply};
use anyhow::{Result, bail};
use kolk::client::TopicPartition;
use kolk::client::admin::{Admin, NewTopic};
use kolk::client::offsets::OffsetSpec;
use kolk::testing::visits::Visits;
use std::time::Duration;

/// Partitions of every topic.
pub(crate) const PARTITIONS: i32 = 4;
/// The seed of all visits.
const SEED: u64 = 20_240_101;

/// How often the committed offsets of a rival are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// The cluster's topics and groups.
#[derive(Debug)]
pub(crate) struct Topics {
    bootstrap: String,
    admin: Admin,
}

impl Topics {
    /// Of the cluster at `bootstrap`.
    pub(crate) fn of(bootstrap: &str) -> Result<Self> {
        let admin = Admin::new(&link::config(bootstrap)?, link::clock())?;
        Ok(Self { bootstrap: bootstrap.to_owned(), admin })
    }

    /// Makes an empty topic, and waits until all its partitions answer.
    pub(crate) fn create(&mut self, name: &str) -> Result<()> {
        self.admin.create_topic(&NewTopic::new(name, PARTITIONS))?;
        self.count(name)?;
        Ok(())
    }

    /// Whether there is such a topic.
    pub(crate) fn exists(&mut self, name: &str) -> Result<bool> {
        Ok(self.admin.find_topic(name)?.is_some())
    }

    /// Deletes a topic with all that is in it.
    pub(crate) fn delete(&mut self, name: &str) -> Result<()> {
        Ok(self.admin.delete_topic(name)?)
    }

    /// Records in a topic that was written without transactions.
    pub(crate) fn count(&mut self, name: &str) -> Result<u64> {
        let partitions = (0..PARTITIONS).map(|it| TopicPartition::new(name, it));
        let ends = self.admin.list_offsets(partitions.map(|it| (it, OffsetSpec::Latest)))?;
        let ends = ends.values().filter_map(|found| found.offset);
        Ok(u64::try_from(ends.map(|offset| offset.0).sum::<i64>())?)
    }

    /// The sum of the offsets that a group has committed: of an input without transactions, the records processed.
    pub(crate) fn committed(&mut self, group: &str) -> Result<u64> {
        let offsets = self.admin.group_offsets(group)?;
        let sum: i64 = offsets.values().map(|committed| committed.offset.0.max(0)).sum();
        Ok(u64::try_from(sum)?)
    }

    /// Stops an engine that does not stop by itself, once it has committed the whole input.
    pub(crate) fn finish_committed(
        &mut self,
        mut running: Running,
        group: &str,
        records: u64,
        limit: Duration,
    ) -> Result<Finished> {
        while self.committed(group)? < records {
            running.check()?;
            if running.age() > limit {
                bail!("{group} had not committed everything after {limit:?}");
            }
            pause(LOOK);
        }
        running.stop()?;
        running.finish(limit + Duration::from_secs(40))
    }

    /// The topic with `count` records of `kind`; loaded unless an earlier run has left it.
    pub(crate) fn input(&mut self, kind: Kind, count: u64) -> Result<String> {
        let name = match kind {
            Kind::Small => format!("small-{count}"),
            Kind::Visits => format!("visits-{count}"),
        };
        if self.admin.find_topic(&name)?.is_some() {
            if self.count(&name)? == count {
                return Ok(name);
            }
            self.delete(&name)?;
        }
        println!("loading {count} records into {name}");
        self.create(&name)?;
        let config = writer::config(&self.bootstrap)?;
        match kind {
            Kind::Small => writer::write(&config, &name, count, &mut Pool::make(kind))?,
            Kind::Visits => writer::write(&config, &name, count, &mut EndlessVisits::new())?,
        }
        Ok(name)
    }
}

/// Visits, no two records alike.
struct EndlessVisits {
    visits: Visits,
    key: String,
    value: String,
}

impl EndlessVisits {
    fn new() -> Self {
        let mut it = Self { visits: Visits::new(SEED), key: String::new(), value: String::new() };
        it.advance();
        it
    }
}

impl Supply for EndlessVisits {
    fn current(&self) -> (&[u8], &[u8]) {
        (self.key.as_bytes(), self.value.as_bytes())
    }

    fn advance(&mut self) {
        self.visits.next_into(&mut self.key, &mut self.value);
    }
}
