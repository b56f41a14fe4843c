//! The scan against `serde_json`: what that takes is found equal, what it refuses is refused.

use super::*;
use crate::record::Slice;
use proptest::prelude::*;
use serde_json::Value;

fn scan(scanner: &mut Scanner, text: &[u8]) -> Result<Vec<Token>, JsonError> {
    // Something stands before and behind, as in a fetched buffer.
    let mut buffer = b"\"\\x".to_vec();
    buffer.extend_from_slice(text);
    buffer.extend_from_slice(b"\"}]01 \\u0000 \xff\xff");
    scan_in(scanner, &buffer, 3, text.len())
}

fn scan_in(
    scanner: &mut Scanner,
    buffer: &[u8],
    start: usize,
    len: usize,
) -> Result<Vec<Token>, JsonError> {
    let mut tokens = vec![Token::default(); scanner.paths().len()];
    let slice = Slice::new(u32::try_from(start).unwrap(), u32::try_from(len).unwrap());
    scanner.scan(buffer, slice, &mut tokens)?;
    for token in tokens.iter_mut().filter(|token| token.kind != Kind::Missing) {
        token.start -= u32::try_from(start).unwrap();
    }
    Ok(tokens)
}

const PATHS: &[&[&str]] = &[&["a"], &["b"], &["c", "a"], &["c", "d", "a"], &["Été"], &["c", "B"]];

fn paths() -> Paths {
    let mut paths = Paths::default();
    for path in PATHS {
        paths.add(path.iter().copied()).unwrap();
    }
    paths
}

/// The value at a path, as `serde_json` finds it: the exact name, else the last that differs only in case.
fn expected<'a>(document: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(document, |value, name| {
        let object = value.as_object()?;
        object.get(*name).or_else(|| {
            let mut other = object.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
            other.next_back().map(|(_, value)| value)
        })
    })
}

fn agree(scanner: &mut Scanner, text: &[u8]) -> Result<(), TestCaseError> {
    let ours = scan(scanner, text);
    let theirs: Result<Value, _> = serde_json::from_slice(text);
    let (ours, theirs) = match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (Err(_), Err(_)) => return Ok(()),
        // The one thing that is not looked at.
        (Ok(_), Err(error)) if error.to_string().starts_with("number out of range") => {
            return Ok(());
        }
        (ours, theirs) => {
            let text = String::from_utf8_lossy(text);
            return Err(TestCaseError::fail(format!("{text}: {ours:?} but {theirs:?}")));
        }
    };
    for path in PATHS {
        let number = scanner.paths().clone().add(path.iter().copied()).unwrap();
        let token = ours[number];
        let found = match token.kind {
            Kind::Missing => None,
            _ => Some(serde_json::from_slice::<Value>(token.of(text)).unwrap()),
        };
        prop_assert_eq!(found.as_ref(), expected(&theirs, path), "{:?} in {}", path, theirs);
        let kind = found.as_ref().map_or(Kind::Missing, |value| kind_of(value, token.of(text)));
        prop_assert_eq!(token.kind, kind);
        if let (Kind::EscapedText, Some(Value::String(value))) = (token.kind, &found) {
            let mut plain = Vec::new();
            unescape(token.inside(text), &mut plain);
            prop_assert_eq!(&plain[..], value.as_bytes());
        }
    }
    Ok(())
}

fn kind_of(value: &Value, text: &[u8]) -> Kind {
    match value {
        Value::Null => Kind::Null,
        Value::Bool(true) => Kind::True,
        Value::Bool(false) => Kind::False,
        Value::Number(_) if text.iter().any(|byte| b".eE".contains(byte)) => Kind::Number,
        Value::Number(_) => Kind::Integer,
        Value::String(_) if text.contains(&b'\\') => Kind::EscapedText,
        Value::String(_) => Kind::Text,
        Value::Array(_) => Kind::Array,
        Value::Object(_) => Kind::Object,
    }
}

fn check(text: &[u8]) {
    let mut scanner = Scanner::new(paths()).to_the_end();
    // Twice: the second time the layout is known.
    for _ in 0..3 {
        agree(&mut scanner, text).unwrap();
    }
}

/// Texts that are almost JSON, or barely.
const EDGES: &[&str] = &[
    "",
    " ",
    "{",
    "}",
    "{}",
    "{} ",
    " {}",
    "{}x",
    "{}{}",
    "null",
    "nul",
    "nullx",
    "true",
    "[]",
    "[1,]",
    "[,]",
    "[1 2]",
    r#"{"a"}"#,
    r#"{"a":}"#,
    r#"{"a":1,}"#,
    r#"{,"a":1}"#,
    r#"{a:1}"#,
    r#"{"a":1 "b":2}"#,
    r#"{"a":1:2}"#,
    r#"{"a":01}"#,
    r#"{"a":-}"#,
    r#"{"a":-0}"#,
    r#"{"a":1.}"#,
    r#"{"a":.5}"#,
    r#"{"a":1e}"#,
    r#"{"a":1E+5}"#,
    r#"{"a":1e400}"#,
    r#"{"a":+1}"#,
    r#"{"a":0x1}"#,
    r#"{"a":NaN}"#,
    r#"{"a":"x}"#,
    r#"{"a":"\x"}"#,
    r#"{"a":"\ud800"}"#,
    r#"{"a":"\ud83d\ude00"}"#,
    r#"{"a":"\udc00"}"#,
    r#"{"a":"\ud800\u0041"}"#,
    r#"{"a":"\u00g0"}"#,
    r#"{"\u0061":1}"#,
    r#"{"A":1,"a":2,"A":3}"#,
    r#"{"A":1}"#,
    r#"{"a":1,"a":2}"#,
    r#"{"été":1,"Été":2}"#,
    r#"{"c":{"a":1,"d":{"a":2}}}"#,
    r#"{"c":{"a":1},"c":{"d":{}}}"#,
    r#"{"c":5,"C":{"a":1}}"#,
    r#"{"C":{"a":1},"c":7}"#,
    r#"{"c":{"a":1},"C":{"a":2}}"#,
    r#"{"c":[{"a":1}]}"#,
    r#"{"c":{"b":1,"B":2}}"#,
    r#"{"a":"\"","b":"\\"}"#,
    "{\"a\":\"\u{7f}\"}",
    "{\"a\":\"\n\"}",
    "{\"a\"\t:\r\n1 }",
    "{\"a\":1\u{b}}",
    "\u{feff}{}",
    "{\"a\":\"\u{2028}é😀\"}",
    "[[[[[[]]]]]]",
    r#""abc""#,
    r#""ab"c"#,
    "1",
    "1 2",
    "-",
    "\"",
    "{\"",
    "{\"a\":tru",
    "{\"a\":truE}",
    "tru",
];

#[test]
fn texts_at_the_edge_of_the_grammar() {
    for text in EDGES {
        check(text.as_bytes());
    }
    check(b"{\"a\":\"\xff\"}");
    check(b"{\"\xc3\":1}");
    check(b"{\"a\":\"0123456\xc3\xa9\xc3\"}");
    check(b"{\"a\":1}\0");
    for depth in [126, 127, 128] {
        for (open, close) in [("[", "]"), (r#"{"x":"#, "}"), (r#"{"c":"#, "}")] {
            let inner = if open == "[" { "" } else { "1" };
            check(format!("{}{inner}{}", open.repeat(depth), close.repeat(depth)).as_bytes());
        }
    }
}

#[test]
fn a_layout_is_learned_from_the_first_text() {
    let mut scanner = Scanner::new(paths()).to_the_end();
    let text =
        |a: &str, b: &str| format!(r#"{{"x": {{"y": {a}}}, "a": {b}, "c": {{"a": {a}, "d": 1}}}}"#);
    for (text, fits) in [
        (text("1", "\"é\""), false),
        (text("null", "\"\\n\""), true),
        (text("[{}, 1]", "{\"z\": 1}"), true),
        (text("1", "2").replace("\"d\"", "\"e\""), false),
        (text("tru", "2"), false),
        (text("1", "2").replace(": ", ":"), false),
        (text("1", "2"), true),
        (text("1", "2") + " ", false),
    ] {
        let before = scanner.hits();
        agree(&mut scanner, text.as_bytes()).unwrap();
        assert_eq!(scanner.hits() > before, fits, "{text}");
    }
}

/// `{"a": 1, "x": {"y": 2, … }, "b": 3, "r0": …}`, with something behind the last wanted field.
fn with_rest(rest: &str) -> String {
    format!(
        r#"{{"a": 1, "b": {{"z": []}}, "r0": 0, "r1": "one", "r2": {{"s": "{rest}", "t": [{{}}]}}, "r3": null}}"#
    )
}

fn short_paths() -> Paths {
    let mut paths = Paths::default();
    for name in ["a", "b"] {
        paths.add([name]).unwrap();
    }
    paths
}

#[test]
fn what_stands_behind_all_wanted_fields_is_not_walked_through() {
    let mut scanner = Scanner::new(short_paths());
    let found = |scanner: &mut Scanner, text: &str| {
        let hits = scanner.hits();
        let found = scan(scanner, text.as_bytes()).map(|tokens| {
            tokens
                .iter()
                .map(|token| String::from_utf8_lossy(token.of(text.as_bytes())).into_owned())
                .collect::<Vec<_>>()
        });
        (found.unwrap_or_default(), scanner.hits() > hits)
    };
    let usual = vec!["1".to_owned(), r#"{"z": []}"#.to_owned()];
    assert_eq!(found(&mut scanner, &with_rest("x")), (usual.clone(), false));
    assert_eq!(found(&mut scanner, &with_rest("y")), (usual.clone(), true));
    // Damaged where nobody looks.
    assert_eq!(found(&mut scanner, &with_rest("\" \u{1}")), (usual.clone(), true));
    // A wanted name is looked at wherever it stands, whatever it is written with.
    let twice = with_rest("x").replace("r3", "a");
    assert_eq!(found(&mut scanner, &twice).0[0], "null");
    let escaped = with_rest("x").replace("r3", "\\u0061");
    assert_eq!(found(&mut scanner, &escaped).0[0], "null");
    assert_eq!(found(&mut scanner, &with_rest("x").replace("r3", "A")), (usual, true));
    // Cut off, or damaged before.
    for text in [
        with_rest("x").replace("null}", "null"),
        with_rest("x").replace("1,", "1x,"),
        with_rest("x").replace("[]}", "[}"),
        with_rest("x") + &with_rest("x"),
    ] {
        assert!(found(&mut scanner, &text).0.is_empty(), "{text}");
    }
    // Who wants all of it looks at all of it.
    let mut all = Scanner::new(short_paths()).to_the_end();
    assert_eq!(found(&mut all, &with_rest("x")).0.len(), 2);
    assert!(found(&mut all, &with_rest("\" \u{1}")).0.is_empty());
}

/// Names that are looked for, and others.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(&["a", "A", "b", "B", "c", "C", "d", "Été", "été", "x"][..]).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => "[ -~]{0,12}",
    ]
}

/// Documents as text, with repeated names and spaces.
fn document() -> impl Strategy<Value = String> {
    let quoted = |text: String| serde_json::to_string(&text).unwrap();
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>()
            .prop_filter("JSON has no NaN", |value| value.is_finite())
            .prop_map(|value| format!("{value:?}")),
        any::<String>().prop_map(quoted),
        "[ -~]{0,24}".prop_map(quoted),
        r#"[a-c](\\[nt"/\\]|\\u00e9|\\uD83D\\uDE00|[x-z]){0,4}"#
            .prop_map(|text| format!("\"{text}\"")),
    ];
    let space = || prop::sample::select(&["", "", "", " ", "\n\t "][..]);
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let member = (space(), name().prop_map(quoted), space(), inner.clone(), space())
            .prop_map(|(a, name, b, value, c)| format!("{a}{name}{b}:{b}{value}{c}"));
        let object = prop::collection::vec(member, 0..6);
        prop_oneof![
            3 => object.prop_map(|members| format!("{{{}}}", members.join(","))),
            1 => prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
        ]
    })
}

/// Documents of one layout, with other values in it each time; sometimes one differs.
fn alike() -> impl Strategy<Value = Vec<String>> {
    let value = || {
        prop_oneof![
            Just("null".to_owned()),
            Just("{}".to_owned()),
            Just(r#"{"a": 1, "d": {"a": 2}}"#.to_owned()),
            any::<i32>().prop_map(|value| value.to_string()),
            any::<String>().prop_map(|value| serde_json::to_string(&value).unwrap()),
            Just("[1, {\"a\": 2}]".to_owned()),
        ]
    };
    let names = prop::collection::vec(name(), 5);
    let values = prop::collection::vec(prop::collection::vec(value(), 5), 2..8);
    (names, values, prop::sample::select(&["", " ", "\n  "][..])).prop_map(
        |(names, values, space)| {
            let quoted: Vec<String> =
                names.iter().map(|name| serde_json::to_string(name).unwrap()).collect();
            let text = |v: &Vec<String>| {
                let [a, b, c, d, e] =
                    [0, 1, 2, 3, 4].map(|i| format!("{}:{space}{}", quoted[i], v[i]));
                format!(
                    "{{{a},{space}{b}, \"c\" :{{{space}{c}, \"d\":{{{d}}} }}, {e}{space}}}{space}"
                )
            };
            values.iter().map(text).collect()
        },
    )
}

proptest! {
    #[test]
    fn a_learned_layout_changes_nothing(documents in alike(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut scanner = Scanner::new(paths()).to_the_end();
        for text in &documents {
            agree(&mut scanner, text.as_bytes())?;
        }
        let mut mutated = documents[0].clone().into_bytes();
        let at = at.index(mutated.len());
        for other in [byte, b'"', b'}', b' ', b'\\'] {
            mutated[at] = other;
            agree(&mut scanner, &mutated)?;
            agree(&mut scanner, &mutated[..at])?;
        }
    }

    #[test]
    fn documents_are_found_equal(documents in prop::collection::vec(document(), 1..4)) {
        let mut scanner = Scanner::new(paths()).to_the_end();
        for text in documents.iter().chain(&documents).chain(&documents) {
            agree(&mut scanner, text.as_bytes())?;
        }
    }

    #[test]
    fn mutated_documents_are_taken_and_refused_alike(
        text in document(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..4),
    ) {
        let mut scanner = Scanner::new(paths()).to_the_end();
        for _ in 0..3 {
            agree(&mut scanner, text.as_bytes())?;
        }
        let mut mutated = text.into_bytes();
        for (index, byte, how) in changes {
            if mutated.is_empty() {
                break;
            }
            let at = index.index(mutated.len());
            match how {
                0 => mutated[at] = byte,
                1 => mutated[at] = b"{}[]\",:\\ 0e.-ut"[usize::from(byte) % 15],
                2 => mutated.insert(at, b"{}[]\",:\\ 0e.-ut"[usize::from(byte) % 15]),
                _ => { mutated.remove(at); }
            }
            agree(&mut scanner, &mutated)?;
        }
    }

    #[test]
    fn sound_documents_are_found_equal_whether_their_rest_is_walked_through_or_not(
        documents in alike(),
        further in prop::collection::vec((name(), "[ -~]{0,9}"), 0..8),
    ) {
        let rest: Vec<String> = further.iter().map(|(name, text)| {
            let quoted = |text: &String| serde_json::to_string(text).unwrap();
            format!(",{}:{}", quoted(name), quoted(text))
        }).collect();
        let rest = rest.concat();
        let documents = documents.iter().map(|text| {
            let inner = text.trim_end().strip_suffix('}').unwrap();
            format!("{inner}{rest},\"w\":0,\"x\":0,\"y\":0,\"z\":0}}")
        });
        let mut paths = Paths::default();
        for name in ["a", "b", "c"] {
            paths.add([name]).unwrap();
        }
        let mut short = Scanner::new(paths.clone());
        let mut long = Scanner::new(paths).to_the_end();
        for text in documents {
            prop_assert_eq!(scan(&mut short, text.as_bytes()), scan(&mut long, text.as_bytes()), "{}", text);
        }
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        agree(&mut Scanner::new(paths()).to_the_end(), &bytes)?;
    }

    #[test]
    fn quoting_comes_back(text in any::<String>()) {
        let mut quoted = Vec::new();
        write_quoted(text.as_bytes(), &mut quoted);
        prop_assert_eq!(serde_json::from_slice::<String>(&quoted).unwrap(), text);
    }
}
