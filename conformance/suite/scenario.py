"""What a scenario is, and what it may use while it runs.

A scenario is a function with a `Run`. What it finds out it reports with `run.see(label, got, expected)`: `got` is plain data, compared with
`expected` there and, under the same label, with what the other broker gave. Its docstring's first line is its row in the table.
"""

import dataclasses
import itertools
import threading
import time
import uuid
from pathlib import Path

from conformance.clients.wire import Wire
from conformance.suite.errors import ClientError, name

SCENARIOS = []
ALL = ("librdkafka", "kafka-python", "java")


@dataclasses.dataclass
class Scenario:
    run: object
    title: str
    group: str
    name: str
    clients: tuple
    servers: tuple
    within: float

    @property
    def exclusive(self):
        return "crash" in self.servers


def scenario(clients=ALL, servers="plain", within=45):
    """Registers a scenario: which clients drive it, on which servers (see `brokers.SERVERS`), and after how many seconds it has failed."""

    def register(function):
        SCENARIOS.append(Scenario(
            function, function.__doc__.strip().splitlines()[0].rstrip("."), Path(function.__code__.co_filename).stem, function.__name__,
            (clients,) if isinstance(clients, str) else tuple(clients),
            (servers,) if isinstance(servers, str) else tuple(servers), within))
        return function

    return register


class Stopped(Exception):
    """The run was given up; its thread ends at its next step."""


class Run:
    """One scenario with one client on one server."""

    def __init__(self, scenario, broker, client, toolbox):
        self.scenario = scenario
        self.broker = broker
        self.client = client
        self.toolbox = toolbox  # the other clients, by name
        self.prefix = f"{scenario.name.replace('_', '-')}.{client.name}.{uuid.uuid4().hex[:8]}"
        self.numbers = itertools.count(1)
        self.seen = []
        self.problems = []
        self.stopped = threading.Event()
        self.deadline = time.monotonic() + scenario.within
        self.cleanups = []

    # Names and means.

    def fresh(self, what="t"):
        """A name that no other run uses."""
        return f"{self.prefix}.{what}{next(self.numbers)}"

    def topic(self, partitions=1, **configs):
        """Makes a topic and waits until it can be written."""
        topic = self.fresh("topic")
        configs = {key.replace("_", "."): value for key, value in configs.items()}
        with Wire(self.broker.bootstrap) as wire:
            code = wire.create_topic(topic, partitions, 1, configs)
            if code:
                raise ClientError(name(code), f"creating {topic}")
            while True:
                found, _ = wire.metadata([topic])
                rows = found[topic][1]
                if len(rows) == partitions and not any(wire.list_offsets(topic, row[0], -1)[0] for row in rows):
                    return topic
                self.sleep(0.02)

    def group(self):
        return self.fresh("group")

    def keep(self, thing):
        """Has `thing.close()` called at the end, whatever happens."""
        self.cleanups.append(thing)
        return thing

    def producer(self, client=None, **config):
        return self.keep((client or self.client).producer(self.broker.bootstrap, dots(config)))

    def consumer(self, client=None, **config):
        return self.keep((client or self.client).consumer(self.broker.bootstrap, dots(config)))

    def admin(self, client=None):
        return self.keep((client or self.client).admin(self.broker.bootstrap))

    def wire(self):
        return self.keep(Wire(self.broker.bootstrap))

    def produce(self, topic, values, client=None, **config):
        """Writes values (or records: dicts) with a producer of its own, and returns the outcomes."""
        producer = (client or self.client).producer(self.broker.bootstrap, dots(config))
        try:
            for value in values:
                producer.send(topic, **(value if isinstance(value, dict) else {"value": value}))
            return producer.flush()
        finally:
            producer.close()

    def read(self, topic, count, partitions=1, start="earliest", client=None, within=15, idle=0.0, **config):
        """Reads `count` records of a topic, outside of a group; with `idle`, also whatever else arrives in that time."""
        consumer = (client or self.client).consumer(self.broker.bootstrap, dots(config))
        try:
            consumer.assign({(topic, partition): start for partition in range(partitions)})
            return self.poll(consumer, count, within, idle)
        finally:
            consumer.close()

    def poll(self, consumer, count, within=15, idle=0.0):
        """Polls until there are `count` records and then for `idle` more seconds."""
        records, end = [], time.monotonic() + within
        while len(records) < count and time.monotonic() < end:
            records += consumer.poll(0.2)
            self.check()
        end = time.monotonic() + idle
        while time.monotonic() < end:
            records += consumer.poll(0.2)
            self.check()
        return sorted(records, key=lambda record: (record["topic"], record["partition"], record["offset"]))

    # Time.

    def check(self):
        if self.stopped.is_set() or time.monotonic() > self.deadline:
            raise Stopped(f"not done after {self.scenario.within} s")

    def sleep(self, seconds):
        self.stopped.wait(seconds)
        self.check()

    def eventually(self, look, expected, within=15, pause=0.1):
        """Looks again and again until `expected` is seen or time is up, and returns what was seen last."""
        end = time.monotonic() + within
        while True:
            try:
                got = look()
            except ClientError as error:
                got = f"error {error.name}"
            if (expected(got) if callable(expected) else got == expected) or time.monotonic() > end:
                return got
            self.sleep(pause)

    # Observations.

    def see(self, label, got, expected):
        """Notes an observation, and that it must be this one."""
        got = self.clean(got)
        expected = self.clean(expected)
        self.seen.append((label, got))
        if got != expected:
            self.problems.append(f"{label}: got {got!r}, expected {expected!r}")

    def note(self, label, got):
        """Notes an observation that must only be the same on both brokers."""
        self.seen.append((label, self.clean(got)))

    def error_of(self, call, *args, **kwargs):
        """The name of the error that a call ends with, or "NONE"."""
        try:
            call(*args, **kwargs)
            return "NONE"
        except ClientError as error:
            return error.name

    def clean(self, value):
        """Plain data, without the names and addresses that belong to this run."""
        if isinstance(value, dict):
            return {str(self.clean(key)): self.clean(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.clean(item) for item in value]
        if isinstance(value, bytes):
            value = value.decode("latin-1")
        if isinstance(value, str):
            return value.replace(self.prefix + ".", "").replace(self.broker.bootstrap, "BROKER")
        return value

    def finish(self):
        for thing in reversed(self.cleanups):
            try:
                thing.close()
            except Exception:  # noqa: BLE001 - what a scenario leaves behind may be as broken as it likes
                pass


def dots(config):
    """`enable_idempotence=True` as Kafka's own property."""
    return {key.replace("_", "."): str(value).lower() if isinstance(value, bool) else value for key, value in config.items()}


def values(records):
    return [record["value"] for record in records]


def brief(records, *fields):
    """Only these fields of each record."""
    return [[record[field] for field in fields] for record in records]
