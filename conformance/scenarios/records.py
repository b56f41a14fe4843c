"""Records: what is written is what is read, whoever writes and whoever reads."""

from conformance.suite.scenario import ALL, brief, scenario, values

EVERYONE = ("librdkafka", "kafka-python", "java", "kcat")
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def readers(run):
    return [reader for reader in EVERYONE if reader in run.toolbox]


@scenario(clients=EVERYONE)
def round_trip(run):
    """Keys, values, null and repeated headers, and tombstones come back to every reader"""
    topic = run.topic()
    written = [
        {"key": "k1", "value": "plain"},
        {"key": "k2", "value": "with headers", "headers": [["h", "1"], ["h", "2"], ["other", "x"]]},
        {"key": "k3", "value": "null header", "headers": [["h", None]]},
        {"key": "k1", "value": None},
        {"key": None, "value": "no key"},
    ]
    if run.client.name == "kafka-python":  # it writes no null header
        written[2]["headers"] = [["h", ""]]
    outcomes = run.produce(topic, written)
    if run.client.name != "kcat":
        run.see("offsets", [outcome["offset"] for outcome in outcomes], [0, 1, 2, 3, 4])
    expected = [[row["key"], row["value"], row.get("headers", [])] for row in written]
    for reader in readers(run):
        got = run.read(topic, 5, client=run.toolbox[reader])
        run.see(f"read by {reader}", brief(got, "key", "value", "headers"), expected)


@scenario(clients=ALL)
def codecs(run):
    """Each codec (none, gzip, snappy, lz4, zstd) written by one client is read by all"""
    for codec in CODECS:
        topic = run.topic()
        sent = [f"{codec} {number} " + "abcdefgh" * 20 for number in range(40)]
        run.produce(topic, sent, compression_type=codec, linger_ms=50)
        for reader in readers(run):
            got = run.read(topic, 40, client=run.toolbox[reader])
            run.see(f"{codec} read by {reader}", values(got) == sent, True)


@scenario(clients=ALL)
def broker_codec(run):
    """A topic's own compression.type: the broker recompresses, records stay"""
    for codec in ("gzip", "zstd", "uncompressed", "producer"):
        topic = run.topic(compression_type=codec)
        sent = [f"{number} " + "abcdefgh" * 20 for number in range(10)]
        run.produce(topic, sent, compression_type="lz4", linger_ms=50)
        run.see(f"{codec} read", values(run.read(topic, 10)) == sent, True)
        _, _, _, _, _, data = run.wire().fetch(topic, 0, 0)
        run.see(f"{codec} as stored", data[22] & 7, {"gzip": 1, "zstd": 4, "uncompressed": 0, "producer": 3}[codec])


@scenario(clients=ALL)
def timestamps(run):
    """CreateTime keeps the producer's timestamp, LogAppendTime the broker's"""
    topic = run.topic(retention_ms=-1)
    run.produce(topic, [{"value": "old", "timestamp": 1_600_000_000_000}])
    run.see("create time", brief(run.read(topic, 1), "timestamp", "timestamp_type"), [[1_600_000_000_000, "CreateTime"]])
    topic = run.topic(message_timestamp_type="LogAppendTime", retention_ms=-1)
    run.produce(topic, [{"value": "old", "timestamp": 1_600_000_000_000}])
    (record,) = run.read(topic, 1)
    run.see("append time", [record["timestamp"] > 1_700_000_000_000, record["timestamp_type"]], [True, "LogAppendTime"])


@scenario(clients=ALL)
def too_large(run):
    """A record over max.message.bytes is refused, a smaller one beside it is not"""
    topic = run.topic(max_message_bytes=2000)
    run.see("large", run.produce(topic, ["x" * 5000]), [{"error": "MESSAGE_TOO_LARGE"}])
    run.see("small", run.produce(topic, ["x" * 500]), [{"partition": 0, "offset": 0}])
