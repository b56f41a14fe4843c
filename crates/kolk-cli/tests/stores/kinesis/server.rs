//! A Kinesis API by `scripts/kinesis.sh`, and boto3 beside it.

use crate::harness::{Script, missing};
use crate::world;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The only access key that it takes.
pub(super) const ACCESS_KEY_ID: &str = "AKIDOFTESTS";

/// Reads and changes streams by boto3: the endpoint, the access key, a verb, a stream and what the verb wants.
const CLIENT: &str = r#"
import json, sys
import boto3
endpoint, access_key, verb, stream, *more = sys.argv[1:]
kinesis = boto3.client("kinesis", endpoint_url=endpoint, region_name="us-east-1",
                       aws_access_key_id=access_key, aws_secret_access_key="secret")
def wait():
    kinesis.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
if verb == "create":
    kinesis.create_stream(StreamName=stream, ShardCount=int(more[0]))
    wait()
elif verb == "split":
    shard = kinesis.list_shards(StreamName=stream)["Shards"][0]
    bounds = shard["HashKeyRange"]
    middle = (int(bounds["StartingHashKey"]) + int(bounds["EndingHashKey"])) // 2
    kinesis.split_shard(StreamName=stream, ShardToSplit=shard["ShardId"], NewStartingHashKey=str(middle))
    wait()
else:
    # A shard's number is above those of its parents: read in this order, what came first comes first.
    records = []
    for shard in sorted(shard["ShardId"] for shard in kinesis.list_shards(StreamName=stream)["Shards"]):
        at = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while at:
            answer = kinesis.get_records(ShardIterator=at)
            records += [{"shard": shard, "key": it["PartitionKey"], "data": it["Data"].decode()} for it in answer["Records"]]
            at = answer.get("NextShardIterator")
            if not answer["Records"] and answer["MillisBehindLatest"] == 0:
                break
    print(json.dumps(records))
"#;

/// A record, as boto3 reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) shard: String,
    pub(super) key: String,
    pub(super) data: String,
}

/// A call of PutRecords, as the server logged it.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) keys: Vec<String>,
    pub(super) refused: usize,
}

/// A server that runs.
#[derive(Debug)]
pub(super) struct Server {
    script: Script,
    python: PathBuf,
}

impl Server {
    /// A server of a test's own; `None` when it cannot be had here.
    pub(super) fn own() -> Option<Self> {
        if missing("the Kinesis API", &["node", "npm", "python3"]) {
            return None;
        }
        let python = world::root().join("scripts/python.sh");
        let python = Command::new(python).stderr(Stdio::inherit()).output().unwrap();
        assert!(python.status.success(), "scripts/python.sh: {python:?}");
        let python = PathBuf::from(String::from_utf8(python.stdout).unwrap().trim());
        let server = Self { script: Script::start("kinesis.sh", &[]), python };
        server.faults("");
        Some(server)
    }

    /// Its process.
    pub(super) fn script(&self) -> &Script {
        &self.script
    }

    /// As `endpoint` names it.
    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.script.address())
    }

    /// What goes wrong from now on: fields of the JSON that `scripts/kinesis.js` reads.
    pub(super) fn faults(&self, fields: &str) {
        let comma = if fields.is_empty() { "" } else { ", " };
        let text = format!(r#"{{"accessKeyId": "{ACCESS_KEY_ID}"{comma}{fields}}}"#);
        let (part, path) = (self.file("faults.part"), self.file("faults"));
        fs::write(&part, text).unwrap();
        fs::rename(part, path).unwrap();
    }

    pub(super) fn create(&self, stream: &str, shards: usize) {
        self.client("create", stream, &shards.to_string());
    }

    /// Splits the stream's first shard in two.
    pub(super) fn split(&self, stream: &str) {
        self.client("split", stream, "");
    }

    /// All records: shard by shard, those of a parent before those of its children.
    pub(super) fn records(&self, stream: &str) -> Vec<Record> {
        let records: Vec<Value> =
            serde_json::from_str(&self.client("records", stream, "")).unwrap();
        let text = |record: &Value, name: &str| record[name].as_str().unwrap().to_owned();
        let of = |it: &Value| Record {
            shard: text(it, "shard"),
            key: text(it, "key"),
            data: text(it, "data"),
        };
        records.iter().map(of).collect()
    }

    /// The calls of PutRecords for a stream, in order.
    pub(super) fn calls(&self, stream: &str) -> Vec<Call> {
        let text = fs::read_to_string(self.file("calls")).unwrap();
        let calls = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let of_stream = calls.filter(|call| call["stream"] == stream);
        let of = |call: Value| {
            let keys = call["keys"].as_array().unwrap().iter();
            let refused = call["refused"].as_array().unwrap().iter();
            Call {
                keys: keys.map(|key| key.as_str().unwrap().to_owned()).collect(),
                refused: refused.filter(|it| **it == Value::Bool(true)).count(),
            }
        };
        of_stream.map(of).collect()
    }

    /// Entries refused so far, of all streams.
    pub(super) fn refused(&self) -> usize {
        let text = fs::read_to_string(self.file("calls")).unwrap_or_default();
        text.matches("true").count()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.script.folder().join(name)
    }

    fn client(&self, verb: &str, stream: &str, more: &str) -> String {
        let output = Command::new(&self.python)
            .args([
                "-W",
                "ignore",
                "-c",
                CLIENT,
                &self.endpoint(),
                ACCESS_KEY_ID,
                verb,
                stream,
                more,
            ])
            .output()
            .unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{verb} {stream}: {err}");
        String::from_utf8(output.stdout).unwrap()
    }
}
