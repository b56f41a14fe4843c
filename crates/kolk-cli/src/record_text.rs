//! Records as text: lines as Kafka's own console consumer prints them, or JSON.
//!
//! Source of the lines: `DefaultMessageFormatter` of Apache Kafka 4.x. The order is time-stamp, partition, offset, epoch,
//! headers, key, value; `key.separator` stands between all of them.

use crate::failure::Failure;
use crate::session::nearest;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kolk_wire::record::{BatchHeader, Record, TimestampType};
use serde_json::{Map, Value, json};

/// Which parts of a record a line has.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one flag for each property of Kafka's formatter"
)]
pub(crate) struct LineFormat {
    /// `print.timestamp`.
    pub(crate) timestamp: bool,
    /// `print.partition`.
    pub(crate) partition: bool,
    /// `print.offset`.
    pub(crate) offset: bool,
    /// `print.epoch`: the leader's epoch.
    pub(crate) epoch: bool,
    /// `print.headers`.
    pub(crate) headers: bool,
    /// `print.key`.
    pub(crate) key: bool,
    /// `print.value`.
    pub(crate) value: bool,
    /// `key.separator`: between parts.
    pub(crate) separator: String,
    /// `line.separator`: behind a record.
    pub(crate) end: String,
    /// `headers.separator`: between headers.
    pub(crate) headers_separator: String,
    /// `null.literal`: for a key, value or header's value that is null.
    pub(crate) null: String,
}

impl Default for LineFormat {
    fn default() -> Self {
        Self {
            timestamp: false,
            partition: false,
            offset: false,
            epoch: false,
            headers: false,
            key: false,
            value: true,
            separator: "\t".to_owned(),
            end: "\n".to_owned(),
            headers_separator: ",".to_owned(),
            null: "null".to_owned(),
        }
    }
}

/// The names that [`LineFormat::set`] knows.
const PROPERTIES: &[&str] = &[
    "print.timestamp",
    "print.partition",
    "print.offset",
    "print.epoch",
    "print.headers",
    "print.key",
    "print.value",
    "key.separator",
    "line.separator",
    "headers.separator",
    "null.literal",
];

impl LineFormat {
    /// Sets one of the formatter's properties, written `name=value`.
    ///
    /// # Errors
    /// [`Failure`] for an unknown name, with the nearest one.
    pub(crate) fn set(&mut self, property: &str) -> Result<(), Failure> {
        let (name, value) = split_property(property)?;
        // Java takes everything but `true` for false.
        let flag = value.trim().eq_ignore_ascii_case("true");
        match name {
            "print.timestamp" => self.timestamp = flag,
            "print.partition" => self.partition = flag,
            "print.offset" => self.offset = flag,
            "print.epoch" => self.epoch = flag,
            "print.headers" => self.headers = flag,
            "print.key" => self.key = flag,
            "print.value" => self.value = flag,
            "key.separator" => value.clone_into(&mut self.separator),
            "line.separator" => value.clone_into(&mut self.end),
            "headers.separator" => value.clone_into(&mut self.headers_separator),
            "null.literal" => value.clone_into(&mut self.null),
            _ => return Err(unknown_property(name, PROPERTIES)),
        }
        Ok(())
    }

    /// Writes the line of a record behind `into`.
    pub(crate) fn write(
        &self,
        partition: i32,
        record: &Record<'_>,
        batch: &BatchHeader,
        into: &mut Vec<u8>,
    ) {
        let start = into.len();
        let part = |into: &mut Vec<u8>, bytes: &[u8]| {
            if into.len() > start {
                into.extend_from_slice(self.separator.as_bytes());
            }
            into.extend_from_slice(bytes);
        };
        if self.timestamp {
            part(into, timestamp(record.timestamp, batch.timestamp_type()).as_bytes());
        }
        if self.partition {
            part(into, format!("Partition:{partition}").as_bytes());
        }
        if self.offset {
            part(into, format!("Offset:{}", record.offset).as_bytes());
        }
        if self.epoch {
            let epoch = match batch.partition_leader_epoch {
                -1 => "NOT_PRESENT".to_owned(),
                epoch => epoch.to_string(),
            };
            part(into, format!("Epoch:{epoch}").as_bytes());
        }
        if self.headers {
            part(into, &self.header_list(record));
        }
        // An empty key is still a part: the separator before the value must stand.
        let mut first = into.len() == start;
        for (shown, bytes) in [(self.key, record.key), (self.value, record.value)] {
            if shown {
                if !first {
                    into.extend_from_slice(self.separator.as_bytes());
                }
                first = false;
                into.extend_from_slice(bytes.unwrap_or(self.null.as_bytes()));
            }
        }
        if !first {
            into.extend_from_slice(self.end.as_bytes());
        }
    }

    fn header_list(&self, record: &Record<'_>) -> Vec<u8> {
        let mut list = Vec::new();
        for (at, header) in record.headers().enumerate() {
            if at > 0 {
                list.extend_from_slice(self.headers_separator.as_bytes());
            }
            list.extend_from_slice(header.key);
            list.push(b':');
            list.extend_from_slice(header.value.unwrap_or(self.null.as_bytes()));
        }
        if list.is_empty() { b"NO_HEADERS".to_vec() } else { list }
    }
}

fn timestamp(ms: i64, kind: TimestampType) -> String {
    match kind {
        // What Kafka's clients call a record without a time-stamp has −1.
        TimestampType::CreateTime if ms < 0 => "NO_TIMESTAMP".to_owned(),
        TimestampType::CreateTime => format!("CreateTime:{ms}"),
        TimestampType::LogAppendTime => format!("LogAppendTime:{ms}"),
    }
}

/// `name=value` of a `--property`.
///
/// # Errors
/// [`Failure`] when there is no `=`.
pub(crate) fn split_property(property: &str) -> Result<(&str, &str), Failure> {
    property.split_once('=').ok_or_else(|| {
        Failure::usage(format!("`--property {property}` has no `=`"))
            .help("write --property NAME=VALUE")
    })
}

/// The failure of a `--property` that nobody knows.
pub(crate) fn unknown_property(name: &str, known: &[&str]) -> Failure {
    let help = match nearest(name, known.iter().copied()) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("there are {}", known.join(", ")),
    };
    Failure::usage(format!("unknown property `{name}`")).help(help)
}

/// A record as JSON. Bytes that are no UTF-8 are in `key_base64`, `value_base64`.
pub(crate) fn to_json(
    topic: &str,
    partition: i32,
    record: &Record<'_>,
    batch: &BatchHeader,
) -> Value {
    let mut object = Map::new();
    object.insert("topic".to_owned(), topic.into());
    object.insert("partition".to_owned(), partition.into());
    object.insert("offset".to_owned(), record.offset.into());
    object.insert("timestamp".to_owned(), record.timestamp.into());
    let kind = match batch.timestamp_type() {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    };
    object.insert("timestamp_type".to_owned(), kind.into());
    let headers = record.headers().map(|header| {
        let mut object = Map::new();
        object.insert("name".to_owned(), header.name().into());
        insert_bytes(&mut object, "value", header.value);
        Value::Object(object)
    });
    let headers: Vec<Value> = headers.collect();
    object.insert("headers".to_owned(), json!(headers));
    insert_bytes(&mut object, "key", record.key);
    insert_bytes(&mut object, "value", record.value);
    Value::Object(object)
}

fn insert_bytes(object: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => object.insert(name.to_owned(), Value::Null),
        Some((_, Ok(text))) => object.insert(name.to_owned(), text.into()),
        Some((bytes, Err(_))) => {
            object.insert(format!("{name}_base64"), BASE64_STANDARD.encode(bytes).into())
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use kolk_wire::record::{Batch, BatchBuilder, Compression, Header, Scratch};

    /// Writes one record with the properties set, and returns its line.
    fn line(
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
        properties: &[&str],
    ) -> String {
        let mut builder = BatchBuilder::new(Compression::None);
        builder.push(1_709_351_555_677, key, value, headers).unwrap();
        let batch = Batch::parse(&Bytes::from(builder.finish())).unwrap().unwrap();
        let body = batch.body(&mut Scratch::new()).unwrap();
        let mut format = LineFormat::default();
        for property in properties {
            format.set(property).unwrap();
        }
        let mut text = Vec::new();
        for record in body.records() {
            format.write(1, &record.unwrap(), &batch.header, &mut text);
        }
        String::from_utf8(text).unwrap()
    }

    const ALL: &[&str] = &[
        "print.timestamp=true",
        "print.partition=true",
        "print.offset=true",
        "print.headers=true",
        "print.key=true",
    ];

    #[test]
    fn lines_are_those_of_the_console_consumer() {
        let headers = [Header::new("a", b"1"), Header { key: b"b", value: None }];
        let check = |properties: &[&str], key, value, headers: &[Header<'_>], wanted: &str| {
            assert_eq!(line(key, value, headers, properties), wanted);
        };
        check(&[], None, Some(b"v"), &[], "v\n");
        check(&[], None, None, &[], "null\n");
        check(
            ALL,
            Some(b"k"),
            Some(b"v"),
            &headers,
            "CreateTime:1709351555677\tPartition:1\tOffset:0\ta:1,b:null\tk\tv\n",
        );
        check(
            ALL,
            None,
            Some(b""),
            &[],
            "CreateTime:1709351555677\tPartition:1\tOffset:0\tNO_HEADERS\tnull\t\n",
        );
        check(&["print.key=true", "key.separator= | "], Some(b""), Some(b"v"), &[], " | v\n");
        check(&["print.key=true", "print.value=false"], Some(b"k"), Some(b"v"), &[], "k\n");
        check(&["print.value=false"], Some(b"k"), Some(b"v"), &[], "");
        check(&["print.value=false", "print.partition=true"], None, None, &[], "Partition:1\n");
        check(&["null.literal=-", "line.separator=;"], None, None, &[], "-;");
    }

    #[test]
    fn an_unknown_property_is_refused_with_the_nearest_name() {
        let error = LineFormat::default().set("print.header=true").unwrap_err().to_string();
        assert!(error.contains("did you mean `print.headers`"), "{error}");
    }
}
