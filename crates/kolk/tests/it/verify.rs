//! State on the local disk beside the replay of its changelogs, as `kolk state verify` compares them.

use crate::cluster::Cluster;
use kolk::state::Store;
use kolk::state::local::{read_folder, task_folders};
use std::collections::BTreeMap;
use std::path::Path;

/// The stores of which state and replay differ, and what cannot be read.
pub(crate) fn differences(cluster: &Cluster, state: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for folder in task_folders(state).unwrap() {
        let contents = match read_folder(&folder) {
            Ok(Some(contents)) => contents,
            Ok(None) => continue,
            Err(error) => {
                found.push(error.to_string());
                continue;
            }
        };
        let layout = &contents.layout;
        for (of, store) in layout.stores.iter().zip(&contents.stores) {
            let position = contents.positions.get(&of.name).copied().unwrap_or(0);
            let mut replay = Store::new(&of.name);
            let partition = layout.partition..layout.partition + 1;
            cluster.scan(&of.changelog(&layout.application), partition, |_, _, record| {
                if record.offset < position {
                    replay.restore(record.key.unwrap_or_default(), record.value);
                }
            });
            if entries(store) != entries(&replay) {
                found.push(format!("{}, partition {}", of.name, layout.partition));
            }
        }
    }
    found
}

fn entries(store: &Store) -> BTreeMap<&[u8], &[u8]> {
    store.iter().map(|(_, key, value)| (key, value)).collect()
}
