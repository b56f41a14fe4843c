//! The stores of `bench sinks`: how each is started, named in a statement, and which program is its rival.

use crate::place::Place;
use crate::server::Server;
use anyhow::Result;
use std::path::PathBuf;

/// A store, and a way to write to it. Its rival's program, `bench/rivals/stores/into_NAME.py`, also makes its tables and checks them:
/// `create`, `copy`, `check`.
#[derive(Debug)]
pub(super) struct Store {
    name: &'static str,
    /// `scripts/NAME.sh` runs its server.
    server: &'static str,
    /// What the rival's program is told behind all else: another way than its usual one.
    pub(super) way: Option<&'static str>,
    /// How many times as many events it is given as the slowest one, so that its runs take long enough to tell something.
    pub(super) times: u64,
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
        server: "cassandra",
        way: None,
        times: 1,
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
        server: "kinesis",
        way: None,
        times: 1,
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
    Store {
        name: "postgresql",
        server: "postgres",
        way: None,
        times: 5,
        title: "PostgreSQL, upsert",
        options: |address, table| postgresql(address, table, "upsert"),
        notes: "the rows of a poll of up to 2000 by `COPY` into a temporary table, `INSERT … SELECT … ON CONFLICT DO UPDATE` from \
                there, which took less than other ways (`unnest`, JSON, `VALUES`, `executemany`), commit, then the offsets: each row \
                at least once. Kolk: exactly once",
    },
    Store {
        name: "postgresql",
        server: "postgres",
        way: Some("append"),
        times: 5,
        title: "PostgreSQL, append",
        options: |address, table| postgresql(address, table, "append"),
        notes: "the rows of a poll of up to 2000 by `COPY`, commit, then the offsets: a crash between those doubles rows. \
                Kolk: exactly once",
    },
];

fn postgresql(address: &str, table: &str, mode: &str) -> String {
    let (host, port) = address.split_once(':').unwrap_or((address, "5432"));
    format!(
        "connector = 'postgresql', host = '{host}', port = {port}, table = '{table}', mode = '{mode}'"
    )
}

impl Store {
    /// Starts its server, on new data.
    pub(super) fn serve(&self, place: &Place) -> Result<Server> {
        let folder = place.fresh(self.server)?;
        let script = place.root.join(format!("scripts/{}.sh", self.server));
        Server::start(&script, folder, |command| {
            command.env("CASSANDRA_HEAP", "1g");
        })
    }

    /// The program of its rival.
    pub(super) fn rival(&self, place: &Place) -> PathBuf {
        place.root.join(format!("bench/rivals/stores/into_{}.py", self.name))
    }
}
