"""What the broker keeps: retention by time and size, compaction, tombstones."""

from conformance.suite.scenario import ALL, scenario, values


def start_of(run, topic):
    return run.wire().list_offsets(topic, 0, -2)[2]


@scenario(clients=ALL, within=60)
def retention_by_time(run):
    """Records older than retention.ms go, with their segments; the next offset stays"""
    topic = run.topic(retention_ms=1500, segment_ms=500)
    run.produce(topic, ["old1", "old2"])
    run.see("there at first", values(run.read(topic, 2)), ["old1", "old2"])
    run.see("start moves", run.eventually(lambda: start_of(run, topic), 2, within=30), 2)
    run.see("next offset", run.produce(topic, ["new"])[0].get("offset"), 2)
    run.see("read", values(run.read(topic, 1)), ["new"])


@scenario(clients=ALL, within=60)
def retention_by_size(run):
    """Segments beyond retention.bytes go, the newest stays"""
    topic = run.topic(retention_bytes=1 << 20, segment_bytes=1 << 20)
    # 40 records of 100 kB, ten to a segment. Of four segments two go: without the third, less than retention.bytes would be left.
    producer = run.producer(linger_ms=0)
    for number in range(40):
        producer.send(topic, f"{number} " + "x" * 100_000)
        producer.flush()
    run.see("start", run.eventually(lambda: start_of(run, topic), 20, within=30), 20)
    kept = run.read(topic, 20)
    run.see("read", [value.split()[0] for value in values(kept)], [f"{number}" for number in range(20, 40)])


@scenario(clients=ALL, within=60)
def compaction(run):
    """Compaction keeps the last value of each key, at its own offset"""
    topic = run.topic(cleanup_policy="compact", segment_ms=100, min_cleanable_dirty_ratio="0.01", delete_retention_ms=100)
    for number in range(5):
        run.produce(topic, [{"key": key, "value": f"{key}{number}"} for key in "abc"])
    run.sleep(0.3)
    run.produce(topic, [{"key": "d", "value": "d"}])  # starts a new segment: the active one is never compacted
    run.sleep(0.3)
    run.produce(topic, [{"key": "e", "value": "e"}])
    expected = [[12, "a4"], [13, "b4"], [14, "c4"], [15, "d"], [16, "e"]]
    look = lambda: [[record["offset"], record["value"]] for record in run.read(topic, 5, idle=0.2)]  # noqa: E731
    run.see("read", run.eventually(look, expected, within=30), expected)
    run.see("the start does not move", start_of(run, topic), 0)


@scenario(clients=ALL, within=60)
def tombstones(run):
    """A tombstone removes its key, and is itself removed after delete.retention.ms"""
    topic = run.topic(cleanup_policy="compact", segment_ms=100, min_cleanable_dirty_ratio="0.01", delete_retention_ms=500)
    run.produce(topic, [{"key": "a", "value": "1"}, {"key": "b", "value": "1"}])
    run.produce(topic, [{"key": "a", "value": None}])

    def look():
        # Each look also writes: a segment is only closed by the next record.
        run.produce(topic, [{"key": "filler", "value": "x"}])
        run.sleep(0.3)
        return [record["key"] for record in run.read(topic, 2, idle=0.2) if record["key"] != "filler"]

    run.see("read", run.eventually(look, ["b"], within=30), ["b"])


@scenario(clients="java", within=60)
def compaction_and_transactions(run):
    """Compaction drops aborted records and keeps committed ones"""
    topic = run.topic(cleanup_policy="compact", segment_ms=100, min_cleanable_dirty_ratio="0.01", delete_retention_ms=100)
    producer = run.producer(transactional_id=run.fresh("id"))
    producer.init()
    for number, end in enumerate((producer.commit, producer.abort, producer.commit)):
        producer.begin()
        producer.send(topic, f"a{number}", key="a")
        producer.send(topic, f"only{number}", key=f"k{number}")
        producer.flush()
        end()
    run.sleep(0.3)
    run.produce(topic, [{"key": "z", "value": "z"}])
    run.sleep(0.3)
    run.produce(topic, [{"key": "y", "value": "y"}])
    look = lambda: values(run.read(topic, 5, idle=0.2, isolation_level="read_uncommitted"))  # noqa: E731
    expected = ["only0", "a2", "only2", "z", "y"]
    run.see("read", run.eventually(look, expected, within=30), expected)
    run.see("committed", values(run.read(topic, 5, idle=0.2, isolation_level="read_committed")), expected)
