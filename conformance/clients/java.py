"""Apache Kafka's Java clients and console tools, through the command server in conformance/java (one JVM for everything)."""

import itertools
import json
import subprocess
import threading
from concurrent.futures import Future
from pathlib import Path

from conformance.suite.brokers import KAFKA_VERSION, ROOT
from conformance.suite.errors import ClientError

SOURCES = ROOT / "conformance/java"
JVM = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off"]


class Server:
    """The JVM: started at the first command."""

    def __init__(self):
        self.lock = threading.Lock()
        self.numbers = itertools.count(1)
        self.waiting = {}
        self.process = None

    def _start(self):
        jars = subprocess.run([ROOT / "scripts/kafka-deps.sh", KAFKA_VERSION], check=True, capture_output=True, text=True).stdout.strip()
        classes = Path(jars).parent / f"conformance-classes-{KAFKA_VERSION}"
        sources = sorted(SOURCES.glob("*.java"))
        newest = max(source.stat().st_mtime for source in sources)
        if not (classes / "CommandServer.class").exists() or (classes / "CommandServer.class").stat().st_mtime < newest:
            subprocess.run(["javac", "-nowarn", "-d", classes, "-cp", f"{jars}/*", *sources], check=True, capture_output=True)
        self.process = subprocess.Popen(
            [*JVM, "-cp", f"{classes}:{jars}/*", "CommandServer"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, start_new_session=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            answer = json.loads(line)
            self.waiting.pop(answer["id"]).set_result(answer)
        for future in list(self.waiting.values()):
            future.set_result({"error": "JVM_GONE", "message": "the command server ended"})

    def call(self, op, on="", within=60, **args):
        future = Future()
        with self.lock:
            if self.process is None:
                self._start()
            number = next(self.numbers)
            self.waiting[number] = future
            self.process.stdin.write(json.dumps({"id": number, "on": on, "op": op, **args}) + "\n")
            self.process.stdin.flush()
        answer = future.result(within)
        if "error" in answer:
            raise ClientError(answer["error"], answer.get("message", ""))
        return answer.get("result")

    def tool(self, title, *args, stdin="", within=60):
        """Runs a console tool: `(status, what it printed, what it complained)`."""
        answer = self.call("tool", within=within, stdin=stdin, args=[str(arg) for arg in args], **{"class": title})
        return answer["status"], answer["out"], answer["err"]

    def process_of_its_own(self, title, *args, within=60):
        """The same for a tool that prints its summary when the process ends."""
        jars = subprocess.run([ROOT / "scripts/kafka-deps.sh", KAFKA_VERSION], check=True, capture_output=True, text=True).stdout.strip()
        done = subprocess.run([*JVM, "-cp", f"{jars}/*", title, *map(str, args)], capture_output=True, text=True, timeout=within)
        return done.returncode, done.stdout, done.stderr

    def stop(self):
        if self.process is not None:
            self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()


SERVER = Server()


class Handle:
    numbers = itertools.count(1)

    def __init__(self, kind, config):
        self.kind = kind
        self.name = f"{kind}{next(Handle.numbers)}"
        SERVER.call(f"{kind}.new", self.name, config={key: str(value) for key, value in config.items()})

    def call(self, op, **args):
        return SERVER.call(f"{self.kind}.{op}", self.name, **args)

    def close(self):
        self.call("close")


def triples(offsets):
    return [[topic, partition, where] for (topic, partition), where in offsets.items()]


def pairs(rows):
    return {(topic, partition): rest[0] if len(rest) == 1 else rest for topic, partition, *rest in rows}


class Producer(Handle):
    def __init__(self, bootstrap, config):
        super().__init__("producer", {"bootstrap.servers": bootstrap, "max.block.ms": 20_000, **config})
        self.waiting = []

    def _hand_over(self):
        if self.waiting:
            records, self.waiting = self.waiting, []
            self.call("send", records=records)

    def send(self, topic, value=None, key=None, headers=None, partition=None, timestamp=None):
        self.waiting.append({"topic": topic, "value": value, "key": key, "headers": headers or [], "partition": partition,
                             "timestamp": timestamp})

    def flush(self):
        self._hand_over()
        return self.call("flush")

    def init(self):
        self.call("init")

    def begin(self):
        self.call("begin")

    def commit(self):
        self._hand_over()
        self.call("commit")

    def abort(self):
        self._hand_over()
        self.call("abort")

    def send_offsets(self, offsets, consumer):
        self.call("send-offsets", offsets=triples(offsets), consumer=consumer.name)


ASSIGNORS = {"range": "org.apache.kafka.clients.consumer.RangeAssignor", "roundrobin": "org.apache.kafka.clients.consumer.RoundRobinAssignor",
             "cooperative-sticky": "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"}


class Consumer(Handle):
    def __init__(self, bootstrap, config):
        known = {"bootstrap.servers": bootstrap, "enable.auto.commit": "false", "auto.offset.reset": "none", "fetch.max.wait.ms": 100,
                 "heartbeat.interval.ms": 300, "metadata.max.age.ms": 1000, "allow.auto.create.topics": "false", **config}
        if "partition.assignment.strategy" in known:
            known["partition.assignment.strategy"] = ASSIGNORS[known["partition.assignment.strategy"]]
        super().__init__("consumer", known)

    def assign(self, wanted):
        self.call("assign", partitions=triples(wanted))

    def subscribe(self, topics):
        self.call("subscribe", topics=topics)

    def poll(self, seconds):
        return self.call("poll", millis=int(seconds * 1000))

    def seek(self, topic, partition, offset):
        self.call("seek", partition=[topic, partition], offset=offset)

    def commit(self, offsets=None):
        self.call("commit", offsets=None if offsets is None else triples(offsets))

    def committed(self, partitions):
        return pairs(self.call("committed", partitions=[list(row) for row in partitions]))

    def assignment(self):
        return sorted(self.call("assignment"))

    def events(self):
        return [[what, sorted(rows)] for what, rows in self.call("events")]

    def offsets_for_times(self, wanted):
        return pairs(self.call("offsets-for-times", partitions=triples(wanted)))


class Admin(Handle):
    def __init__(self, bootstrap):
        super().__init__("admin", {"bootstrap.servers": bootstrap})

    def create_topic(self, topic, partitions=1, replication=1, configs=None):
        self.call("create-topic", topic=topic, partitions=partitions, replication=replication, configs=configs or {})

    def delete_topic(self, topic):
        self.call("delete-topic", topic=topic)

    def create_partitions(self, topic, total):
        self.call("create-partitions", topic=topic, total=total)

    def list_topics(self):
        return sorted(self.call("list-topics"))

    def describe_topic(self, topic):
        return self.call("describe-topic", topic=topic)

    def describe_configs(self, kind, of):
        return self.call("describe-configs", kind=kind, name=of)

    def alter_configs(self, kind, of, changes):
        self.call("alter-configs", kind=kind, changes=[list(change) for change in changes], **{"name": of})

    def describe_cluster(self):
        return self.call("describe-cluster")

    def delete_records(self, offsets):
        return pairs(self.call("delete-records", offsets=triples(offsets)))

    def list_offsets(self, wanted, isolation="read_uncommitted"):
        return pairs(self.call("list-offsets", partitions=triples(wanted), isolation=isolation))

    def list_groups(self):
        return self.call("list-groups")

    def describe_group(self, group):
        described = self.call("describe-group", group=group)
        for member in described["members"]:
            member["partitions"].sort()
        return described

    def delete_group(self, group):
        self.call("delete-group", group=group)

    def group_offsets(self, group):
        return pairs(self.call("group-offsets", group=group))

    def alter_offsets(self, group, offsets):
        self.call("alter-offsets", group=group, offsets=triples(offsets))

    def delete_offsets(self, group, partitions):
        self.call("delete-offsets", group=group, partitions=[list(row) for row in partitions])


class Java:
    name = "java"

    def version(self):
        return f"Java client {KAFKA_VERSION}"

    def producer(self, bootstrap, config):
        return Producer(bootstrap, config)

    def consumer(self, bootstrap, config):
        return Consumer(bootstrap, config)

    def admin(self, bootstrap):
        return Admin(bootstrap)


class Console:
    """The console tools: scenarios call `tool` with the arguments that a user would type."""

    name = "console"
    TOOLS = {"topics": "org.apache.kafka.tools.TopicCommand", "configs": "kafka.admin.ConfigCommand",
             "console-producer": "org.apache.kafka.tools.ConsoleProducer",
             "console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
             "consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
             "verifiable-producer": "org.apache.kafka.tools.VerifiableProducer", "get-offsets": "org.apache.kafka.tools.GetOffsetShell",
             "delete-records": "org.apache.kafka.tools.DeleteRecordsCommand"}

    def version(self):
        return f"console tools {KAFKA_VERSION}"

    def tool(self, title, *args, stdin="", within=60):
        if title == "verifiable-producer":
            return SERVER.process_of_its_own(self.TOOLS[title], *args, within=within)
        return SERVER.tool(self.TOOLS[title], *args, stdin=stdin, within=within)
