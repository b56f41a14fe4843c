//! The plans of the examples, as `kolk explain` shows them: what changes a plan shows here. `cargo test -p kolk-cli --test it -- --ignored
//! write_the_plans` writes them anew.

use crate::kolk::Kolk;
use std::path::PathBuf;

const EXAMPLES: [&str; 4] = ["fifo", "bin-packing", "dynamic-joiner", "sessions"];

fn plan(example: &str) -> String {
    let examples = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    Kolk::new().ok(&format!("explain {}", examples.join(example).display()))
}

fn golden(example: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/explained/{example}.txt"))
}

#[test]
fn the_examples_are_planned_as_ever() {
    for example in EXAMPLES {
        let expected = std::fs::read_to_string(golden(example)).unwrap();
        assert_eq!(plan(example), expected, "{example}");
    }
}

#[test]
#[ignore = "writes the files that the other test compares with"]
fn write_the_plans() {
    for example in EXAMPLES {
        std::fs::write(golden(example), plan(example)).unwrap();
    }
}
