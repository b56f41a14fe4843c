"""Settings of topics and brokers."""

from conformance.suite.scenario import ALL, scenario

# What a topic has when nobody said otherwise.
DEFAULTS = {
    "cleanup.policy": "delete",
    "compression.type": "producer",
    "delete.retention.ms": "86400000",
    "file.delete.delay.ms": "100",
    "flush.messages": "9223372036854775807",
    "flush.ms": "9223372036854775807",
    "index.interval.bytes": "4096",
    "max.compaction.lag.ms": "9223372036854775807",
    "max.message.bytes": "1048588",
    "message.timestamp.after.max.ms": "3600000",
    "message.timestamp.before.max.ms": "9223372036854775807",
    "message.timestamp.type": "CreateTime",
    "min.cleanable.dirty.ratio": "0.5",
    "min.compaction.lag.ms": "0",
    "min.insync.replicas": "1",
    "preallocate": "false",
    "retention.bytes": "-1",
    "retention.ms": "604800000",
    "segment.bytes": "1073741824",
    "segment.index.bytes": "10485760",
    "segment.jitter.ms": "0",
    "segment.ms": "604800000",
    "unclean.leader.election.enable": "false",
}


def look(admin, topic, *names):
    found = admin.describe_configs("topic", topic)
    return [[found[name]["value"], found[name]["source"]] for name in names]


@scenario(clients=ALL)
def topic_defaults(run):
    """A new topic's settings and where each comes from"""
    topic = run.topic()
    found = run.admin().describe_configs("topic", topic)
    run.see("values", {name: found.get(name, {}).get("value") for name in DEFAULTS}, DEFAULTS)
    run.see("source", look(run.admin(), topic, "retention.ms", "file.delete.delay.ms"),
            [["604800000", "DEFAULT_CONFIG"], ["100", "STATIC_BROKER_CONFIG"]])
    run.see("flags", [found["retention.ms"]["read_only"], found["retention.ms"]["sensitive"]], [False, False])


@scenario(clients=ALL)
def incremental(run):
    """Incremental changes: set, delete, append, subtract, each alone and together"""
    topic, admin = run.topic(retention_ms=5000), run.admin()
    see = lambda label, expected: run.see(label, run.eventually(  # noqa: E731
        lambda: look(admin, topic, "retention.ms", "cleanup.policy", "max.message.bytes"), expected), expected)
    own = "DYNAMIC_TOPIC_CONFIG"
    see("created with", [["5000", own], ["delete", "DEFAULT_CONFIG"], ["1048588", "DEFAULT_CONFIG"]])
    admin.alter_configs("topic", topic, [("set", "retention.ms", "6000"), ("set", "max.message.bytes", "2000")])
    see("set", [["6000", own], ["delete", "DEFAULT_CONFIG"], ["2000", own]])
    admin.alter_configs("topic", topic, [("append", "cleanup.policy", "compact")])
    see("append", [["6000", own], ["delete,compact", own], ["2000", own]])
    admin.alter_configs("topic", topic, [("subtract", "cleanup.policy", "delete")])
    see("subtract", [["6000", own], ["compact", own], ["2000", own]])
    admin.alter_configs("topic", topic, [("delete", "cleanup.policy", None), ("delete", "retention.ms", None), ("set", "max.message.bytes", "3000")])
    see("delete", [["604800000", "DEFAULT_CONFIG"], ["delete", "DEFAULT_CONFIG"], ["3000", own]])


@scenario(clients=("librdkafka", "kafka-python"))
def legacy(run):
    """The old AlterConfigs replaces everything"""
    topic, admin = run.topic(retention_ms=5000, max_message_bytes=2000), run.admin()
    if run.client.name == "librdkafka":
        admin.replace_configs("topic", topic, {"retention.ms": "7000"})
        expected = [["7000", "DYNAMIC_TOPIC_CONFIG"], ["1048588", "DEFAULT_CONFIG"]]
    else:  # this client sends what was there along
        admin.replace_configs("topic", topic, {"retention.ms": "7000"})
        expected = [["7000", "DYNAMIC_TOPIC_CONFIG"], ["2000", "DYNAMIC_TOPIC_CONFIG"]]
    run.see("replaced", run.eventually(lambda: look(admin, topic, "retention.ms", "max.message.bytes"), expected), expected)
    run.see("unknown name", run.error_of(admin.replace_configs, "topic", topic, {"no.such.name": "1"}), "INVALID_CONFIG")
    run.see("unchanged", look(admin, topic, "retention.ms")[0][0], "7000")


@scenario(clients=ALL)
def refused(run):
    """Unknown names and impossible values are refused, and change nothing"""
    topic, admin = run.topic(), run.admin()
    change = lambda *changes, to=topic: run.error_of(admin.alter_configs, "topic", to, changes)  # noqa: E731
    for name, value in (("retention.ms", "soon"), ("retention.ms", "-2"), ("cleanup.policy", "shred"), ("segment.bytes", "1000"),
                        ("min.cleanable.dirty.ratio", "1.5"), ("compression.type", "rar"), ("message.timestamp.type", "Yesterday"),
                        ("max.message.bytes", "-1"), ("preallocate", "perhaps"), ("no.such.name", "1"), ("min.insync.replicas", "0")):
        run.see(f"{name}={value}", change(("set", name, value)), "INVALID_CONFIG")
    run.see("append to what is no list", change(("append", "retention.ms", "1")), "INVALID_CONFIG")
    run.see("one good, one bad", change(("set", "retention.ms", "1000"), ("set", "segment.ms", "x")), "INVALID_CONFIG")
    run.see("twice the same name", change(("set", "retention.ms", "1000"), ("set", "retention.ms", "2000")) != "NONE", run.client.name != "kafka-python")
    if run.client.name != "kafka-python":  # its changes are a dictionary
        run.see("unchanged", look(admin, topic, "retention.ms", "segment.ms"), [["604800000", "DEFAULT_CONFIG"]] * 2)
    run.see("unknown topic", change(("set", "retention.ms", "1000"), to=run.fresh("nowhere")), "UNKNOWN_TOPIC_OR_PARTITION")
    describe = lambda: admin.describe_configs("topic", run.fresh("nowhere"))  # noqa: E731
    if run.client.name != "kafka-python":  # it gives an unknown topic no settings instead of an error
        run.see("describe an unknown topic", run.error_of(describe), "UNKNOWN_TOPIC_OR_PARTITION")
    run.see("create with a bad value", run.error_of(admin.create_topic, run.fresh("topic"), configs={"retention.ms": "soon"}), "INVALID_CONFIG")
    run.see("create with an unknown name", run.error_of(admin.create_topic, run.fresh("topic"), configs={"no.such.name": "1"}), "INVALID_CONFIG")


@scenario(clients=ALL)
def take_effect(run):
    """A changed max.message.bytes and message.timestamp.type hold for the next records"""
    topic, admin = run.topic(), run.admin()
    run.see("before", run.produce(topic, ["x" * 5000])[0].get("offset"), 0)
    admin.alter_configs("topic", topic, [("set", "max.message.bytes", "1000"), ("set", "message.timestamp.type", "LogAppendTime")])
    run.see("too large now", run.eventually(lambda: run.produce(topic, ["x" * 5000])[0].get("error"), "MESSAGE_TOO_LARGE"), "MESSAGE_TOO_LARGE")
    run.produce(topic, [{"value": "small", "timestamp": 1_700_000_000_000}])
    run.see("stamped", [[record["timestamp"] > 1_750_000_000_000, record["timestamp_type"]] for record in run.read(topic, 2)][-1], [True, "LogAppendTime"])


@scenario(clients=ALL)
def of_the_broker(run):
    """The broker's own settings, as it was started with"""
    admin = run.admin()
    node = str(run.wire().metadata()[1][0])
    found = admin.describe_configs("broker", node)
    names = ["log.retention.check.interval.ms", "auto.create.topics.enable", "message.max.bytes", "num.partitions", "log.retention.hours",
             "transaction.max.timeout.ms", "offsets.retention.minutes", "default.replication.factor"]
    run.see("values", {name: found.get(name, {}).get("value") for name in names},
            {"log.retention.check.interval.ms": "300", "auto.create.topics.enable": "false", "message.max.bytes": "1048588",
             "num.partitions": "1", "log.retention.hours": "168", "transaction.max.timeout.ms": "900000", "offsets.retention.minutes": "10080",
             "default.replication.factor": "1"})
    run.see("source", [found["log.retention.check.interval.ms"]["source"], found["message.max.bytes"]["source"]],
            ["STATIC_BROKER_CONFIG", "DEFAULT_CONFIG"])
