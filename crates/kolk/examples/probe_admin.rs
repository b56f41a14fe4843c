//! scratch
use kolk::client::{admin::*, config::ClientConfig, offsets::OffsetSpec, *};
use kolk::time::{SystemClock, Timestamp};
use std::sync::Arc;
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let config =
        ClientConfig::from_properties(args.iter().map(|p| p.split_once('=').unwrap())).unwrap();
    let mut a = Admin::new(&config, Arc::new(SystemClock::new())).unwrap();
    println!("{:?}", a.describe_cluster());
    println!(
        "create {:?}",
        a.create_topic(&NewTopic::new("adm", 2).with("cleanup.policy", "compact"))
    );
    println!("create {:?}", a.create_topic(&NewTopic::new("adm", 2)).map_err(|e| e.to_string()));
    println!(
        "create {:?}",
        a.create_topic(&NewTopic::new("adm2", 2).with("cleanup.polic", "x"))
            .map_err(|e| e.to_string())
    );
    println!(
        "create {:?}",
        a.create_topic(&NewTopic {
            size: TopicSize { partitions: Some(1), replicas: Some(3) },
            ..NewTopic::new("adm3", 1)
        })
        .map_err(|e| e.to_string())
    );
    println!("{:?}", a.list_topics(Internal::Shown).unwrap());
    println!("{:?}", a.describe_topic("adm"));
    println!("{:?}", a.describe_topic("nope").map_err(|e| e.to_string()));
    println!("grow {:?}", a.grow_topic("adm", 4));
    println!("grow {:?}", a.grow_topic("adm", 3).map_err(|e| e.to_string()));
    println!(
        "alter {:?}",
        a.alter_configs(
            &Resource::Topic("adm".into()),
            &[
                ConfigChange::Set { name: "retention.ms".into(), value: "1234567".into() },
                ConfigChange::Remove { name: "cleanup.policy".into() }
            ]
        )
    );
    println!(
        "alter {:?}",
        a.alter_configs(
            &Resource::Topic("adm".into()),
            &[ConfigChange::Set { name: "retention.ms".into(), value: "x".into() }]
        )
        .map_err(|e| e.to_string())
    );
    println!(
        "{:?}",
        a.describe_configs(&Resource::Topic("adm".into()))
            .unwrap()
            .iter()
            .filter(|c| c.name == "retention.ms" || c.name == "cleanup.policy")
            .collect::<Vec<_>>()
    );
    println!(
        "{:?}",
        a.describe_configs(&Resource::Topic("nope".into())).map_err(|e| e.to_string())
    );
    println!("{:?}", a.describe_configs(&Resource::Broker(1)).map(|c| c.len()));
    let tp = TopicPartition::new("t1", 0);
    println!(
        "{:?}",
        a.list_offsets([
            (tp.clone(), OffsetSpec::Earliest),
            (TopicPartition::new("t1", 1), OffsetSpec::Latest),
            (TopicPartition::new("t1", 2), OffsetSpec::From(Timestamp(0)))
        ])
    );
    println!(
        "{:?}",
        a.list_offsets([(TopicPartition::new("t1", 7), OffsetSpec::Latest)])
            .map_err(|e| e.to_string())
    );
    println!(
        "{:?}",
        a.list_offsets([(TopicPartition::new("nope", 0), OffsetSpec::Latest)])
            .map_err(|e| e.to_string())
    );
    println!("{:?}", a.delete_records(&tp, Offset(10)));
    println!("{:?}", a.delete_records(&tp, Offset(100000000)).map_err(|e| e.to_string()));
    println!("{:?}", a.set_group_offsets("g1", &[(tp.clone(), Offset(42))].into()));
    println!("{:?}", a.group_offsets("g1"));
    println!("{:?}", a.list_groups());
    println!("{:?}", a.describe_group("g1"));
    println!("{:?}", a.describe_group("nogroup"));
    println!("{:?}", a.delete_group_offsets("g1", &[tp].into()));
    println!("{:?}", a.group_offsets("g1"));
    println!("{:?}", a.delete_group("g1"));
    println!("{:?}", a.delete_group("g1").map_err(|e| e.to_string()));
    println!("{:?}", a.delete_topic("adm"));
    println!("{:?}", a.delete_topic("adm").map_err(|e| e.to_string()));
}
