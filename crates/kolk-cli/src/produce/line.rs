//! From a line of text to key, value and headers, by the rules of Kafka's console producer.
//!
//! Source: `LineMessageReader` of Apache Kafka 4.x: `headers DELIMITER key SEPARATOR value`, each part cut at the first
//! separator.

use crate::failure::Failure;
use crate::record_text::{split_property, unknown_property};
use kolk_wire::record::Header;

/// How lines are cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LineParser {
    /// `parse.key`.
    pub(super) key: bool,
    /// `parse.headers`.
    pub(super) headers: bool,
    /// `ignore.error`: a line that cannot be cut is passed over.
    pub(super) ignore_error: bool,
    /// `key.separator`: between key and value.
    pub(super) key_separator: String,
    /// `headers.delimiter`: behind the headers.
    headers_delimiter: String,
    /// `headers.separator`: between headers.
    headers_separator: String,
    /// `headers.key.separator`: between a header's name and value.
    header_separator: String,
    /// `null.marker`.
    pub(super) null_marker: Option<String>,
    /// Headers that every record gets, before its own.
    fixed: Vec<(String, Option<String>)>,
}

/// The parts of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parsed<'a> {
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: Vec<Header<'a>>,
}

impl Default for LineParser {
    fn default() -> Self {
        Self {
            key: false,
            headers: false,
            ignore_error: false,
            key_separator: "\t".to_owned(),
            headers_delimiter: "\t".to_owned(),
            headers_separator: ",".to_owned(),
            header_separator: ":".to_owned(),
            null_marker: None,
            fixed: Vec::new(),
        }
    }
}

const PROPERTIES: &[&str] = &[
    "parse.key",
    "parse.headers",
    "ignore.error",
    "key.separator",
    "headers.delimiter",
    "headers.separator",
    "headers.key.separator",
    "null.marker",
];

impl LineParser {
    /// Sets one of the console producer's properties, written `name=value`.
    ///
    /// # Errors
    /// [`Failure`] for an unknown name, with the nearest one.
    pub(super) fn set(&mut self, property: &str) -> Result<(), Failure> {
        let (name, value) = split_property(property)?;
        let flag = value.trim().eq_ignore_ascii_case("true");
        match name {
            "parse.key" => self.key = flag,
            "parse.headers" => self.headers = flag,
            "ignore.error" => self.ignore_error = flag,
            "key.separator" => value.clone_into(&mut self.key_separator),
            "headers.delimiter" => value.clone_into(&mut self.headers_delimiter),
            "headers.separator" => value.clone_into(&mut self.headers_separator),
            "headers.key.separator" => value.clone_into(&mut self.header_separator),
            "null.marker" => self.null_marker = Some(value.to_owned()),
            _ => return Err(unknown_property(name, PROPERTIES)),
        }
        Ok(())
    }

    /// Gives every record these headers, `name:value` separated by commas.
    ///
    /// # Errors
    /// [`Failure`] for a header without a colon.
    pub(super) fn set_fixed_headers(&mut self, headers: &str) -> Result<(), Failure> {
        for header in headers.split(',') {
            let (name, value) = header.split_once(':').ok_or_else(|| {
                Failure::usage(format!("`{header}` in --headers has no `:`"))
                    .help("write --headers name:value,name:value")
            })?;
            let value =
                Some(value.to_owned()).filter(|value| Some(value) != self.null_marker.as_ref());
            self.fixed.push((name.to_owned(), value));
        }
        Ok(())
    }

    /// Cuts a line.
    ///
    /// # Errors
    /// What is missing.
    pub(super) fn parse<'a>(&'a self, line: &'a [u8]) -> Result<Parsed<'a>, String> {
        let fixed = self.fixed.iter().map(|(name, value)| Header {
            key: name.as_bytes(),
            value: value.as_ref().map(String::as_bytes),
        });
        let mut headers: Vec<Header<'a>> = fixed.collect();
        let mut rest = line;
        if self.headers {
            let cut = cut(rest, &self.headers_delimiter);
            let (list, behind) = cut.ok_or_else(|| {
                format!("there is no {:?} behind the headers", self.headers_delimiter)
            })?;
            self.parse_headers(list, &mut headers)?;
            rest = behind;
        }
        let (key, value) = if self.key {
            let cut = cut(rest, &self.key_separator);
            let (key, value) = cut.ok_or_else(|| {
                format!("there is no {:?} between key and value", self.key_separator)
            })?;
            (self.nullable(key), value)
        } else {
            (None, rest)
        };
        Ok(Parsed { key, value: self.nullable(value), headers })
    }

    fn parse_headers<'a>(
        &'a self,
        list: &'a [u8],
        into: &mut Vec<Header<'a>>,
    ) -> Result<(), String> {
        if self.nullable(list).is_none() {
            return Ok(());
        }
        let mut rest = Some(list);
        while let Some(list) = rest {
            let (header, behind) = match cut(list, &self.headers_separator) {
                Some((header, behind)) => (header, Some(behind)),
                None => (list, None),
            };
            let (key, value) = cut(header, &self.header_separator).ok_or_else(|| {
                let shown = String::from_utf8_lossy(header);
                format!("there is no {:?} in the header {shown:?}", self.header_separator)
            })?;
            if self.nullable(key).is_none() {
                return Err("a header's name cannot be null".to_owned());
            }
            into.push(Header { key, value: self.nullable(value) });
            rest = behind;
        }
        Ok(())
    }

    fn nullable<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let marker = self.null_marker.as_ref().map(String::as_bytes);
        Some(bytes).filter(|bytes| Some(*bytes) != marker)
    }
}

/// What is before and behind the first `separator`.
fn cut<'a>(bytes: &'a [u8], separator: &str) -> Option<(&'a [u8], &'a [u8])> {
    let separator = separator.as_bytes();
    let at = bytes.windows(separator.len().max(1)).position(|window| window == separator)?;
    Some((&bytes[..at], &bytes[at + separator.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(properties: &[&str], line: &str, wanted: Result<&str, &str>) {
        let mut parser = LineParser::default();
        for property in properties {
            parser.set(property).unwrap();
        }
        let text = |bytes: Option<&[u8]>| {
            bytes.map_or("NULL".to_owned(), |bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        let shown = parser.parse(line.as_bytes()).map(|parsed| {
            let headers = parsed.headers.iter();
            let headers: Vec<String> = headers
                .map(|header| format!("{}={}", text(Some(header.key)), text(header.value)))
                .collect();
            format!("{}|{}|{}", headers.join(";"), text(parsed.key), text(parsed.value))
        });
        assert_eq!(shown.as_deref().map_err(String::as_str), wanted, "{properties:?} {line:?}");
    }

    #[test]
    fn lines_are_cut_as_the_console_producer_cuts_them() {
        let all = &["parse.key=true", "parse.headers=true", "null.marker=NULL"];
        check(&[], "a\tb", Ok("|NULL|a\tb"));
        check(&["parse.key=true"], "k\tv\tw", Ok("|k|v\tw"));
        check(&["parse.key=true", "key.separator=::"], "k::v", Ok("|k|v"));
        check(&["parse.key=true"], "kv", Err("there is no \"\\t\" between key and value"));
        check(&["parse.headers=true"], "h:1\tv", Ok("h=1|NULL|v"));
        check(&["parse.headers=true"], "h\tv", Err("there is no \":\" in the header \"h\""));
        check(all, "h1:a,h2:NULL\tk\tNULL", Ok("h1=a;h2=NULL|k|NULL"));
        check(all, "NULL\tNULL\tv", Ok("|NULL|v"));
        check(all, "NULL:x\tk\tv", Err("a header's name cannot be null"));
        check(&["null.marker=NULL"], "NULL", Ok("|NULL|NULL"));
        check(&[], "", Ok("|NULL|"));
    }

    #[test]
    fn fixed_headers_come_first() {
        let mut parser = LineParser { headers: true, ..LineParser::default() };
        parser.set_fixed_headers("a:1,b:x:y").unwrap();
        let parsed = parser.parse(b"c:2\tv").unwrap();
        let names: Vec<&[u8]> = parsed.headers.iter().map(|header| header.key).collect();
        assert_eq!(names, [b"a", b"b", b"c"]);
        assert_eq!(parsed.headers[1].value, Some(b"x:y".as_slice()));
        let error = parser.set_fixed_headers("a").unwrap_err().to_string();
        assert!(error.contains("has no `:`"), "{error}");
    }
}
