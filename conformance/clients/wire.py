"""A client that speaks the protocol by hand, for what no library would send: wrong sequences, old epochs, requests out of order.

Requests are built with `Out`, answers read with `In`; only the few messages that scenarios need have a function of their own.
"""

import socket
import struct
import time
import zlib

try:
    import crc32c as _crc
except ImportError:  # the interpreter without the environment of scripts/python.sh
    _crc = None


class Out:
    """Writes the protocol's primitive types."""

    def __init__(self):
        self.data = bytearray()

    def _put(self, form, *values):
        self.data += struct.pack(">" + form, *values)
        return self

    def i8(self, value):
        return self._put("b", value)

    def i16(self, value):
        return self._put("h", value)

    def i32(self, value):
        return self._put("i", value)

    def i64(self, value):
        return self._put("q", value)

    def string(self, text):
        if text is None:
            return self.i16(-1)
        raw = text.encode()
        self.i16(len(raw))
        self.data += raw
        return self

    def bytes(self, raw):
        if raw is None:
            return self.i32(-1)
        self.i32(len(raw))
        self.data += raw
        return self

    def array(self, items, write):
        self.i32(len(items))
        for item in items:
            write(self, item)
        return self

    def uvarint(self, value):
        while value > 0x7F:
            self.data.append(value & 0x7F | 0x80)
            value >>= 7
        self.data.append(value)
        return self

    def varint(self, value):
        return self.uvarint(value << 1 if value >= 0 else (-value << 1) - 1)

    def compact_string(self, text):
        if text is None:
            return self.uvarint(0)
        raw = text.encode()
        self.uvarint(len(raw) + 1)
        self.data += raw
        return self

    def tags(self):
        return self.uvarint(0)


class In:
    """Reads the protocol's primitive types."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def _get(self, form):
        size = struct.calcsize(form)
        (value,) = struct.unpack_from(">" + form, self.data, self.at)
        self.at += size
        return value

    def i8(self):
        return self._get("b")

    def i16(self):
        return self._get("h")

    def i32(self):
        return self._get("i")

    def i64(self):
        return self._get("q")

    def raw(self, size):
        self.at += size
        return bytes(self.data[self.at - size : self.at])

    def string(self):
        size = self.i16()
        return None if size < 0 else self.raw(size).decode()

    def bytes(self):
        size = self.i32()
        return None if size < 0 else self.raw(size)

    def array(self, read):
        return [read(self) for _ in range(self.i32())]

    def uvarint(self):
        value = shift = 0
        while True:
            octet = self._get("B")
            value |= (octet & 0x7F) << shift
            shift += 7
            if not octet & 0x80:
                return value

    def varint(self):
        value = self.uvarint()
        return value >> 1 ^ -(value & 1)

    def compact_string(self):
        size = self.uvarint()
        return None if size == 0 else self.raw(size - 1).decode()

    def compact_array(self, read):
        return [read(self) for _ in range(self.uvarint() - 1)]

    def tags(self):
        for _ in range(self.uvarint()):
            self.uvarint()
            self.raw(self.uvarint())


def crc32c(data):
    return _crc.crc32c(data)


def batch(values, *, producer_id=-1, epoch=-1, sequence=-1, transactional=False, timestamp=None, magic=2, crc=None, attributes=0):
    """A record batch v2 of these values (texts, or pairs of key and value), with whatever producer state is asked for."""
    timestamp = int(time.time() * 1000) if timestamp is None else timestamp
    records = Out()
    for delta, item in enumerate(values):
        key, value = item if isinstance(item, tuple) else (None, item)
        body = Out().i8(0).varint(0).varint(delta)
        for part in (key, value):
            if part is None:
                body.varint(-1)
            else:
                body.varint(len(part.encode()))
                body.data += part.encode()
        body.varint(0)
        records.varint(len(body.data))
        records.data += body.data
    after_crc = Out().i16(attributes | (0x10 if transactional else 0)).i32(len(values) - 1).i64(timestamp).i64(timestamp)
    after_crc.i64(producer_id).i16(epoch).i32(sequence).i32(len(values))
    after_crc.data += records.data
    checksum = crc32c(bytes(after_crc.data)) if crc is None else crc
    out = Out().i64(0).i32(len(after_crc.data) + 9).i32(-1).i8(magic)
    out._put("I", checksum)
    out.data += after_crc.data
    return bytes(out.data)


class Wire:
    """One connection."""

    name = "wire"

    def __init__(self, bootstrap, timeout=20):
        host, port = bootstrap.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=timeout)
        self.correlation = 0
        self.answered = 0
        self.out_of_order = False

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, key, version, body, flexible=False):
        self.correlation += 1
        head = Out().i16(key).i16(version).i32(self.correlation).string("wire")
        if flexible:
            head.tags()
        frame = bytes(head.data) + bytes(body.data)
        self.socket.sendall(struct.pack(">i", len(frame)) + frame)

    def receive(self, flexible=False):
        (size,) = struct.unpack(">i", self._exactly(4))
        answer = In(self._exactly(size))
        self.answered += 1
        correlation = answer.i32()
        if correlation != self.answered:  # every request here has an answer, except Produce with acks=0
            self.answered = correlation
            self.out_of_order = True
        if flexible:
            answer.tags()
        return answer

    def call(self, key, version, body, flexible=False):
        self.send(key, version, body, flexible)
        return self.receive(flexible)

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise ConnectionError("the broker closed the connection")
            data += part
        return data

    # One function per message, at the newest version without compact types that Apache Kafka 4 still serves.

    def produce(self, topic, partition, records, acks=-1, transactional_id=None, version=8):
        """Produce: `(error code, base offset, log append time)`."""
        if version >= 9:
            return self._produce_compact(topic, partition, records, acks, transactional_id, version)
        body = Out().string(transactional_id).i16(acks).i32(10_000)
        body.i32(1).string(topic).i32(1).i32(partition).bytes(records)
        if acks == 0:
            self.send(0, version, body)
            self.answered += 1
            return None
        answer = self.call(0, version, body)
        answer.i32(), answer.string(), answer.i32(), answer.i32()
        return answer.i16(), answer.i64(), answer.i64()

    def _produce_compact(self, topic, partition, records, acks, transactional_id, version):
        """From version 12 on the broker adds the partition to the transaction itself (KIP-890)."""
        body = Out().compact_string(transactional_id).i16(acks).i32(10_000)
        body.uvarint(2).compact_string(topic).uvarint(2).i32(partition).uvarint(len(records) + 1)
        body.data += records
        answer = self.call(0, version, body.tags().tags().tags(), flexible=True)
        answer.uvarint(), answer.compact_string(), answer.uvarint(), answer.i32()
        return answer.i16(), answer.i64(), answer.i64()

    def fetch(self, topic, partition, offset, isolation=0, wait_ms=0, max_bytes=1 << 20, min_bytes=1):
        """Fetch v11, without a session: `(error, high watermark, last stable offset, log start, aborted, bytes)`."""
        body = Out().i32(-1).i32(wait_ms).i32(min_bytes).i32(max_bytes).i8(isolation).i32(0).i32(-1)
        body.i32(1).string(topic).i32(1).i32(partition).i32(-1).i64(offset).i64(-1).i32(max_bytes)
        body.i32(0).string("")
        answer = self.call(1, 11, body)
        answer.i32(), answer.i16(), answer.i32()
        answer.i32(), answer.string(), answer.i32(), answer.i32()
        error, high, stable, start = answer.i16(), answer.i64(), answer.i64(), answer.i64()
        aborted = answer.array(lambda a: (a.i64(), a.i64())) if answer.data[answer.at : answer.at + 4] != b"\xff" * 4 else (answer.i32(), [])[1]
        answer.i32()
        return error, high, stable, start, aborted, answer.bytes()

    def fetch_in_session(self, session, epoch, wanted, forgotten=()):
        """Fetch v11 in a session: `(error, session, {(topic, partition): (error, values)})`; `wanted` maps partitions to offsets."""
        body = Out().i32(-1).i32(0).i32(0).i32(1 << 20).i8(0).i32(session).i32(epoch)
        body.array(list(wanted.items()), lambda out, row: out.string(row[0][0]).i32(1).i32(row[0][1]).i32(-1).i64(row[1]).i64(-1).i32(1 << 20))
        body.array(list(forgotten), lambda out, row: out.string(row[0]).array([row[1]], Out.i32))
        answer = self.call(1, 11, body.string(""))
        answer.i32()
        error, session, found = answer.i16(), answer.i32(), {}
        for _ in range(answer.i32()):
            topic = answer.string()
            for _ in range(answer.i32()):
                partition, code = answer.i32(), answer.i16()
                answer.raw(24)
                for _ in range(max(answer.i32(), 0)):
                    answer.raw(16)
                answer.i32()
                found[topic, partition] = code, [record["value"].decode() for record in records(answer.bytes() or b"")]
        return error, session, found

    def offset_for_leader_epoch(self, topic, partition, current, wanted):
        """OffsetForLeaderEpoch v3: `(error, epoch, end offset)`."""
        body = Out().i32(-2).i32(1).string(topic).i32(1).i32(partition).i32(current).i32(wanted)
        answer = self.call(23, 3, body)
        answer.i32(), answer.i32(), answer.string(), answer.i32()
        error, _, epoch, end = answer.i16(), answer.i32(), answer.i32(), answer.i64()
        return error, epoch, end

    def list_offsets(self, topic, partition, timestamp, isolation=0, version=5):
        """ListOffsets: `(error, timestamp, offset)`."""
        body = Out().i32(-1).i8(isolation).i32(1).string(topic).i32(1).i32(partition).i32(-1).i64(timestamp)
        answer = self.call(2, version, body)
        answer.i32(), answer.i32(), answer.string(), answer.i32(), answer.i32()
        return answer.i16(), answer.i64(), answer.i64()

    def metadata(self, topics=None, auto_create=False):
        """Metadata v4: `({topic: (error, [(partition, error, leader)])}, [node ids])`."""
        body = Out()
        if topics is None:
            body.i32(-1)
        else:
            body.array(topics, Out.string)
        answer = self.call(3, 4, body.i8(1 if auto_create else 0))
        answer.i32()
        nodes = answer.array(lambda a: (a.i32(), a.string(), a.i32(), a.string())[0])
        answer.string(), answer.i32()

        def partition(a):
            row = a.i16(), a.i32(), a.i32()
            a.array(In.i32), a.array(In.i32)
            return row[1], row[0], row[2]

        def topic(a):
            error, name = a.i16(), a.string()
            a.i8()
            return name, (error, a.array(partition))

        return dict(answer.array(topic)), nodes

    def find_coordinator(self, key, kind):
        """FindCoordinator v1; kind 0 is a group, 1 a transaction: the error code."""
        answer = self.call(10, 1, Out().string(key).i8(kind))
        answer.i32()
        return answer.i16()

    def init_producer_id(self, transactional_id=None, timeout_ms=60_000, producer_id=-1, epoch=-1):
        """InitProducerId v3: `(error, producer id, epoch)`. Waits for a coordinator that is still loading."""
        deadline = time.monotonic() + 20
        while True:
            body = Out().compact_string(transactional_id).i32(timeout_ms).i64(producer_id).i16(epoch).tags()
            answer = self.call(22, 3, body, flexible=True)
            answer.i32()
            row = answer.i16(), answer.i64(), answer.i16()
            if row[0] not in (14, 15, 16, 51) or time.monotonic() > deadline:
                return row
            if transactional_id:
                self.find_coordinator(transactional_id, 1)
            time.sleep(0.1)

    def add_partitions_to_txn(self, transactional_id, producer_id, epoch, topic, partitions):
        """AddPartitionsToTxn v2: the error codes of the partitions."""
        deadline = time.monotonic() + 20
        while True:
            body = Out().string(transactional_id).i64(producer_id).i16(epoch).i32(1).string(topic).array(partitions, Out.i32)
            answer = self.call(24, 2, body)
            answer.i32(), answer.i32(), answer.string()
            codes = [code for _, code in answer.array(lambda a: (a.i32(), a.i16()))]
            if not set(codes) & {14, 15, 16, 51} or time.monotonic() > deadline:
                return codes
            time.sleep(0.1)

    def add_offsets_to_txn(self, transactional_id, producer_id, epoch, group):
        """AddOffsetsToTxn v2: the error code."""
        deadline = time.monotonic() + 20
        while True:
            answer = self.call(25, 2, Out().string(transactional_id).i64(producer_id).i16(epoch).string(group))
            answer.i32()
            code = answer.i16()
            if code not in (14, 15, 16, 51) or time.monotonic() > deadline:
                return code
            time.sleep(0.1)

    def end_txn(self, transactional_id, producer_id, epoch, commit, patient=True):
        """EndTxn v2: the error code."""
        deadline = time.monotonic() + 20
        while True:
            answer = self.call(26, 2, Out().string(transactional_id).i64(producer_id).i16(epoch).i8(1 if commit else 0))
            answer.i32()
            code = answer.i16()
            if not patient or code not in (14, 15, 16, 51) or time.monotonic() > deadline:
                return code
            time.sleep(0.1)

    def end_txn_5(self, transactional_id, producer_id, epoch, commit):
        """EndTxn v5 (KIP-890): `(error, producer id, epoch)` of the transaction after this one."""
        body = Out().compact_string(transactional_id).i64(producer_id).i16(epoch).i8(1 if commit else 0).tags()
        answer = self.call(26, 5, body, flexible=True)
        answer.i32()
        return answer.i16(), answer.i64(), answer.i16()

    def txn_offset_commit(self, transactional_id, group, producer_id, epoch, topic, partition, offset):
        """TxnOffsetCommit v2: the error code of the partition."""
        body = Out().string(transactional_id).string(group).i64(producer_id).i16(epoch)
        body.i32(1).string(topic).i32(1).i32(partition).i64(offset).i32(-1).string(None)
        answer = self.call(28, 2, body)
        answer.i32(), answer.i32(), answer.string(), answer.i32(), answer.i32()
        return answer.i16()

    def create_topic(self, topic, partitions=1, replication=1, configs=None, version=4):
        """CreateTopics: the error code."""
        body = Out().i32(1).string(topic).i32(partitions).i16(replication).i32(0)
        body.array(sorted((configs or {}).items()), lambda out, pair: out.string(pair[0]).string(str(pair[1])))
        answer = self.call(19, version, body.i32(10_000).i8(0))
        answer.i32(), answer.i32(), answer.string()
        return answer.i16()

    def offset_fetch_stable(self, group, topic, partition):
        """OffsetFetch v7, which refuses to look past an open transaction: `(error, offset)`."""
        body = Out().compact_string(group).uvarint(2).compact_string(topic).uvarint(2).i32(partition).tags().i8(1).tags()
        answer = self.call(9, 7, body, flexible=True)
        answer.i32()
        if answer.uvarint() == 1:
            return answer.i16(), -1
        answer.compact_string(), answer.uvarint(), answer.i32()
        offset, _, _, error = answer.i64(), answer.i32(), answer.compact_string(), answer.i16()
        return error, offset

    def offset_commit(self, group, topic, partition, offset, generation=-1, member="", metadata="", instance=None):
        """OffsetCommit v7: the error code of the partition."""
        body = Out().string(group).i32(generation).string(member).string(instance)
        body.i32(1).string(topic).i32(1).i32(partition).i64(offset).i32(-1).string(metadata)
        answer = self.call(8, 7, body)
        answer.i32(), answer.i32(), answer.string(), answer.i32(), answer.i32()
        return answer.i16()

    def join_group(self, group, member="", protocols=("range",), session_ms=10_000, rebalance_ms=5000, instance=None, kind="consumer"):
        """JoinGroup v5: `(error, generation, protocol, leader, member, [members])`."""

        def join():
            self.send_join(group, member, protocols, session_ms, rebalance_ms, instance, kind)
            return self.receive_join()

        return self._patient(join, lambda row: row[0], group)

    def _patient(self, call, code, group):
        """Repeats a call while the group's coordinator is not there yet."""
        deadline = time.monotonic() + 20
        while True:
            row = call()
            if code(row) not in (14, 15, 16) or time.monotonic() > deadline:
                return row
            self.find_coordinator(group, 0)
            time.sleep(0.1)

    def send_join(self, group, member="", protocols=("range",), session_ms=10_000, rebalance_ms=5000, instance=None, kind="consumer"):
        body = Out().string(group).i32(session_ms).i32(rebalance_ms).string(member).string(instance).string(kind)
        # A subscription to nothing: Apache Kafka looks into it when the kind is "consumer", and never answers if it makes no sense.
        self.send(11, 5, body.array(protocols, lambda out, protocol: out.string(protocol).bytes(b"\0\0" + b"\0\0\0\0" + b"\xff\xff\xff\xff")))

    def receive_join(self):
        answer = self.receive()
        answer.i32()
        row = answer.i16(), answer.i32(), answer.string(), answer.string(), answer.string()
        return *row, answer.array(lambda a: (a.string(), a.string(), a.bytes())[0])

    def sync_group(self, group, generation, member, assignments=(), instance=None):
        """SyncGroup v3: `(error, assignment)`."""
        body = Out().string(group).i32(generation).string(member).string(instance)
        answer = self.call(14, 3, body.array(list(assignments), lambda out, row: out.string(row[0]).bytes(row[1])))
        answer.i32()
        return answer.i16(), answer.bytes()

    def heartbeat(self, group, generation, member, instance=None):
        """Heartbeat v3: the error code."""
        answer = self.call(12, 3, Out().string(group).i32(generation).string(member).string(instance))
        answer.i32()
        return answer.i16()

    def leave_group(self, group, member, instance=None):
        """LeaveGroup v3: the error codes, of the whole and of the member."""
        answer = self.call(13, 3, Out().string(group).i32(1).string(member).string(instance))
        answer.i32()
        return answer.i16(), answer.array(lambda a: (a.string(), a.string(), a.i16())[2])

    def offset_fetch(self, group, topic, partition):
        """OffsetFetch v5: `(error, offset)`."""

        def fetch():
            answer = self.call(9, 5, Out().string(group).i32(1).string(topic).i32(1).i32(partition))
            answer.i32()
            if answer.i32() == 0:  # an error of the whole group
                return answer.i16(), -1
            answer.string(), answer.i32(), answer.i32()
            offset, _, _, error = answer.i64(), answer.i32(), answer.string(), answer.i16()
            return (error or answer.i16()), offset

        return self._patient(fetch, lambda row: row[0], group)


def records(data):
    """The records of concatenated batches: dicts of offset, value, producer id, epoch, sequence and whether it is a control record."""
    out, at = [], 0
    while at + 61 <= len(data):
        base, length = struct.unpack_from(">qi", data, at)
        if at + 12 + length > len(data):
            break
        head = In(data[at : at + 12 + length])
        head.raw(17)
        crc_at = head.at
        head.raw(4)
        attributes = head.i16()
        head.i32()
        head.raw(16)
        producer_id, epoch, sequence, count = head.i64(), head.i16(), head.i32(), head.i32()
        assert struct.unpack_from(">I", head.data, crc_at)[0] == crc32c(bytes(head.data[21:])), "checksum of a fetched batch"
        if attributes & 7 == 1:
            head = In(zlib.decompress(bytes(head.data[head.at :]), 31))
        for _ in range(count):
            head.varint(), head.i8(), head.varint()
            delta = head.varint()
            parts = []
            for _ in range(2):
                size = head.varint()
                parts.append(None if size < 0 else head.raw(size))
            for _ in range(head.varint()):
                head.raw(head.varint())
                size = head.varint()
                head.raw(max(size, 0))
            out.append({"offset": base + delta, "key": parts[0], "value": parts[1], "producer_id": producer_id, "epoch": epoch,
                        "sequence": sequence, "control": bool(attributes & 0x20)})
        at += 12 + length
    return out
