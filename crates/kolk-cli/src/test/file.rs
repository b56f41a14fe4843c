//! A test file: its tests as data, once for each format and configuration that they name.

use super::json::Json;

/// One run of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    /// The file, as it was given.
    pub(crate) file: String,
    /// The test's name, and the format and configuration it runs with.
    pub(crate) name: String,
    /// SQL.
    pub(crate) statements: Vec<String>,
    /// Settings of the session.
    pub(crate) properties: Vec<(String, String)>,
    /// Topics that are there before the statements, with their partitions.
    pub(crate) topics: Vec<(String, i64)>,
    /// What is written to topics, in order.
    pub(crate) inputs: Vec<Record>,
    /// What must happen.
    pub(crate) expected: Expected,
}

/// What must happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The statements are refused, for this reason.
    Refusal(Refusal),
    /// The topics named hold these records, and afterwards these things exist.
    Records {
        /// The records.
        outputs: Vec<Record>,
        /// What exists; `post` of the test, or null.
        post: Json,
        /// What the books of all queries together say, as far as it is named.
        account: Vec<(String, u64)>,
    },
}

/// Why statements must be refused, in the words of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Refusal {
    /// The whole message, or parts of it.
    pub(crate) messages: Vec<String>,
}

/// A record in a test file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) topic: String,
    pub(crate) key: Json,
    pub(crate) value: Json,
    /// Milliseconds since 1970.
    pub(crate) timestamp: Option<i64>,
    pub(crate) window: Option<Window>,
    /// Names and values; values are base64.
    pub(crate) headers: Option<Vec<(String, Option<String>)>>,
}

/// The window of a record's key, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) kind: WindowKind,
}

impl Window {
    /// As test files write it.
    pub(crate) fn to_json(self) -> Json {
        let kind = match self.kind {
            WindowKind::Time => "time",
            WindowKind::Session => "session",
        };
        Json::Object(vec![
            ("start".to_owned(), Json::Number(self.start.to_string())),
            ("end".to_owned(), Json::Number(self.end.to_string())),
            ("type".to_owned(), Json::Text(kind.to_owned())),
        ])
    }
}

/// How a window came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WindowKind {
    /// It has a size.
    Time,
    /// Its records made it.
    Session,
}

/// The runs of all tests of a file, in order.
///
/// # Errors
/// What is wrong with the file; tests are named.
pub(crate) fn cases(file: &str, text: &[u8]) -> Result<Vec<Case>, String> {
    let document = Json::parse(text)?;
    let tests = document.get("tests").ok_or("there is no list `tests`")?;
    let mut cases = Vec::new();
    for (number, test) in tests.items().iter().enumerate() {
        let name = test.get("name").and_then(Json::text);
        let name = name.ok_or_else(|| format!("test {} has no name", number + 1))?;
        for (name, test) in variants(name, test) {
            let case = case(file, &name, &test).map_err(|why| format!("test `{name}`: {why}"))?;
            cases.push(case);
        }
    }
    Ok(cases)
}

/// The test once for each value of `format` and `config`, put in place of `{FORMAT}` and `{CONFIG}`.
fn variants(name: &str, test: &Json) -> Vec<(String, Json)> {
    let mut variants = vec![(name.to_owned(), test.clone())];
    for (list, word) in [("format", "{FORMAT}"), ("config", "{CONFIG}")] {
        let values = test.get(list).map_or(&[][..], Json::items);
        if values.is_empty() {
            continue;
        }
        let of = |(name, test): &(String, Json)| -> Vec<(String, Json)> {
            let each = values.iter().map(|value| {
                let value = value.text().map_or_else(|| value.to_string(), ToOwned::to_owned);
                let mut test = test.clone();
                test.replace(word, &value);
                (format!("{name} [{value}]"), test)
            });
            each.collect()
        };
        variants = variants.iter().flat_map(of).collect();
    }
    variants
}

fn case(file: &str, name: &str, test: &Json) -> Result<Case, String> {
    let statements = test.get("statements").ok_or("there are no `statements`")?;
    let statements = statements.items().iter().map(|statement| {
        let text = statement.text().map(ToOwned::to_owned);
        text.ok_or_else(|| format!("a statement is text, not {statement}"))
    });
    let records = |list: &str| -> Result<Vec<Record>, String> {
        let of = |(number, json): (usize, &Json)| {
            record(json).map_err(|why| format!("{list}, record {}: {why}", number + 1))
        };
        test.get(list).map_or(&[][..], Json::items).iter().enumerate().map(of).collect()
    };
    let expected = match test.get("expectedException") {
        Some(expected) => Expected::Refusal(refusal(expected)),
        None => Expected::Records {
            outputs: records("outputs")?,
            post: test.get("post").cloned().unwrap_or(Json::Null),
            account: account(test.get("account"))?,
        },
    };
    let properties = test.get("properties").map_or(&[][..], Json::members);
    let shown = |value: &Json| value.text().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let topics = test.get("topics").map_or(&[][..], Json::items).iter().filter_map(|topic| {
        let partitions = topic.get("partitions").and_then(Json::integer);
        Some((topic.get("name")?.text()?.to_owned(), partitions?))
    });
    Ok(Case {
        file: file.to_owned(),
        name: name.to_owned(),
        statements: statements.collect::<Result<_, _>>()?,
        properties: properties.iter().map(|(name, value)| (name.clone(), shown(value))).collect(),
        topics: topics.collect(),
        inputs: records("inputs")?,
        expected,
    })
}

fn record(json: &Json) -> Result<Record, String> {
    let topic = json.get("topic").and_then(Json::text).ok_or("it names no topic")?;
    let timestamp = match json.get("timestamp") {
        None | Some(Json::Null) => None,
        Some(stamp) => Some(stamp.integer().ok_or_else(|| format!("{stamp} is no time-stamp"))?),
    };
    let window = match json.get("window") {
        None | Some(Json::Null) => None,
        Some(json) => Some(window(json)?),
    };
    let headers = match json.get("headers") {
        None | Some(Json::Null) => None,
        Some(headers) => Some(headers.items().iter().map(header).collect::<Result<_, _>>()?),
    };
    let part = |name: &str| json.get(name).cloned().unwrap_or(Json::Null);
    Ok(Record {
        topic: topic.to_owned(),
        key: part("key"),
        value: part("value"),
        timestamp,
        window,
        headers,
    })
}

fn account(json: Option<&Json>) -> Result<Vec<(String, u64)>, String> {
    let Some(json) = json else { return Ok(Vec::new()) };
    let names = kolk::account::Account::default().counts();
    let count = |(name, count): &(String, Json)| {
        let count =
            count.to_string().parse().map_err(|_| format!("account: {count} is no count"))?;
        if names.iter().any(|(known, _)| known == name) {
            Ok((name.clone(), count))
        } else {
            Err(format!("account: there is no count `{name}`"))
        }
    };
    json.members().iter().map(count).collect()
}

fn window(json: &Json) -> Result<Window, String> {
    let bound = |name: &str| {
        let bound = json.get(name).and_then(Json::integer);
        bound.ok_or_else(|| format!("the window {json} has no `{name}`"))
    };
    let kind = match json.get("type").and_then(Json::text).map(str::to_lowercase).as_deref() {
        Some("time") => WindowKind::Time,
        Some("session") => WindowKind::Session,
        _ => return Err(format!("the window {json} is of type neither `time` nor `session`")),
    };
    Ok(Window { start: bound("start")?, end: bound("end")?, kind })
}

fn header(json: &Json) -> Result<(String, Option<String>), String> {
    let name = json.get("KEY").or(json.get("key")).and_then(Json::text);
    let name = name.ok_or_else(|| format!("the header {json} has no KEY"))?;
    let value = json.get("VALUE").or(json.get("value")).and_then(Json::text);
    Ok((name.to_owned(), value.map(ToOwned::to_owned)))
}

fn refusal(json: &Json) -> Refusal {
    let texts = |name: &str| -> Vec<String> {
        match json.get(name) {
            Some(Json::Text(text)) => vec![text.clone()],
            Some(Json::Array(items)) => {
                items.iter().filter_map(Json::text).map(ToOwned::to_owned).collect()
            }
            Some(Json::Object(members)) => members
                .iter()
                .filter_map(|(_, value)| value.text())
                .map(ToOwned::to_owned)
                .collect(),
            _ => Vec::new(),
        }
    };
    let messages = ["message", "messageContains", "causeMessage"].into_iter().flat_map(texts);
    Refusal { messages: messages.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_runs_once_for_each_format_and_configuration() {
        let file = br#"{"tests":[{"name":"n","format":["JSON","KAFKA"],"config":[true,"x"],
            "properties":{"p":"{CONFIG}"},"statements":["S WITH (format='{FORMAT}');"],
            "topics":[{"name":"t","partitions":3},{"name":"u"}]}]}"#;
        let cases = cases("f.json", file).unwrap();
        let shown: Vec<_> =
            cases.iter().map(|case| (&*case.name, &*case.properties[0].1)).collect();
        assert_eq!(
            shown,
            [
                ("n [JSON] [true]", "true"),
                ("n [JSON] [x]", "x"),
                ("n [KAFKA] [true]", "true"),
                ("n [KAFKA] [x]", "x")
            ]
        );
        assert_eq!(cases[2].statements, ["S WITH (format='KAFKA');"]);
        assert_eq!(cases[0].topics, [("t".to_owned(), 3)]);
    }

    #[test]
    fn records_and_refusals_are_read_and_slips_are_told_with_their_place() {
        let file = br#"{"tests":[{"name":"n","statements":[],"inputs":[{"topic":"t","value":null}],"outputs":[{"topic":"o",
            "key":1,"value":{"A":1.0},"timestamp":5,"window":{"start":1,"end":2,"type":"session"},
            "headers":[{"KEY":"h","VALUE":"AQ=="}]}]},
            {"name":"r","statements":[],"expectedException":{"type":"T","message":"no"}}]}"#;
        let cases = cases("f", file).unwrap();
        let Expected::Records { outputs, .. } = &cases[0].expected else { panic!() };
        let window = Window { start: 1, end: 2, kind: WindowKind::Session };
        assert_eq!((outputs[0].window, outputs[0].timestamp), (Some(window), Some(5)));
        assert_eq!(outputs[0].headers, Some(vec![("h".to_owned(), Some("AQ==".to_owned()))]));
        assert_eq!((&cases[0].inputs[0].key, cases[0].inputs[0].timestamp), (&Json::Null, None));
        assert_eq!(
            cases[1].expected,
            Expected::Refusal(Refusal { messages: vec!["no".to_owned()] })
        );
        let slip = br#"{"tests":[{"name":"n","statements":[],"inputs":[{"value":1}]}]}"#;
        assert_eq!(
            super::cases("f", slip).unwrap_err(),
            "test `n`: inputs, record 1: it names no topic"
        );
    }
}
