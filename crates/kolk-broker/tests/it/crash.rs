//! `kill -9`, and what is there afterwards.

use crate::child::Process;
use crate::client::{Client, batch, batch_of};
use crate::groups::{commit, committed};
use crate::transactions::{add, end, init, open};
use kolk_wire::ErrorCode;
use kolk_wire::record::Transactional;

#[test]
fn what_was_acknowledged_survives() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[]);
    let mut client = process.client();
    client.create_topic("t", &[("segment.bytes", "1048576")]);
    for number in 0..50 {
        let numbered = [format!("v{number}")];
        let written = batch_of(&[&numbered[0]], Some((5, 0, number, Transactional::No)));
        assert_eq!(client.produce("t", written).error_code, ErrorCode::NONE);
    }
    commit(&mut client, "g", "t", 17);
    process.kill();
    let process = Process::start(folder.path(), &[]);
    let mut client = process.client();
    assert_eq!(
        client.values("t", 0),
        (0..50).map(|number| format!("v{number}")).collect::<Vec<_>>()
    );
    assert_eq!(committed(&mut client, "g", "t"), 17);
    let again = batch_of(&["v49"], Some((5, 0, 49, Transactional::No)));
    assert_eq!(client.produce("t", again).base_offset, 49, "a repetition, not a new record");
}

/// In the middle of a transaction: it stays open, and ends as its producer wants.
#[test]
fn an_open_transaction_goes_on() {
    for (version, produce, end_txn) in [("1", 11, 4), ("2", 12, 5)] {
        let folder = tempfile::tempdir().unwrap();
        let settings = [("transaction.version", version)];
        let process = Process::start(folder.path(), &settings);
        let mut client = process.client();
        client.create_topic("t", &[]);
        let producer = init(&mut client, "x");
        if version == "1" {
            add(&mut client, "x", producer, "t");
        }
        assert_eq!(client.produce_in("x", "t", open("a", producer, 0), produce), ErrorCode::NONE);
        process.kill();
        let process = Process::start(folder.path(), &settings);
        let mut client = process.client();
        assert_eq!(client.values("t", 1), [""; 0], "version {version}");
        assert_eq!(client.produce_in("x", "t", open("b", producer, 1), produce), ErrorCode::NONE);
        assert_eq!(end(&mut client, "x", producer, end_txn).0, ErrorCode::NONE);
        assert_eq!(client.values("t", 1), ["a", "b"], "version {version}");
    }
}

/// Whatever the moment of the kill: what was acknowledged is there, and what is there was sent, in order.
#[test]
fn killed_while_a_producer_writes() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..4 {
        let process = Process::start(folder.path(), &[]);
        let mut client = process.client();
        if round == 0 {
            client.create_topic("t", &[]);
        }
        let before = i64::try_from(client.values("t", 0).len()).unwrap();
        assert!(before >= acknowledged, "{acknowledged} were acknowledged, {before} are there");
        acknowledged = before + write_until_killed(process, client);
    }
}

fn write_until_killed(process: Process, mut client: Client) -> i64 {
    let (stop, stopped) = std::sync::mpsc::sync_channel(1);
    let writer = start(move || {
        let mut acknowledged = 0;
        let request = crate::client::produce_request("t", batch(&["v"]), None);
        while stopped.try_recv().is_err() {
            client.send(&request, crate::client::PRODUCE);
            let Some(_) = client.frame() else { break };
            acknowledged += 1;
        }
        acknowledged
    });
    std::thread::sleep(std::time::Duration::from_millis(80));
    process.kill();
    let _ = stop.send(());
    writer.join().unwrap()
}

fn start<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> std::thread::JoinHandle<T> {
    std::thread::spawn(work)
}
