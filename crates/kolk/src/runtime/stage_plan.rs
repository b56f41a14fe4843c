//! What a stage is run with.

use super::application::{Shared, Until};
use super::bug::Planted;
use super::topics::TopicSizes;
use crate::client::config::ClientConfig;
use crate::state::budget::Budget;
use crate::topology::Stage;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What a stage is run with.
#[derive(Debug)]
pub(super) struct StagePlan {
    pub(super) stage: Stage,
    pub(super) application: String,
    pub(super) instance: String,
    pub(super) client: ClientConfig,
    pub(super) until: Until,
    pub(super) commit_interval: Duration,
    pub(super) topics: Arc<TopicSizes>,
    /// The state directory.
    pub(super) state: PathBuf,
    /// The mistake that a test has it make.
    pub(super) bug: Planted,
    /// The memory that all stages of the process share.
    pub(super) budget: Budget,
    /// Stages that write what this one reads, by topic.
    pub(super) upstream: Vec<(String, Arc<Shared>)>,
}

impl StagePlan {
    /// The consumer group.
    pub(super) fn group_id(&self) -> String {
        format!("{}-{}", self.application, self.stage.query.name)
    }

    /// The transactional id of this instance.
    pub(super) fn transactional_id(&self) -> String {
        format!("{}-{}", self.group_id(), self.instance)
    }
}
