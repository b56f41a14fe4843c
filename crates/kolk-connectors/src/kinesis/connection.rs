//! A way into a stream, and the writing of batches.

use super::client::{self, Failure};
use super::entry::{Entry, Shape};
use super::queue::Queues;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::operation::put_records::PutRecordsOutput;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, PutRecordsResultEntry, StreamStatus};
use kolk::sink::connector::{Connection, ConnectorError, Outcome, RowBatch};
use kolk::topology::Target;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Pause behind the first round of which entries were refused; it doubles up to [`PAUSE_MAX`] while that goes on.
const PAUSE_FIRST: Duration = Duration::from_millis(10);
/// The longest pause between two rounds.
const PAUSE_MAX: Duration = Duration::from_secs(1);

struct Kinesis {
    runtime: Runtime,
    client: Client,
    shape: Shape,
    target: Target,
}

/// Makes a client, and looks for the stream.
///
/// # Errors
/// [`ConnectorError`].
pub(super) fn connect(target: &Target) -> Result<Box<dyn Connection>, ConnectorError> {
    let shape = Shape::of(target).map_err(ConnectorError::Never)?;
    let (runtime, client) = (client::runtime()?, client::of(target)?);
    let stream = target.option_or("stream", "");
    let asked = client.describe_stream_summary().stream_name(stream);
    match runtime.block_on(asked.send()) {
        Ok(found) => {
            let summary = found.stream_description_summary();
            let status =
                summary.map(aws_sdk_kinesis::types::StreamDescriptionSummary::stream_status);
            if let Some(status @ (StreamStatus::Creating | StreamStatus::Deleting)) = status {
                let status = status.as_str().to_lowercase();
                return Err(ConnectorError::Later(format!("kinesis: stream {stream} is {status}")));
            }
        }
        Err(error)
            if error.as_service_error().is_some_and(|it| it.is_resource_not_found_exception()) =>
        {
            let what = format!("kinesis: there is no stream {stream} there: create it first");
            return Err(ConnectorError::Never(what));
        }
        Err(error) => match client::failure(&format!("stream {stream}"), &error) {
            // Who may write need not be allowed to look.
            Failure::Denied(_) => {}
            failure => return Err(failure.error()),
        },
    }
    Ok(Box::new(Kinesis { runtime, client, shape, target: target.clone() }))
}

/// Entries that are sent together: of each its group, and its position among the rows.
type Call = Vec<(usize, usize)>;

/// What became of a call: of each entry why it was not stored, if it was not.
type Answer = Result<Vec<Option<String>>, Failure>;

/// What a round has left.
#[derive(Debug, Default)]
struct Round {
    /// Entries were settled.
    moved: bool,
    /// Why an entry was not stored.
    why: Option<String>,
    credentials_expired: bool,
}

impl Connection for Kinesis {
    fn write(&mut self, batch: &mut RowBatch) -> Result<(), ConnectorError> {
        let mut queues = self.queues(batch);
        let mut pause = PAUSE_FIRST;
        loop {
            let calls = queues.calls();
            if calls.is_empty() {
                return Ok(());
            }
            let round = self.round(calls, &mut queues, batch)?;
            if round.credentials_expired {
                // Whoever keeps the profile's file up to date has written new ones.
                self.client = client::of(&self.target)?;
            }
            match round.why {
                None => pause = PAUSE_FIRST,
                Some(_) if round.moved => {
                    self.runtime.block_on(async { tokio::time::sleep(pause).await });
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                // Nothing goes: the worker says so, and waits longer each time.
                Some(why) => return Err(ConnectorError::Later(why)),
            }
        }
    }
}

impl Kinesis {
    /// The open rows as entries; what Kinesis will never take is settled.
    fn queues(&self, batch: &mut RowBatch) -> Queues {
        let mut queues = Queues::default();
        for at in batch.open() {
            let partition = batch.sink_row(at).map_or(0, |row| row.partition.partition);
            let Some(row) = batch.get(at) else { continue };
            match self.shape.entry(at, &row, partition) {
                Ok(entry) => queues.push(entry.group(&row), entry),
                Err(why) => batch.settle(at, Outcome::Refused(format!("kinesis: {why}"))),
            }
        }
        queues
    }

    /// Sends calls side by side, and settles what is stored.
    fn round(
        &self,
        calls: Vec<Call>,
        queues: &mut Queues,
        batch: &mut RowBatch,
    ) -> Result<Round, ConnectorError> {
        let (mut round, mut apart) = (Round::default(), Vec::new());
        for (call, answer) in self.send(calls, queues, batch)? {
            match answer {
                // One entry is at fault. Each by itself, the others go and it is known.
                Err(Failure::Refused(_)) if call.len() > 1 => apart.extend(call),
                answer => round.note(&call, answer, queues, batch)?,
            }
        }
        for single in apart {
            for (call, answer) in self.send(vec![vec![single]], queues, batch)? {
                round.note(&call, answer, queues, batch)?;
            }
        }
        Ok(round)
    }

    fn send(
        &self,
        calls: Vec<Call>,
        queues: &Queues,
        batch: &mut RowBatch,
    ) -> Result<Vec<(Call, Answer)>, ConnectorError> {
        let stream = self.target.option_or("stream", "");
        let mut sending = JoinSet::new();
        for call in calls {
            call.iter().for_each(|(_, row)| batch.sending(*row));
            let heads = call.iter().filter_map(|(group, _)| queues.head(*group));
            let entries = heads.map(entry).collect::<Result<Vec<_>, _>>()?;
            let asked = self.client.put_records().stream_name(stream).set_records(Some(entries));
            let what = format!("stream {stream}");
            let sent = async move {
                let wanted = call.len();
                let answer = match asked.send().await {
                    Ok(output) => each(&output, wanted),
                    Err(error) => Err(client::failure(&what, &error)),
                };
                (call, answer)
            };
            sending.spawn_on(sent, self.runtime.handle());
        }
        Ok(self.runtime.block_on(sending.join_all()))
    }
}

impl Round {
    fn note(
        &mut self,
        call: &Call,
        answer: Answer,
        queues: &mut Queues,
        batch: &mut RowBatch,
    ) -> Result<(), ConnectorError> {
        match answer {
            Ok(entries) => {
                for ((group, row), failed) in call.iter().zip(entries) {
                    match failed {
                        None => {
                            batch.settle(*row, Outcome::Stored);
                            queues.pop(*group);
                            self.moved = true;
                        }
                        Some(why) => self.why = Some(why),
                    }
                }
            }
            Err(Failure::Refused(why)) => {
                for (group, row) in call {
                    batch.settle(*row, Outcome::Refused(why.clone()));
                    queues.pop(*group);
                    self.moved = true;
                }
            }
            Err(Failure::Later(why)) => self.why = Some(why),
            Err(Failure::Expired(why)) => {
                self.credentials_expired = true;
                self.why = Some(why);
            }
            Err(failure @ (Failure::Never(_) | Failure::Denied(_))) => return Err(failure.error()),
        }
        Ok(())
    }
}

fn entry(entry: &Entry) -> Result<PutRecordsRequestEntry, ConnectorError> {
    PutRecordsRequestEntry::builder()
        .data(Blob::new(entry.data.as_slice()))
        .partition_key(&entry.partition_key)
        .build()
        .map_err(|error| ConnectorError::Never(format!("kinesis: {error}")))
}

/// What the answer says of each of `wanted` entries.
fn each(output: &PutRecordsOutput, wanted: usize) -> Answer {
    let entries = output.records();
    if entries.len() != wanted {
        return Err(Failure::Later(format!(
            "kinesis: the answer tells of {} entries, and {wanted} were sent",
            entries.len()
        )));
    }
    let failed = |entry: &PutRecordsResultEntry| {
        let code = entry.error_code()?;
        let message = entry.error_message().unwrap_or_default();
        Some(format!("kinesis: an entry was refused: {code}: {message}"))
    };
    Ok(entries.iter().map(failed).collect())
}
