"""The console tools of Apache Kafka, with the arguments that people type."""

import json

from conformance.suite.scenario import scenario


def tool(run, title, *args, stdin=""):
    """What a tool printed, line by line, and its exit status."""
    where = "--bootstrap-server"
    status, out, err = run.client.tool(title, where, run.broker.bootstrap, *args, stdin=stdin)
    if status != 0:
        return status, [line for line in (out + err).splitlines() if line.strip()]
    return 0, [line for line in out.splitlines() if line.strip()]


def words(line):
    return line.split()


@scenario(clients="console")
def topics(run):
    """TopicCommand: create, list, describe, alter, delete, and its errors"""
    topic = run.fresh("topic")
    run.see("create", tool(run, "topics", "--create", "--topic", topic, "--partitions", 2, "--replication-factor", 1, "--config", "retention.ms=100000")[0], 0)
    listed = lambda: topic in tool(run, "topics", "--list")[1]  # noqa: E731
    run.see("list", run.eventually(listed, True), True)
    status, lines = tool(run, "topics", "--describe", "--topic", topic)
    head = [part.strip() for part in lines[0].split("\t") if "TopicId" not in part]
    run.see("describe", [status, head[:3], "retention.ms=100000" in head[3], len(lines)],
            [0, [f"Topic: {topic}", "PartitionCount: 2", "ReplicationFactor: 1"], True, 3])
    run.see("alter", tool(run, "topics", "--alter", "--topic", topic, "--partitions", 3)[0], 0)
    run.see("described again", run.eventually(lambda: len(tool(run, "topics", "--describe", "--topic", topic)[1]), 4), 4)
    status, lines = tool(run, "topics", "--create", "--topic", topic)
    run.see("create again", [status, any("already exists" in line for line in lines)], [1, True])
    status, lines = tool(run, "topics", "--create", "--topic", run.fresh("topic"), "--replication-factor", 3)
    run.see("three replicas", [status, any("Error while executing topic command" in line for line in lines)], [1, True])
    run.see("delete", tool(run, "topics", "--delete", "--topic", topic)[0], 0)
    run.see("list again", run.eventually(listed, False), False)
    run.see("delete again", tool(run, "topics", "--delete", "--topic", topic)[0], 1)


@scenario(clients="console", within=60)
def producer_and_consumer(run):
    """ConsoleProducer and ConsoleConsumer: keys, headers, null markers, from the beginning, a partition from an offset"""
    topic = run.topic()
    status, _ = tool(run, "console-producer", "--topic", topic, "--property", "parse.key=true", "--property", "parse.headers=true",
                     "--property", "null.marker=NULL", "--producer-property", "acks=all",
                     stdin="h1:a,h2:b\tk1\tv1\nh1:c\tk2\tNULL\nh1:d\tNULL\tv3\n")
    run.see("produced", status, 0)
    shape = [part for name in ("key", "headers", "offset", "partition") for part in ("--property", f"print.{name}=true")]
    status, lines = tool(run, "console-consumer", "--topic", topic, "--from-beginning", "--max-messages", 3, "--timeout-ms", 15000, *shape)
    run.see("consumed", [status, lines], [0, [
        "Partition:0\tOffset:0\th1:a,h2:b\tk1\tv1", "Partition:0\tOffset:1\th1:c\tk2\tnull", "Partition:0\tOffset:2\th1:d\tnull\tv3"]])
    status, lines = tool(run, "console-consumer", "--topic", topic, "--partition", 0, "--offset", 2, "--max-messages", 1, "--timeout-ms", 15000)
    run.see("from an offset", [status, lines], [0, ["v3"]])
    status, lines = tool(run, "console-consumer", "--topic", topic, "--from-beginning", "--max-messages", 2, "--timeout-ms", 15000,
                         "--group", run.group(), "--isolation-level", "read_committed")
    run.see("in a group", [status, lines], [0, ["v1", "null"]])


@scenario(clients="console", within=60)
def consumer_groups(run):
    """ConsumerGroupCommand: list, describe, the reset tool, delete offsets, delete"""
    topic, group = run.topic(2), run.group()
    for partition in (0, 1):
        run.produce(topic, [{"value": f"v{number}", "partition": partition} for number in range(5)], client=run.toolbox["java"])
    consumer = run.consumer(client=run.toolbox["java"], group_id=group)
    consumer.assign({(topic, 0): 0, (topic, 1): 0})
    consumer.commit({(topic, 0): 2, (topic, 1): 5})
    consumer.close()
    run.see("list", group in tool(run, "consumer-groups", "--list")[1], True)

    def described():
        lines = tool(run, "consumer-groups", "--describe", "--group", group)[1]
        return sorted(words(line)[1:6] for line in lines if line.startswith(group))

    run.see("describe", described(), [[topic, "0", "2", "5", "3"], [topic, "1", "5", "5", "0"]])
    run.see("state", [line for line in tool(run, "consumer-groups", "--describe", "--group", group, "--state")[1] if group in line and "Empty" in line] != [], True)

    def reset(*how):
        status, lines = tool(run, "consumer-groups", "--reset-offsets", "--group", group, "--topic", topic, "--execute", *how)
        return status, sorted(words(line)[1:4] for line in lines if line.startswith(group))

    run.see("to earliest", reset("--to-earliest"), [0, [[topic, "0", "0"], [topic, "1", "0"]]])
    run.see("to latest", reset("--to-latest"), [0, [[topic, "0", "5"], [topic, "1", "5"]]])
    run.see("shift by -2", reset("--shift-by", -2), [0, [[topic, "0", "3"], [topic, "1", "3"]]])
    run.see("to offset 1", reset("--to-offset", 1), [0, [[topic, "0", "1"], [topic, "1", "1"]]])
    run.see("beyond the end", reset("--to-offset", 100), [0, [[topic, "0", "5"], [topic, "1", "5"]]])
    run.see("to a time", reset("--to-datetime", "2020-01-01T00:00:00.000"), [0, [[topic, "0", "0"], [topic, "1", "0"]]])
    run.see("describe again", described(), [[topic, "0", "0", "5", "5"], [topic, "1", "0", "5", "5"]])
    run.see("delete offsets", tool(run, "consumer-groups", "--delete-offsets", "--group", group, "--topic", f"{topic}:1")[0], 0)
    run.see("one is left", described(), [[topic, "0", "0", "5", "5"]])
    run.see("delete", tool(run, "consumer-groups", "--delete", "--group", group)[0], 0)
    run.see("list again", group in tool(run, "consumer-groups", "--list")[1], False)


@scenario(clients="console", within=60)
def verifiable_producer(run):
    """VerifiableProducer: every record acknowledged"""
    topic = run.topic(3)
    status, lines = tool(run, "verifiable-producer", "--topic", topic, "--max-messages", 50, "--acks", -1)
    rows = [json.loads(line) for line in lines if line.startswith("{")]
    acked = [row for row in rows if row["name"] == "producer_send_success"]
    run.see("acknowledged", [len(acked), sorted(int(row["value"]) for row in acked) == list(range(50))], [50, True])
    run.see("summary", [[row["sent"], row["acked"]] for row in rows if row["name"] == "tool_data"], [[50, 50]])
    read = run.read(topic, 50, partitions=3, client=run.toolbox["java"])
    run.see("read", sorted(int(record["value"]) for record in read) == list(range(50)), True)


@scenario(clients="console", within=60)
def offsets_and_configs(run):
    """GetOffsetShell, DeleteRecordsCommand and ConfigCommand"""
    topic = run.topic(2)
    run.produce(topic, [{"value": f"v{number}", "partition": 0} for number in range(5)], client=run.toolbox["java"])
    ends = lambda time: tool(run, "get-offsets", "--topic", topic, "--time", time)  # noqa: E731
    run.see("latest", ends(-1), [0, [f"{topic}:0:5", f"{topic}:1:0"]])
    path = run.broker.folder.parent / f"{topic}.json"
    path.write_text(json.dumps({"version": 1, "partitions": [{"topic": topic, "partition": 0, "offset": 3}]}))
    run.see("delete records", tool(run, "delete-records", "--offset-json-file", path)[0], 0)
    run.see("earliest", ends(-2), [0, [f"{topic}:0:3", f"{topic}:1:0"]])
    config = lambda *args: tool(run, "configs", "--entity-type", "topics", "--entity-name", topic, *args)  # noqa: E731
    run.see("alter", config("--alter", "--add-config", "retention.ms=4000,cleanup.policy=[compact,delete]")[0], 0)
    status, lines = run.eventually(lambda: config("--describe"), lambda got: len(got[1]) == 3)
    run.see("describe", [status, sorted(words(line)[0] for line in lines[1:])], [0, ["cleanup.policy=compact,delete", "retention.ms=4000"]])
    run.see("remove", config("--alter", "--delete-config", "cleanup.policy")[0], 0)
    run.see("described again", run.eventually(lambda: len(config("--describe")[1]), 2), 2)
    run.see("unknown name", config("--alter", "--add-config", "no.such.name=1")[0], 1)
