"""librdkafka, by PyPI's confluent-kafka."""

import time
import warnings

from conformance.suite.errors import ClientError, name

warnings.filterwarnings("ignore")

import confluent_kafka as ck  # noqa: E402
from confluent_kafka import admin as ckadmin  # noqa: E402

SPECIAL = {"earliest": ck.OFFSET_BEGINNING, "latest": ck.OFFSET_END, None: ck.OFFSET_STORED}
TIMESTAMP_TYPES = {ck.TIMESTAMP_CREATE_TIME: "CreateTime", ck.TIMESTAMP_LOG_APPEND_TIME: "LogAppendTime"}


def error_name(error):
    """librdkafka's own errors are negative and keep its names; those of the protocol get the protocol's."""
    return name(error.code()) if error.code() >= -1 else error.name()


def rethrow(error):
    inner = error.args[0]
    if isinstance(inner, ck.KafkaError):
        raise ClientError(error_name(inner), inner.str()) from None
    raise error


class checked:
    """Turns the library's exceptions into ClientError."""

    def __enter__(self):
        return self

    def __exit__(self, _kind, error, _trace):
        if isinstance(error, ck.KafkaException):
            rethrow(error)
        return False


def text(raw):
    return None if raw is None else raw.decode("latin-1")


def octets(value):
    return value.encode("latin-1") if isinstance(value, str) else value


class Producer:
    def __init__(self, bootstrap, config):
        known = {"bootstrap.servers": bootstrap, "linger.ms": 5, "log_level": 0, "topic.metadata.propagation.max.ms": 2000}
        known.update(config)
        known.pop("max.block.ms", None)
        if "max.request.size" in known:
            known["message.max.bytes"] = known.pop("max.request.size")
        if "transaction.timeout.ms" in known:
            known.setdefault("delivery.timeout.ms", known["transaction.timeout.ms"])
        with checked():
            self.client = ck.Producer(known)
        self.outcomes = []

    def send(self, topic, value=None, key=None, headers=None, partition=None, timestamp=None):
        slot = {}
        self.outcomes.append(slot)

        def delivered(error, message):
            if error is not None:  # looked into later: with a fatal error pending, no method may be called here
                slot["error"] = error
            else:
                slot.update(partition=message.partition(), offset=message.offset())

        more = {} if partition is None else {"partition": partition}
        if timestamp is not None:
            more["timestamp"] = timestamp
        if headers is not None:
            more["headers"] = [(title, octets(content)) for title, content in headers]
        with checked():
            self.client.produce(topic, value=octets(value), key=octets(key), on_delivery=delivered, **more)

    def flush(self, within=30):
        try:
            self.client.flush(within)
        except ck.KafkaException:  # a fatal error, which every record not yet delivered has as its own
            self.client.flush(within)
        outcomes, self.outcomes = self.outcomes, []
        for outcome in outcomes:
            if "error" in outcome:
                outcome["error"] = error_name(outcome["error"])
        return [outcome or {"error": "NOT_DELIVERED"} for outcome in outcomes]

    def _transaction(self, call, *args):
        """Repeats what librdkafka calls retriable, as its manual asks for."""
        deadline = time.monotonic() + 25
        while True:
            try:
                return call(*args)
            except ck.KafkaException as error:
                if not error.args[0].retriable() or time.monotonic() > deadline:
                    rethrow(error)
                time.sleep(0.1)

    def init(self):
        self._transaction(self.client.init_transactions, 20)

    def begin(self):
        self._transaction(self.client.begin_transaction)

    def commit(self):
        self._transaction(self.client.commit_transaction, 20)

    def abort(self):
        self._transaction(self.client.abort_transaction, 20)

    def send_offsets(self, offsets, consumer):
        rows = [ck.TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()]
        self._transaction(self.client.send_offsets_to_transaction, rows, consumer.client.consumer_group_metadata(), 20)

    def close(self):
        try:
            self.client.purge()
            self.client.flush(0.2)
        except ck.KafkaException:
            pass


class Consumer:
    def __init__(self, bootstrap, config):
        known = {"bootstrap.servers": bootstrap, "group.id": "none", "enable.auto.commit": "false", "auto.offset.reset": "error",
                 "isolation.level": "read_uncommitted", "fetch.wait.max.ms": 100, "log_level": 0, "heartbeat.interval.ms": 300,
                 "topic.metadata.refresh.interval.ms": 1000}
        if config.get("auto.offset.reset") == "none":
            config = {**config, "auto.offset.reset": "error"}
        known.update(config)
        assignors = str(known.get("partition.assignment.strategy", ""))
        known.update({"partition.assignment.strategy": assignors} if assignors else {})
        self.cooperative = "cooperative" in assignors
        with checked():
            self.client = ck.Consumer(known)
        self.log = []

    def assign(self, wanted):
        rows = [ck.TopicPartition(topic, partition, SPECIAL.get(where, where)) for (topic, partition), where in wanted.items()]
        with checked():
            self.client.assign(rows)

    def subscribe(self, topics):
        def rows(partitions):
            return sorted([row.topic, row.partition] for row in partitions)

        with checked():
            self.client.subscribe(
                topics, on_assign=lambda _, partitions: self.log.append(["assigned", rows(partitions)]),
                on_revoke=lambda _, partitions: self.log.append(["revoked", rows(partitions)]),
                on_lost=lambda _, partitions: self.log.append(["lost", rows(partitions)]))

    def poll(self, seconds):
        out = []
        with checked():
            messages = self.client.consume(500, seconds)
        for message in messages:
            if message.error():
                if message.error().code() in (ck.KafkaError._PARTITION_EOF, ck.KafkaError._TRANSPORT, ck.KafkaError._ALL_BROKERS_DOWN):
                    continue
                raise ClientError(error_name(message.error()), message.error().str())
            kind, timestamp = message.timestamp()
            out.append({"topic": message.topic(), "partition": message.partition(), "offset": message.offset(),
                        "key": text(message.key()), "value": text(message.value()),
                        "headers": [[title, text(content)] for title, content in message.headers() or []],
                        "timestamp": timestamp, "timestamp_type": TIMESTAMP_TYPES.get(kind)})
        return out

    def seek(self, topic, partition, offset):
        with checked():
            self.client.seek(ck.TopicPartition(topic, partition, offset))

    def commit(self, offsets=None):
        rows = None if offsets is None else [ck.TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()]
        with checked():
            done = self.client.commit(offsets=rows, asynchronous=False) if rows else self.client.commit(asynchronous=False)
        for row in done or []:
            if row.error:
                raise ClientError(error_name(row.error))

    def committed(self, partitions):
        with checked():
            rows = self.client.committed([ck.TopicPartition(*row) for row in partitions], 15)
        for row in rows:
            if row.error:
                raise ClientError(error_name(row.error))
        return {(row.topic, row.partition): row.offset if row.offset >= 0 else None for row in rows}

    def assignment(self):
        with checked():
            return sorted([row.topic, row.partition] for row in self.client.assignment())

    def events(self):
        seen, self.log = self.log, []
        return seen

    def offsets_for_times(self, wanted):
        with checked():
            rows = self.client.offsets_for_times([ck.TopicPartition(t, p, when) for (t, p), when in wanted.items()], 15)
        return {(row.topic, row.partition): row.offset if row.offset >= 0 else None for row in rows}

    def close(self):
        self.client.close()


class Admin:
    def __init__(self, bootstrap):
        self.client = ckadmin.AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})

    @staticmethod
    def _one(futures):
        with checked():
            (future,) = futures.values()
            return future.result(20)

    def create_topic(self, topic, partitions=1, replication=1, configs=None):
        self._one(self.client.create_topics([ckadmin.NewTopic(
            topic, -1 if partitions is None else partitions, -1 if replication is None else replication, config=configs or {})]))

    def delete_topic(self, topic):
        self._one(self.client.delete_topics([topic]))

    def create_partitions(self, topic, total):
        self._one(self.client.create_partitions([ckadmin.NewPartitions(topic, total)]))

    def list_topics(self):
        with checked():
            return sorted(self.client.list_topics(timeout=15).topics)

    def describe_topic(self, topic):
        described = self._one(self.client.describe_topics(ck.TopicCollection([topic])))
        first = described.partitions[0]
        return {"internal": described.is_internal, "partitions": len(described.partitions), "replicas": len(first.replicas),
                "in_sync": len(first.isr)}

    @staticmethod
    def _kind(kind):
        return {"topic": ckadmin.ConfigResource.Type.TOPIC, "broker": ckadmin.ConfigResource.Type.BROKER}[kind]

    def describe_configs(self, kind, of):
        entries = self._one(self.client.describe_configs([ckadmin.ConfigResource(self._kind(kind), of)]))
        source = {1: "DYNAMIC_TOPIC_CONFIG", 2: "DYNAMIC_BROKER_CONFIG", 3: "DYNAMIC_DEFAULT_BROKER_CONFIG", 4: "STATIC_BROKER_CONFIG",
                  5: "DEFAULT_CONFIG"}
        return {title: {"value": entry.value, "source": source.get(int(entry.source), "UNKNOWN"), "read_only": bool(entry.is_read_only),
                        "sensitive": bool(entry.is_sensitive)} for title, entry in entries.items()}

    def alter_configs(self, kind, of, changes):
        ops = ckadmin.AlterConfigOpType
        entries = [ckadmin.ConfigEntry(title, value, incremental_operation=ops[op.upper()]) for op, title, value in changes]
        self._one(self.client.incremental_alter_configs([ckadmin.ConfigResource(self._kind(kind), of, incremental_configs=entries)]))

    def replace_configs(self, kind, of, configs):
        """The legacy AlterConfigs: what is not named falls back to the default."""
        self._one(self.client.alter_configs([ckadmin.ConfigResource(self._kind(kind), of, set_config=configs)]))

    def describe_cluster(self):
        with checked():
            cluster = self.client.describe_cluster().result(20)
        return {"nodes": len(cluster.nodes), "controller": cluster.controller.id, "has_id": bool(cluster.cluster_id)}

    def delete_records(self, offsets):
        rows = [ck.TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()]
        out = {}
        with checked():
            for row, future in self.client.delete_records(rows).items():
                out[(row.topic, row.partition)] = future.result(20).low_watermark
        return out

    def list_offsets(self, wanted, isolation="read_uncommitted"):
        specs = {"earliest": ckadmin.OffsetSpec.earliest, "latest": ckadmin.OffsetSpec.latest, "max_timestamp": ckadmin.OffsetSpec.max_timestamp}
        request = {ck.TopicPartition(t, p): specs[spec]() if spec in specs else ckadmin.OffsetSpec.for_timestamp(spec)
                   for (t, p), spec in wanted.items()}
        level = ck.IsolationLevel.READ_COMMITTED if isolation == "read_committed" else ck.IsolationLevel.READ_UNCOMMITTED
        out = {}
        with checked():
            for row, future in self.client.list_offsets(request, isolation_level=level).items():
                found = future.result(20)
                out[(row.topic, row.partition)] = [found.offset, found.timestamp]
        return out

    def list_groups(self):
        with checked():
            listed = self.client.list_consumer_groups().result(20)
        return {group.group_id: camel(group.state.name) for group in listed.valid}

    def describe_group(self, group):
        described = self._one(self.client.describe_consumer_groups([group]))
        members = [{"client": member.client_id, "instance": member.group_instance_id,
                    "partitions": sorted([row.topic, row.partition] for row in member.assignment.topic_partitions)}
                   for member in described.members]
        return {"state": camel(described.state.name), "assignor": described.partition_assignor, "members": members}

    def delete_group(self, group):
        self._one(self.client.delete_consumer_groups([group]))

    def group_offsets(self, group):
        found = self._one(self.client.list_consumer_group_offsets([ck.ConsumerGroupTopicPartitions(group)]))
        return {(row.topic, row.partition): row.offset for row in found.topic_partitions}

    def alter_offsets(self, group, offsets):
        rows = [ck.TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()]
        done = self._one(self.client.alter_consumer_group_offsets([ck.ConsumerGroupTopicPartitions(group, rows)]))
        for row in done.topic_partitions:
            if row.error:
                raise ClientError(error_name(row.error))

    def close(self):
        self.client = None


def camel(state):
    return "".join(part.capitalize() for part in state.split("_"))


class Librdkafka:
    name = "librdkafka"

    def version(self):
        return f"librdkafka {ck.libversion()[0]} (confluent-kafka {ck.version() if isinstance(ck.version(), str) else ck.version()[0]})"

    def producer(self, bootstrap, config):
        return Producer(bootstrap, config)

    def consumer(self, bootstrap, config):
        return Consumer(bootstrap, config)

    def admin(self, bootstrap):
        return Admin(bootstrap)
