"""kcat as people use it."""

import json

from conformance.suite.scenario import scenario


@scenario(clients="kcat")
def metadata(run):
    """kcat -L lists the broker and a topic's partitions"""
    topic = run.topic(3)
    found = json.loads(run.client.run(run.broker.bootstrap, "-L", "-J", "-t", topic))
    run.see("brokers", [broker["name"] for broker in found["brokers"]], ["BROKER"])
    run.see("partitions", [[row["partition"], row["leader"] == found["brokers"][0]["id"], len(row["isrs"])] for row in found["topics"][0]["partitions"]],
            [[0, True, 1], [1, True, 1], [2, True, 1]])


@scenario(clients="kcat")
def query_offsets(run):
    """kcat -Q: offsets by time, of the start and the end"""
    topic = run.topic(retention_ms=-1)
    for second in (0, 10, 20):
        run.produce(topic, [{"value": "v", "timestamp": 1_700_000_000_000 + second * 1000}], client=run.toolbox["librdkafka"])
    ask = lambda time: int(run.client.run(run.broker.bootstrap, "-Q", "-t", f"{topic}:0:{time}").split()[-1])  # noqa: E731
    run.see("by time", [ask(1_700_000_000_000), ask(1_700_000_000_001), ask(1_700_000_020_000)], [0, 1, 2])
    run.see("start and end", [ask(-2), ask(-1)], [0, 3])


@scenario(clients="kcat")
def balanced_group(run):
    """kcat -G reads as a member of a group and goes on where the group stands"""
    topic, group = run.topic(), run.group()
    lines = "".join(f"k{number}:v{number}\n" for number in range(6))
    run.client.run(run.broker.bootstrap, "-P", "-t", topic, "-K", ":", "-X", "acks=all", stdin=lines)
    read = lambda count: run.client.run(  # noqa: E731
        run.broker.bootstrap, "-G", group, "-q", "-c", count, "-K", ":", "-X", "auto.offset.reset=earliest", topic, within=20).split()
    run.see("first", read("4"), ["k0:v0", "k1:v1", "k2:v2", "k3:v3"])
    run.see("then", read("2"), ["k4:v4", "k5:v5"])


@scenario(clients="kcat")
def codecs_and_idempotence(run):
    """kcat writes every codec with idempotence on"""
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        topic = run.topic()
        sent = [f"{codec}-{number}-" + "abc" * 30 for number in range(20)]
        run.client.run(run.broker.bootstrap, "-P", "-t", topic, "-z", codec, "-X", "enable.idempotence=true", stdin="\n".join(sent) + "\n")
        got = run.client.run(run.broker.bootstrap, "-C", "-t", topic, "-e", "-q", "-o", "beginning").splitlines()
        run.see(codec, got == sent, True)
