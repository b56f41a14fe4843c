//! scratch
use kolk::client::{
    TopicPartition, config::ClientConfig, fetch::*, metadata::Metadata, network::*,
};
use kolk::time::{Clock, SystemClock};
use std::{sync::Arc, time::Duration};
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (topic, props) = args.split_first().unwrap();
    let config =
        ClientConfig::from_properties(props.iter().map(|p| p.split_once('=').unwrap())).unwrap();
    let clock = Arc::new(SystemClock::new());
    let mut network = match Network::new(&config, clock.clone()) {
        Ok(n) => n,
        Err(e) => {
            println!("ERR {e}");
            return;
        }
    };
    let mut metadata = Metadata::new(&config);
    let mut fetcher = Fetcher::new(&config);
    metadata.want(topic);
    let mut assigned = false;
    let (mut records, mut bytes, mut caught) = (0u64, 0u64, std::collections::BTreeSet::new());
    let mut scratch = kolk_wire::record::Scratch::new();
    let mut polls = 0;
    loop {
        match metadata.step(&mut network) {
            Ok(true) => {
                println!(
                    "{:?} {:?} {:?} tv={:?}",
                    metadata.nodes(),
                    metadata.partition_count(topic),
                    metadata.topic_error(topic),
                    network.finalized_feature(None, "transaction.version")
                );
                if !assigned && let Some(n) = metadata.partition_count(topic) {
                    assigned = true;
                    for p in 0..n {
                        fetcher
                            .assign(TopicPartition::new(topic.as_str(), p as i32), Start::Earliest);
                    }
                }
            }
            Ok(false) => {}
            Err(e) => {
                println!("ERR {e}");
                return;
            }
        }
        if let Err(e) = fetcher.step(&mut network, &mut metadata) {
            println!("ERR {e}");
            return;
        }
        while let Some(event) = fetcher.next_event() {
            match event {
                FetchEvent::Records(f) => {
                    for b in &f.batches {
                        for r in b.body(&mut scratch).unwrap().records() {
                            let r = r.unwrap();
                            if r.offset >= f.start.0 {
                                records += 1;
                                bytes += r.value.map_or(0, |v| v.len() as u64);
                            }
                        }
                    }
                    if f.caught_up {
                        caught.insert(f.partition.clone());
                    }
                }
                other => println!("{other:?}"),
            }
        }
        if assigned && caught.len() == metadata.partition_count(topic).unwrap_or(0) {
            println!(
                "records {records} bytes {bytes} counts {:?} polls {polls} time {:?}",
                fetcher.counts(),
                clock.monotonic()
            );
            if std::env::var("FOLLOW").is_err() {
                return;
            }
        }
        let wait = [metadata.deadline(), fetcher.deadline()]
            .into_iter()
            .flatten()
            .min()
            .map_or(Duration::from_secs(1), |d| network.now().until(d).min(Duration::from_secs(1)));
        network.poll(wait);
        polls += 1;
        if clock.monotonic().0 > Duration::from_secs(120) {
            println!("give up");
            return;
        }
    }
}
