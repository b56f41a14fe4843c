//! Functions of text: words, positions, patterns, masks, URLs, bytes.

use super::check;

#[test]
fn words_and_positions() {
    check(&[
        ("UCASE(s)", "\"GRÜSSE\""),
        ("INITCAP('the   QUICK fox')", "\"The   Quick Fox\""),
        ("LEN(s)", "5"),
        ("LEN(raw)", "3"),
        ("TRIM('  a ')", "\"a\""),
        ("CONCAT(s, nowhere, '!')", "\"Grüße!\""),
        ("CONCAT(raw, raw)", "\"AQIDAQID\""),
        ("CONCAT_WS('-', 'a', nowhere, 'b')", "\"a-b\""),
        ("CONCAT_WS(nowhere, 'a', 'b')", "null"),
        ("CONCAT_WS(SUBSTRING(raw, 1, 1), raw, raw)", "\"AQIDAQECAw==\""),
        ("REPLACE('a.b.c', '.', '-')", "\"a-b-c\""),
        ("SUBSTRING(s, 2, 3)", "\"rüß\""),
        ("SUBSTRING(s, -2)", "\"ße\""),
        ("SUBSTRING(raw, 2)", "\"AgM=\""),
        ("INSTR('visit visitor', 'visit', 2)", "7"),
        ("LPAD('7', 3, '0')", "\"007\""),
        ("LPAD(raw, 5, SUBSTRING(raw, 3))", "\"AwMBAgM=\""),
        ("RPAD(raw, 2, raw)", "\"AQI=\""),
        ("RPAD(raw, 4, SUBSTRING(raw, 9))", "null"),
        ("CHR(252)", "\"ü\""),
        ("CHR('\\u00fc')", "\"ü\""),
        ("CHR('ü')", "null"),
    ]);
}

#[test]
fn regular_expressions() {
    check(&[
        (r"REGEXP_EXTRACT('v(\d+)', 'visit v42 v7')", "\"v42\""),
        (r"REGEXP_EXTRACT('v(\d+)', 'visit v42 v7', 1)", "\"42\""),
        (r"REGEXP_EXTRACT('v(\d+)', 'visit v42 v7', 2)", "null"),
        ("REGEXP_EXTRACT('x', 'visit')", "null"),
        ("REGEXP_EXTRACT('x', nowhere)", "null"),
        (r"REGEXP_EXTRACT_ALL('v(\d+)', 'v42 v7', 1)", r#"["42","7"]"#),
        ("REGEXP_EXTRACT_ALL('x', 'visit')", "[]"),
        (r"REGEXP_REPLACE('a1b22', '(\d)\d*', '<$1>')", "\"a<1>b<2>\""),
        ("REGEXP_REPLACE('a', 'a', '$9')", "null"),
        ("REGEXP_REPLACE('a', nowhere, 'b')", "null"),
        ("REGEXP_SPLIT_TO_ARRAY('a1b22c', '[0-9]+')", r#"["a","b","c"]"#),
        ("REGEXP_SPLIT_TO_ARRAY('1a1', '1')", r#"["","a",""]"#),
        ("REGEXP_SPLIT_TO_ARRAY('aé', '')", r#"["a","é"]"#),
        ("REGEXP_SPLIT_TO_ARRAY('abc', 'x')", r#"["abc"]"#),
        ("REGEXP_EXTRACT(s, 'x')", "null"),
        ("REGEXP_EXTRACT('(', s)", "refused: cannot be matched: unclosed group"),
        ("REGEXP_REPLACE(s, '(?=a)', '')", "refused: look-around"),
        (r"REGEXP_SPLIT_TO_ARRAY(s, '(a)\1')", r"refused: back reference \1"),
    ]);
}

#[test]
fn masks() {
    check(&[
        ("MASK('Ada Lovelace, 1815')", "\"Xxx-Xxxxxxxx--nnnn\""),
        ("MASK('Ada 1815', '*', NULL, '#', nowhere)", "\"*da ####\""),
        ("MASK_LEFT('Ada 1815', 5)", "\"Xxx-n815\""),
        ("MASK_RIGHT('Ada 1815', 2)", "\"Ada 18nn\""),
        ("MASK_KEEP_LEFT('Ada 1815', 5)", "\"Ada 1nnn\""),
        ("MASK_KEEP_RIGHT('Ada 1815', 2)", "\"Xxx-nn15\""),
        ("MASK_KEEP_RIGHT('Ada', 9, 'U', 'l', '0', '.')", "\"Ada\""),
        ("MASK_LEFT('Ada', -1)", "null"),
        ("MASK(nowhere)", "null"),
    ]);
}

#[test]
fn bytes_and_encodings() {
    check(&[
        ("TO_BYTES('0aFF', 'hex')", "\"Cv8=\""),
        ("TO_BYTES(s, 'utf8')", "\"R3LDvMOfZQ==\""),
        ("TO_BYTES('zz', 'hex')", "null"),
        ("TO_BYTES('a', 'utf16')", "null"),
        ("FROM_BYTES(raw, 'hex')", "\"010203\""),
        ("FROM_BYTES(TO_BYTES('ab', 'hex'), 'hex')", "\"AB\""),
        ("FROM_BYTES(raw, 'base64')", "\"AQID\""),
        ("ENCODE('Ada', 'utf8', 'hex')", "\"416461\""),
        ("ENCODE('416461', 'hex', 'base64')", "\"QWRh\""),
        ("ENCODE(nowhere, 'hex', 'base64')", "null"),
        ("INT_FROM_BYTES(TO_BYTES('000007e8', 'hex'))", "2024"),
        ("INT_FROM_BYTES(TO_BYTES('e8070000', 'hex'), 'LITTLE_ENDIAN')", "2024"),
        ("INT_FROM_BYTES(raw)", "null"),
        ("INT_FROM_BYTES(TO_BYTES('000007e8', 'hex'), 'SIDEWAYS')", "null"),
        ("BIGINT_FROM_BYTES(TO_BYTES('ffffffffffffffff', 'hex'))", "-1"),
        ("DOUBLE_FROM_BYTES(TO_BYTES('4004000000000000', 'hex'))", "2.5"),
        ("MD5('visit')", "\"9de70f6546b2452f6e7b98b46ac36070\""),
        ("MD5(nowhere)", "null"),
        (
            "UUID(TO_BYTES('00112233445566778899aabbccddeeff', 'hex'))",
            "\"00112233-4455-6677-8899-aabbccddeeff\"",
        ),
        ("UUID(raw)", "null"),
        ("UUID()", "refused: UUID() gives another value each time"),
        ("RANDOM()", "refused: RANDOM() gives another value each time"),
    ]);
}

#[test]
fn urls() {
    let with = |function: &str| {
        format!("{function}('https://ada@shop.example:8443/a%20b/c?x=1&y%20z=p+q#to%20p')")
    };
    let of = [
        ("URL_EXTRACT_PROTOCOL", "\"https\""),
        ("URL_EXTRACT_HOST", "\"shop.example\""),
        ("URL_EXTRACT_PORT", "8443"),
        ("URL_EXTRACT_PATH", "\"/a b/c\""),
        ("URL_EXTRACT_QUERY", "\"x=1&y z=p+q\""),
        ("URL_EXTRACT_FRAGMENT", "\"to p\""),
    ]
    .map(|(function, expected)| (with(function), expected));
    check(&of.each_ref().map(|(call, expected)| (call.as_str(), *expected)));
    check(&[
        ("URL_EXTRACT_PORT('http://shop.example')", "null"),
        ("URL_EXTRACT_PATH('http://shop.example?x')", "\"\""),
        ("URL_EXTRACT_HOST('not a url')", "null"),
        ("URL_EXTRACT_PARAMETER('http://s/?x=1&y%20z=p+q', 'y z')", "\"p q\""),
        ("URL_EXTRACT_PARAMETER('http://s/?x', 'x')", "null"),
        ("URL_EXTRACT_PARAMETER(nowhere, 'x')", "null"),
        ("URL_ENCODE_PARAM('a b&ü')", "\"a+b%26%C3%BC\""),
        ("URL_DECODE_PARAM('a+b%26%C3%BC')", "\"a b&ü\""),
        ("URL_DECODE_PARAM('100%')", "null"),
    ]);
}
