"""Events from Kafka into PostgreSQL, as users write it today: the rows of a poll in one transaction, then the offsets.

    into_postgresql.py create ADDRESS TABLE [append]                       an empty table
    into_postgresql.py copy ADDRESS TABLE BOOTSTRAP TOPIC COUNT [append]   until so many events are stored and committed
    into_postgresql.py check ADDRESS TABLE [append]                        prints how many rows there are, and the sum of their event_id

Rows take the place of those with their key, or are appended. Of what psycopg offers for the first, `COPY` into a temporary table and an
`INSERT` from there took the least time, its own and the server's: arrays by `unnest`, JSON, `VALUES` of 2000 rows and `executemany` took more.
"""
import json
import sys

import psycopg

POLL = 2000
COLUMNS = "user_id text, event_id bigint, event_time bigint"
KEY = ", PRIMARY KEY (user_id, event_id)"


def connection(address):
    host, port = address.split(":")
    return psycopg.connect(host=host, port=port, user="postgres", dbname="postgres")


def create(address, table, mode="upsert"):
    with connection(address) as sql:
        sql.execute(f"CREATE TABLE {table} ({COLUMNS}{KEY if mode == 'upsert' else ''})")


def fill(cursor, table, rows):
    with cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def upsert(cursor, table, rows):
    # A statement cannot touch a row twice: the last one of its key counts.
    fill(cursor, "staging", {row[:2]: row for row in rows}.values())
    cursor.execute(
        f"INSERT INTO {table} SELECT * FROM staging "
        "ON CONFLICT (user_id, event_id) DO UPDATE SET event_time = EXCLUDED.event_time"
    )


def copy(address, table, bootstrap, topic, count, mode="upsert"):
    from confluent_kafka import Consumer

    with connection(address) as sql, sql.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE staging ({COLUMNS}) ON COMMIT DELETE ROWS")
        sql.commit()
        settings = {"auto.offset.reset": "earliest", "enable.auto.commit": False}
        consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": table, **settings})
        consumer.subscribe([topic])
        write = upsert if mode == "upsert" else fill
        stored = 0
        while stored < int(count):
            rows = []
            for message in consumer.consume(POLL, timeout=1.0):
                if message.error():
                    raise RuntimeError(message.error())
                event = json.loads(message.value())
                rows.append((message.key().decode(), event["event_id"], event["event_time"]))
            if rows:
                write(cursor, table, rows)
                sql.commit()
                consumer.commit(asynchronous=False)
                stored += len(rows)
        consumer.close()


def check(address, table, _mode="upsert"):
    with connection(address) as sql:
        print(*sql.execute(f"SELECT count(*), coalesce(sum(event_id), 0) FROM {table}").fetchone())


if __name__ == "__main__":
    {"create": create, "copy": copy, "check": check}[sys.argv[1]](*sys.argv[2:])
