"""Starting and stopping the servers under test: Apache Kafka by `scripts/kafka.sh`, the embedded broker by `kolk broker`.

Both print `ready HOST:PORT` when they serve, take properties by `--set`, keep everything in one folder, and stop on SIGTERM, so one class
serves both.
"""

import os
import select
import signal
import subprocess
import threading
import time
from pathlib import Path

from conformance.clients.wire import Wire

ROOT = Path(__file__).resolve().parents[2]
KAFKA_VERSION = os.environ.get("KAFKA_VERSION", "4.1.2")
# The waits of a production server, shortened to what a test can wait for.
QUICK = {
    "log.retention.check.interval.ms": "300",
    "log.initial.task.delay.ms": "100",
    "log.cleaner.backoff.ms": "200",
    "log.segment.delete.delay.ms": "100",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "200",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "500",
    "transaction.partition.verification.enable": "true",
}
# What each server is for: scenarios name one of these.
SERVERS = {
    "plain": {"transactions": 2, "set": {}},
    "v1": {"transactions": 1, "set": {"auto.create.topics.enable": "true", "num.partitions": "3"}},
    "crash": {"transactions": 2, "set": {}},
}


class Broker:
    """One server: `bootstrap`, `kind` (kafka or embedded), `restart()`, `kill9()`, `start()`."""

    def __init__(self, kind, role, folder, binary):
        self.kind = kind
        self.role = role
        self.folder = Path(folder)
        self.binary = binary
        self.bootstrap = None
        self.process = None
        self.guard = None
        self.server = None
        self.lock = threading.Lock()

    def _command(self):
        wanted = SERVERS[self.role]
        sets = {"auto.create.topics.enable": "false", **QUICK, **wanted["set"]}
        if self.kind == "kafka":
            command = [str(ROOT / "scripts/kafka.sh"), "--data", str(self.folder), "--transaction-version", str(wanted["transactions"])]
            command += ["--until-stdin-closes", "--version", KAFKA_VERSION]
            # Only Apache Kafka has a controller that takes a killed broker for alive until its session ends.
            sets |= {"broker.session.timeout.ms": "1500", "broker.heartbeat.interval.ms": "300"}
        else:
            command = [str(self.binary), "broker", "--listen", self.bootstrap or "127.0.0.1:0", "--data", str(self.folder)]
            sets["transaction.version"] = str(wanted["transactions"])
        for name, value in sets.items():
            command += ["--set", f"{name}={value}"]
        return command

    def start(self, within=120):
        """Starts the server, on its old port and data if it ran before, and waits until it serves."""
        self.folder.mkdir(parents=True, exist_ok=True)
        out = open(self.folder.parent / f"{self.folder.name}.log", "ab")
        # The pipe on standard input keeps the server from outliving this process; the session gathers its children.
        self.process = subprocess.Popen(self._command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out, start_new_session=True)
        out.close()
        if self.kind != "kafka":
            # `kolk broker` does not look at its standard input: another process does. (A signal at the parent's death would come at
            # the death of the thread that started the server.)
            watch = ["bash", "-c", 'read -r _; kill -TERM "$0"', str(self.process.pid)]
            self.guard = subprocess.Popen(watch, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        line = self._ready_line(within)
        if not line.startswith("ready "):
            self.stop()
            raise RuntimeError(f"{self.kind} broker '{self.role}' is not ready ({line!r}), see {self.folder}.log")
        self.bootstrap = line.split()[1]
        self.server = int((self.folder / "pid").read_text()) if self.kind == "kafka" else self.process.pid
        return self

    def _ready_line(self, within):
        deadline, line = time.monotonic() + within, b""
        while time.monotonic() < deadline and not line.endswith(b"\n"):
            if select.select([self.process.stdout], [], [], 0.2)[0]:
                part = os.read(self.process.stdout.fileno(), 200)
                if not part:
                    break
                line += part
        return line.decode().strip()

    def warm_up(self):
        """Has every coordinator loaded: a new server answers the first requests of a group or transaction with errors to be retried, and
        which client meets them must not depend on chance."""
        with Wire(self.bootstrap) as wire:
            for number in range(16):
                wire.init_producer_id(f"warm-up-{number}")
                wire.offset_fetch(f"warm-up-{number}", "none", 0)
        return self

    def stop(self, within=60):
        """Stops it as a service manager would, and returns whether it went by itself."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(within)
            clean = True
        except subprocess.TimeoutExpired:
            clean = False
        self._end_group()
        return clean

    def kill9(self):
        """Ends the server as a crash does; `start()` brings it back."""
        os.kill(self.server, signal.SIGKILL)
        try:
            self.process.wait(20)
        finally:
            self._end_group()

    def restart(self):
        self.stop()
        self.start()

    def _end_group(self):
        if self.guard:
            self.guard.kill()
            self.guard.wait(20)
            self.guard.stdin.close()
            self.guard = None
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(20)
        self.process.stdin.close()
        self.process.stdout.close()
