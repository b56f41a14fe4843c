//! Whether state and offsets belong together: both were committed in one transaction, so they say the same.

use super::Tasks;
use super::restoring::Restoring;
use crate::client::commit::CommittedOffset;
use crate::client::metadata::Metadata;
use crate::client::{Offset, TopicPartition};
use crate::operator::task::StateTopic;
use crate::runtime::bug::Bug;
use crate::runtime::error::QueryError;

/// A partition, and the offset to read it from; none where its policy decides.
type Begin = (TopicPartition, Option<Offset>);

impl Tasks {
    /// Whether the ids of all topics are known that state is built on.
    pub(super) fn knows_topics(&self, metadata: &Metadata) -> bool {
        let inputs = self.inputs.iter().map(|input| &*input.topic);
        inputs.chain(self.exchange()).all(|topic| metadata.topic(topic).is_some())
    }

    /// Makes a task whose stores are as they were committed ready to go on. Where its inputs are to be read from; `None` when what
    /// was on the local disk does not fit to what is committed: then it is to be restored without.
    pub(super) fn check(
        &mut self,
        number: i32,
        restoring: &mut Restoring,
        metadata: &Metadata,
    ) -> Result<Option<Vec<Begin>>, QueryError> {
        let query = self.stage.query.name.clone();
        let broken = |why| QueryError::State { query: query.clone(), task: number, why };
        let topics = self.topics(metadata);
        topics.iter().try_for_each(|topic| restoring.check_topic(topic)).map_err(broken)?;
        let read = match self.check_positions(restoring) {
            Ok(read) => read,
            Err(why) if restoring.from_disk => {
                self.restore.give_up_state(number, restoring, &why);
                return Ok(None);
            }
            Err(why) => return Err(broken(format!("{why}. Start over with `kolk reset`"))),
        };
        restoring.task.restored().map_err(broken)?;
        // Not before the entries were counted: what is noted here is one.
        topics.iter().for_each(|topic| restoring.note_topic(topic));
        self.restore.append(number, restoring);
        Ok(Some(read))
    }

    /// What state is built on and kept in, with the ids of today; brokers before 2.8 have none.
    fn topics<'a>(&'a self, metadata: &Metadata) -> Vec<(StateTopic, &'a str, [u8; 16])> {
        let inputs = self.inputs.iter().enumerate();
        let inputs = inputs.map(|(number, input)| (StateTopic::Input(number), &*input.topic));
        let changelogs = self.restore.changelogs().iter().enumerate();
        let changelogs =
            changelogs.map(|(number, topic)| (StateTopic::Changelog(number), &**topic));
        let exchange = self.exchange().map(|topic| (StateTopic::Exchange, topic));
        let topics = inputs.chain(changelogs).chain(exchange);
        let with_id = topics.filter_map(|(of, topic)| {
            let id = metadata.topic(topic)?.id.0;
            (id != [0; 16]).then_some((of, topic, id))
        });
        with_id.collect()
    }

    /// Where the inputs are to be read from, if the stores are those that were committed with it.
    fn check_positions(&self, restoring: &mut Restoring) -> Result<Vec<Begin>, String> {
        if self.transactional && !self.bug.is(Bug::ForgetWipe) {
            restoring.check_entries()?;
        }
        let task = &restoring.task;
        let located = restoring.located.iter().map(|(partition, committed)| {
            let noted = self.inputs_of(partition).map(|input| task.noted_position(input));
            let offset = self.offset(partition, committed.as_ref(), noted.min().flatten())?;
            Ok((partition.clone(), offset))
        });
        located.collect()
    }

    /// The offset to go on from: the group's, which is the one that the state was committed with.
    fn offset(
        &self,
        partition: &TopicPartition,
        committed: Option<&CommittedOffset>,
        noted: Option<i64>,
    ) -> Result<Option<Offset>, String> {
        match (committed, noted) {
            (Some(CommittedOffset { offset: Offset(committed), .. }), Some(noted))
                if self.transactional && *committed != noted =>
            {
                if self.bug.is(Bug::ForgetWipe) {
                    return Ok(Some(Offset(*committed)));
                }
                Err(format!(
                    "it is that of offset {noted} of {partition}, and the group stands at {committed}: offsets were moved by \
                     hand, or changelogs were"
                ))
            }
            // The group's offsets may have expired; those in the state do not. Without transactions they may be ahead.
            (_, Some(noted)) => Ok(Some(Offset(noted))),
            (Some(committed), None) if committed.metadata.starts_with(&self.group_prefix) => {
                Err(format!(
                    "it is missing, although {partition} was read up to offset {}: the changelog topics were emptied or \
                     deleted",
                    committed.offset
                ))
            }
            (committed, None) => Ok(committed.map(|committed| committed.offset)),
        }
    }
}
