//! What a command works with: the process around it, and the cluster it talks to.

use crate::embedded::{self, Embedded, Place};
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output::Output;
use crate::settings::ConnectionArgs;
use crate::signal::Stop;
use kolk::client::admin::{Admin, Internal, TopicDescription};
use kolk::client::config::ClientConfig;
use kolk::time::Clock;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

/// A name this like another one is probably a slip.
const LIKENESS_MIN: f64 = 0.8;

/// The process around a command.
#[derive(Debug)]
pub(crate) struct Context {
    /// Variables.
    pub(crate) environment: Environment,
    /// Time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Whether a signal came.
    pub(crate) stop: Stop,
    /// Where results and notes go.
    pub(crate) out: Rc<Output>,
}

/// A cluster that commands talk to; the embedded broker, if it is that, runs at least as long.
#[derive(Debug)]
pub(crate) struct Session {
    config: ClientConfig,
    clock: Arc<dyn Clock>,
    embedded: Option<Embedded>,
}

impl Session {
    /// Gathers the settings; finds or starts the embedded broker when they name no cluster.
    ///
    /// # Errors
    /// [`Failure`] for settings that are wrong and a broker that does not start.
    pub(crate) fn open(connection: &ConnectionArgs, context: &Context) -> anyhow::Result<Self> {
        let properties = connection.gather(&context.environment)?;
        properties.check()?;
        let embedded = if properties.names_a_cluster() {
            None
        } else {
            let folder = Path::new(embedded::FOLDER);
            Some(Embedded::find_or_start(folder, &context.stop)?)
        };
        let config = properties.client(embedded.as_ref().map(Embedded::address))?;
        Ok(Self { config, clock: Arc::clone(&context.clock), embedded })
    }

    /// A session with a cluster that somebody else looks after.
    pub(crate) fn with_config(config: ClientConfig, context: &Context) -> Self {
        Self { config, clock: Arc::clone(&context.clock), embedded: None }
    }

    /// The same cluster, with one setting changed.
    ///
    /// # Errors
    /// [`Failure`] for a value that does not fit.
    pub(crate) fn with(mut self, name: &str, value: &str) -> anyhow::Result<Self> {
        self.config = self.config.with(name, value)?;
        Ok(self)
    }

    /// A second session with the same cluster, with these settings changed. It must not outlive this one.
    ///
    /// # Errors
    /// [`Failure`] for a value that does not fit.
    pub(crate) fn reading(&self, changes: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut config = self.config.clone();
        for (name, value) in changes {
            config = config.with(name, *value)?;
        }
        Ok(Self { config, clock: Arc::clone(&self.clock), embedded: None })
    }

    /// The client's settings.
    pub(crate) fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// Time.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The cluster in a few words.
    pub(crate) fn place(&self) -> String {
        let servers: Vec<String> =
            self.config.bootstrap_servers.iter().map(ToString::to_string).collect();
        let servers = servers.join(",");
        match self.embedded.as_ref().map(Embedded::place) {
            None => servers,
            Some(Place::Here) => format!("{servers} (embedded broker of this process)"),
            Some(Place::Elsewhere) => format!("{servers} (embedded broker of this folder)"),
        }
    }

    /// A client that looks after the cluster.
    ///
    /// # Errors
    /// As [`Admin::new`].
    pub(crate) fn admin(&self) -> anyhow::Result<Admin> {
        Ok(Admin::new(&self.config, Arc::clone(&self.clock))?)
    }

    /// The topic of this name.
    ///
    /// # Errors
    /// [`Failure`] with the nearest name when there is none.
    pub(crate) fn topic(&self, name: &str) -> anyhow::Result<TopicDescription> {
        let mut admin = self.admin()?;
        match admin.find_topic(name)? {
            Some(topic) => Ok(topic),
            None => Err(no_topic(name, &mut admin)?.into()),
        }
    }
}

/// The failure of a topic that does not exist.
pub(crate) fn no_topic(name: &str, admin: &mut Admin) -> anyhow::Result<Failure> {
    let topics = admin.list_topics(Internal::Hidden)?;
    let nearest = nearest(name, topics.iter().map(|topic| topic.name.as_str()));
    let create = format!("`kolk topic create {name} --partitions N` makes it");
    let help = match nearest {
        Some(nearest) => format!("did you mean `{nearest}`? {create}"),
        None => format!("`kolk topic list` shows the topics, {create}"),
    };
    Ok(Failure::usage(format!("there is no topic `{name}`")).help(help))
}

/// The candidate that `name` was probably meant to be.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let likeness = |candidate: &str| strsim::jaro_winkler(name, candidate);
    let best = candidates.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= LIKENESS_MIN).then_some(best)
}
