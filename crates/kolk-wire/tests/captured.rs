//! Frames recorded from Apache Kafka and its clients: see `captured/README.md`.
#![expect(clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use bytes::Bytes;
use kolk_wire::frame::{self, RequestHeader};
use kolk_wire::message::{Any, AnyRequest, AnyResponse, Supported, supported};
use kolk_wire::record::{
    AbortedFilter, AbortedTransaction, Batches, Compression, ControlKind, ControlRecord, Scratch,
    Verdict,
};
use kolk_wire::{ApiKey, ErrorCode, Reader, Spliced, Writer};
use std::path::Path;

/// A request and its answer, read.
struct Exchange {
    name: String,
    header: RequestHeader,
    request: AnyRequest,
    response: AnyResponse,
    request_bytes: Bytes,
    response_bytes: Bytes,
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captured"))
}

fn file(name: &str) -> Bytes {
    let path = folder().join(name);
    Bytes::from(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn flexible(api_key: i16, version: i16) -> bool {
    Supported::of(api_key).is_some_and(|api| api.version(version).flexible)
}

fn exchange(name: &str) -> Exchange {
    let request_bytes = file(&format!("{name}.request.bin"));
    let response_bytes = file(&format!("{name}.response.bin"));
    let mut reader = Reader::new(request_bytes.clone());
    let header = RequestHeader::read(&mut reader, flexible).expect("a header");
    let key = ApiKey::from_number(header.api_key).expect("a known API");
    let request = AnyRequest::read(key, header.api_version, &mut reader);
    let request = request.expect("a sound request").expect("a version of ours");
    assert_eq!(reader.remaining(), 0, "{name}: request read to its end");
    let mut reader = Reader::new(response_bytes.clone());
    assert_eq!(reader.i32().expect("a correlation id"), header.correlation_id, "{name}");
    if flexible(header.api_key, header.api_version) && key != ApiKey::ApiVersions {
        assert_eq!(reader.i8(), Ok(0), "{name}: no tagged fields in the header");
    }
    let response = AnyResponse::read(key, header.api_version, &mut reader);
    let response = response.expect("a sound response").expect("a version of ours");
    assert_eq!(reader.remaining(), 0, "{name}: response read to its end");
    Exchange { name: name.to_owned(), header, request, response, request_bytes, response_bytes }
}

fn all() -> Vec<Exchange> {
    let names = std::fs::read_dir(folder()).expect("the folder").filter_map(|entry| {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        name.strip_suffix(".request.bin").map(str::to_owned)
    });
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert!(names.len() > 60, "the recordings are there");
    names.iter().map(|name| exchange(name)).collect()
}

macro_rules! response {
    ($name:literal, $key:ident) => {
        match exchange($name).response {
            AnyResponse::$key(response) => response,
            other => panic!("another response: {other:?}"),
        }
    };
}

macro_rules! request {
    ($name:literal, $key:ident) => {
        match exchange($name).request {
            AnyRequest::$key(request) => request,
            other => panic!("another request: {other:?}"),
        }
    };
}

#[test]
fn what_kafka_wrote_is_written_again_to_the_byte() {
    for exchange in all() {
        let version = exchange.header.api_version;
        let mut writer = Writer::new();
        exchange.request.write(version, &mut writer);
        let body = writer.into_bytes();
        assert!(exchange.request_bytes.ends_with(&body), "{}: request", exchange.name);
        let mut writer = Writer::new();
        exchange.response.write(version, &mut writer);
        let body = writer.into_bytes();
        assert!(exchange.response_bytes.ends_with(&body), "{}: response", exchange.name);
        let flexible = flexible(exchange.header.api_key, version);
        let header = 4 + usize::from(flexible && exchange.header.api_key != 18);
        assert_eq!(exchange.response_bytes.len(), header + body.len(), "{}", exchange.name);
    }
}

/// Each API at each version, as kafka-clients write it: no recording reaches the old ones.
#[test]
fn every_version_is_that_of_kafka_clients() {
    fn check<A: Any>(api: Supported, version: i16, bytes: &Bytes) {
        let mut reader = Reader::new(bytes.clone());
        let message = A::read(api.key, version, &mut reader)
            .unwrap_or_else(|error| panic!("{:?} v{version}: {error}", api.key))
            .expect("a version of ours");
        assert_eq!(reader.remaining(), 0, "{:?} v{version} is read to its end", api.key);
        let mut writer = Writer::new();
        message.write(version, &mut writer);
        assert_eq!(writer.into_bytes(), *bytes, "{:?} v{version} written again", api.key);
    }
    let mut samples = Reader::new(file("every_version.bin"));
    for api in supported() {
        for version in api.min..=api.max {
            for kind in [0, 1] {
                let head = (samples.i8(), samples.i16(), samples.i16());
                assert_eq!(head, (Ok(kind), Ok(api.key as i16), Ok(version)), "in their order");
                let len = samples.u32().expect("a length") as usize;
                let bytes = samples.take(len, "message").expect("a message");
                match kind {
                    0 => check::<AnyRequest>(*api, version, &bytes),
                    _ => check::<AnyResponse>(*api, version, &bytes),
                }
            }
        }
    }
    assert_eq!(samples.remaining(), 0);
}

/// The two frame functions that clients use, on a request of each kind of header.
#[test]
fn a_clients_frames_are_those_of_kafkas_own() {
    let fetch = exchange("fetch-v18-gzip");
    let AnyRequest::Fetch(request) = &fetch.request else { panic!("another request") };
    let chunks = frame::encode_request(
        request,
        18,
        fetch.header.correlation_id,
        fetch.header.client_id.as_deref(),
    );
    assert_eq!(&chunks.concat()[4..], &fetch.request_bytes[..]);
    type Fetch = kolk_wire::message::fetch::FetchRequest;
    let (id, response) = frame::decode_response::<Fetch>(fetch.response_bytes.clone(), 18)
        .expect("a sound response");
    assert_eq!(
        frame::encode_response::<Fetch>(&response, 18, id).concat()[4..],
        fetch.response_bytes
    );

    let produce = exchange("produce-v7-librdkafka_none");
    let AnyRequest::Produce(request) = &produce.request else { panic!("another request") };
    let id = produce.header.correlation_id;
    let chunks = frame::encode_request(request, 7, id, produce.header.client_id.as_deref());
    assert_eq!(&chunks.concat()[4..], &produce.request_bytes[..]);
}

/// Every cut and every flipped byte of every recording: read or refused, never a panic.
#[test]
fn damaged_recordings_do_no_harm() {
    fn read(exchange: &Exchange, request: Bytes, response: Bytes) {
        let key = ApiKey::from_number(exchange.header.api_key).expect("a known API");
        let mut reader = Reader::new(request);
        if let Ok(header) = RequestHeader::read(&mut reader, flexible) {
            let _ = ApiKey::from_number(header.api_key)
                .map(|key| AnyRequest::read(key, header.api_version, &mut reader));
        }
        let mut reader = Reader::new(response);
        let _ = reader.take(5, "header");
        let _ = AnyResponse::read(key, exchange.header.api_version, &mut reader);
    }
    fn flipped(bytes: &Bytes, at: usize) -> Bytes {
        let mut bytes = bytes.to_vec();
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 0xff;
        }
        Bytes::from(bytes)
    }
    for exchange in all() {
        let (request, response) = (&exchange.request_bytes, &exchange.response_bytes);
        for at in 0..request.len().max(response.len()) {
            let cut = |bytes: &Bytes| bytes.slice(..at.min(bytes.len()));
            read(&exchange, cut(request), cut(response));
            read(&exchange, flipped(request, at), flipped(response, at));
        }
    }
}

#[test]
fn api_versions_tell_what_the_broker_serves() {
    let response = response!("api_versions-v4", ApiVersions);
    let fetch = response.api_keys.iter().find(|api| api.api_key == 1).expect("Fetch");
    assert_eq!((fetch.min_version, fetch.max_version), (4, 18));
    let feature = |name| response.finalized_features.iter().find(move |f| f.name == name);
    assert_eq!(feature("transaction.version").map(|f| f.max_version_level), Some(2));
    let request = request!("api_versions-v4", ApiVersions);
    assert_eq!(request.client_software_name, "apache-kafka-java");
    let old = response!("api_versions-v0", ApiVersions);
    assert_eq!(old.error_code, ErrorCode::NONE);
    assert!(old.api_keys.iter().any(|api| api.api_key == 36), "SaslAuthenticate");
}

#[test]
fn metadata_tells_brokers_topics_and_leaders() {
    let response = response!("metadata-v13-all_topics", Metadata);
    assert_eq!(response.cluster_id.as_deref(), Some("kolkkolkkolkkolkkolkkg"));
    assert_eq!(response.brokers.iter().map(|b| b.node_id).collect::<Vec<_>>(), [1]);
    let topic = response.topics.iter().find(|topic| topic.name.as_deref() == Some("captured-tx"));
    let topic = topic.expect("the topic");
    assert!(!topic.topic_id.is_none());
    assert_eq!(topic.partitions.len(), 3);
    assert!(topic.partitions.iter().all(|p| p.leader_id == 1 && p.isr_nodes == [1]));
}

/// The 20 records that the producers of kafka-clients sent.
fn check_records(name: &str, compression: Compression) {
    let AnyResponse::Fetch(response) = exchange(name).response else { panic!("a Fetch") };
    let partition = response.responses[0].partitions.first().expect("a partition");
    assert_eq!((partition.error_code, partition.high_watermark), (ErrorCode::NONE, 20));
    let mut batches = Batches::new(partition.records.expect("records"));
    let batch = batches.next().expect("a batch").expect("a sound batch");
    assert!(batches.next().is_none());
    batch.verify_crc().expect("undamaged");
    assert_eq!(batch.header.compression(), Ok(compression));
    let body = batch.body(&mut Scratch::new()).expect("a sound body");
    let mut count = 0;
    for (i, record) in body.records().enumerate() {
        let record = record.expect("a sound record");
        let key = (i % 4 != 0).then(|| format!("key-{i}").into_bytes());
        let value = (i != 7).then(|| format!("value-{i}-abcabcabcabcabcabc").into_bytes());
        assert_eq!(record.key.map(<[u8]>::to_vec), key, "{name}");
        assert_eq!(record.value.map(<[u8]>::to_vec), value, "{name}");
        let time = 1_600_000_000_000 + i64::try_from(i).expect("small");
        assert_eq!((record.offset, record.timestamp), (i64::try_from(i).expect("small"), time));
        let headers: Vec<_> =
            record.headers().map(|h| (h.key.to_vec(), h.value.map(<[u8]>::to_vec))).collect();
        let trace = |value| (b"trace".to_vec(), value);
        let expected = match i % 5 {
            0 => vec![trace(Some(format!("t{i}").into_bytes())), trace(None)],
            _ => vec![],
        };
        assert_eq!(headers, expected, "{name}");
        count += 1;
    }
    assert_eq!(count, 20);
}

#[test]
fn fetched_batches_hold_what_was_produced_with_each_codec() {
    check_records("fetch-v18-none", Compression::None);
    check_records("fetch-v18-gzip", Compression::Gzip);
    check_records("fetch-v18-snappy", Compression::Snappy);
    check_records("fetch-v18-lz4", Compression::Lz4);
    check_records("fetch-v18-zstd", Compression::Zstd);
}

/// The values of all records, after a look at the codec.
fn values(records: Option<Bytes>, compression: Compression) -> Vec<String> {
    let mut values = Vec::new();
    for batch in Batches::new(records.expect("records")) {
        let batch = batch.expect("a sound batch");
        batch.verify_crc().expect("undamaged");
        assert_eq!(batch.header.compression(), Ok(compression));
        let body = batch.body(&mut Scratch::new()).expect("a sound body");
        values.extend(body.records().map(|record| {
            let value = record.expect("a sound record").value.unwrap_or_default();
            String::from_utf8(value.to_vec()).expect("text")
        }));
    }
    values
}

#[test]
fn batches_of_librdkafka_hold_what_was_produced_with_each_codec() {
    for codec in Compression::ALL {
        let name = codec.name();
        let exchange = exchange(&format!("produce-v7-librdkafka_{name}"));
        let AnyRequest::Produce(request) = exchange.request else { panic!("a Produce") };
        let records = request.topic_data[0].partition_data[0].records.clone();
        let expected = [1, 2, 3].map(|number| format!("kcat-{name}-{number}"));
        assert_eq!(values(records.map(Spliced::into_bytes), codec), expected);
    }
    let response = response!("fetch-v11-librdkafka_zstd", Fetch);
    let partition = response.responses[0].partitions.first().expect("a partition");
    let expected = ["kcat-zstd-1", "kcat-zstd-2", "kcat-zstd-3"];
    assert_eq!(values(partition.records, Compression::Zstd), expected);
}

#[test]
fn markers_end_transactions_and_aborted_ones_are_named() {
    let response = response!("fetch-v18-read_committed", Fetch);
    let partition = response.responses[0].partitions.first().expect("a partition");
    assert_eq!(partition.last_stable_offset, 9);
    let aborted = partition.aborted_transactions.clone().expect("in a committed read");
    assert_eq!(aborted.len(), 1);
    let aborted = aborted.into_iter().map(|transaction| AbortedTransaction {
        producer_id: transaction.producer_id,
        first_offset: transaction.first_offset,
    });
    let mut filter = AbortedFilter::new(aborted);
    let (mut seen, mut scratch) = (Vec::new(), Scratch::new());
    for batch in Batches::new(partition.records.expect("records")) {
        let batch = batch.expect("a sound batch");
        batch.verify_crc().expect("undamaged");
        assert!(batch.header.is_transactional());
        let verdict = filter.verdict(&batch).expect("a sound batch");
        let body = batch.body(&mut scratch).expect("a sound body");
        for record in body.records() {
            let record = record.expect("a sound record");
            seen.push(match batch.header.is_control() {
                true => format!("{:?}", ControlRecord::parse(record.key).expect("a marker")),
                false => format!(
                    "{} {}",
                    String::from_utf8_lossy(record.value.unwrap_or_default()),
                    matches!(verdict, Verdict::Deliver)
                ),
            });
        }
    }
    let marker = |kind| format!("{:?}", ControlRecord::End(kind));
    let expected = [
        marker(ControlKind::Commit),
        "aborted-0 false".to_owned(),
        "aborted-1 false".to_owned(),
        marker(ControlKind::Abort),
        "committed-9 true".to_owned(),
        marker(ControlKind::Commit),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn groups_are_joined_and_synced() {
    let refused = response!("join_group-v9-member_id_required", JoinGroup);
    assert_eq!(refused.error_code, ErrorCode::MEMBER_ID_REQUIRED);
    assert!(refused.member_id.starts_with("consumer-dynamic-group"));
    let joined = response!("join_group-v9-leader", JoinGroup);
    assert_eq!((joined.error_code, joined.generation_id), (ErrorCode::NONE, 1));
    assert_eq!(joined.protocol_name.as_deref(), Some("range"));
    assert_eq!(joined.leader, joined.member_id);
    assert_eq!(joined.members.len(), 1);
    let request = request!("join_group-v9-static", JoinGroup);
    assert_eq!(request.group_instance_id.as_deref(), Some("static-1"));
    let protocols: Vec<_> = request.protocols.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(protocols, ["cooperative-sticky"]);
    let synced = response!("sync_group-v5-leader", SyncGroup);
    assert_eq!(synced.protocol_type.as_deref(), Some("consumer"));
    assert!(!synced.assignment.is_empty());
    let described = response!("describe_groups-v6", DescribeGroups);
    assert_eq!(described.groups[0].group_state, "Stable");
    assert_eq!(described.groups[0].members[0].group_instance_id.as_deref(), Some("static-1"));
}

#[test]
fn offsets_are_committed_and_fetched() {
    let request = request!("txn_offset_commit-v5", TxnOffsetCommit);
    let offset = request.topics[0].partitions.first().expect("a partition");
    assert_eq!((offset.committed_offset, offset.committed_metadata.as_deref()), (5, Some("note")));
    let request = request!("offset_commit-v9", OffsetCommit);
    let offset = request.topics[0].partitions.first().expect("a partition");
    assert_eq!((offset.committed_offset, offset.committed_leader_epoch), (7, 0));
    let response = response!("offset_fetch-v9", OffsetFetch);
    let topic = &response.groups[0].topics[0];
    let offset = topic.partitions.first().expect("a partition");
    assert_eq!((topic.name.as_str(), offset.committed_offset), ("captured-none", 5));
    let response = response!("list_offsets-v10-by_time", ListOffsets);
    let found = &response.topics[0].partitions[0];
    assert_eq!((found.offset, found.timestamp), (7, 1_600_000_000_007));
}

#[test]
fn errors_come_with_the_words_of_kafka() {
    let response = response!("delete_topics-v6-missing", DeleteTopics);
    assert_eq!(response.responses[0].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let response = response!("delete_groups-v2-missing", DeleteGroups);
    assert_eq!(response.results[0].error_code, ErrorCode::GROUP_ID_NOT_FOUND);
    let response = response!("sasl_authenticate-v0-refused", SaslAuthenticate);
    assert_eq!(response.error_code, ErrorCode::SASL_AUTHENTICATION_FAILED);
    let response = response!("sasl_handshake-v1", SaslHandshake);
    assert!(response.mechanisms.iter().any(|mechanism| mechanism == "SCRAM-SHA-256"));
}

#[test]
fn settings_and_new_topics_are_described() {
    let response = response!("describe_configs-v4", DescribeConfigs);
    let setting = response.results[0].configs.iter().find(|config| config.name == "retention.ms");
    let setting = setting.expect("the setting");
    assert_eq!((setting.value.as_deref(), setting.config_source), (Some("123456"), 1));
    let response = response!("create_topics-v7", CreateTopics);
    assert_eq!(response.topics.len(), 6);
    assert!(response.topics.iter().all(|topic| topic.error_code.is_none()));
    let topic = response.topics.iter().find(|topic| topic.name == "captured-tx").expect("it");
    let configs = topic.configs.as_ref().expect("allowed to see them");
    assert!(configs.iter().any(|config| config.value.as_deref() == Some("compact")));
}
