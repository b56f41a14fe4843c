//! Whether state and offsets belong together: both were committed in one transaction, so they say the same.

use super::Tasks;
use super::restoring::Restoring;
use crate::client::commit::CommittedOffset;
use crate::client::metadata::Metadata;
use crate::client::{Offset, TopicPartition};
use crate::operator::task::StateTopic;
use crate::runtime::error::QueryError;

impl Tasks {
    /// Whether the ids of all topics are known that state is built on.
    pub(super) fn knows_topics(&self, metadata: &Metadata) -> bool {
        self.inputs.iter().all(|input| metadata.topic(&input.topic).is_some())
    }

    /// Makes a task whose stores are as they were committed ready to go on. Where its inputs are to be read from.
    pub(super) fn check(
        &self,
        number: i32,
        restoring: &mut Restoring,
        metadata: &Metadata,
    ) -> Result<Vec<(TopicPartition, Option<Offset>)>, QueryError> {
        let broken =
            |why| QueryError::State { query: self.stage.query.name.clone(), task: number, why };
        restoring.append()?;
        restoring.task.restored().map_err(broken)?;
        let located = std::mem::take(&mut restoring.located);
        let read = located
            .into_iter()
            .map(|(partition, committed)| {
                let noted = self
                    .inputs_of(&partition)
                    .map(|input| restoring.task.noted_position(input))
                    .min()
                    .flatten();
                let offset = self.offset(&partition, committed.as_ref(), noted).map_err(broken)?;
                Ok((partition, offset))
            })
            .collect::<Result<Vec<_>, QueryError>>()?;
        let inputs = self.inputs.iter().enumerate();
        let inputs = inputs.map(|(number, input)| (StateTopic::Input(number), &input.topic));
        let changelogs = self.restore.changelogs().iter().enumerate();
        let changelogs = changelogs.map(|(number, topic)| (StateTopic::Changelog(number), topic));
        for (of, topic) in inputs.chain(changelogs) {
            let id = metadata.topic(topic).map_or([0; 16], |view| view.id.0);
            restoring.check_topic(of, topic, id).map_err(broken)?;
        }
        Ok(read)
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
                Err(format!(
                    "it is that of offset {noted} of {partition}, and the group stands at {committed}: offsets were moved by \
                     hand, or changelogs were. Start over with `kolk reset`"
                ))
            }
            // The group's offsets may have expired; those in the state do not. Without transactions they may be ahead.
            (_, Some(noted)) => Ok(Some(Offset(noted))),
            (Some(committed), None) if committed.metadata.starts_with(&self.group_prefix) => {
                Err(format!(
                    "it is missing, although {partition} was read up to offset {}: the changelog topics were emptied or \
                     deleted. Start over with `kolk reset`",
                    committed.offset
                ))
            }
            (committed, None) => Ok(committed.map(|committed| committed.offset)),
        }
    }
}
