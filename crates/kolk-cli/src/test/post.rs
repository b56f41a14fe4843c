//! What must exist behind the statements: sources with their columns and formats, topics, and topics that must not.

use super::file::Case;
use super::json::Json;
use kolk::schema::{Column, Role, Schema};
use kolk_sql::catalog::Stream;
use kolk_sql::{Dialect, Program, Session, Settings, Source, compile};

/// How ksqlDB's internal topics begin. Kolk has its own names and formats for internal topics, so nothing is checked of them.
const INTERNAL: &str = "_confluent-ksql-";

/// What is not as `post` says, a line for each.
pub(crate) fn check(post: &Json, program: &Program, case: &Case) -> Vec<String> {
    let mut wrong = Vec::new();
    for expected in post.get("sources").map_or(&[][..], Json::items) {
        source(expected, program, &mut wrong);
    }
    let Some(topics) = post.get("topics") else { return wrong };
    for expected in topics.get("topics").map_or(&[][..], Json::items) {
        topic(expected, program, case, &mut wrong);
    }
    if let Some(pattern) = topics.get("blacklist").and_then(Json::text) {
        let forbidden = names(program).into_iter().filter(|name| like(pattern, name));
        wrong.extend(forbidden.map(|name| format!("there is a topic {name}, like {pattern}")));
    }
    wrong
}

fn source(expected: &Json, program: &Program, wrong: &mut Vec<String>) {
    let name = expected.get("name").and_then(Json::text).unwrap_or_default();
    let Some(stream) = program.streams.iter().find(|stream| stream.name == name) else {
        return wrong.push(format!("there is no source {name}"));
    };
    if let Some(kind) = expected.get("type").and_then(Json::text)
        && !kind.eq_ignore_ascii_case(stream.noun())
    {
        let noun = stream.noun();
        wrong.push(format!("{name} is a {noun}, expected a {}", kind.to_lowercase()));
    }
    if let Some(text) = expected.get("schema").and_then(Json::text) {
        schema(text, stream, wrong);
    }
    formats(expected, stream, wrong);
}

/// The columns: names, types, and which are keys.
fn schema(text: &str, stream: &Stream, wrong: &mut Vec<String>) {
    let name = &stream.name;
    let expected: Result<Vec<Column>, String> = items(text).into_iter().map(column).collect();
    let expected = match expected {
        Ok(columns) => keys_first(Schema { columns }),
        Err(why) => {
            return wrong.push(format!("{name}: the schema `{text}` cannot be read: {why}"));
        }
    };
    let found = keys_first(stream.columns.schema());
    if expected != found {
        wrong.push(format!("{name}: expected the columns `{expected}`, found `{found}`"));
    }
}

/// What stands between the commas that are in no brackets.
fn items(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut items) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '<' | '(' => depth += 1,
            '>' | ')' => depth -= 1,
            ',' if depth == 0 => {
                items.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    items.push(text[start..].trim());
    items
}

/// The column that `NAME TYPE [KEY]` describes. Names that nobody may declare can stand there, so only the type is SQL.
fn column(text: &str) -> Result<Column, String> {
    let quoted = text.strip_prefix('`').and_then(|rest| rest.split_once('`'));
    let (name, data_type) = match quoted {
        Some((name, data_type)) => (name.to_owned(), data_type),
        None => {
            let split = text.split_once(char::is_whitespace);
            let (name, data_type) = split.ok_or_else(|| format!("`{text}` has no type"))?;
            (name.to_uppercase(), data_type)
        }
    };
    // Columns are compared, whatever has them: a table's key is a key.
    let data_type = data_type.replace("PRIMARY KEY", "KEY");
    let declaration = format!(
        "CREATE STREAM X (C {data_type}) WITH (kafka_topic='x', key_format='JSON', value_format='JSON');"
    );
    let session = Session { settings: Settings::of(Dialect::KsqlDb), ..Session::new("post") };
    let program = compile(&[Source::new("post", declaration)], &session).map_err(|errors| {
        errors.first().map_or_else(String::new, |error| format!("{data_type}: {error}"))
    })?;
    let declared = program.streams.first().map(|stream| stream.columns.schema());
    let column = declared.and_then(|schema| schema.columns.into_iter().next());
    column.map(|column| Column { name, ..column }).ok_or_else(|| format!("`{text}` is no column"))
}

/// Key columns before the others, as ksqlDB orders them; the bounds of windows are no columns to it.
fn keys_first(mut schema: Schema) -> Schema {
    schema.columns.retain(|column| !matches!(column.role, Role::WindowStart | Role::WindowEnd));
    schema.columns.sort_by_key(|column| column.role != Role::Key);
    schema
}

fn topic(expected: &Json, program: &Program, case: &Case, wrong: &mut Vec<String>) {
    let name = expected.get("name").and_then(Json::text).unwrap_or_default();
    if name.starts_with(INTERNAL) {
        return;
    }
    let Some(stream) = program.streams.iter().find(|stream| stream.topic == name) else {
        return wrong.push(format!("there is no topic {name}"));
    };
    formats(expected, stream, wrong);
    let Some(count) = expected.get("partitions").and_then(Json::integer) else { return };
    let found = partitions(name, program, case);
    if found != Some(count) {
        let found = found.map_or("an unknown number".to_owned(), |found| found.to_string());
        wrong.push(format!("topic {name}: expected {count} partitions, found {found}"));
    }
}

/// The key and value formats of a source or topic, where they are named.
fn formats(expected: &Json, stream: &Stream, wrong: &mut Vec<String>) {
    for (part, found) in [("keyFormat", stream.key_format), ("valueFormat", stream.value_format)] {
        let format = expected.get(part).and_then(|format| match format {
            Json::Text(text) => Some(text.as_str()),
            format => format.get("format").and_then(Json::text),
        });
        if let Some(format) = format.filter(|format| *format != found.to_string()) {
            wrong.push(format!("{}: expected {part} {format}, found {found}", stream.name));
        }
    }
}

/// With how many partitions a topic would be created: those that it is given, or those of the first input of its query.
fn partitions(topic: &str, program: &Program, case: &Case) -> Option<i64> {
    if let Some((_, count)) = case.topics.iter().find(|(name, _)| name == topic) {
        return Some(*count);
    }
    let declared = program.streams.iter().find(|stream| stream.topic == topic)?.partitions;
    if let Some(count) = declared {
        return Some(count.into());
    }
    let mut queries = program.topology.queries.iter().rev();
    let query = queries.find(|query| query.sink().is_some_and(|sink| sink.topic == topic))?;
    match query.sink()?.partitions {
        Some(count) => Some(count.into()),
        None => partitions(&query.sources().next()?.0.topic, program, case),
    }
}

/// Every topic that the program names.
fn names(program: &Program) -> Vec<String> {
    let queries = program.topology.queries.iter();
    let mut names: Vec<String> = queries
        .flat_map(|query| {
            let sources = query.sources().map(|(source, _)| source.topic.clone());
            sources.chain(query.sink().map(|sink| sink.topic.clone())).collect::<Vec<_>>()
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Whether a name is like a pattern of text and `.*`.
fn like(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split(".*");
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::super::file::cases;
    use super::*;

    const SQL: &str = "CREATE STREAM A (K INT KEY, V STRING, W ARRAY<INT>) WITH (kafka_topic='a', value_format='JSON', partitions=3);
        CREATE STREAM B AS SELECT K, V FROM A;";

    fn check_post(post: &str) -> Vec<String> {
        let file = format!(r#"{{"tests":[{{"name":"n","statements":[],"post":{post}}}]}}"#);
        let case = cases("f", file.as_bytes()).unwrap().remove(0);
        let session = Session { settings: Settings::of(Dialect::KsqlDb), ..Session::new("t") };
        let program = compile(&[Source::new("s", SQL)], &session).unwrap();
        check(&Json::parse(post.as_bytes()).unwrap(), &program, &case)
    }

    #[test]
    fn what_is_there_is_found() {
        let none: [String; 0] = [];
        assert_eq!(
            check_post(
                r#"{"sources":[{"name":"A","type":"stream","schema":"`K` INTEGER PRIMARY KEY, V VARCHAR, W ARRAY<INT>",
                    "keyFormat":{"format":"KAFKA"},"valueFormat":"JSON"}],
                    "topics":{"blacklist":".*-repartition","topics":[{"name":"B","partitions":3,"valueFormat":{"format":"JSON"}}]}}"#
            ),
            none
        );
    }

    #[test]
    fn what_is_not_so_is_told() {
        assert_eq!(
            check_post(
                r#"{"sources":[{"name":"C"},{"name":"B","type":"table","schema":"K INT KEY, V DECIMAL(4, 2)","valueFormat":"KAFKA"}],
                    "topics":{"blacklist":"B","topics":[{"name":"x"},{"name":"B","partitions":4}]}}"#
            ),
            [
                "there is no source C",
                "B is a stream, expected a table",
                "B: expected the columns `K INTEGER KEY, V DECIMAL(4, 2)`, found `K INTEGER KEY, V STRING`",
                "B: expected valueFormat KAFKA, found JSON",
                "there is no topic x",
                "topic B: expected 4 partitions, found 3",
                "there is a topic B, like B",
            ]
        );
    }

    #[test]
    fn patterns_have_text_and_gaps() {
        assert!(
            like(".*-repartition", "a-repartition") && !like(".*-repartition", "a-repartition-b")
        );
        assert!(like("a.*b.*c", "a1b2c") && !like("a.*b.*c", "a1c") && !like("ab", "abc"));
    }
}
