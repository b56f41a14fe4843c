//! What a stage has to do with a sink that is no topic.

use super::{StageRun, Work};
use crate::client::config::ClientConfig;
use crate::client::fetch::FetchedPartition;
use crate::client::metadata::Metadata;
use crate::client::network::Network;
use crate::runtime::error::{QueryError, StartError};
use crate::runtime::stage_plan::StagePlan;
use crate::sink::connector::{ConnectorOutlet, channels};
use crate::sink::kafka::KafkaOutlet;
use crate::source::Source;
use crate::topology::{Connector, Delivery, OnBadRecord, Sink};
use std::sync::Arc;
use std::thread;

/// Starts the thread that works with the sink's connection, if it has one; the outlet gives it rows.
pub(super) fn connect(
    sink: &Sink,
    kafka: &KafkaOutlet,
    network: &Network,
    reader: &str,
) -> Result<Option<ConnectorOutlet>, StartError> {
    let Some(connector) = &sink.connector else { return Ok(None) };
    let notifier = network.notifier();
    let mut connector = Connector::clone(connector);
    // Positions are kept where the statement relies on them.
    connector.target.reader = (sink.delivery == Delivery::ExactlyOnce).then(|| reader.to_owned());
    let name = format!("kolk-{}", connector.kind.name);
    let (mut outlet, worker) = channels(connector, Box::new(move || notifier.notify()));
    outlet.set_first_lane(kafka.lanes());
    #[expect(
        clippy::disallowed_methods,
        reason = "the runtime is the one place that starts threads"
    )]
    let thread = thread::Builder::new().name(name).spawn(move || worker.run());
    // It ends by itself when the outlet is dropped; a write that hangs must not hold up whoever stops the query.
    drop(thread.map_err(StartError::Thread)?);
    Ok(Some(outlet))
}

/// Tells the store's outlet which topic the rows to come are of: a store that keeps positions names them by it.
pub(super) fn tell(
    store: &mut Option<ConnectorOutlet>,
    fetched: &FetchedPartition,
    source: &Source,
    metadata: &Metadata,
) {
    let Some(store) = store else { return };
    let topic = &*fetched.partition.topic;
    let id = metadata.topic(topic).map_or([0; 16], |view| view.id.0);
    store.reads(source.node_of(topic), topic, id);
}

/// The way into Kafka: of the rows, or beside them of dead letters.
pub(super) fn kafka(plan: &StagePlan, sink: &Sink, client: &ClientConfig) -> KafkaOutlet {
    if sink.connector.is_some() {
        return KafkaOutlet::beside(client);
    }
    let topic = Arc::from(sink.topic.as_str());
    KafkaOutlet::new(client, &topic, plan.topics.partitions_of(&sink.topic))
}

impl StageRun {
    pub(super) fn has_room(&self) -> bool {
        match &self.store {
            None => self.delivery.has_room(&self.outlet),
            Some(store) => self.delivery.has_room(store),
        }
    }

    /// Whether the store does not take what it is given.
    pub(super) fn waits_for_store(&self) -> bool {
        self.store.as_ref().is_some_and(|store| store.waiting().is_some())
    }

    /// Hears from the store, and finds a place for rows that it does not want.
    pub(super) fn step_store(&mut self) -> Result<(), QueryError> {
        let Some(store) = &mut self.store else { return Ok(()) };
        store.step().map_err(|why| QueryError::Store { query: self.name.clone(), why })?;
        self.notices.extend(store.take_notices());
        if let Some(why) = store.take_fenced() {
            self.notices.push(why);
            return self.rewind();
        }
        while let Some(refused) = store.take_refused() {
            let Work::Pass(feed) = &mut self.work else { continue };
            match feed.on_bad_record() {
                OnBadRecord::Fail => {
                    let query = self.name.clone();
                    return Err(QueryError::RowRefused { query, why: refused.why });
                }
                OnBadRecord::Skip => store.left_out(),
                OnBadRecord::DeadLetter { .. } => {
                    let source = refused.row().map_or(0, |row| row.partition.source);
                    let topic = self.source.topic_of(source);
                    let sent = feed.bury_refused(&refused, topic, &mut self.outlet)?;
                    if let Some((partition, lane)) = sent {
                        self.delivery.also_sent(partition, lane, 1);
                    }
                    store.bury();
                }
            }
            self.account.too_large += 1;
        }
        if self.outlet.is_idle() {
            // Only now are they anywhere: an offset behind them may be committed.
            store.buried();
        }
        Ok(())
    }
}
