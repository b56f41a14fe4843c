"""Members of consumer groups that live in the background, as in an application."""

import threading
import time

from conformance.suite.errors import ClientError


class Member:
    """A consumer that subscribes and polls in a thread of its own until it is told to leave."""

    def __init__(self, run, topics, group, client=None, assignor="range", **config):
        self.run = run
        self.group = group
        self.records = []
        self.events = []
        self.error = None
        self.partitions = []
        self.errands = []
        self.leaving = threading.Event()
        known = {"group_id": group, "auto_offset_reset": "earliest", "partition_assignment_strategy": assignor,
                 "session_timeout_ms": 10_000, **config}
        self.client = client or run.client
        self.consumer = self.client.consumer(run.broker.bootstrap, {key.replace("_", "."): value for key, value in known.items()})
        self.consumer.subscribe(topics if isinstance(topics, list) else [topics])
        self.thread = threading.Thread(target=self._live, daemon=True)
        self.thread.start()
        run.keep(self)

    def _live(self):
        try:
            while not self.leaving.is_set() and not self.run.stopped.is_set():
                self.records += self.consumer.poll(0.1)
                self.events += self.consumer.events()
                self.partitions = self.consumer.assignment()
                while self.errands:
                    self.errands.pop(0)(self.consumer)
        except ClientError as error:
            self.error = error.name
        finally:
            self.partitions = []
            try:
                self.consumer.close()
            except Exception:  # noqa: BLE001 - a fenced member cannot leave
                pass

    def do(self, errand):
        """Has the member's own thread call `errand(consumer)`: a consumer is not for two threads."""
        done = threading.Event()
        self.errands.append(lambda consumer: (errand(consumer), done.set()))
        if not done.wait(20):
            raise ClientError("ERRAND_NOT_DONE", self.error or "")

    def leave(self):
        self.leaving.set()
        self.thread.join(20)

    close = leave

    def values(self):
        return sorted(record["value"] for record in self.records)


def settled(run, members, total, within=25, hold=0.8):
    """Waits until these members together hold `total` partitions, each exactly one of them, for a moment, and returns how many each has.

    The moment matters: between two rebalances an assignment can look complete.
    """
    end, since = time.monotonic() + within, None
    while time.monotonic() < end:
        held = [tuple(row) for member in members for row in member.partitions]
        whole = len(held) == total and len(set(held)) == total and all(member.partitions for member in members)
        since = (since or time.monotonic()) if whole else None
        if since is not None and time.monotonic() - since > hold:
            break
        run.sleep(0.05)
    return sorted(len(member.partitions) for member in members)
