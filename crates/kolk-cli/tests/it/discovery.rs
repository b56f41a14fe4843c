//! The embedded broker of a folder: whoever needs it starts it, the others find it.

use crate::kolk::Kolk;

#[test]
fn commands_find_the_broker_that_another_one_runs() {
    let kolk = Kolk::new();
    kolk.ok("topic create a --partitions 1");
    let mut owner = kolk.start("consume --topic a --from-beginning", "");
    kolk.produce("--topic a", "one\n");
    owner.wait_until(|out| out == "one\n");
    let address = std::fs::read_to_string(kolk.folder().join(".kolk/broker/address")).unwrap();
    let address = address.lines().next().unwrap().to_owned();
    assert!(kolk.ok(&format!("topic list --bootstrap-servers {address}")).contains("\na "));
    owner.stop().with(0);
    // The address that is left is not believed: the command runs the broker itself.
    assert_eq!(kolk.ok("consume --topic a --from-beginning --until-end"), "one\n");
}

/// The owner of the broker ends by `signal` while another command reads: that one takes the broker over and reads on.
fn take_over(signal: &str) {
    let kolk = Kolk::new();
    kolk.ok("topic create a --partitions 1");
    let mut owner = kolk.start("consume --topic a --from-beginning", "");
    kolk.produce("--topic a", "one\n");
    owner.wait_until(|out| out == "one\n");
    let mut guest = kolk.start("consume --topic a --from-beginning --max-messages 3", "");
    guest.wait_until(|out| out == "one\n");
    owner.signal(signal);
    owner.wait();
    kolk.produce("--topic a", "two\n");
    guest.wait_until(|out| out == "one\ntwo\n");
    kolk.produce("--topic a", "three\n");
    assert_eq!(guest.wait().with(0).out, "one\ntwo\nthree\n");
    assert_eq!(kolk.ok("consume --topic a --from-beginning --until-end"), "one\ntwo\nthree\n");
}

#[test]
fn a_broker_is_taken_over_when_its_owner_ends() {
    take_over("TERM");
}

#[test]
fn a_broker_is_taken_over_when_its_owner_crashes() {
    take_over("KILL");
}

#[test]
fn commands_that_start_at_once_share_one_broker() {
    let kolk = Kolk::new();
    let all: Vec<_> = (0..6)
        .map(|number| kolk.start(&format!("topic create t{number} --partitions 1"), ""))
        .collect();
    for command in all {
        command.wait().with(0);
    }
    assert_eq!(kolk.ok("topic list").lines().count(), 7);
}

#[test]
fn a_broker_in_the_folders_place_is_found() {
    let kolk = Kolk::new();
    let mut broker = kolk.start("broker --listen 127.0.0.1:0", "");
    broker.wait_until(|out| out.starts_with("ready 127.0.0.1:"));
    kolk.ok("topic create a --partitions 1");
    let named = broker.out().trim().replace("ready ", "");
    let other = Kolk::new().with_variable("KOLK_BOOTSTRAP_SERVERS", named.as_str());
    assert!(other.ok("topic list").contains("\na "));
    assert!(!other.folder().join(".kolk").exists());
    kolk.run("broker --listen 127.0.0.1:0")
        .with(2)
        .says(&["another broker runs on this folder (pid "]);
    let taken = format!("broker --data elsewhere --listen {named}");
    kolk.run(&taken).with(2).says(&["cannot listen on 127.0.0.1:", "choose another address"]);
    broker.stop().with(0);
}
