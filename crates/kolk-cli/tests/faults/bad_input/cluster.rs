//! Clusters out of reach, users without a right to them, folders and ports that are taken.

use super::{Desk, told};
use crate::kolk;
use crate::server::{Kind, Server};
use std::fs;
use std::net::TcpListener;

const PROGRAM: &str = "CREATE STREAM v WITH (kafka_topic='v', partitions=1);
     CREATE STREAM o WITH (kafka_topic='o') AS SELECT * FROM v;";

#[test]
fn an_address_where_nobody_listens_is_told() {
    let desk = Desk::at("127.0.0.1:1".parse().unwrap());
    desk.write("app.sql", PROGRAM);
    let ended = desk.run("run app.sql --until-end --set bootstrap.timeout.ms=500");
    told(
        &ended,
        3,
        &["no Kafka broker could be reached", "127.0.0.1:1", "--bootstrap-servers HOST:PORT"],
    );
}

#[test]
fn an_address_where_somebody_else_listens_is_told() {
    // It takes connections and never says a word, as a firewall or another service would.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let desk = Desk::at(silent.local_addr().unwrap());
    desk.write("app.sql", PROGRAM);
    let limits = "--set bootstrap.timeout.ms=800 --set request.timeout.ms=300";
    let ended = desk.run(&format!("run app.sql --until-end {limits}"));
    told(&ended, 3, &[&desk.broker.to_string()]);
}

#[test]
fn refused_credentials_are_told_and_right_ones_work() {
    if !Kind::KafkaSecure.is_at_hand() {
        return;
    }
    let server = Server::start(Kind::KafkaSecure).unwrap();
    let desk = Desk::at(server.listener("SASL_PLAINTEXT"));
    desk.write("app.sql", PROGRAM);
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let user = format!(
            "--set security.protocol=SASL_PLAINTEXT --set sasl.mechanism={mechanism} --set sasl.username=alice"
        );
        let ended =
            desk.run(&format!("run app.sql --until-end {user} --set sasl.password=hunter2"));
        told(&ended, 3, &["authentication of user `alice`", mechanism, "check sasl.username"]);
        assert!(!format!("{ended:?}").contains("hunter2"), "the password was shown: {ended:?}");
        desk.ok(&format!("run app.sql --until-end {user} --set sasl.password=alice-secret"));
    }
    // Without credentials, at a listener that wants some.
    let ended = desk.run("run app.sql --until-end --set bootstrap.timeout.ms=2000");
    told(&ended, 3, &[&desk.broker.to_string()]);
}

#[test]
fn a_second_broker_on_a_folder_or_port_is_told_who_has_it() {
    let server = Server::start(Kind::Embedded).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (data, address) = (server.data(), server.address().to_string());
    let taken =
        kolk::run_in(folder.path(), &["broker", "--listen", "127.0.0.1:0", "--data", &data]);
    assert_ne!(taken.status, Some(0));
    told(
        &taken,
        taken.status.unwrap_or(-1),
        &["another broker runs on this folder", "pid ", &data],
    );

    let other = folder.path().join("other").display().to_string();
    let taken = kolk::run_in(folder.path(), &["broker", "--listen", &address, "--data", &other]);
    assert_ne!(taken.status, Some(0));
    told(&taken, taken.status.unwrap_or(-1), &[&format!("cannot listen on {address}"), "in use"]);

    // The first one has not suffered.
    let desk = Desk::at(server.address());
    desk.ok("topic create t --partitions 1");
    desk.produce("t", &["1"]);
    assert_eq!(desk.values("t"), ["1"]);
    fs::remove_dir_all(folder.path()).unwrap();
}
