"""Runs the conformance suite: every scenario with every client on Apache Kafka and on the embedded broker, which must look alike.

    "$(scripts/python.sh)" conformance/run.py [--broker kafka|embedded|both] [--only PATTERN] [--client NAME] [--write-docs]

Ends with `N passed, N failed`, and with status 1 if anything failed. See conformance/README.md.
"""

import argparse
import importlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from conformance.clients import java, kcat, librdkafka, python  # noqa: E402
from conformance.suite import brokers, table  # noqa: E402
from conformance.suite.scenario import SCENARIOS, Run  # noqa: E402


class WireClient:
    """Stands for `clients.wire` in the table; scenarios take their connections from `run.wire()`."""

    name = "wire"

    def version(self):
        return "bytes written by hand"


def toolbox():
    """The clients by name, and why any is left out."""
    clients = [librdkafka.Librdkafka(), kcat.Kcat(), python.KafkaPython(), java.Java(), java.Console(), WireClient()]
    skipped = {}
    found = subprocess.run([ROOT / "scripts/kcat.sh"], capture_output=True, text=True)
    if found.returncode != 0:
        skipped["kcat"] = found.stderr.strip()
    return {client.name: client for client in clients if client.name not in skipped}, skipped


# A member of kafka-python 3.0 sometimes takes its assignment and then neither uses it nor asks again, when a poll ends just then; on
# Apache Kafka too.
def is_restless(scenario, client):
    return client == "kafka-python" and (scenario.group == "groups" or scenario.name == "consume_transform_produce")


class Job:
    """One scenario with one client on one server, and what came of it."""

    def __init__(self, scenario, client, role, kind):
        self.scenario, self.client, self.role, self.kind = scenario, client, role, kind
        self.seen, self.problems, self.seconds = [], [], 0.0

    @property
    def key(self):
        return self.scenario.group, self.scenario.name, self.role, self.client

    def title(self):
        versions = " (transaction.version 1)" if self.role == "v1" and len(self.scenario.servers) > 1 else ""
        return f"{self.scenario.group}: {self.scenario.title}{versions}"

    def do(self, broker, tools):
        self.do_once(broker, tools)
        if self.problems and is_restless(self.scenario, self.client):
            print(f"once more: {self.kind} {self.client} {self.scenario.group}.{self.scenario.name}: {self.problems[0][:200]}", flush=True)
            self.do_once(broker, tools)

    def do_once(self, broker, tools):
        started = time.monotonic()
        run = Run(self.scenario, broker, tools[self.client], tools)

        def body():
            try:
                self.scenario.run(run)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the scenario's result
                where = traceback.extract_tb(error.__traceback__)
                line = next((f"{Path(row.filename).name}:{row.lineno}" for row in reversed(where) if "scenarios" in row.filename), "?")
                run.problems.append(f"{type(error).__name__} at {line}: {error}")
            finally:
                run.finish()

        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        thread.join(self.scenario.within + 15)
        if thread.is_alive():
            run.stopped.set()
            run.problems.append(f"did not end within {self.scenario.within + 15:.0f} s")
        self.seen, self.problems = list(run.seen), list(run.problems)
        if not self.seen and not self.problems:
            self.problems.append("nothing was observed")
        self.seconds = time.monotonic() - started


def compare(jobs):
    """Adds to each embedded run what it saw otherwise than the run on Apache Kafka."""
    kafka = {job.key: job for job in jobs if job.kind == "kafka"}
    for job in jobs:
        model = kafka.get(job.key)
        if job.kind != "embedded" or model is None or model.problems or job.problems:
            continue
        if [label for label, _ in job.seen] != [label for label, _ in model.seen]:
            job.problems.append(f"saw {[label for label, _ in job.seen]}, Apache Kafka {[label for label, _ in model.seen]}")
        for (label, got), (_, expected) in zip(job.seen, model.seen):
            if json.dumps(got, sort_keys=True) != json.dumps(expected, sort_keys=True):
                job.problems.append(f"{label}: got {got!r}, Apache Kafka {expected!r}")


def select(options, tools, skipped):
    for path in sorted((ROOT / "conformance/scenarios").glob("[a-z]*.py")):
        importlib.import_module(f"conformance.scenarios.{path.stem}")
    kinds = ["kafka", "embedded"] if options.broker == "both" else [options.broker]
    jobs = []
    for scenario in SCENARIOS:
        if options.only and not any(pattern in f"{scenario.group}.{scenario.name}" for pattern in options.only.split(",")):
            continue
        for client in scenario.clients:
            if options.client and client not in options.client.split(","):
                continue
            if client in skipped:
                continue
            if client not in tools:
                raise SystemExit(f"scenario {scenario.name} names an unknown client {client}")
            jobs += [Job(scenario, client, role, kind) for role in scenario.servers for kind in kinds]
    return jobs


def start(jobs, folder, options):
    """Starts the servers that these jobs need, side by side."""
    servers = {(job.kind, job.role): None for job in jobs}
    failures = []

    def launch(kind, role):
        try:
            servers[kind, role] = brokers.Broker(kind, role, folder / f"{kind}-{role}", options.binary)
            servers[kind, role].start().warm_up()
        except Exception as error:  # noqa: BLE001
            failures.append(f"{kind} '{role}': {error}")

    threads = [threading.Thread(target=launch, args=key) for key in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        stop(servers)
        raise SystemExit("cannot start " + "; ".join(failures))
    return servers


def stop(servers):
    """Stops all, and returns the names of those that had to be killed."""
    stuck = []

    def halt(key, broker):
        if broker is not None and broker.process is not None and broker.process.poll() is None and not broker.stop(20):
            stuck.append(key)

    threads = [threading.Thread(target=halt, args=item) for item in servers.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return stuck


def work(jobs, servers, tools, options):
    """Runs the jobs: those that stop and start a server one after the other, the others side by side."""
    shared, lock, done = queue.Queue(), threading.Lock(), []
    # The long ones first, so that none is left over at the end; both brokers' runs of one scenario side by side.
    for job in sorted((job for job in jobs if not job.scenario.exclusive), key=lambda job: -job.scenario.within):
        shared.put(job)

    def finish(job):
        with lock:
            done.append(job)
            mark = "ok" if not job.problems else "FAILED"
            if options.verbose or job.problems:
                print(f"[{len(done)}/{len(jobs)}] {job.kind:8} {job.client:12} {job.scenario.group}.{job.scenario.name}/{job.role} {mark} "
                      f"{job.seconds:.1f}s", flush=True)
                for problem in job.problems:
                    print(f"    {problem[:1500]}", flush=True)

    def drain(source):
        while True:
            try:
                job = source.get_nowait()
            except queue.Empty:
                return
            job.do(servers[job.kind, job.role], tools)
            finish(job)

    queues = [shared] * options.jobs
    for kind in ("kafka", "embedded"):
        alone = queue.Queue()
        for job in jobs:
            if job.scenario.exclusive and job.kind == kind:
                alone.put(job)
        queues.append(alone)
    threads = [threading.Thread(target=drain, args=(source,), daemon=True) for source in queues]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--broker", choices=["kafka", "embedded", "both"], default="both")
    parser.add_argument("--only", help="parts of scenario names, separated by commas, e.g. `transactions.,groups.static`")
    parser.add_argument("--client", help="names of clients, separated by commas")
    parser.add_argument("--binary", default=str(ROOT / "target/debug/kolk"), help="the kolk binary (default: target/debug/kolk)")
    parser.add_argument("--jobs", type=int, default=10, help="scenarios at a time (default 10)")
    parser.add_argument("--write-docs", action="store_true", help="write docs/conformance.md")
    parser.add_argument("--verbose", action="store_true", help="a line for every run")
    parser.add_argument("--keep", action="store_true", help="keep the servers' folders")
    options = parser.parse_args()
    started = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tools, skipped = toolbox()
    jobs = select(options, tools, skipped)
    folder = Path(tempfile.mkdtemp(prefix="kolk-conformance-"))
    servers = {}
    try:
        servers = start(jobs, folder, options)
        work(jobs, servers, tools, options)
        compare(jobs)
    finally:
        stuck = stop(servers)
        java.SERVER.stop()
    failed = [job for job in jobs if job.problems]
    versions = {name: client.version() for name, client in tools.items()}
    print(table.text(jobs))
    for job in failed:
        if job.kind == "embedded" and any(", Apache Kafka " in problem for problem in job.problems):
            print(f"{job.title()}, {job.client}:", *job.problems, sep="\n    ")
    for client, why in skipped.items():
        print(f"skipped: {client}: {why}")
    for kind, role in stuck:
        print(f"{kind} '{role}' did not stop on SIGTERM within 20 s")
    if options.write_docs:
        (ROOT / "docs/conformance.md").write_text(table.markdown(jobs, versions))
    if options.keep or failed or stuck:
        print(f"servers' folders: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{time.monotonic() - started:.0f} s")
    print(f"{len(jobs) - len(failed)} passed, {len(failed) + len(stuck)} failed")
    sys.stdout.flush()
    os._exit(1 if failed or stuck or not jobs else 0)  # given-up runs may still hold a library's threads


if __name__ == "__main__":
    main()
