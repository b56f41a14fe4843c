//! Whether a refusal names the cause that a test file expects, though in other words.
//!
//! Two things must agree: what is said of it (unknown, ambiguous, twice, of the wrong type, …) and of what it is said: the names
//! that the expected message shares with the statements.

use kolk_sql::SqlError;

/// Ways to say the same thing. A message has a concept when it holds one of the phrases, whatever the case.
const CONCEPTS: &[(&str, &[&str])] = &[
    (
        "syntax",
        &["syntax error", "expected", "expecting", "unknown statement", "no statement begins"],
    ),
    (
        "unknown",
        &[
            "cannot be resolved",
            "does not exist",
            "unknown",
            "can't find",
            "is not a valid stream/table",
            "there is no",
            "not declared",
            "is no value of",
        ],
    ),
    ("ambiguous", &["ambiguous"]),
    (
        "twice",
        &[
            "duplicate",
            "more than once",
            "twice",
            "there are two",
            "multiple occurrences",
            "cannot be given beside",
            "cannot supply both",
        ],
    ),
    (
        "unsupported",
        &[
            "does not support",
            "not supported",
            "is unsupported",
            "does not yet support",
            "only supports",
            "cannot hold",
            "can not handle",
            "cannot be written",
            "cannot write",
            "holds one column",
            "holds no columns",
            "can only be used",
            "is only",
            "means nothing",
        ],
    ),
    (
        "comparison",
        &["cannot compare", "cannot be compared", "comparison", "operator does not exist"],
    ),
    (
        "boolean",
        &["should evaluate to boolean", "must be boolean", "needs boolean", "is not boolean"],
    ),
    ("input", &["invalid input syntax", "is no ", "is not a "]),
    ("arguments", &["does not accept parameters", "does not take", "takes", "arguments"]),
    ("missing", &["must include", "is not selected", "missing", "does not say", "is required"]),
    ("reserved", &["reserved"]),
    (
        "empty",
        &[
            "cannot be empty",
            "is empty",
            "no value column",
            "contains no value",
            "at least one",
            "all null",
        ],
    ),
    ("ungrouped", &["non-aggregate", "not part of group by", "neither grouped", "not grouped"]),
    (
        "grouping",
        &[
            "without a group by",
            "requires aggregate",
            "does not support aggregate",
            "aggregate function",
        ],
    ),
    (
        "join",
        &[
            "join condition",
            "join criteria",
            "join order",
            "join type",
            "self join",
            "side of the join",
        ],
    ),
    ("partitions", &["number of partitions", "partitions"]),
    ("range", &["overflows", "out of range", "invalid numeric literal", "too large"]),
    ("read-only", &["read-only", "source stream", "source table"]),
    (
        "schema",
        &["incompatible schema", "sink schema", "result schema", "does not match the schema"],
    ),
    ("window", &["windowed", "window bounds"]),
    ("constant", &["literal constant", "must be constant", "must be a literal"]),
    ("delimiter", &["delimiter"]),
];

/// Words of SQL that say nothing about what a message is about.
const NOISE: &[&str] = &[
    "A", "AN", "AND", "AS", "BY", "CAN", "CHANGES", "CREATE", "EMIT", "FROM", "IN", "INTO", "IS",
    "IT", "NOT", "OF", "ON", "OR", "SELECT", "STREAM", "TABLE", "THE", "TO", "WITH", "FALSE",
    "TRUE", "FORMAT", "COLUMN", "VALUE", "TYPE", "TYPES", "SOURCE",
];

/// What the user is told: messages, what stands at the places, and help.
pub(crate) fn told(errors: &[SqlError], sql: &str) -> String {
    let mut told = String::new();
    for error in errors {
        let problem = error.problem();
        told.push_str(&problem.message);
        for label in &problem.labels {
            let place = sql.get(label.span.start..label.span.end).unwrap_or_default();
            told.push_str(&format!(" | {place}: {}", label.text));
        }
        if let Some(help) = &problem.help {
            told.push_str(&format!(" | {help}"));
        }
        told.push('\n');
    }
    told
}

/// Whether `told` names the cause of `expected`, a message about `sql`.
///
/// # Errors
/// What is missing.
pub(crate) fn names_cause(expected: &str, told: &str, sql: &str) -> Result<(), String> {
    // ksqlDB repeats the statement behind some messages.
    let expected = expected.split("\nStatement:").next().unwrap_or_default();
    let wanted = concepts(expected);
    if told.contains("not supported yet") && !wanted.contains(&"unsupported") {
        return Err("Kolk lacks something, which is not the cause".to_owned());
    }
    let found = concepts(told);
    if !wanted.is_empty() && !wanted.iter().any(|concept| found.contains(concept)) {
        return Err(format!("nothing is said of: {}", wanted.join(", ")));
    }
    let (of_sql, of_told) = (words(sql), words(told));
    let mut subjects = words(expected);
    subjects.retain(|word| of_sql.contains(word) && !NOISE.contains(&word.as_str()));
    let named = subjects.iter().filter(|word| of_told.contains(word)).count();
    if named * 2 < subjects.len() {
        return Err(format!("it does not name {}", subjects.join(", ")));
    }
    if wanted.is_empty() && subjects.is_empty() {
        return Err("the expected message says nothing that could be compared".to_owned());
    }
    Ok(())
}

fn concepts(message: &str) -> Vec<&'static str> {
    let message = message.to_lowercase();
    let holds = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
    CONCEPTS.iter().filter(|(_, phrases)| holds(phrases)).map(|(concept, _)| *concept).collect()
}

/// The different words, in upper case.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric() && c != '_') {
        let word = word.to_uppercase();
        if !word.is_empty() && !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: &str, told: &str, named: bool) {
        let sql = "CREATE STREAM PLACES AS SELECT TOWN, SIZE + 1 FROM VISITS;";
        assert_eq!(names_cause(expected, told, sql).is_ok(), named, "{expected} | {told}");
    }

    #[test]
    fn concept_and_subject_must_both_agree() {
        let unknown = "SELECT column 'TOWN' cannot be resolved.";
        check(unknown, "there is no column TOWN", true);
        check(unknown, "there is no column SIZE", false);
        check(unknown, "TOWN is ambiguous", false);
        check(unknown, "TOWN is not supported yet", false);
        check("Format does not support TOWN", "TOWN is not supported yet", true);
        check(
            "Line: 1: Duplicate TOWN\nStatement: SELECT SIZE",
            "there are two columns TOWN",
            true,
        );
        check("Oh no", "there is no column TOWN", false);
    }
}
