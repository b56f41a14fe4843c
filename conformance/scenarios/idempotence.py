"""Idempotent producers and the checks on what a producer sends."""

from conformance.clients.wire import batch, records
from conformance.suite.errors import name
from conformance.suite.scenario import ALL, scenario, values


def outcome(row):
    """`(error code, base offset, …)` with the error's name."""
    return [name(row[0]), row[1]]


@scenario(clients=ALL)
def producer(run):
    """An idempotent producer's records arrive once, in order, over many batches in flight"""
    topic = run.topic()
    sent = [f"{number}" for number in range(2000)]
    outcomes = run.produce(topic, sent, enable_idempotence=True, acks="all", batch_size=1000, linger_ms=1)
    run.see("acknowledged", [row.get("offset") for row in outcomes] == list(range(2000)), True)
    run.see("read", values(run.read(topic, 2000, idle=0.3)) == sent, True)


@scenario(clients="wire")
def sequences(run):
    """A repeated batch is acknowledged at its old offset, a gap is refused, and an old epoch too"""
    topic, wire = run.topic(), run.wire()
    _, producer_id, epoch = wire.init_producer_id()
    run.see("epoch", epoch, 0)

    def send(sequence, values, epoch=epoch, producer_id=producer_id):
        return outcome(wire.produce(topic, 0, batch(values, producer_id=producer_id, epoch=epoch, sequence=sequence)))

    run.see("first", send(0, ["a", "b"]), ["NONE", 0])
    run.see("repeated", send(0, ["a", "b"]), ["NONE", 0])
    run.see("next", send(2, ["c"]), ["NONE", 2])
    run.see("first, repeated after the next", send(0, ["a", "b"]), ["NONE", 0])
    run.see("gap", send(7, ["x"]), ["OUT_OF_ORDER_SEQUENCE_NUMBER", -1])
    run.see("overlap", send(2, ["c", "x"]), ["OUT_OF_ORDER_SEQUENCE_NUMBER", -1])
    for sequence in range(3, 9):
        send(sequence, [f"{sequence}"])
    run.see("repeated, among the last five", send(4, ["4"]), ["NONE", 4])
    run.see("repeated, too long ago", send(2, ["c"]), ["OUT_OF_ORDER_SEQUENCE_NUMBER", -1])
    run.see("new epoch, not from 0", send(9, ["x"], epoch + 1), ["OUT_OF_ORDER_SEQUENCE_NUMBER", -1])
    run.see("new epoch", send(0, ["n"], epoch + 1), ["NONE", 9])
    run.see("old epoch", send(9, ["x"]), ["INVALID_PRODUCER_EPOCH", -1])
    run.see("a producer never seen, not from 0", send(5, ["u"], producer_id=producer_id + 1_000_000), ["NONE", 10])
    run.see("and its next", send(6, ["v"], producer_id=producer_id + 1_000_000), ["NONE", 11])
    top = 2**31 - 1
    run.see("up to the largest sequence", send(top - 1, ["w", "x"], producer_id=producer_id + 2_000_000), ["NONE", 12])
    run.see("which is followed by 0", send(0, ["y"], producer_id=producer_id + 2_000_000), ["NONE", 14])
    read = records(wire.fetch(topic, 0, 0)[5])
    run.see("log", "".join(record["value"].decode() for record in read), "abc345678nuvwxy")
    run.see("sequences", [record["sequence"] for record in read][:4], [0, 0, 2, 3])


@scenario(clients="wire")
def partitions_apart(run):
    """Each partition counts a producer's sequences by itself; each call of InitProducerId gives another id"""
    topic, wire = run.topic(2), run.wire()
    _, one, _ = wire.init_producer_id()
    _, two, _ = wire.init_producer_id()
    run.see("ids differ", one != two, True)
    send = lambda producer, partition, sequence: outcome(  # noqa: E731
        wire.produce(topic, partition, batch(["x"], producer_id=producer, epoch=0, sequence=sequence)))
    run.see("one", [send(one, 0, 0), send(one, 0, 1), send(one, 1, 0)], [["NONE", 0], ["NONE", 1], ["NONE", 0]])
    run.see("two", [send(two, 0, 0), send(two, 1, 1)], [["NONE", 2], ["NONE", 1]])
    run.see("two on", [send(two, 0, 1), send(one, 1, 5)], [["NONE", 3], ["OUT_OF_ORDER_SEQUENCE_NUMBER", -1]])


@scenario(clients="wire")
def refused_batches(run):
    """Produce refuses broken, outdated and misplaced batches with Kafka's errors"""
    topic, wire = run.topic(), run.wire()
    send = lambda data, **more: outcome(wire.produce(more.pop("topic", topic), more.pop("partition", 0), data, **more))  # noqa: E731
    good = batch(["v"])
    run.see("good", send(good), ["NONE", 0])
    run.see("acks=1", send(good, acks=1), ["NONE", 1])
    run.see("wrong checksum", send(batch(["v"], crc=1)), ["CORRUPT_MESSAGE", -1])
    run.see("acks=2", send(good, acks=2), ["INVALID_REQUIRED_ACKS", -1])
    run.see("unknown topic", send(good, topic="no-such-topic"), ["UNKNOWN_TOPIC_OR_PARTITION", -1])
    run.see("unknown partition", send(good, partition=3), ["UNKNOWN_TOPIC_OR_PARTITION", -1])
    run.see("two batches at once", send(good + good), ["INVALID_RECORD", -1])
    run.see("no batch", send(b""), ["INVALID_RECORD", -1])
    run.see("half a header", send(good[:30]), ["INVALID_RECORD", -1])
    run.see("half a batch", send(good[:-2]), ["INVALID_RECORD", -1])
    for magic in (0, 1):
        run.see(f"format {magic}", send(good[:16] + bytes([magic]) + good[17:]), ["INVALID_RECORD", -1])
    run.see("format 3", send(good[:16] + b"\3" + good[17:]), ["CORRUPT_MESSAGE", -1])
    run.see("control batch", send(batch(["v"], attributes=0x20, producer_id=7, epoch=0, sequence=0))[0], "INVALID_RECORD")
    run.see("future timestamp", send(batch(["v"], timestamp=4_000_000_000_000)), ["INVALID_TIMESTAMP", -1])
    compacted = run.topic(cleanup_policy="compact")
    run.see("no key in a compacted topic", send(good, topic=compacted), ["INVALID_RECORD", -1])
    run.see("a key in a compacted topic", send(batch([("k", "v")]), topic=compacted), ["NONE", 0])
    wire.produce(topic, 0, good, acks=0)
    run.see("acks=0 gets no answer, but is written", run.eventually(lambda: wire.list_offsets(topic, 0, -1)[2], 3), 3)
    stamped = run.topic(message_timestamp_type="LogAppendTime")
    error, offset, appended = wire.produce(stamped, 0, batch(["v"], timestamp=1000))
    run.see("append time is told", [name(error), offset, appended > 1_700_000_000_000], ["NONE", 0, True])
    large = run.topic(max_message_bytes=1000)
    run.see("too large", send(batch(["x" * 2000]), topic=large), ["MESSAGE_TOO_LARGE", -1])
