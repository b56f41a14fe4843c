"""Where a consumer starts: committed offsets, reset policies, offsets by time."""

import threading
import time

from conformance.clients.wire import Out, batch, records
from conformance.suite.errors import ClientError, name
from conformance.suite.scenario import ALL, scenario, values

TEN = [f"v{number}" for number in range(10)]
# What `auto.offset.reset=none` makes of a missing offset and of one out of range, in each client's own words.
NO_OFFSET = {"librdkafka": "_AUTO_OFFSET_RESET", "java": "NoOffsetForPartitionException", "kafka-python": "NoOffsetForPartitionError"}
OUT_OF_RANGE = {"librdkafka": "_AUTO_OFFSET_RESET", "java": "OffsetOutOfRangeException", "kafka-python": "OFFSET_OUT_OF_RANGE"}


@scenario(clients=ALL)
def committed(run):
    """Offsets committed by one consumer are where the next one of the group starts"""
    topic, group = run.topic(2), run.group()
    run.produce(topic, [{"value": value, "partition": 0} for value in TEN])
    first = run.consumer(group_id=group, auto_offset_reset="earliest")
    first.assign({(topic, 0): None, (topic, 1): None})
    run.see("nothing yet", first.committed([(topic, 0)])[topic, 0], None)
    run.see("read", values(run.poll(first, 10)), TEN)
    first.commit({(topic, 0): 4, (topic, 1): 0})
    run.see("committed", first.committed([(topic, 0), (topic, 1)]), {(topic, 0): 4, (topic, 1): 0})
    first.commit({(topic, 0): 7})
    first.close()
    second = run.consumer(group_id=group, auto_offset_reset="earliest")
    second.assign({(topic, 0): None})
    run.see("the next one", values(run.poll(second, 3, idle=0.3)), TEN[7:])
    run.see("by the admin client", run.admin().group_offsets(group), {(topic, 0): 7, (topic, 1): 0})
    run.see("other group", second.committed([(topic, 1)]), {(topic, 1): 0})


@scenario(clients=ALL)
def reset_policies(run):
    """Without an offset, and out of range: earliest, latest and none"""
    topic = run.topic()
    run.produce(topic, TEN)
    for policy, expected in (("earliest", TEN), ("latest", ["late"])):
        consumer = run.consumer(group_id=run.group(), auto_offset_reset=policy)
        consumer.assign({(topic, 0): None})
        early = run.poll(consumer, 10 if policy == "earliest" else 0, idle=1.0)
        if policy == "latest":
            run.produce(topic, ["late"])
            early += run.poll(consumer, 1)
        run.see(f"no offset, {policy}", values(early), expected)

    def none(where):
        consumer = run.consumer(group_id=run.group(), auto_offset_reset="none")
        consumer.assign({(topic, 0): where})
        try:
            return values(run.poll(consumer, 1, within=8))
        except ClientError as error:
            return error.name

    run.see("no offset, none", none(None), NO_OFFSET[run.client.name])
    run.see("out of range, none", none(100), OUT_OF_RANGE[run.client.name])
    consumer = run.consumer(group_id=run.group(), auto_offset_reset="earliest")
    consumer.assign({(topic, 0): 100})
    run.see("out of range, earliest", values(run.poll(consumer, 11)), [*TEN, "late"])


@scenario(clients=ALL)
def auto_commit(run):
    """enable.auto.commit commits what was polled when the consumer closes"""
    topic, group = run.topic(), run.group()
    run.produce(topic, TEN)
    consumer = run.consumer(group_id=group, auto_offset_reset="earliest", enable_auto_commit=True, auto_commit_interval_ms=200)
    consumer.subscribe([topic])
    run.see("read", values(run.poll(consumer, 10)), TEN)
    run.see("committed", run.eventually(lambda: (consumer.poll(0.1), consumer.committed([(topic, 0)])[topic, 0])[1], 10), 10)


@scenario(clients=ALL)
def by_time(run):
    """Offsets by timestamp, earliest, latest and of the largest timestamp"""
    topic = run.topic(retention_ms=-1)
    base = 1_700_000_000_000
    # One record per batch, so that offsets do not depend on where the client ends a batch; the largest timestamp is not the last.
    for position, seconds in enumerate([0, 10, 20, 50, 30]):
        run.produce(topic, [{"value": f"v{position}", "timestamp": base + seconds * 1000}])
    consumer = run.consumer()
    at = lambda seconds: consumer.offsets_for_times({(topic, 0): base + int(seconds * 1000)})[topic, 0]  # noqa: E731
    run.see("by time", [at(seconds) for seconds in (-100, 0, 0.001, 10, 15, 25, 50, 50.001)], [0, 0, 1, 1, 2, 3, 3, None])
    admin = run.admin()
    where = lambda spec: admin.list_offsets({(topic, 0): spec})[topic, 0]  # noqa: E731
    run.see("earliest", where("earliest")[0], 0)
    run.see("latest", where("latest")[0], 5)
    run.see("largest timestamp", where("max_timestamp"), [3, base + 50_000])
    run.see("timestamp", where(base + 20_000), [2, base + 20_000])
    run.see("after the last", where(base + 99_000)[0], -1)
    empty = run.topic()
    run.see("empty topic", [admin.list_offsets({(empty, 0): spec})[empty, 0][0] for spec in ("earliest", "latest", "max_timestamp")], [0, 0, -1])


@scenario(clients=ALL)
def by_time_in_batches(run):
    """A timestamp inside a compressed batch finds its record, not the batch's first"""
    topic = run.topic(retention_ms=-1)
    base = 1_700_000_000_000
    run.produce(topic, [{"value": f"v{number}", "timestamp": base + number * 1000} for number in range(20)], compression_type="gzip", linger_ms=100)
    consumer = run.consumer()
    at = lambda number: consumer.offsets_for_times({(topic, 0): base + int(number * 1000)})[topic, 0]  # noqa: E731
    run.see("by time", [at(number) for number in (0, 7, 7.5, 19)], [0, 7, 8, 19])
    run.see("largest", run.admin().list_offsets({(topic, 0): "max_timestamp"})[topic, 0], [19, base + 19_000])


@scenario(clients="wire")
def list_offsets_errors(run):
    """ListOffsets and Fetch answer unknown partitions and offsets out of range with Kafka's errors"""
    topic, wire = run.topic(), run.wire()
    run.produce(topic, TEN, client=run.toolbox["librdkafka"])
    run.see("latest", wire.list_offsets(topic, 0, -1), [0, -1, 10])
    run.see("earliest", wire.list_offsets(topic, 0, -2), [0, -1, 0])
    run.see("unknown topic", name(wire.list_offsets("no-such-topic", 0, -1)[0]), "UNKNOWN_TOPIC_OR_PARTITION")
    run.see("unknown partition", name(wire.list_offsets(topic, 9, -1)[0]), "UNKNOWN_TOPIC_OR_PARTITION")
    fetched = lambda *args: [name(row) if place == 0 else row for place, row in enumerate(wire.fetch(*args)[:4])]  # noqa: E731
    run.see("fetch", fetched(topic, 0, 3), ["NONE", 10, 10, 0])
    run.see("fetch at the end", fetched(topic, 0, 10), ["NONE", 10, 10, 0])
    run.see("fetch past the end", fetched(topic, 0, 11)[0], "OFFSET_OUT_OF_RANGE")
    run.see("fetch, negative", fetched(topic, 0, -5)[0], "OFFSET_OUT_OF_RANGE")
    run.see("fetch, unknown topic", fetched("no-such-topic", 0, 0)[0], "UNKNOWN_TOPIC_OR_PARTITION")
    run.see("fetch, unknown partition", fetched(topic, 5, 0)[0], "UNKNOWN_TOPIC_OR_PARTITION")
    run.see("no offset", wire.offset_fetch(run.group(), topic, 0), [0, -1])


@scenario(clients="wire")
def fetch_session(run):
    """A fetch session gives only what changed; a wrong session or epoch is refused"""
    one, two, wire = run.topic(), run.topic(), run.wire()
    wire.produce(one, 0, batch(["a"]))
    error, session, found = wire.fetch_in_session(0, 0, {(one, 0): 0, (two, 0): 0})
    run.see("first", [name(error), session > 0, found], ["NONE", True, {(one, 0): (0, ["a"]), (two, 0): (0, [])}])

    def next_fetch(epoch, *more):
        error, same, found = wire.fetch_in_session(session, epoch, *more)
        return [error, same == session, found]

    run.see("nothing new", next_fetch(1, {(one, 0): 1}), [0, True, {}])
    wire.produce(two, 0, batch(["b"]))
    run.see("one has changed", next_fetch(2, {}), [0, True, {(two, 0): (0, ["b"])}])
    run.see("moved on", next_fetch(3, {(two, 0): 1}), [0, True, {}])
    wire.produce(one, 0, batch(["c"]))
    run.see("one is forgotten", next_fetch(4, {}, [(one, 0)]), [0, True, {}])
    run.see("wrong epoch", name(wire.fetch_in_session(session, 9, {})[0]), "INVALID_FETCH_SESSION_EPOCH")
    run.see("unknown session", name(wire.fetch_in_session(session + 12345, 1, {})[0]), "FETCH_SESSION_ID_NOT_FOUND")
    run.see("closed", [wire.fetch_in_session(session, -1, {})[0], name(wire.fetch_in_session(session, 5, {})[0])], [0, "FETCH_SESSION_ID_NOT_FOUND"])


@scenario(clients="wire")
def leader_epochs(run):
    """OffsetForLeaderEpoch: the end of the current epoch, and epochs that are not"""
    topic, wire = run.topic(), run.wire()
    wire.produce(topic, 0, batch(["a", "b"]))
    run.see("current", wire.offset_for_leader_epoch(topic, 0, 0, 0), [0, 0, 2])
    run.see("asked with an epoch to come", name(wire.offset_for_leader_epoch(topic, 0, 5, 0)[0]), "UNKNOWN_LEADER_EPOCH")
    run.see("asked for an epoch to come", wire.offset_for_leader_epoch(topic, 0, -1, 5), [0, -1, -1])
    run.see("unknown topic", name(wire.offset_for_leader_epoch("no-such-topic", 0, -1, 0)[0]), "UNKNOWN_TOPIC_OR_PARTITION")


@scenario(clients="wire")
def pipelined(run):
    """Requests sent ahead on one connection are answered in order, the slow ones too"""
    topic, wire = run.topic(), run.wire()
    for wait in (400, 0, 200):
        wire.send(1, 11, Out().i32(-1).i32(wait).i32(1).i32(1 << 20).i8(0).i32(0).i32(-1)
                  .i32(1).string(topic).i32(1).i32(0).i32(-1).i64(0).i64(-1).i32(1 << 20).i32(0).string(""))
        wire.send(18, 0, Out())
    answers = [wire.receive() for _ in range(6)]
    run.see("answers", [len(answers), wire.out_of_order, [answers[place].i16() for place in (1, 3, 5)]], [6, False, [0, 0, 0]])


@scenario(clients="wire")
def long_poll(run):
    """A fetch at the end waits for a record, but no longer than it asked to; one record over the limit still comes"""
    topic, wire, other = run.topic(), run.wire(), run.wire()
    started = time.monotonic()
    wire.fetch(topic, 0, 0, wait_ms=700)
    run.see("waited in vain", 0.6 < time.monotonic() - started < 3, True)
    started = time.monotonic()
    timer = threading.Timer(0.5, lambda: other.produce(topic, 0, batch(["x" * 3000])))
    timer.start()
    answer = wire.fetch(topic, 0, 0, wait_ms=10_000, max_bytes=10)
    run.see("came early", 0.3 < time.monotonic() - started < 6, True)
    run.see("the record", [len(record["value"]) for record in records(answer[5])], [3000])
    timer.join()
