//! SQL that cannot be: told with line and column before anything is touched.

use super::told;
use crate::kolk;
use std::fs;

#[test]
fn sql_errors_have_line_and_column_and_nothing_is_started() {
    let head =
        "CREATE STREAM v (id STRING, at TIMESTAMP) WITH (kafka_topic='v', value_format='JSON');\n";
    // What is wrong, where, and what is said.
    let cases: &[(&str, &str, &[&str])] = &[
        ("CREATE STREAM o AS\n  SELECT idd FROM v;", "3:10", &["idd", "id"]),
        ("CREATE STREAM o AS\n  SELECT id FROM w;", "3:18", &["w"]),
        ("CREATE STREAM o AS\n  SELEKT id FROM v;", "3:3", &["SELEKT"]),
        ("CREATE STREAM o AS SELECT id + at\n  FROM v;", "2:", &["+"]),
        (
            "CREATE STREAM o WITH (delivery='orderly')\n  AS SELECT * FROM v;",
            "2:",
            &["orderly", "bin_packed"],
        ),
        ("CREATE STREAM o WITH (delivery='bin_packed')\n  AS SELECT * FROM v;", "2:", &["bin_key"]),
        (
            "CREATE STREAM o WITH (delivery_pause='1 second')\n  AS SELECT * FROM v;",
            "2:",
            &["delivery_pause", "individual"],
        ),
        ("CREATE STREAM o AS SELECT 'id FROM v;", "2:27", &["'"]),
    ];
    for (statement, place, parts) in cases {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("app.sql"), format!("{head}{statement}\n")).unwrap();
        let ended = kolk::run_in(folder.path(), &["run", "app.sql", "--until-end"]);
        told(&ended, 2, parts);
        told(&ended, 2, &[&format!("app.sql:{place}")]);
        assert!(!folder.path().join(".kolk").exists(), "something was started for {statement}");
    }
}
