//! The stores of `bench sinks`: how each is started, named in a statement, and which program is its rival.

use crate::place::Place;
use crate::server::Server;
use anyhow::Result;
use std::path::PathBuf;

/// A store. Its rival's program, `bench/rivals/stores/into_NAME.py`, also makes its tables and checks them: `create`, `copy`, `check`.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) name: &'static str,
    /// Its name, for people.
    pub(super) title: &'static str,
    /// Options of a statement that writes to a table through an address.
    pub(super) options: fn(&str, &str) -> String,
    /// What the table says about its rival.
    pub(super) notes: &'static str,
}

/// All of them.
pub(super) const STORES: &[Store] = &[
    Store {
        name: "cassandra",
        title: "Apache Cassandra",
        options: |address, table| {
            format!(
                "connector = 'cassandra', contact_points = '{address}', keyspace = 'bench', table = '{table}'"
            )
        },
        notes: "a prepared INSERT for each row, `execute_concurrent_with_args` over polls of up to 2000 events, 100 writes at a time, \
            offsets committed behind each poll",
    },
    Store {
        name: "kinesis",
        title: "Kinesis (kinesalite)",
        options: |address, table| {
            format!(
                "connector = 'kinesis', stream = '{table}', endpoint = 'http://{address}', access_key_id = 'anyone', \
                 secret_access_key = 'any', delivery = 'batched'"
            )
        },
        notes: "`put_records` of up to 500 events of a poll of up to 2000, entries that failed sent again until there are none, which \
                does not keep the order of a key; offsets committed behind each poll",
    },
];

impl Store {
    /// Starts its server by `scripts/NAME.sh`, on new data.
    pub(super) fn serve(&self, place: &Place) -> Result<Server> {
        let folder = place.fresh(self.name)?;
        let script = place.root.join(format!("scripts/{}.sh", self.name));
        Server::start(&script, folder, |command| {
            command.env("CASSANDRA_HEAP", "1g");
        })
    }

    /// The program of its rival.
    pub(super) fn rival(&self, place: &Place) -> PathBuf {
        place.root.join(format!("bench/rivals/stores/into_{}.py", self.name))
    }
}
