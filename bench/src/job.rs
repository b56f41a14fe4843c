//! The jobs of `copy` and `state`, and how each engine is started on one.

use crate::data::PARTITIONS;
use crate::kafka::VERSION;
use crate::place::Place;
use crate::process::{Running, command};
use crate::reader::bring_into_memory;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};

/// What is done with the visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// Each record as it is, in order.
    Copy,
    /// Three JSON fields of the records that a fourth lets through.
    Project,
    /// Events per user and minute.
    Count,
    /// Events per user and session, with gaps of at most 30 s.
    Sessions,
    /// Every event with the clicks of its user within two minutes after it.
    Join,
    /// Events per user, for all time.
    Groups,
}

impl Job {
    /// Those without state.
    pub(crate) const STATELESS: [Self; 2] = [Self::Copy, Self::Project];

    /// Its name: of the SQL file, and for the rival.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Project => "project",
            Self::Count => "count",
            Self::Sessions => "sessions",
            Self::Join => "join",
            Self::Groups => "groups",
        }
    }

    /// What its SQL file calls the topics that it reads.
    fn inputs(self) -> &'static [&'static str] {
        match self {
            Self::Copy | Self::Project => &["visits"],
            Self::Count | Self::Sessions | Self::Groups => &["events"],
            Self::Join => &["events", "clicks"],
        }
    }

    /// Its name, for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Copy => "ordered copy",
            Self::Project => "filter + project 3 fields",
            Self::Count => "windowed count",
            Self::Sessions => "sessions",
            Self::Join => "2-minute left join",
            Self::Groups => "count",
        }
    }
}

/// Who does the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// `kolk run`.
    Kolk,
    /// Kafka Streams.
    Streams,
    /// A program that sends on the bytes it receives, outside of any transaction: see [`crate::floor`]. It can only copy.
    Floor,
}

impl Engine {
    /// Those that can do any job.
    pub(crate) const ALL: [Self; 2] = [Self::Kolk, Self::Streams];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kolk => "Kolk",
            Self::Streams => "Kafka Streams",
            Self::Floor => "bytes received and sent",
        }
    }
}

/// When an engine ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// Kolk: when what was there has been processed (`--until-end`). Kafka Streams cannot; it is told to.
    AtTheEnd,
    /// When it is told to.
    Never,
}

/// One run of an engine.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    pub(crate) job: Job,
    pub(crate) bootstrap: &'a str,
    /// The application's name, new for each run.
    pub(crate) application: String,
    /// The topics that it reads, in the order of its SQL file.
    pub(crate) inputs: &'a [&'a str],
    pub(crate) output: &'a str,
    /// What Kolk's result is declared with beside its topic: `, option = 'value'`.
    pub(crate) options: &'a str,
    pub(crate) ends: Ends,
}

/// The programs of the engines, as far as they are built.
#[derive(Debug, Default)]
pub(crate) struct Engines {
    pub(crate) kolk: PathBuf,
    /// The class path of the rival's program.
    pub(crate) streams: String,
}

impl Engines {
    /// Starts `engine` on `task`; what it will read to the end lies in the machine's memory by then.
    pub(crate) fn start(&self, place: &Place, engine: Engine, task: &Task<'_>) -> Result<Running> {
        let folder = place.fresh(&task.application)?;
        if task.ends == Ends::AtTheEnd {
            task.inputs.iter().try_for_each(|input| bring_into_memory(task.bootstrap, input))?;
        }
        self.start_in(place, &folder, engine, task)
    }

    /// The same in a folder that may hold what an earlier run has left.
    pub(crate) fn start_in(
        &self,
        place: &Place,
        folder: &Path,
        engine: Engine,
        task: &Task<'_>,
    ) -> Result<Running> {
        let command = match engine {
            Engine::Kolk => {
                let file = folder.join(format!("{}.sql", task.job.name()));
                fs::write(&file, sql(place, task)?)?;
                let mut command = command(&self.kolk);
                command.arg("run").arg(file).args(["--app", &task.application]);
                command.args(["--bootstrap-servers", task.bootstrap]);
                if task.ends == Ends::AtTheEnd {
                    command.arg("--until-end");
                }
                command
            }
            Engine::Streams => {
                let mut command = command("java");
                command.args([
                    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                    "-cp",
                    &self.streams,
                ]);
                command.args(["Rival", task.job.name(), task.bootstrap, &task.application]);
                command.args([&task.inputs.join(","), task.output]).arg(folder.join("state"));
                command
            }
            Engine::Floor => {
                let mut command = command(&place.program);
                command.args(["worker", "floor", task.bootstrap]).args(task.inputs);
                command.args([&PARTITIONS.to_string(), task.output]);
                command
            }
        };
        Running::start(engine.name(), command, folder)
    }
}

/// The job's file with this run's topics in it.
fn sql(place: &Place, task: &Task<'_>) -> Result<String> {
    let path = place.root.join(format!("bench/jobs/{}.sql", task.job.name()));
    let text = fs::read_to_string(&path).with_context(|| format!("no file {}", path.display()))?;
    let mut replaced = text;
    let inputs = task.job.inputs().iter().zip(task.inputs).map(|(name, topic)| (*name, *topic, ""));
    for (name, topic, options) in inputs.chain([("result", task.output, task.options)]) {
        let from = format!("kafka_topic = '{name}'");
        let to = format!("kafka_topic = '{topic}'{options}");
        ensure!(replaced.contains(&from), "{} names the topic {name}", path.display());
        replaced = replaced.replace(&from, &to);
    }
    Ok(replaced)
}

/// What the table says about the engines' settings.
pub(crate) fn settings() -> String {
    format!(
        "Kafka Streams {VERSION}: `exactly_once_v2`, one thread, Jackson databind, `batch.size` 512 KiB, \
         `max.partition.fetch.bytes` 2 MiB, `max.poll.records` 10000, all else (commit interval 100 ms, linger 100 ms, \
         JVM) as it comes. Kolk: `kolk run`, no settings."
    )
}
