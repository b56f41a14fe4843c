//! The thread that works with a connection: it connects, writes, and repeats until everything has an outcome.

use super::{Connection, ConnectorError, RowBatch};
use crate::topology::Connector;
use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Messages that wait for the stage, at most.
const MESSAGES_MAX: usize = 64;
/// Pause after the first failure in a row; it doubles up to [`PAUSE_MAX`].
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What the stage says to the worker: a batch at a time, the next one when it is done. The number comes back with it.
pub(super) type Order = (u64, RowBatch);

/// What the worker tells.
#[derive(Debug)]
pub(super) enum Message {
    /// Each row has its outcome, or some were refused and the rest waits for what becomes of those.
    Done(u64, Box<RowBatch>),
    /// It failed so many times in a row and tries again.
    Waiting { failures: u32, why: String },
    /// Another instance has its partitions; the batch was dropped.
    Fenced(u64, String),
    /// It gives up.
    GaveUp(String),
}

/// The ends of the stage: orders in, messages out.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) orders: SyncSender<Order>,
    pub(super) messages: Receiver<Message>,
}

/// One connection's work, to be run on a thread of its own.
pub struct Worker {
    connector: Connector,
    orders: Receiver<Order>,
    messages: SyncSender<Message>,
    wake: Box<dyn Fn() + Send>,
    failures: u32,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("connector", &self.connector.kind.name)
            .finish_non_exhaustive()
    }
}

/// A worker for `connector`, and the outlet that gives it rows. `wake` is called when there is something to hear.
#[must_use]
pub fn channels(
    connector: Connector,
    wake: Box<dyn Fn() + Send>,
) -> (super::ConnectorOutlet, Worker) {
    let (orders, for_worker) = sync_channel(1);
    let (messages, for_stage) = sync_channel(MESSAGES_MAX);
    let ends = Ends { orders, messages: for_stage };
    let outlet = super::ConnectorOutlet::new(ends);
    let orders = for_worker;
    let worker = Worker { connector, orders, messages, wake, failures: 0 };
    (outlet, worker)
}

impl Worker {
    /// Works until the outlet is gone, or the connection gives up.
    pub fn run(mut self) {
        let mut connection: Option<Box<dyn Connection>> = None;
        // It connects before there is a row: what does not fit is told at once.
        let mut order: Option<Order> = None;
        loop {
            let open = open_rows(order.as_ref());
            match self.attempt(&mut connection, order.as_mut().map(|(_, batch)| batch)) {
                Ok(()) => {
                    self.failures = 0;
                    if let Some((number, batch)) = order.take()
                        && !self.tell(Message::Done(number, Box::new(batch)))
                    {
                        return;
                    }
                    match self.orders.recv() {
                        Ok(next) => order = Some(next),
                        Err(_) => return,
                    }
                }
                Err(ConnectorError::Never(why)) => {
                    self.tell(Message::GaveUp(why));
                    return;
                }
                Err(ConnectorError::Fenced(why)) => {
                    let number = order.take().map_or(0, |(number, _)| number);
                    if !self.tell(Message::Fenced(number, why)) {
                        return;
                    }
                    match self.orders.recv() {
                        Ok(next) => order = Some(next),
                        Err(_) => return,
                    }
                }
                Err(ConnectorError::Later(why)) => {
                    if open_rows(order.as_ref()) < open {
                        // A part was taken: the store is busy rather than away, and pauses begin anew.
                        self.failures = 0;
                    }
                    self.failures = self.failures.saturating_add(1);
                    let failures = self.failures;
                    if !self.tell(Message::Waiting { failures, why }) || !self.pause(&mut order) {
                        return;
                    }
                }
            }
        }
    }

    fn attempt(
        &self,
        connection: &mut Option<Box<dyn Connection>>,
        batch: Option<&mut RowBatch>,
    ) -> Result<(), ConnectorError> {
        let connected = match connection {
            Some(connected) => connected,
            None => {
                let connect = self.connector.kind.connect.ok_or_else(|| {
                    let name = self.connector.kind.name;
                    ConnectorError::Never(format!("this build has no connector '{name}'"))
                })?;
                connection.insert(connect(&self.connector.target)?)
            }
        };
        let Some(batch) = batch else { return Ok(()) };
        // Refused rows find their place before the rest is written.
        while !batch.is_done() && !batch.has_refused() {
            connected.write(batch)?;
        }
        Ok(())
    }

    /// Waits before the next attempt; `false` when nobody wants it any more.
    fn pause(&self, order: &mut Option<Order>) -> bool {
        let doublings = self.failures.saturating_sub(1).min(16);
        let pause = PAUSE_FIRST.saturating_mul(1 << doublings).min(PAUSE_MAX);
        match self.orders.recv_timeout(pause) {
            // Only while it connects: the outlet sends one batch at a time.
            Ok(first) => *order = Some(first),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        true
    }

    fn tell(&self, message: Message) -> bool {
        let told = self.messages.send(message).is_ok();
        (self.wake)();
        told
    }
}

/// How many rows wait for their outcome.
fn open_rows(order: Option<&Order>) -> usize {
    order.map_or(0, |(_, batch)| batch.open_rows())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::connector::Outcome;
    use crate::sink::held::SinkRow;
    use crate::sink::outlet::Stamp;
    use crate::sink::progress::{InputPartition, Lane};
    use crate::topology::{Kind, Promise, RowForm, Target};

    /// Takes one row of each call.
    struct Busy;

    impl Connection for Busy {
        fn write(&mut self, batch: &mut RowBatch) -> Result<(), ConnectorError> {
            if let Some(first) = batch.open().first() {
                batch.settle(*first, Outcome::Stored);
            }
            if batch.is_done() { Ok(()) } else { Err(ConnectorError::Later("busy".to_owned())) }
        }
    }

    static BUSY: Kind = Kind {
        name: "busy",
        doc: "A store of this test.",
        options: &[],
        promise: Promise { idempotent_by_key: true, ordered: true, transactional: false },
        keyless: None,
        rows: RowForm::Columns,
        connect: Some(|_| Ok(Box::new(Busy))),
    };

    #[test]
    fn pauses_do_not_grow_while_a_store_takes_a_part_each_time() {
        let connector = Connector { kind: &BUSY, target: Target::default() };
        let (orders, for_worker) = sync_channel(1);
        let (messages, heard) = sync_channel(MESSAGES_MAX);
        let wake = Box::new(|| {});
        let worker = Worker { connector, orders: for_worker, messages, wake, failures: 0 };
        let mut batch = RowBatch::default();
        let partition = InputPartition { source: 0, partition: 0 };
        let row = SinkRow {
            key: None,
            value: Some(b"{}"),
            headers: &[],
            fields: None,
            timestamp: 0,
            partition,
            offset: 0,
        };
        for _ in 0..4 {
            batch.push(Lane(0), &row, Stamp::At(0), None);
        }
        orders.send((1, batch)).unwrap();
        #[expect(clippy::disallowed_methods, reason = "the worker has a thread of its own")]
        let running = std::thread::spawn(move || worker.run());
        for _ in 0..3 {
            match heard.recv().unwrap() {
                Message::Waiting { failures, .. } => assert_eq!(failures, 1),
                other => unreachable!("{other:?}"),
            }
        }
        assert!(matches!(heard.recv().unwrap(), Message::Done(1, batch) if batch.is_done()));
        drop(orders);
        running.join().unwrap();
    }
}
