"""The transaction coordinator's answers, request by request."""

from conformance.clients.wire import batch, records
from conformance.suite.errors import name
from conformance.suite.scenario import scenario

BOTH = ("plain", "v1")


class Session:
    """A transactional producer by hand."""

    def __init__(self, run, wire, ident, timeout_ms=60_000):
        self.run, self.wire, self.ident = run, wire, ident
        error, self.producer_id, self.epoch = wire.init_producer_id(ident, timeout_ms)
        assert error == 0, name(error)
        self.sequence = 0

    def add(self, topic, partition=0, **other):
        ids = {"producer_id": self.producer_id, "epoch": self.epoch, **other}
        return name(self.wire.add_partitions_to_txn(self.ident, ids["producer_id"], ids["epoch"], topic, [partition])[0])

    def write(self, topic, value, partition=0, version=8, epoch=None):
        data = batch([value], producer_id=self.producer_id, epoch=self.epoch if epoch is None else epoch, sequence=self.sequence, transactional=True)
        error, offset, _ = self.wire.produce(topic, partition, data, transactional_id=self.ident, version=version)
        if error == 0:
            self.sequence += 1
        return [name(error), offset]

    def end(self, commit=True, **other):
        ids = {"producer_id": self.producer_id, "epoch": self.epoch, **other}
        return name(self.wire.end_txn(self.ident, ids["producer_id"], ids["epoch"], commit))


def visible(wire, topic):
    """What a read_committed reader keeps of a partition."""
    _, _, _, _, aborted, data = wire.fetch(topic, 0, 0, isolation=1)
    open_from, kept = dict.fromkeys(()), []
    aborted = sorted(aborted, key=lambda row: row[1])
    for record in records(data):
        while aborted and aborted[0][1] <= record["offset"]:
            open_from[aborted.pop(0)[0]] = True
        if record["control"]:
            open_from.pop(record["producer_id"], None)
        elif record["producer_id"] not in open_from:
            kept.append(record["value"].decode())
    return kept


@scenario(clients="wire", servers=BOTH)
def coordinator(run):
    """InitProducerId, AddPartitionsToTxn and EndTxn: the way through, and repeated ends"""
    topic, wire = run.topic(), run.wire()
    session = Session(run, wire, run.fresh("id"))
    run.see("epoch", session.epoch, 0)
    run.see("end before anything", session.end(), "INVALID_TXN_STATE")
    run.see("add", session.add(topic), "NONE")
    run.see("add again", session.add(topic), "NONE")
    run.see("write", session.write(topic, "a"), ["NONE", 0])
    run.see("commit", session.end(), "NONE")
    run.see("commit again", session.end(), "NONE")
    run.see("abort after commit", session.end(commit=False), "INVALID_TXN_STATE")
    run.see("add", session.add(topic), "NONE")
    run.see("write", session.write(topic, "b"), ["NONE", 2])
    run.see("abort", session.end(commit=False), "NONE")
    run.see("abort again", session.end(commit=False), "NONE")
    run.see("commit after abort", session.end(), "INVALID_TXN_STATE")
    run.see("visible", run.eventually(lambda: visible(wire, topic), ["a"]), ["a"])
    _, high, stable, start, aborted, data = wire.fetch(topic, 0, 0, isolation=1)
    run.see("log", [high, stable, start, [[row[0] == session.producer_id, row[1]] for row in aborted]], [4, 4, 0, [[True, 2]]])
    run.see("markers", [[record["offset"], record["key"][2:].hex(), record["value"][:2].hex()] for record in records(data) if record["control"]],
            [[1, "0001", "0000"], [3, "0000", "0000"]])


@scenario(clients="wire", servers=BOTH)
def refusals(run):
    """Wrong ids, epochs, partitions and time-outs are refused with Kafka's errors"""
    topic, wire = run.topic(), run.wire()
    session = Session(run, wire, run.fresh("id"))
    run.see("add: unknown topic", session.add("no-such-topic"), "UNKNOWN_TOPIC_OR_PARTITION")
    run.see("add: another producer id", session.add(topic, producer_id=session.producer_id + 1000), "INVALID_PRODUCER_ID_MAPPING")
    run.see("add: newer epoch", session.add(topic, epoch=session.epoch + 1), "PRODUCER_FENCED")
    run.see("end: another producer id", session.end(producer_id=session.producer_id + 1000), "INVALID_PRODUCER_ID_MAPPING")
    run.see("end: newer epoch", session.end(epoch=session.epoch + 1), "PRODUCER_FENCED")
    stranger = run.fresh("stranger")
    wire.find_coordinator(stranger, 1)
    run.see("end: unknown transactional id", name(wire.end_txn(stranger, 1, 0, True)), "INVALID_PRODUCER_ID_MAPPING")
    run.see("write without add", session.write(topic, "x")[0], "INVALID_TXN_STATE")
    run.see("time-out too long", name(wire.init_producer_id(run.fresh("id"), 1_000_000_000)[0]), "INVALID_TRANSACTION_TIMEOUT")
    run.see("time-out 0", name(wire.init_producer_id(run.fresh("id"), 0)[0]), "INVALID_TRANSACTION_TIMEOUT")
    run.see("empty transactional id", name(wire.init_producer_id("", 1000)[0]), "INVALID_REQUEST")
    run.see("nothing was written", visible(wire, topic), [])


@scenario(clients="wire", servers=BOTH)
def fencing(run):
    """InitProducerId raises the epoch, ends what was open, and shuts out the older epoch"""
    topic, wire, ident = run.topic(), run.wire(), run.fresh("id")
    old = Session(run, wire, ident)
    old.add(topic)
    old.write(topic, "old")
    new = Session(run, wire, ident)
    run.see("same id, larger epoch", [new.producer_id == old.producer_id, new.epoch > old.epoch], [True, True])
    run.see("old writes", old.write(topic, "old again")[0], "INVALID_PRODUCER_EPOCH")
    run.see("old adds", old.add(topic), "PRODUCER_FENCED")
    run.see("old ends", old.end(), "PRODUCER_FENCED")
    run.see("old bumps", name(wire.init_producer_id(ident, 60_000, old.producer_id, old.epoch)[0]), "INVALID_PRODUCER_EPOCH")
    new.add(topic)
    run.see("new writes", new.write(topic, "new")[0], "NONE")
    run.see("new ends", new.end(), "NONE")
    run.see("visible", run.eventually(lambda: visible(wire, topic), ["new"]), ["new"])
    error, producer_id, epoch = wire.init_producer_id(ident, 60_000, new.producer_id, new.epoch)
    run.see("new bumps its own epoch (KIP-360)", [name(error), producer_id == new.producer_id, epoch == new.epoch + 1], ["NONE", True, True])
    error, _, again = wire.init_producer_id(ident, 60_000, new.producer_id, new.epoch)
    run.see("and repeats that request", [name(error), again == epoch], ["NONE", True])


@scenario(clients="wire", servers="plain")
def version_2(run):
    """Transactions v2 (KIP-890): Produce adds the partition itself, each EndTxn raises the epoch, a repeated one is recognised"""
    topic, wire = run.topic(), run.wire()
    session = Session(run, wire, run.fresh("id"))
    run.see("write", session.write(topic, "a", version=12), ["NONE", 0])
    error, producer_id, epoch = wire.end_txn_5(session.ident, session.producer_id, session.epoch, True)
    run.see("commit", [name(error), producer_id == session.producer_id, epoch - session.epoch], ["NONE", True, 1])

    def repeated():
        error, _, again = wire.end_txn_5(session.ident, session.producer_id, session.epoch, True)
        return [name(error), again - session.epoch]

    run.see("commit again, with the old epoch", run.eventually(repeated, ["NONE", 1]), ["NONE", 1])
    run.see("abort with the old epoch", name(wire.end_txn_5(session.ident, session.producer_id, session.epoch, False)[0]), "INVALID_TXN_STATE")
    run.see("write with the old epoch", session.write(topic, "x", version=12)[0], "INVALID_PRODUCER_EPOCH")
    session.epoch, session.sequence = epoch, 0
    run.see("write with the new epoch", session.write(topic, "b", version=12), ["NONE", 2])
    error, _, epoch = wire.end_txn_5(session.ident, session.producer_id, session.epoch, False)
    run.see("abort", [name(error), epoch - session.epoch], ["NONE", 1])
    session.epoch, session.sequence = epoch, 0

    def empty_abort():
        error, _, after = wire.end_txn_5(session.ident, session.producer_id, session.epoch, False)
        return [name(error), after - session.epoch]

    run.see("abort of nothing", run.eventually(empty_abort, lambda got: got[0] != "CONCURRENT_TRANSACTIONS"), ["NONE", 1])
    run.see("visible", run.eventually(lambda: visible(wire, topic), ["a"]), ["a"])


@scenario(clients="wire", servers=BOTH)
def offsets_in_it(run):
    """Offsets of an open transaction: unstable to those who ask for stable ones, committed with it, dropped with it"""
    topic, wire, group = run.topic(), run.wire(), run.group()
    session = Session(run, wire, run.fresh("id"))
    run.see("before", wire.offset_fetch(group, topic, 0), [0, -1])
    commit = lambda offset, **other: name(wire.txn_offset_commit(  # noqa: E731
        session.ident, group, session.producer_id, other.get("epoch", session.epoch), topic, 0, offset))
    run.see("add offsets", name(wire.add_offsets_to_txn(session.ident, session.producer_id, session.epoch, group)), "NONE")
    run.see("commit offsets", commit(5), "NONE")
    run.see("while open", [wire.offset_fetch(group, topic, 0), name(wire.offset_fetch_stable(group, topic, 0)[0])], [[0, -1], "UNSTABLE_OFFSET_COMMIT"])
    run.see("commit", session.end(), "NONE")
    run.see("committed", run.eventually(lambda: list(wire.offset_fetch_stable(group, topic, 0)), [0, 5]), [0, 5])
    wire.add_offsets_to_txn(session.ident, session.producer_id, session.epoch, group)
    run.see("commit offsets again", commit(9), "NONE")
    run.see("abort", session.end(commit=False), "NONE")
    run.see("dropped", run.eventually(lambda: list(wire.offset_fetch_stable(group, topic, 0)), [0, 5]), [0, 5])
    newer = Session(run, wire, session.ident)
    wire.add_offsets_to_txn(session.ident, newer.producer_id, newer.epoch, group)
    name(wire.txn_offset_commit(session.ident, group, newer.producer_id, newer.epoch, topic, 0, 7))
    run.see("an older epoch's offsets", commit(11), "INVALID_PRODUCER_EPOCH")
    run.see("the newer's end", newer.end(), "NONE")
    run.see("the newer's offset", run.eventually(lambda: list(wire.offset_fetch_stable(group, topic, 0)), [0, 7]), [0, 7])


@scenario(clients="wire", servers=BOTH)
def expiry(run):
    """The broker aborts at the time-out and raises the epoch, so that the late producer is shut out"""
    topic, wire = run.topic(), run.wire()
    session = Session(run, wire, run.fresh("id"), 1000)
    session.add(topic)
    session.write(topic, "late")
    run.see("aborted", run.eventually(lambda: list(wire.fetch(topic, 0, 0, isolation=1)[1:3]), [2, 2], within=20), [2, 2])
    run.see("write", session.write(topic, "too late")[0], "INVALID_PRODUCER_EPOCH")
    run.see("end", session.end(), "PRODUCER_FENCED")
    run.see("visible", visible(wire, topic), [])
    again = Session(run, wire, session.ident)
    run.see("init again", [again.producer_id == session.producer_id, again.epoch > session.epoch], [True, True])


@scenario(clients="wire", servers="plain")
def aborted_ranges(run):
    """Aborted ranges are given per fetch: only those that reach into what is fetched"""
    topic, wire = run.topic(), run.wire()
    session = Session(run, wire, run.fresh("id"))
    for number in range(3):
        session.add(topic)
        session.write(topic, f"{number}")
        session.end(commit=number == 1)
    run.eventually(lambda: wire.fetch(topic, 0, 0, isolation=1)[2], 6)
    ranges = lambda offset: [first for _, first in wire.fetch(topic, 0, offset, isolation=1)[4]]  # noqa: E731
    run.see("ranges", [ranges(offset) for offset in (0, 1, 2, 4, 5, 6)], [[0, 4], [0, 4], [4], [4], [4], []])
