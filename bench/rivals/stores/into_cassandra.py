"""Events from Kafka into Apache Cassandra, as users write it today: batches of a poll, written side by side, then the offsets.

    into_cassandra.py create ADDRESS TABLE                       an empty table
    into_cassandra.py copy ADDRESS TABLE BOOTSTRAP TOPIC COUNT   until so many events are stored and committed
    into_cassandra.py check ADDRESS TABLE                        prints how many rows there are, and the sum of their event_id
"""
import json
import sys

from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.policies import RoundRobinPolicy

KEYSPACE = "bench"
# Writes on their way at a time: more does not make the driver faster.
CONCURRENCY = 100
POLL = 2000


def session(address):
    host, port = address.split(":")
    profile = ExecutionProfile(load_balancing_policy=RoundRobinPolicy(), request_timeout=120)
    cluster = Cluster([host], port=int(port), execution_profiles={EXEC_PROFILE_DEFAULT: profile}, protocol_version=4)
    return cluster.connect()


def create(address, table):
    with session(address) as cql:
        strategy = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
        cql.execute(f"CREATE KEYSPACE IF NOT EXISTS {KEYSPACE} WITH replication = {strategy}")
        columns = "user_id text, event_id bigint, event_time bigint, PRIMARY KEY (user_id, event_id)"
        cql.execute(f"CREATE TABLE {KEYSPACE}.{table} ({columns})")


def copy(address, table, bootstrap, topic, count):
    from confluent_kafka import Consumer

    with session(address) as cql:
        columns = "(user_id, event_id, event_time) VALUES (?, ?, ?)"
        insert = cql.prepare(f"INSERT INTO {KEYSPACE}.{table} {columns}")
        settings = {"auto.offset.reset": "earliest", "enable.auto.commit": False}
        consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": table, **settings})
        consumer.subscribe([topic])
        stored = 0
        while stored < int(count):
            rows = []
            for message in consumer.consume(POLL, timeout=1.0):
                if message.error():
                    raise RuntimeError(message.error())
                event = json.loads(message.value())
                rows.append((message.key().decode(), event["event_id"], event["event_time"]))
            if rows:
                execute_concurrent_with_args(cql, insert, rows, concurrency=CONCURRENCY)
                consumer.commit(asynchronous=False)
                stored += len(rows)
        consumer.close()


def check(address, table):
    with session(address) as cql:
        ids = [row.event_id for row in cql.execute(f"SELECT event_id FROM {KEYSPACE}.{table}")]
        print(len(ids), sum(ids))


if __name__ == "__main__":
    {"create": create, "copy": copy, "check": check}[sys.argv[1]](*sys.argv[2:])
