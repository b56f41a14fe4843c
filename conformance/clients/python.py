"""kafka-python: a third implementation of the protocol, in Python itself."""

import logging

import kafka
from kafka import errors as kerrors
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.structs import OffsetAndMetadata

from conformance.suite.errors import ClientError, name

logging.getLogger("kafka").setLevel(logging.CRITICAL + 1)


def error_name(error):
    number = getattr(error, "errno", None)
    if isinstance(number, int) and (number > 0 or number == -1):
        return name(number)
    return error.__name__ if isinstance(error, type) else type(error).__name__


class checked:
    def __enter__(self):
        return self

    def __exit__(self, _kind, error, _trace):
        if isinstance(error, kerrors.KafkaError):
            raise ClientError(error_name(error), str(error)) from None
        return False


def check(outcome):
    """An error class among the results of a call."""
    if outcome is not kerrors.NoError:
        raise ClientError(error_name(outcome))


def text(raw):
    return None if raw is None else raw.decode("latin-1")


def octets(value):
    return value.encode("latin-1") if isinstance(value, str) else value


def convert(config):
    """Kafka's property names and texts as keyword arguments."""
    out = {}
    for key, value in config.items():
        if isinstance(value, str) and value in ("true", "false"):
            value = value == "true"
        elif isinstance(value, str) and value.lstrip("-").isdigit():
            value = int(value)
        out[key.replace(".", "_")] = value
    return out


class Producer:
    def __init__(self, bootstrap, config):
        known = {"bootstrap_servers": bootstrap, "max_block_ms": 20_000, "linger_ms": 5, **convert(config)}
        if known.get("compression_type") == "none":
            known["compression_type"] = None
        if known.get("acks") == "all":
            known["acks"] = -1
        if "delivery_timeout_ms" in known:
            known.setdefault("request_timeout_ms", max(known["delivery_timeout_ms"] // 2, 500))
        with checked():
            self.client = kafka.KafkaProducer(**known)
        self.waiting = []

    def send(self, topic, value=None, key=None, headers=None, partition=None, timestamp=None):
        try:
            with checked():
                self.waiting.append(self.client.send(
                    topic, value=octets(value), key=octets(key), partition=partition, timestamp_ms=timestamp,
                    headers=[(title, octets(content)) for title, content in headers or []]))
        except ClientError as error:
            self.waiting.append(error)

    def flush(self, within=30):
        futures, self.waiting = self.waiting, []
        self.client.flush(timeout=within)
        outcomes = []
        for future in futures:
            if isinstance(future, ClientError):
                outcomes.append({"error": future.name})
                continue
            try:
                metadata = future.get(timeout=within)
                outcomes.append({"partition": metadata.partition, "offset": metadata.offset})
            except kerrors.KafkaError as error:
                outcomes.append({"error": error_name(error)})
        return outcomes

    def init(self):
        with checked():
            self.client.init_transactions()

    def begin(self):
        with checked():
            self.client.begin_transaction()

    def commit(self):
        with checked():
            self.client.commit_transaction()

    def abort(self):
        with checked():
            self.client.abort_transaction()

    def send_offsets(self, offsets, consumer):
        rows = {kafka.TopicPartition(*key): OffsetAndMetadata(offset, "", -1) for key, offset in offsets.items()}
        with checked():
            self.client.send_offsets_to_transaction(rows, consumer.client.group_metadata())

    def close(self):
        self.client.close(timeout=1)


class Listener(kafka.ConsumerRebalanceListener):
    def __init__(self, log):
        self.log = log

    def on_partitions_assigned(self, assigned):
        self.log.append(["assigned", sorted(list(row) for row in assigned)])

    def on_partitions_revoked(self, revoked):
        self.log.append(["revoked", sorted(list(row) for row in revoked)])

    def on_partitions_lost(self, lost):
        self.log.append(["lost", sorted(list(row) for row in lost)])


ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor,
             "cooperative-sticky": CooperativeStickyAssignor}


class Consumer:
    def __init__(self, bootstrap, config):
        known = {"bootstrap_servers": bootstrap, "enable_auto_commit": False, "auto_offset_reset": "none", "fetch_max_wait_ms": 100,
                 "heartbeat_interval_ms": 300, "metadata_max_age_ms": 1000, "allow_auto_create_topics": False, "session_timeout_ms": 10_000,
                 **convert(config)}
        if "partition_assignment_strategy" in known:
            known["partition_assignment_strategy"] = [ASSIGNORS[known["partition_assignment_strategy"]]]
        with checked():
            self.client = kafka.KafkaConsumer(**known)
        self.log = []

    def assign(self, wanted):
        rows = {kafka.TopicPartition(*key): where for key, where in wanted.items()}
        with checked():
            self.client.assign(list(rows))
            for row, where in rows.items():
                if where == "earliest":
                    self.client.seek_to_beginning(row)
                elif where == "latest":
                    self.client.seek_to_end(row)
                elif where is not None:
                    self.client.seek(row, where)

    def subscribe(self, topics):
        with checked():
            # With the topics known it joins once. Otherwise it joins without them, and again 0.1 s later, just when `poll(0.1)` gives up;
            # kafka-python 3.0 sometimes takes the second assignment and then neither uses it nor asks again.
            for topic in topics:
                self.client.partitions_for_topic(topic)
            self.client.subscribe(topics, listener=Listener(self.log))

    def poll(self, seconds):
        out = []
        with checked():
            found = self.client.poll(timeout_ms=int(seconds * 1000))
        for rows in found.values():
            for record in rows:
                out.append({"topic": record.topic, "partition": record.partition, "offset": record.offset, "key": text(record.key),
                            "value": text(record.value), "headers": [[title, text(content)] for title, content in record.headers],
                            "timestamp": record.timestamp,
                            "timestamp_type": {0: "CreateTime", 1: "LogAppendTime"}.get(record.timestamp_type)})
        return out

    def seek(self, topic, partition, offset):
        with checked():
            self.client.seek(kafka.TopicPartition(topic, partition), offset)

    def commit(self, offsets=None):
        rows = None if offsets is None else {kafka.TopicPartition(*key): OffsetAndMetadata(offset, "", -1) for key, offset in offsets.items()}
        with checked():
            self.client.commit(rows)

    def committed(self, partitions):
        with checked():
            return {tuple(row): self.client.committed(kafka.TopicPartition(*row)) for row in partitions}

    def assignment(self):
        return sorted(list(row) for row in self.client.assignment())

    def events(self):
        seen = list(self.log)
        self.log.clear()
        return seen

    def offsets_for_times(self, wanted):
        with checked():
            found = self.client.offsets_for_times({kafka.TopicPartition(*key): when for key, when in wanted.items()})
        return {tuple(row): None if entry is None else entry.offset for row, entry in found.items()}

    def close(self):
        self.client.close(autocommit=False)


class Admin:
    def __init__(self, bootstrap):
        with checked():
            self.client = kafka.KafkaAdminClient(bootstrap_servers=bootstrap)

    def create_topic(self, topic, partitions=1, replication=1, configs=None):
        wanted = {"num_partitions": -1 if partitions is None else partitions,
                  "replication_factor": -1 if replication is None else replication, "configs": configs or {}}
        with checked():
            self.client.create_topics({topic: wanted})

    def delete_topic(self, topic):
        with checked():
            self.client.delete_topics([topic])

    def create_partitions(self, topic, total):
        with checked():
            self.client.create_partitions({topic: total})

    def list_topics(self):
        with checked():
            return sorted(self.client.list_topics())

    def describe_topic(self, topic):
        with checked():
            (found,) = self.client.describe_topics([topic])
        check(kerrors.for_code(found["error_code"]))
        first = found["partitions"][0]
        return {"internal": found["is_internal"], "partitions": len(found["partitions"]), "replicas": len(first["replica_nodes"]),
                "in_sync": len(first["isr_nodes"])}

    @staticmethod
    def _resource(kind, of, configs=None):
        return ConfigResource({"topic": ConfigResourceType.TOPIC, "broker": ConfigResourceType.BROKER}[kind], of, configs)

    def describe_configs(self, kind, of):
        with checked():
            found = self.client.describe_configs([self._resource(kind, of)], config_filter="all")[kind][of]
        return {title: {"value": row["value"], "source": row["config_source"], "read_only": row["read_only"], "sensitive": row["is_sensitive"]}
                for title, row in found.items()}

    def alter_configs(self, kind, of, changes):
        self._alter(self._resource(kind, of, {title: (op.upper(), value) for op, title, value in changes}), True)

    def replace_configs(self, kind, of, configs):
        """The legacy AlterConfigs. The library adds what is set already, so only settings already there can be told apart."""
        self._alter(self._resource(kind, of, dict(configs)), False)

    def _alter(self, resource, incremental):
        with checked():
            done = self.client.alter_configs([resource], raise_on_unknown=False, incremental=incremental)
        for by_name in done.values():
            for outcome in by_name.values():
                if outcome != "OK":  # "[Error 40] InvalidConfigurationError: ..."
                    digits = outcome[outcome.find("Error ") + 6 : outcome.find("]")]
                    raise ClientError(name(int(digits)) if digits.lstrip("-").isdigit() else outcome, outcome)

    def describe_cluster(self):
        with checked():
            found = self.client.describe_cluster()
        return {"nodes": len(found["brokers"]), "controller": found["controller_id"], "has_id": bool(found["cluster_id"])}

    def delete_records(self, offsets):
        with checked():
            done = self.client.delete_records({kafka.TopicPartition(*key): offset for key, offset in offsets.items()})
        return {tuple(row): entry["low_watermark"] for row, entry in done.items()}

    def list_offsets(self, wanted, isolation="read_uncommitted"):
        spec = {"earliest": kafka.OffsetSpec.EARLIEST, "latest": kafka.OffsetSpec.LATEST, "max_timestamp": kafka.OffsetSpec.MAX_TIMESTAMP}
        level = kafka.IsolationLevel.READ_COMMITTED if isolation == "read_committed" else kafka.IsolationLevel.READ_UNCOMMITTED
        with checked():
            found = self.client.list_partition_offsets(
                {kafka.TopicPartition(*key): spec.get(where, where) for key, where in wanted.items()}, isolation_level=level)
        return {tuple(row): [entry.offset, entry.timestamp] for row, entry in found.items()}

    def list_groups(self):
        with checked():
            return {row["group_id"]: row["group_state"] for row in self.client.list_groups()}

    def describe_group(self, group):
        with checked():
            found = self.client.describe_groups([group])[group]
        if found["error"]:
            digits = found["error"][found["error"].find("Error ") + 6 : found["error"].find("]")]
            raise ClientError(name(int(digits)), found["error"])
        members = []
        for member in found["members"]:
            assigned = member["member_assignment"]
            partitions = []
            if isinstance(assigned, dict):
                for topic in assigned["assigned_partitions"]:
                    partitions += [[topic["topic"], partition] for partition in topic["partitions"]]
            members.append({"client": member["client_id"], "instance": member["group_instance_id"], "partitions": sorted(partitions)})
        return {"state": found["group_state"], "assignor": found["protocol_data"], "members": members}

    def delete_group(self, group):
        with checked():
            outcome = self.client.delete_groups([group])[group]
        if outcome != "OK":
            raise ClientError(error_name(getattr(kerrors, outcome)))

    def group_offsets(self, group):
        with checked():
            return {tuple(row): entry.offset for row, entry in self.client.list_group_offsets({group: None})[group].items()}

    def alter_offsets(self, group, offsets):
        rows = {kafka.TopicPartition(*key): OffsetAndMetadata(offset, "", -1) for key, offset in offsets.items()}
        with checked():
            for outcome in self.client.alter_group_offsets(group, rows).values():
                check(outcome)

    def delete_offsets(self, group, partitions):
        with checked():
            for outcome in self.client.delete_group_offsets(group, [kafka.TopicPartition(*row) for row in partitions]).values():
                check(outcome)

    def close(self):
        self.client.close()


class KafkaPython:
    name = "kafka-python"

    def version(self):
        return f"kafka-python {kafka.__version__}"

    def producer(self, bootstrap, config):
        return Producer(bootstrap, config)

    def consumer(self, bootstrap, config):
        return Consumer(bootstrap, config)

    def admin(self, bootstrap):
        return Admin(bootstrap)
