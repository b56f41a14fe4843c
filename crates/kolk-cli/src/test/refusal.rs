//! Whether a refusal names the cause that a test file expects, though in other words.
//!
//! Two things must agree: what is said of it (unknown, ambiguous, twice, of the wrong type, …) and of what it is said: the names
//! that the expected message shares with the statements.

use kolk_sql::SqlError;
use kolk_sql::parser::parse;

/// How Kolk says that it cannot do something which ksqlDB can: never the cause of a refusal of ksqlDB's.
const LACK: &str = "not supported yet";

/// What is wrong when the parser cannot go on. Of Kolk's own refusals the parser itself knows.
const SYNTAX: &str = "syntax";

/// Ways to say the same thing. A message has a concept when it holds one of the phrases, whatever the case. What one concept has
/// found is not looked at by those behind it.
const CONCEPTS: &[(&str, &[&str])] = &[
    (SYNTAX, &["syntax error", "unknown statement"]),
    ("ambiguous", &["cannot be resolved due to ambiguous", "ambiguous"]),
    (
        "comparison",
        &[
            "operator does not exist",
            "cannot compare",
            "cannot be compared",
            "comparison with",
            "comparison expression",
            "has no order",
            "must have one type",
            "is never true",
        ],
    ),
    ("windows", &["windowed", "window bounds"]),
    ("boolean", &["should evaluate to boolean", "needs a boolean"]),
    ("reserved", &["reserved", "no column can be called"]),
    ("input", &["invalid input syntax", "is no number", "is not a number", "is no boolean"]),
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
    ("arguments", &["does not accept parameters", "arguments", "argument", "takes"]),
    ("missing", &["must include", "is not selected", "missing", "is required"]),
    (
        "empty",
        &[
            "cannot be empty",
            "is empty",
            "would be empty",
            "contains no value",
            "at least one",
            "all null",
        ],
    ),
    ("ungrouped", &["non-aggregate", "not part of group by", "neither grouped", "not grouped"]),
    ("grouping", &["without a group by", "aggregate function", "requires aggregate"]),
    (
        "joining",
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
    ("constant", &["literal constant", "must be constant", "must be a literal"]),
    ("delimiter", &["delimiter"]),
    ("type", &["invalid type", "types don't match", "must be", "is no point in time", "should be"]),
    (
        "unsupported",
        &[
            "does not support",
            "not supported",
            "does not yet support",
            "only supports",
            "cannot hold",
            "can not handle",
            "cannot be cast",
            "cannot be written",
            "can only be used",
            "is only",
        ],
    ),
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
    if told.contains(LACK) {
        return Err("Kolk lacks something, which is not the cause".to_owned());
    }
    let wanted = concepts(expected);
    let mut found = concepts(told);
    if !parse(sql).problems.is_empty() {
        found.push(SYNTAX);
    }
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
    let mut message = message.to_lowercase();
    let mut concepts = Vec::new();
    for (concept, phrases) in CONCEPTS {
        for phrase in *phrases {
            if message.contains(phrase) {
                message = message.replace(phrase, "…");
                concepts.push(*concept);
            }
        }
    }
    concepts.dedup();
    concepts
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
        check("Format does not support TOWN", "TOWN is not supported yet", false);
        check("Format does not support TOWN", "KAFKA does not support TOWN", true);
        check("operator does not exist: TOWN", "there is no column TOWN", false);
        check("line 1: Syntax Error at TOWN", "TOWN stands in the wrong place", false);
        check(
            "Line: 1: Duplicate TOWN\nStatement: SELECT SIZE",
            "there are two columns TOWN",
            true,
        );
        check("Oh no", "there is no column TOWN", false);
    }

    #[test]
    fn syntax_is_what_the_parser_cannot_read() {
        let told = "a name is needed";
        assert!(names_cause("Syntax Error", told, "CREATE STREAM;").is_ok());
        assert!(names_cause("Syntax Error", told, "CREATE STREAM a (b INT) WITH (c=1);").is_err());
    }
}
