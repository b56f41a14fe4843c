//! `kolk test`: the project's own tests of SQL, and that the runner finds what is wrong.

use crate::kolk::Kolk;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql");
    let entries = fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The last line, and how many tests passed and failed.
fn counts(out: &str) -> (usize, usize) {
    let last = out.lines().last().unwrap_or_default();
    let numbers: Vec<usize> = last.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert_eq!(last, format!("{} passed, {} failed", numbers[0], numbers[1]));
    (numbers[0], numbers[1])
}

#[test]
fn the_tests_of_the_project_pass() {
    let shown: Vec<String> = files().iter().map(|path| path.display().to_string()).collect();
    let ended = Kolk::new().run(&format!("test {}", shown.join(" ")));
    assert_eq!(ended.status, 0, "{}", ended.out);
    let (passed, failed) = counts(&ended.out);
    assert!(passed > 0 && failed == 0, "{}", ended.out);
}

/// The control: whatever is changed in what is expected, the runner must see it.
#[test]
fn every_test_fails_when_one_expected_record_is_changed() {
    let kolk = Kolk::new();
    for path in files() {
        let mut file: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let tests = file["tests"].as_array_mut().unwrap();
        tests.retain(|test| test["outputs"].as_array().is_some_and(|outputs| !outputs.is_empty()));
        for (number, test) in tests.iter_mut().enumerate() {
            let outputs = test["outputs"].as_array_mut().unwrap();
            let at = number % outputs.len();
            match number % 3 {
                // A topic of which nothing is left is not named any more.
                2 if outputs.len() > 1 => drop(outputs.remove(at)),
                0 => outputs[at]["value"] = json!({"CHANGED": 1}),
                _ => outputs[at]["key"] = json!("changed"),
            }
        }
        let altered = kolk.write("altered.json", &file.to_string());
        let ended = kolk.run(&format!("test {}", altered.display())).with(1);
        assert_eq!(counts(&ended.out).0, 0, "{}: {}", path.display(), ended.out);
    }
}

#[test]
fn failures_are_told_and_counted_and_outputs_are_json_lines() {
    let kolk = Kolk::new();
    let declared =
        "CREATE STREAM i (k INT KEY, v INT) WITH (kafka_topic='i', value_format='JSON');";
    let copied = "CREATE STREAM o AS SELECT * FROM i;";
    let input = json!([{"topic": "i", "key": 1, "value": {"v": 2}}]);
    let output = |value: i32| json!([{"topic": "O", "key": 1, "value": {"V": value}}]);
    let tests = json!({"tests": [
        {"name": "good", "statements": [declared, copied], "inputs": input, "outputs": output(2)},
        {"name": "wrong value", "statements": [declared, copied], "inputs": input, "outputs": output(3)},
        {"name": "no SQL", "statements": ["CREATE OR"], "inputs": [], "outputs": []},
        {"name": "refused", "statements": [declared, "CREATE STREAM o AS SELECT x FROM i;"],
            "expectedException": {"message": "'X' cannot be resolved"}},
        {"name": "another cause", "statements": [declared, "CREATE STREAM o AS SELECT x FROM i;"],
            "expectedException": {"message": "'X' is ambiguous"}},
        {"name": "not refused", "statements": [declared], "expectedException": {"message": "no"}}
    ]});
    let path = kolk.write("t.json", &tests.to_string());
    let ended = kolk.run(&format!("test --outputs {}", path.display())).with(1);
    for part in [
        "wrong value\n  topic O: 1 records expected, 1 written\n    - 0   1 → {\"V\":3}\n    + 0   1 → {\"V\":2}\n          \
         value.V: expected 3, found 2\n",
        "no SQL\n  the SQL is refused\n",
        "another cause\n  it is refused for another reason: nothing is said of: ambiguous\n",
        "not refused\n  it is not refused; expected: no\n",
        "tests of records: 1 passed, 2 failed\ntests of refusals: 1 passed, 2 failed\n2 passed, 4 failed\n",
    ] {
        assert!(ended.out.contains(part), "{part:?} is not in:\n{}", ended.out);
    }
    let first: Value = serde_json::from_str(ended.out.lines().next().unwrap()).unwrap();
    let test = format!("{}: good", path.display());
    assert_eq!(
        first,
        json!({"test": test, "topic": "O", "key": 1, "value": {"V": 2}, "timestamp": 0})
    );
}

#[test]
fn a_file_that_is_no_test_file_is_refused() {
    let kolk = Kolk::new();
    kolk.write("t.json", r#"{"tests":[{"statements":[]}]}"#);
    kolk.run("test t.json").with(2).says(&["cannot run t.json: test 1 has no name"]);
    kolk.run("test nowhere.json").with(2).says(&["cannot run nowhere.json"]);
}
