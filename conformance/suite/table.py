"""The table of a run: scenario × {Apache Kafka, embedded broker} × client."""

CLIENTS = ["librdkafka", "kcat", "kafka-python", "java", "console", "wire"]


def rows(jobs):
    """Per scenario (and transaction version): its title and, per client and kind of broker, whether it passed."""
    out = {}
    for job in jobs:
        cells = out.setdefault((job.scenario.group, job.title()), {})
        cells[job.client, job.kind] = not job.problems
    return out


def text(jobs):
    """For a terminal: `=` as expected, `!` not, per client first Apache Kafka and then the embedded broker."""
    lines = [f"{'scenario (per client: Apache Kafka, embedded)':98} " + " ".join(f"{client:12}" for client in CLIENTS)]
    for (_, title), cells in rows(jobs).items():
        marks = []
        for client in CLIENTS:
            pair = [cells.get((client, kind)) for kind in ("kafka", "embedded")]
            marks.append(" ".join({None: " ", True: "=", False: "!"}[mark] for mark in pair))
        lines.append(f"{title[:98]:98} " + " ".join(f"{mark:12}" for mark in marks).rstrip())
    return "\n".join(lines)


def markdown(jobs, versions):
    """The same for docs/conformance.md."""
    kinds = [kind for kind in ("kafka", "embedded") if any(job.kind == kind for job in jobs)]
    title = {"kafka": "Apache Kafka", "embedded": "embedded"}
    lines = [
        "# Conformance: the embedded broker beside Apache Kafka", "",
        "Written by `conformance/run.py --write-docs`; do not edit. Each scenario is driven by foreign clients against both brokers, and what",
        "the clients saw is compared with what the scenario expects and between the brokers. What a scenario does and looks at is in",
        "`conformance/scenarios/`, one file for each part of the name before the colon.", "",
        "| client | version |", "|---|---|",
    ]
    lines += [f"| {client} | {versions[client]} |" for client in CLIENTS if client in versions]
    used = [client for client in CLIENTS if any(job.client == client for job in jobs)]
    lines += ["", f"In each cell: {', then '.join(title[kind] for kind in kinds)}. `=` as expected and alike, `✗` not, blank: not run with this client.",
              "", "| scenario | " + " | ".join(used) + " |", "|---|" + "---|" * len(used)]
    for (_, name), cells in rows(jobs).items():
        marks = []
        for client in used:
            pair = [cells[client, kind] for kind in kinds if (client, kind) in cells]
            marks.append(" ".join("=" if mark else "✗" for mark in pair))
        lines.append(f"| {name} | " + " | ".join(marks) + " |")
    failed = sum(1 for job in jobs if job.problems)
    lines += ["", f"{len(jobs)} runs, {failed} failed.", ""]
    return "\n".join(lines)
