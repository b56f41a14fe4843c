//! What becomes of values of every type, and of rows that the table refuses.

use super::place;
use super::server::Server;
use serde_json::{Value, json};

/// A stream of every type into a table, by the table's key or appended.
fn typed(server: &Server, table: &str, mode: &str) -> String {
    format!(
        "CREATE STREAM things (id INT, b BOOLEAN, l BIGINT, d DOUBLE, m DECIMAL(20, 4), s STRING, y BYTES, at TIMESTAMP, day DATE,
           tod TIME, tags ARRAY<STRING>, sizes ARRAY<BIGINT>, props MAP<STRING, INT>, inner STRUCT<x INT, y STRING>, doc STRING, u STRING)
           WITH (kafka_topic = 'things', value_format = 'JSON');
         CREATE STREAM kept WITH ({}, table = '{table}', mode = '{mode}') AS SELECT * FROM things EMIT CHANGES;",
        server.options()
    )
}

const COLUMNS: &str = "(id int PRIMARY KEY, b boolean, l bigint, d double precision, m numeric(20, 4), s varchar(30), y bytea,
  at timestamptz, day date, tod time, tags text[], sizes bigint[], props jsonb, \"inner\" jsonb, doc jsonb, u uuid)";

/// Rows as JSON text; the texts stand for what a JSON encoder makes of them.
fn things() -> [Value; 3] {
    [
        json!({
            "id": 1, "b": true, "l": 9_007_199_254_740_993_i64, "d": -1.5e300, "m": "1234567890123456.7891",
            "s": "it's \"q\" \\ \t\n ü 🦀", "y": "AAH/", "at": "2023-02-20T03:03:20.123Z", "day": "2023-02-20", "tod": "03:03:20",
            "tags": ["a,b", "c\"d", "\\", null, "NULL", ""], "sizes": [1, null, -9_007_199_254_740_993_i64],
            "props": {"a": 1}, "inner": {"x": 1, "y": "z"}, "doc": "{\"deep\":[1,2]}",
            "u": "6a2f41a3-c54c-fce8-32d2-0324e1c32e22",
        }),
        json!({"id": 2}),
        json!({
            "id": 3, "b": false, "at": 1_676_862_200_123_i64, "day": 19408, "tod": 11_000_000, "tags": [], "s": "\\N", "doc": "null",
        }),
    ]
}

/// As `psql` shows them.
fn shown() -> String {
    let first = [
        "1|t|9007199254740993|-1.5e+300|1234567890123456.7891|it's \"q\" \\ \t\n ü 🦀|\\x0001ff",
        "2023-02-20 03:03:20.123+00|2023-02-20|03:03:20|{\"a,b\",\"c\\\"d\",\"\\\\\",NULL,\"NULL\",\"\"}",
        "{1,NULL,-9007199254740993}|{\"a\": 1}|{\"x\": 1, \"y\": \"z\"}|{\"deep\": [1, 2]}",
        "6a2f41a3-c54c-fce8-32d2-0324e1c32e22",
    ];
    let second = format!("2{}", "|".repeat(15));
    let third = "3|f||||\\N||2023-02-20 03:03:20.123+00|2023-02-20|03:03:20|{}||||null|";
    format!("{}\n{second}\n{third}", first.join("|"))
}

#[test]
fn values_of_every_type_arrive_as_they_are() {
    let Some(server) = Server::shared() else { return };
    for mode in ["upsert", "append"] {
        let table = format!("typed_{mode}");
        server.sql(&format!("CREATE TABLE {table} {COLUMNS}"));
        let kolk = place(&typed(server, &table, mode));
        kolk.ok("topic create things");
        kolk.write("lines", &things().iter().map(|thing| format!("{thing}\n")).collect::<String>());
        kolk.ok("produce --topic things --file lines");
        kolk.run("run program.sql --until-end").with(0);
        assert_eq!(server.sql(&format!("SELECT * FROM {table} ORDER BY id")), shown(), "{mode}");
    }
}

/// One row too long and one against a constraint among a thousand: all others are there, and those two have their fate.
#[test]
fn rows_that_the_table_refuses_are_found_and_have_their_fate() {
    let Some(server) = Server::shared() else { return };
    for mode in ["upsert", "append"] {
        let table = format!("refused_{mode}");
        server.sql(&format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, s varchar(5), CONSTRAINT positive CHECK (id > 0))"
        ));
        let program = format!(
            "CREATE STREAM things (id INT, s STRING) WITH (kafka_topic = 'things', value_format = 'JSON'{{}});
             CREATE STREAM kept WITH ({}, table = '{table}', mode = '{mode}') AS SELECT id, s FROM things EMIT CHANGES;",
            server.options()
        );
        let kolk = place(
            &program
                .replace("{}", ", on_bad_record = 'dead_letter', dead_letter_topic = 'letters'"),
        );
        kolk.write("strict.sql", &program.replace("{}", ""));
        kolk.ok("topic create things");
        kolk.ok("topic create letters");
        let row = |id: i32| {
            format!(
                "{{\"id\":{},\"s\":\"{}\"}}\n",
                if id == 700 { -1 } else { id },
                if id == 300 { "too long" } else { "ok" }
            )
        };
        kolk.write("lines", &(1..=1000).map(row).collect::<String>());
        kolk.ok("produce --topic things --file lines");
        // Whoever must not lose a row stops at it, and nothing behind it is taken for stored.
        let stopped = ["SQLSTATE 22001", "value too long"];
        kolk.run("run strict.sql --until-end").with(1).says(&stopped);
        kolk.run("run strict.sql --until-end").with(1).says(&stopped);
        kolk.run("run program.sql --until-end").with(0);
        assert_eq!(
            server.sql(&format!("SELECT count(*), sum(id) FROM {table}")),
            "998|499500",
            "{mode}"
        );
        let letters = kolk.ok("consume --topic letters --from-beginning --until-end");
        assert!(letters.contains("too long") && letters.contains("-1"), "{letters}");
        kolk.run("run program.sql --until-end").with(0);
        assert_eq!(server.sql(&format!("SELECT count(*) FROM {table}")), "998");
    }
}
