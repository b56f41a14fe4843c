"""kcat, a command line around Debian's librdkafka: one process per call."""

import json
import subprocess

from conformance.suite.errors import ClientError


class Kcat:
    name = "kcat"

    def version(self):
        lines = subprocess.run(["kcat", "-V"], capture_output=True, text=True).stdout.splitlines()
        line = next((line for line in lines if line.startswith("Version")), "Version unknown")
        return "kcat " + line.split(" (")[0].removeprefix("Version ")

    def run(self, bootstrap, *args, stdin="", within=30):
        """What kcat printed."""
        done = subprocess.run(["kcat", "-b", bootstrap, *args], input=stdin, capture_output=True, text=True, timeout=within)
        if done.returncode != 0:
            raise ClientError("KCAT_FAILED", done.stderr.strip())
        return done.stdout

    def producer(self, bootstrap, config):
        return Producer(self, bootstrap, config)

    def consumer(self, bootstrap, config):
        return Consumer(self, bootstrap, config)


def settings(config):
    return [part for key, value in config.items() for part in ("-X", f"{key}={value}")]


class Producer:
    """Writes one record per call of kcat, which takes headers and absent values by the call."""

    def __init__(self, kcat, bootstrap, config):
        self.kcat, self.bootstrap, self.settings = kcat, bootstrap, settings(config)
        self.outcomes = []

    def send(self, topic, value=None, key=None, headers=None, partition=0, timestamp=None):
        args = ["-P", "-t", topic, "-p", str(partition), "-Z", "-K", "\x1f", *self.settings]
        for title, content in headers or []:
            args += ["-H", title if content is None else f"{title}={content}"]
        self.kcat.run(self.bootstrap, *args, stdin=f"{key or ''}\x1f{value or ''}")
        self.outcomes.append({"partition": partition})

    def flush(self):
        outcomes, self.outcomes = self.outcomes, []
        return outcomes

    def close(self):
        pass


class Consumer:
    def __init__(self, kcat, bootstrap, config):
        self.kcat, self.bootstrap, self.settings = kcat, bootstrap, settings(config)
        self.partitions = {}

    def assign(self, wanted):
        self.partitions = {key: {"earliest": "beginning", "latest": "end"}.get(where, where) for key, where in wanted.items()}

    def poll(self, _seconds):
        """Reads each partition to its end once."""
        out = []
        for (topic, partition), where in self.partitions.items():
            printed = self.kcat.run(self.bootstrap, "-C", "-t", topic, "-p", str(partition), "-o", str(where), "-e", "-q", "-J", "-Z",
                                    "-X", "enable.partition.eof=true", *self.settings)
            for line in printed.splitlines():
                row = json.loads(line)
                flat = row.get("headers", [])
                out.append({"topic": topic, "partition": partition, "offset": row["offset"], "key": row["key"], "value": row["payload"],
                            "headers": [[flat[i], flat[i + 1]] for i in range(0, len(flat), 2)], "timestamp": row.get("ts"),
                            "timestamp_type": {"create": "CreateTime", "logappend": "LogAppendTime"}.get(row.get("tstype"))})
                self.partitions[topic, partition] = row["offset"] + 1
        return out

    def close(self):
        pass
