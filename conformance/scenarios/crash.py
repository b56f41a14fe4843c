"""Restarts and `kill -9`: what was acknowledged stays, what was open is ended."""

import threading

from conformance.clients.wire import batch
from conformance.suite.errors import name
from conformance.suite.member import Member, settled
from conformance.suite.scenario import ALL, scenario, values


@scenario(clients="wire", servers="crash", within=120)
def restart(run):
    """After a clean restart: records, settings, groups' offsets, deleted records and producers' sequences are as before"""
    topic, group, wire = run.topic(2, retention_ms=123456), run.group(), run.wire()
    _, producer_id, epoch = wire.init_producer_id()
    send = lambda wire, sequence: [name(row) if place == 0 else row for place, row in enumerate(wire.produce(  # noqa: E731
        topic, 0, batch([f"v{sequence}"], producer_id=producer_id, epoch=epoch, sequence=sequence))[:2])]
    for sequence in range(6):
        send(wire, sequence)
    wire._patient(lambda: wire.offset_commit(group, topic, 0, 3), lambda code: code, group)
    admin = run.admin(run.toolbox["librdkafka"])
    admin.delete_records({(topic, 0): 1})
    admin.create_partitions(topic, 3)
    deleted = run.topic()
    admin.delete_topic(deleted)
    run.broker.restart()
    wire = run.wire()
    run.see("records", values(run.read(topic, 5, client=run.toolbox["java"])), ["v1", "v2", "v3", "v4", "v5"])
    run.see("partitions", len(wire.metadata([topic])[0][topic][1]), 3)
    run.see("deleted topic", deleted in wire.metadata()[0], False)
    run.see("setting", run.admin(run.toolbox["java"]).describe_configs("topic", topic)["retention.ms"]["value"], "123456")
    run.see("committed offset", wire.offset_fetch(group, topic, 0), [0, 3])
    run.see("repeated batch", send(wire, 5), ["NONE", 5])
    run.see("gap", send(wire, 8), ["OUT_OF_ORDER_SEQUENCE_NUMBER", -1])
    run.see("next", send(wire, 6), ["NONE", 6])
    _, another, _ = wire.init_producer_id()
    run.see("a new producer id was never given before", another != producer_id, True)


@scenario(clients="wire", servers="crash", within=120)
def killed(run):
    """After kill -9: records, groups' offsets and producers' sequences are as before"""
    topic, group, wire = run.topic(), run.group(), run.wire()
    _, producer_id, epoch = wire.init_producer_id()
    send = lambda wire, sequence: [name(row) if place == 0 else row for place, row in enumerate(wire.produce(  # noqa: E731
        topic, 0, batch([f"v{sequence}"], producer_id=producer_id, epoch=epoch, sequence=sequence))[:2])]
    for sequence in range(6):
        send(wire, sequence)
    wire._patient(lambda: wire.offset_commit(group, topic, 0, 3), lambda code: code, group)
    run.broker.kill9()
    run.broker.start()
    wire = run.wire()
    run.see("records", values(run.read(topic, 6, client=run.toolbox["java"])), [f"v{sequence}" for sequence in range(6)])
    run.see("committed offset", wire.offset_fetch(group, topic, 0), [0, 3])
    run.see("repeated batch", send(wire, 5), ["NONE", 5])
    run.see("gap", send(wire, 8), ["OUT_OF_ORDER_SEQUENCE_NUMBER", -1])
    run.see("next", send(wire, 6), ["NONE", 6])


@scenario(clients=ALL, servers="crash", within=150)
def killed_while_writing(run):
    """kill -9 while an idempotent producer writes: after the restart each record is there once and in order"""
    topic = run.topic()
    producer = run.producer(enable_idempotence=True, acks="all", delivery_timeout_ms=90_000, request_timeout_ms=5000, linger_ms=5,
                            retry_backoff_ms=100)
    written, stop, outcomes = [], threading.Event(), []

    def write():
        while not stop.is_set() and len(written) < 20_000:
            value = f"{len(written)}"
            written.append(value)
            producer.send(topic, value)
            if len(written) % 20 == 0:
                outcomes.extend(producer.flush(60) if run.client.name != "java" else producer.flush())
        outcomes.extend(producer.flush(60) if run.client.name != "java" else producer.flush())

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    run.eventually(lambda: len(written) > 100, True)
    run.broker.kill9()
    at = len(written)
    run.broker.start()
    run.eventually(lambda: len(written) > at + 100, True, within=60)
    stop.set()
    writer.join(60)
    run.see("written on both sides of the kill", [at > 100, len(written) > at + 100], [True, True])
    run.see("all acknowledged", [sum(1 for row in outcomes if "error" in row), len(outcomes) == len(written)], [0, True])
    run.see("read", values(run.read(topic, len(written), idle=0.5)) == written, True)


@scenario(clients=ALL, servers="crash", within=150)
def killed_in_transaction(run):
    """kill -9 with a transaction open: the committed one stays, the open one is ended by the next InitProducerId"""
    topic, source, group, ident = run.topic(), run.topic(), run.group(), run.fresh("id")
    run.produce(source, ["s"] * 9)
    consumer = run.consumer(group_id=group, auto_offset_reset="earliest", session_timeout_ms=10_000)
    consumer.subscribe([source])
    run.poll(consumer, 9)
    producer = run.producer(transactional_id=ident)
    producer.init()
    producer.begin()
    producer.send(topic, "committed")
    producer.flush()
    producer.send_offsets({(source, 0): 3}, consumer)
    producer.commit()
    producer.begin()
    producer.send(topic, "open")
    producer.flush()
    producer.send_offsets({(source, 0): 6}, consumer)
    run.broker.kill9()
    run.broker.start()
    run.see("while open", values(run.read(topic, 1, isolation_level="read_committed", idle=0.5)), ["committed"])
    newer = run.producer(transactional_id=ident)
    newer.init()
    newer.begin()
    newer.send(topic, "newer")
    newer.flush()
    newer.commit()
    run.see("afterwards", values(run.read(topic, 2, isolation_level="read_committed", idle=0.5)), ["committed", "newer"])
    run.see("uncommitted", values(run.read(topic, 3)), ["committed", "open", "newer"])
    run.see("offset", run.admin(run.toolbox["librdkafka"]).group_offsets(group), {(source, 0): 3})
    run.see("the old one's commit", run.error_of(producer.commit) != "NONE", True)


@scenario(clients=("librdkafka", "java"), servers="crash", within=150)
def killed_until_timeout(run):
    """kill -9 with a transaction open whose producer never comes back: it is aborted at its time-out"""
    topic = run.topic()
    producer = run.producer(transactional_id=run.fresh("id"), transaction_timeout_ms=6000)
    producer.init()
    producer.begin()
    producer.send(topic, "open")
    producer.flush()
    run.broker.kill9()
    run.broker.start()
    run.produce(topic, ["after"])
    run.see("read", values(run.read(topic, 1, isolation_level="read_committed", within=40)), ["after"])
    run.see("uncommitted", values(run.read(topic, 2)), ["open", "after"])


@scenario(clients=("librdkafka", "java"), servers="crash", within=150)
def killed_under_a_group(run):
    """kill -9 under a group: its members go on by themselves, from what they committed"""
    topic, group = run.topic(2), run.group()
    run.produce(topic, [{"value": f"v{number}", "partition": number % 2} for number in range(10)])
    members = [Member(run, topic, group, enable_auto_commit=True, auto_commit_interval_ms=100) for _ in range(2)]
    run.see("two members", settled(run, members, 2), [1, 1])
    everything = lambda: sorted({record["value"] for member in members for record in member.records})  # noqa: E731
    run.see("read before", run.eventually(lambda: len(everything()), 10), 10)
    run.sleep(0.5)
    run.broker.kill9()
    run.broker.start()
    run.eventually(lambda: run.produce(topic, [{"value": f"w{number}", "partition": number} for number in (0, 1)])[1].get("offset"), 5)
    run.see("read after", run.eventually(lambda: [value for value in everything() if value[0] == "w"], ["w0", "w1"], within=60), ["w0", "w1"])
    run.see("two members still", settled(run, members, 2, within=30), [1, 1])
    run.see("nothing failed", [member.error for member in members], [None, None])
    run.see("nothing twice", [len(member.values()) for member in members] == [len(set(member.values())) for member in members], True)
