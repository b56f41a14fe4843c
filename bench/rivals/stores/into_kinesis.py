"""Events from Kafka into a Kinesis stream, as users write it today: calls of up to 500 entries, what failed again, then the offsets.

    into_kinesis.py create ADDRESS STREAM                       an empty stream
    into_kinesis.py copy ADDRESS STREAM BOOTSTRAP TOPIC COUNT   until so many events are stored and committed
    into_kinesis.py check ADDRESS STREAM                        prints how many records there are, and the sum of their event_id
"""
import json
import sys
import time

import boto3

SHARDS = 4
POLL = 2000
# What PutRecords takes at most.
CALL = 500


def client(address):
    return boto3.client("kinesis", endpoint_url=f"http://{address}", region_name="us-east-1",
                        aws_access_key_id="anyone", aws_secret_access_key="any")


def create(address, stream):
    kinesis = client(address)
    kinesis.create_stream(StreamName=stream, ShardCount=SHARDS)
    kinesis.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})


def put(kinesis, stream, records):
    pause = 0.05
    while records:
        answer = kinesis.put_records(StreamName=stream, Records=records)
        if answer["FailedRecordCount"] == 0:
            return
        # Entries that failed go behind those of the same key that did not: the order of a key is lost.
        records = [record for record, entry in zip(records, answer["Records"]) if "ErrorCode" in entry]
        time.sleep(pause)
        pause = min(2 * pause, 1)


def copy(address, stream, bootstrap, topic, count):
    from confluent_kafka import Consumer

    kinesis = client(address)
    settings = {"auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": stream, **settings})
    consumer.subscribe([topic])
    stored = 0
    while stored < int(count):
        records = []
        for message in consumer.consume(POLL, timeout=1.0):
            if message.error():
                raise RuntimeError(message.error())
            event, user = json.loads(message.value()), message.key().decode()
            row = {"user_id": user, "event_id": event["event_id"], "event_time": event["event_time"]}
            records.append({"Data": json.dumps(row).encode(), "PartitionKey": user})
        for first in range(0, len(records), CALL):
            put(kinesis, stream, records[first:first + CALL])
        if records:
            consumer.commit(asynchronous=False)
            stored += len(records)
    consumer.close()


def check(address, stream):
    kinesis = client(address)
    ids = []
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        start = {"ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        at = kinesis.get_shard_iterator(StreamName=stream, **start)["ShardIterator"]
        while at:
            answer = kinesis.get_records(ShardIterator=at)
            ids += [json.loads(record["Data"])["event_id"] for record in answer["Records"]]
            at = answer.get("NextShardIterator")
            if not answer["Records"] and answer["MillisBehindLatest"] == 0:
                break
    print(len(ids), sum(ids))


if __name__ == "__main__":
    {"create": create, "copy": copy, "check": check}[sys.argv[1]](*sys.argv[2:])
