"""Transactions: what readers see of them, and who may write. With transaction.version 1 and 2 (KIP-890)."""

from conformance.suite.scenario import ALL, scenario, values

BOTH = ("plain", "v1")


def transactional(run, ident, **config):
    producer = run.producer(transactional_id=ident, **config)
    producer.init()
    return producer


def send(producer, topic, values, **more):
    for value in values:
        producer.send(topic, value, **more)
    return producer.flush()


def seen(run, topic, count, isolation="read_committed", idle=0.4, **more):
    return values(run.read(topic, count, isolation_level=isolation, idle=idle, **more))


@scenario(clients=ALL, servers=BOTH)
def committed(run):
    """A committed transaction is read whole, over partitions and topics"""
    one, two = run.topic(2), run.topic()
    producer = transactional(run, run.fresh("id"))
    producer.begin()
    send(producer, one, ["a"], partition=0)
    send(producer, one, ["b"], partition=1)
    send(producer, two, ["c"])
    producer.commit()
    for reader in ALL:
        client = run.toolbox[reader]
        run.see(f"read by {reader}", [seen(run, one, 2, partitions=2, client=client, idle=0), seen(run, two, 1, client=client, idle=0)],
                [["a", "b"], ["c"]])
    admin = run.admin()
    run.see("the marker takes an offset", [admin.list_offsets({(one, 0): "latest"}, level)[one, 0][0]
                                           for level in ("read_uncommitted", "read_committed")], [2, 2])


@scenario(clients=ALL, servers=BOTH)
def aborted(run):
    """An aborted transaction is invisible to read_committed, and read_uncommitted sees it"""
    topic = run.topic()
    producer = transactional(run, run.fresh("id"))
    producer.begin()
    send(producer, topic, ["a", "b"])
    producer.abort()
    producer.begin()
    send(producer, topic, ["c"])
    producer.commit()
    for reader in ALL:
        client = run.toolbox[reader]
        run.see(f"committed, by {reader}", seen(run, topic, 1, client=client), ["c"])
        run.see(f"uncommitted, by {reader}", seen(run, topic, 3, "read_uncommitted", client=client, idle=0), ["a", "b", "c"])
    (record,) = run.read(topic, 1, isolation_level="read_committed")
    run.see("offset", record["offset"], 3)


@scenario(clients=ALL, servers=BOTH)
def alternating(run):
    """Many transactions one after the other, committed and aborted in turn"""
    topic = run.topic()
    producer = transactional(run, run.fresh("id"))
    for number in range(10):
        producer.begin()
        send(producer, topic, [f"{number}a", f"{number}b"])
        (producer.abort if number % 3 == 1 else producer.commit)()
    kept = [f"{number}{part}" for number in range(10) if number % 3 != 1 for part in "ab"]
    run.see("read", seen(run, topic, len(kept)), kept)


@scenario(clients=ALL, servers=BOTH)
def open_transaction(run):
    """A read_committed reader waits at the last stable offset while a transaction is open"""
    topic = run.topic()
    run.produce(topic, ["before"])
    producer = transactional(run, run.fresh("id"))
    producer.begin()
    send(producer, topic, ["open"])
    run.produce(topic, ["after"])
    run.see("committed", seen(run, topic, 1, idle=0.8), ["before"])
    run.see("uncommitted", seen(run, topic, 3, "read_uncommitted"), ["before", "open", "after"])
    admin = run.admin()
    ends = lambda: [admin.list_offsets({(topic, 0): "latest"}, level)[topic, 0][0] for level in ("read_committed", "read_uncommitted")]  # noqa: E731
    run.see("ends", ends(), [1, 3])
    run.see("on the wire", run.wire().fetch(topic, 0, 0, isolation=1)[:5], [0, 3, 1, 0, []])
    producer.commit()
    run.see("after the commit", seen(run, topic, 3, idle=0), ["before", "open", "after"])
    run.see("ends after the commit", run.eventually(ends, [4, 4]), [4, 4])


@scenario(clients=ALL, servers=BOTH)
def interleaved(run):
    """Two producers' transactions in one partition: one commits, one aborts"""
    topic = run.topic()
    one, two = transactional(run, run.fresh("id")), transactional(run, run.fresh("id"))
    one.begin()
    two.begin()
    for number in range(3):
        send(one, topic, [f"one{number}"])
        send(two, topic, [f"two{number}"])
    one.commit()
    run.see("one is committed, but comes after the open one's first", seen(run, topic, 1), ["one0"])
    two.abort()
    run.see("both are done", seen(run, topic, 3), ["one0", "one1", "one2"])
    one.begin()
    two.begin()
    send(one, topic, ["one3"])
    send(two, topic, ["two3"])
    two.commit()
    one.abort()
    run.see("the next pair", seen(run, topic, 4), ["one0", "one1", "one2", "two3"])
    run.see("all there is", len(run.read(topic, 8)), 8)


@scenario(clients=ALL, servers=BOTH, within=60)
def timed_out(run):
    """A transaction open longer than its timeout is aborted by the broker, and its producer is told"""
    topic = run.topic()
    producer = transactional(run, run.fresh("id"), transaction_timeout_ms=2000)
    producer.begin()
    send(producer, topic, ["lost"])
    run.produce(topic, ["after"])
    run.see("while open", seen(run, topic, 0, idle=0.3), [])
    run.see("read after the time-out", seen(run, topic, 1, within=20), ["after"])
    run.see("the late commit", run.error_of(producer.commit) != "NONE", True)
    again = transactional(run, run.fresh("id"))
    again.begin()
    send(again, topic, ["later"])
    again.commit()
    run.see("a new producer", seen(run, topic, 2), ["after", "later"])


# Not with kafka-python: its zombie, once refused, asks for the id anew and so puts the newer producer out.
@scenario(clients=("librdkafka", "java"), servers=BOTH, within=60)
def zombie_writing(run):
    """A producer in the middle of a transaction is fenced by a newer one of its id; its records are never seen"""
    topic, ident = run.topic(), run.fresh("id")
    zombie = transactional(run, ident)
    zombie.begin()
    send(zombie, topic, ["zombie"])
    newer = transactional(run, ident)
    newer.begin()
    send(newer, topic, ["newer"])
    # Each client has its own name for being fenced.
    run.see("zombie writes", refused(send(zombie, topic, ["zombie again"])), True)
    run.see("zombie commits", run.error_of(zombie.commit) != "NONE", True)
    newer.commit()
    run.see("read", seen(run, topic, 1), ["newer"])
    run.see("uncommitted", seen(run, topic, 2, "read_uncommitted"), ["zombie", "newer"])


def refused(outcomes):
    return all("error" in row for row in outcomes)


@scenario(clients=ALL, servers=BOTH, within=60)
def zombie_idle(run):
    """A producer between transactions is fenced by a newer one of its id, and learns it at its next"""
    topic, ident = run.topic(), run.fresh("id")
    zombie = transactional(run, ident)
    zombie.begin()
    send(zombie, topic, ["early"])
    zombie.commit()
    newer = transactional(run, ident)
    newer.begin()
    send(newer, topic, ["newer"])
    newer.commit()

    def next_transaction():
        zombie.begin()
        outcomes = send(zombie, topic, ["zombie"])
        zombie.commit()
        return outcomes

    run.see("zombie's next transaction", run.error_of(next_transaction) != "NONE", True)
    run.see("read", seen(run, topic, 2), ["early", "newer"])
    newer.begin()
    send(newer, topic, ["newer still"])
    newer.commit()
    run.see("the newer goes on", seen(run, topic, 3), ["early", "newer", "newer still"])


@scenario(clients=ALL, servers=BOTH, within=60)
def consume_transform_produce(run):
    """Offsets in a transaction are committed with its records, and dropped with them"""
    source, sink, group = run.topic(), run.topic(), run.group()
    run.produce(source, ["a", "b", "c", "d"])
    consumer = run.consumer(group_id=group, auto_offset_reset="earliest", isolation_level="read_committed", session_timeout_ms=10_000)
    consumer.subscribe([source])
    run.see("input", values(run.poll(consumer, 4)), ["a", "b", "c", "d"])
    producer = transactional(run, run.fresh("id"))
    admin = run.admin(run.toolbox["librdkafka"])
    offsets = lambda: admin.group_offsets(group).get((source, 0))  # noqa: E731
    producer.begin()
    send(producer, sink, ["A", "B"])
    producer.send_offsets({(source, 0): 2}, consumer)
    run.see("while open", seen(run, sink, 0), [])
    producer.commit()
    run.see("committed", [seen(run, sink, 2), run.eventually(offsets, 2)], [["A", "B"], 2])
    producer.begin()
    send(producer, sink, ["C", "D"])
    producer.send_offsets({(source, 0): 4}, consumer)
    producer.abort()
    run.see("aborted", [seen(run, sink, 2), offsets()], [["A", "B"], 2])
    consumer.close()
    again = run.consumer(group_id=group, auto_offset_reset="earliest", session_timeout_ms=10_000)
    again.subscribe([source])
    run.see("the next consumer starts", values(run.poll(again, 2, idle=0.3)), ["c", "d"])


@scenario(clients=ALL, servers=BOTH)
def nothing_in_it(run):
    """Empty transactions, committed and aborted, leave no trace"""
    topic = run.topic()
    producer = transactional(run, run.fresh("id"))
    producer.begin()
    producer.commit()
    producer.begin()
    producer.abort()
    producer.begin()
    send(producer, topic, ["v"])
    producer.commit()
    run.see("read", [[record["offset"], record["value"]] for record in run.read(topic, 1, isolation_level="read_committed")], [[0, "v"]])
