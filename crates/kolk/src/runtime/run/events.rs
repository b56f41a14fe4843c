//! What a stage reacts to: partitions that come and go, the end of its inputs, topics that change.

use super::{Phase, StageRun, Until, Work};
use crate::client::metadata::Change;
use crate::runtime::error::QueryError;
use crate::sink::progress::InputPartition;
use crate::source::SourceEvent;

impl StageRun {
    pub(super) fn on_source(&mut self, event: SourceEvent) -> Result<(), QueryError> {
        match event {
            SourceEvent::Assigned(_) => {}
            SourceEvent::Revoked(partitions) => {
                if let Work::Pass(feed) = &mut self.work {
                    partitions.iter().for_each(|partition| feed.forget(partition));
                }
                self.revoked.extend(partitions);
            }
            SourceEvent::Lost(partitions) => {
                self.revoked.clear();
                self.forget(&partitions);
                if self.is_transactional() || matches!(self.work, Work::Tasks(_)) {
                    self.rewind()?;
                }
            }
            SourceEvent::Located(partitions) => {
                if let Work::Tasks(tasks) = &mut self.work {
                    tasks.located(partitions)?;
                }
            }
            SourceEvent::Started(partition, at) => {
                if let Work::Tasks(tasks) = &mut self.work {
                    tasks.started(&partition, at);
                }
            }
            SourceEvent::StartedAtEnd(partition, at) => {
                match &mut self.work {
                    Work::Tasks(tasks) => tasks.started(&partition, at),
                    Work::Pass(_) => {
                        let source = self.source.node_of(&partition.topic);
                        let input = InputPartition { source, partition: partition.partition };
                        self.delivery.stand_at(input, at.0);
                    }
                }
                self.chose_position = true;
            }
            SourceEvent::Left => self.phase = Phase::Left,
            SourceEvent::Failed(what) => return Err(QueryError::Input { what }),
            SourceEvent::PassedOver { offsets, what } => {
                self.passed_over += offsets;
                self.notices.push(what);
            }
        }
        Ok(())
    }

    /// The end is asked for once everything upstream has reached its own.
    pub(super) fn check_end(&mut self) {
        if self.control.is_stopping() {
            self.stopping = true;
        }
        if self.until == Until::End && !self.stopping {
            if self.upstream.iter().all(|(_, shared)| shared.has_reached_end()) {
                let written = self.upstream.iter().map(|(topic, _)| topic.clone()).collect();
                self.source.want_ends(&written);
            }
            if self.has_read_all() && !self.source.has_records() && !self.has_rows() {
                self.stopping = true;
            }
        }
    }

    /// Whether everything has been processed that the inputs held when their ends were asked for.
    pub(super) fn has_read_all(&self) -> bool {
        match &self.work {
            Work::Pass(_) => self.source.is_at_end(),
            Work::Tasks(tasks) => tasks.is_at_end(&self.source),
        }
    }

    /// Whether rows lie ready to be processed.
    pub(super) fn has_rows(&self) -> bool {
        match &self.work {
            Work::Pass(feed) => feed.has_rows(),
            Work::Tasks(tasks) => tasks.is_ready(),
        }
    }

    pub(super) fn check_topics(&mut self) -> Result<(), QueryError> {
        for change in self.metadata.take_changes() {
            if let Work::Tasks(tasks) = &self.work {
                let is_sink = |topic: &str| *topic == self.sink.topic;
                let is_own = |topic: &str| {
                    tasks.depends_on(topic) || is_sink(topic) && self.sink.exchange.is_some()
                };
                if let Some(what) = broken(&change, &self.name, is_own) {
                    return Err(QueryError::Input { what });
                }
            }
            match change {
                Change::Recreated { topic, .. } | Change::Gone { topic }
                    if *topic == *self.sink.topic =>
                {
                    let what = format!(
                        "topic '{topic}', which {} writes, was deleted under the running query: what it held is gone. \
                         Start over with `kolk reset`",
                        self.name
                    );
                    return Err(QueryError::Input { what });
                }
                Change::Grew { topic, was, now } if *topic == *self.sink.topic => {
                    self.notices.push(format!(
                        "topic '{topic}' grew from {was} to {now} partitions: the new ones are used after a restart, \
                         since keys would change their partition"
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// What a change of a topic means that state was built on (R8).
fn broken(change: &Change, query: &str, is_own: impl Fn(&str) -> bool) -> Option<String> {
    let (topic, what) = match change {
        Change::Recreated { topic, .. } | Change::Gone { topic } => (
            topic,
            "was deleted under the running query: its state does not fit what the topic holds now"
                .to_owned(),
        ),
        Change::Grew { topic, was, now } => (
            topic,
            format!(
                "grew from {was} to {now} partitions: keys have changed their partition, and their state has not"
            ),
        ),
    };
    is_own(topic)
        .then(|| format!("topic '{topic}' of query {query} {what}. Start over with `kolk reset`"))
}
