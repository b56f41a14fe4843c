"""Administration: topics, groups, records."""

from conformance.clients.wire import Out, Wire
from conformance.suite.member import Member, settled
from conformance.suite.scenario import ALL, scenario, values


@scenario(clients=ALL)
def topics(run):
    """Create, list, describe, grow and delete a topic"""
    admin, topic = run.admin(), run.fresh("topic")
    admin.create_topic(topic, 2, 1, {"retention.ms": "100000"})
    run.see("listed", run.eventually(lambda: topic in admin.list_topics(), True), True)
    shape = lambda: admin.describe_topic(topic)  # noqa: E731
    run.see("described", run.eventually(shape, lambda got: isinstance(got, dict)), {"internal": False, "partitions": 2, "replicas": 1, "in_sync": 1})
    admin.create_partitions(topic, 5)
    run.see("grown", run.eventually(lambda: shape()["partitions"], 5), 5)
    run.see("its setting", admin.describe_configs("topic", topic)["retention.ms"]["value"], "100000")
    admin.delete_topic(topic)
    run.see("gone", run.eventually(lambda: topic in admin.list_topics(), False), False)
    run.see("described when gone", run.error_of(shape), "UNKNOWN_TOPIC_OR_PARTITION")


@scenario(clients=ALL)
def topic_errors(run):
    """What is refused when topics are created, grown and deleted"""
    admin, topic = run.admin(), run.topic(2)
    create = lambda name, partitions=1, replication=1: run.error_of(admin.create_topic, name, partitions, replication)  # noqa: E731
    run.see("exists", create(topic), "TOPIC_ALREADY_EXISTS")
    run.see("no partitions", create(run.fresh(), 0), "INVALID_PARTITIONS")
    run.see("two replicas", create(run.fresh(), 1, 2), "INVALID_REPLICATION_FACTOR")
    run.see("no replica", create(run.fresh(), 1, 0), "INVALID_REPLICATION_FACTOR")
    for name in ("a b", "a/b", ".", "..", "x" * 250, "käse"):
        run.see(f"named {name[:10]}", create(name), "INVALID_TOPIC_EXCEPTION")
    run.see("a name that differs by dot and underscore", create(topic.replace(".", "_")), "INVALID_TOPIC_EXCEPTION")
    grow = lambda name, total: run.error_of(admin.create_partitions, name, total)  # noqa: E731
    run.see("fewer partitions", grow(topic, 1), "INVALID_PARTITIONS")
    run.see("as many", grow(topic, 2), "INVALID_PARTITIONS")
    run.see("grow an unknown topic", grow(run.fresh("nowhere"), 3), "UNKNOWN_TOPIC_OR_PARTITION")
    run.see("delete an unknown topic", run.error_of(admin.delete_topic, run.fresh("nowhere")), "UNKNOWN_TOPIC_OR_PARTITION")
    plain = run.fresh("topic")
    run.see("by the broker's defaults", create(plain, None, None), "NONE")
    run.see("these", run.eventually(lambda: admin.describe_topic(plain)["partitions"], 1), 1)


@scenario(clients=ALL)
def made_again(run):
    """A topic deleted and created again is empty, and starts at offset 0"""
    admin, topic = run.admin(), run.topic()
    run.produce(topic, ["old1", "old2"])
    admin.delete_topic(topic)
    run.eventually(lambda: topic in admin.list_topics(), False)
    run.eventually(lambda: run.error_of(admin.create_topic, topic), "NONE")
    outcome = run.eventually(lambda: run.produce(topic, ["new"])[0].get("offset"), lambda got: got is not None)
    run.see("first offset", outcome, 0)
    run.see("read", values(run.read(topic, 1, idle=0.3)), ["new"])


@scenario(clients=ALL)
def cluster(run):
    """The cluster has one node, which is the controller"""
    described = run.admin().describe_cluster()
    run.see("cluster", described, {"nodes": 1, "controller": described["controller"], "has_id": True})
    run.see("same node as in the metadata", described["controller"] in run.wire().metadata()[1], True)


@scenario(clients=ALL)
def groups(run):
    """List, describe and delete a group, and who may not be deleted"""
    admin, topic, group = run.admin(), run.topic(2), run.group()
    member = Member(run, topic, group, client_id="me")
    settled(run, [member], 2)
    run.see("listed", run.eventually(lambda: admin.list_groups().get(group), "Stable"), "Stable")
    run.see("described", admin.describe_group(group), {"state": "Stable", "assignor": "range", "members": [
        {"client": "me", "instance": None, "partitions": [[topic, 0], [topic, 1]]}]})
    run.see("delete while it lives", run.error_of(admin.delete_group, group), "NON_EMPTY_GROUP")
    run.see("alter its offsets while it lives", run.error_of(admin.alter_offsets, group, {(topic, 0): 0}), "UNKNOWN_MEMBER_ID")
    member.do(lambda consumer: consumer.commit({(topic, 0): 0}))
    member.leave()
    run.see("left", run.eventually(lambda: admin.list_groups().get(group), "Empty"), "Empty")
    run.see("empty", [admin.describe_group(group)["state"], admin.describe_group(group)["members"]], ["Empty", []])
    admin.alter_offsets(group, {(topic, 0): 7, (topic, 1): 3})
    run.see("altered", admin.group_offsets(group), {(topic, 0): 7, (topic, 1): 3})
    admin.delete_group(group)
    run.see("gone", run.eventually(lambda: admin.list_groups().get(group), None), None)
    run.see("delete again", run.error_of(admin.delete_group, group), "GROUP_ID_NOT_FOUND")
    run.see("its offsets", admin.group_offsets(group), {})


@scenario(clients=("kafka-python", "java"))
def delete_offsets(run):
    """Committed offsets can be deleted unless the group is subscribed to the topic"""
    admin, topic, group = run.admin(), run.topic(2), run.group()
    member = Member(run, topic, group, run.toolbox["librdkafka"])
    run.see("member", settled(run, [member], 2), [2])
    member.leave()
    admin.alter_offsets(group, {(topic, 0): 7, (topic, 1): 3})
    admin.delete_offsets(group, [(topic, 0)])
    run.see("one left", admin.group_offsets(group), {(topic, 1): 3})
    member = Member(run, topic, group, run.toolbox["librdkafka"])
    run.see("member again", settled(run, [member], 2), [2])
    run.see("while subscribed", run.error_of(admin.delete_offsets, group, [(topic, 1)]), "GROUP_SUBSCRIBED_TO_TOPIC")
    run.see("unknown group", run.error_of(admin.delete_offsets, run.group(), [(topic, 1)]), "GROUP_ID_NOT_FOUND")


@scenario(clients=ALL)
def delete_records(run):
    """DeleteRecords moves the start of a partition"""
    admin, topic = run.admin(), run.topic()
    run.produce(topic, [f"v{number}" for number in range(10)])
    run.see("low watermark", admin.delete_records({(topic, 0): 4}), {(topic, 0): 4})
    run.see("read", values(run.read(topic, 6)), [f"v{number}" for number in range(4, 10)])
    run.see("start", admin.list_offsets({(topic, 0): "earliest"})[topic, 0][0], 4)
    run.see("before the start", admin.delete_records({(topic, 0): 2}), {(topic, 0): 4})
    beyond = run.error_of(admin.delete_records, {(topic, 0): 11})
    # kafka-python tells of a failed partition without its code.
    run.see("beyond the end", beyond if run.client.name != "kafka-python" else beyond != "NONE", "OFFSET_OUT_OF_RANGE" if run.client.name != "kafka-python" else True)
    run.see("fetch below the start", run.wire().fetch(topic, 0, 3)[0], 1)
    run.see("everything", admin.delete_records({(topic, 0): -1}), {(topic, 0): 10})
    run.see("the next offset", run.produce(topic, ["v10"])[0]["offset"], 10)
    run.see("read again", values(run.read(topic, 1)), ["v10"])


@scenario(clients=ALL, servers=("plain", "v1"))
def auto_creation(run):
    """Topics appear by themselves only where auto.create.topics.enable says so"""
    topic = run.fresh("topic")
    producer = run.producer(delivery_timeout_ms=4000, request_timeout_ms=1000, max_block_ms=4000)
    producer.send(topic, "v")
    (outcome,) = producer.flush(8) if run.client.name != "java" else producer.flush()
    made = run.eventually(lambda: topic in run.wire().metadata()[0], run.scenario and run.broker.role == "v1", within=3)
    if run.broker.role == "plain":
        run.see("refused", ["error" in outcome, made], [True, False])
    else:
        run.see("made", ["error" in outcome, made, run.admin().describe_topic(topic)["partitions"]], [False, True, 3])


@scenario(clients="wire", servers=("plain", "v1"))
def auto_creation_on_the_wire(run):
    """Metadata makes a topic only if the client allows it and the broker is so configured; bad names never"""
    wire, may = run.wire(), run.broker.role == "v1"
    topic = run.fresh("topic")
    run.see("not allowed by the client", wire.metadata([topic], False)[0][topic][0], 3)
    first = wire.metadata([topic], True)[0][topic][0]
    run.see("allowed", first in ((0, 3, 5) if may else (3,)), True)
    rows = run.eventually(lambda: wire.metadata([topic], True)[0][topic], lambda got: got[0] == 0, within=10 if may else 0.5)
    run.see("then", [rows[0], len(rows[1])], [0, 3] if may else [3, 0])
    run.see("bad name", wire.metadata(["a b"], True)[0]["a b"][0], 17)


@scenario(clients="wire")
def refused_frames(run):
    """A connection that sends an unknown version or request is answered or closed as Kafka does, and others go on"""
    wire = run.wire()
    # ApiVersions in a version not known: the answer, in version 0, says so and tells which would do (KIP-511).
    wire.send(18, 99, Out().tags(), flexible=True)
    answer = wire.receive()
    listed = lambda: {key: (low, high) for key, low, high in answer.array(lambda a: (a.i16(), a.i16(), a.i16()))}  # noqa: E731
    run.see("ApiVersions v99", [answer.i16(), [[key, low] for key, (low, high) in listed().items()]], [35, [[18, 0]]])
    answer = wire.call(18, 0, Out())
    run.see("ApiVersions v0", answer.i16(), 0)
    served = listed()
    needed = [0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 28, 32, 33, 37, 42, 44, 47, 60]
    run.see("not served", [key for key in needed if key not in served], [])

    def closed(send):
        with Wire(run.broker.bootstrap, 5) as other:
            try:
                send(other)
                return "answered"
            except (ConnectionError, TimeoutError) as error:
                return "closed" if isinstance(error, ConnectionError) else "silent"

    run.see("unknown version of Metadata", closed(lambda other: other.call(3, 99, Out())), "closed")
    run.see("unknown request", closed(lambda other: other.call(999, 0, Out())), "closed")
    run.see("a frame too large", closed(lambda other: (other.socket.sendall(b"\x7f\xff\xff\xff" + b"x" * 100), other.receive())), "closed")
    run.see("a negative size", closed(lambda other: (other.socket.sendall(b"\xff\xff\xff\xff"), other.receive())), "closed")
    run.see("the first connection goes on", wire.call(18, 0, Out()).i16(), 0)
