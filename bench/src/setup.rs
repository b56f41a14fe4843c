//! What a suite runs on: Apache Kafka, its topics, the programs of the engines.

use crate::data::Topics;
use crate::job::{Engine, Engines};
use crate::kafka::{Data, Kafka};
use crate::place::Place;
use crate::{Options, rivals};
use anyhow::Result;

/// Kafka that runs, and what runs against it. Dropping it stops Kafka.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) place: Place,
    pub(crate) engines: Engines,
    pub(crate) topics: Topics,
    pub(crate) kafka: Kafka,
}

impl Setup {
    /// Builds Kolk, and starts Kafka.
    pub(crate) fn of_kolk(options: &Options) -> Result<Self> {
        let place = Place::find()?;
        let engines = rivals::engines(&place, &[Engine::Kolk])?;
        let kafka = Kafka::start(&place, if options.keep { Data::Keep } else { Data::Delete })?;
        let topics = Topics::of(&kafka.address)?;
        Ok(Self { place, engines, topics, kafka })
    }
}
