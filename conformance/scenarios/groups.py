"""Consumer groups of the classic protocol: who gets which partitions when members come and go."""

from conformance.suite.errors import name
from conformance.suite.member import Member, settled
from conformance.suite.scenario import ALL, scenario


def one_three_one(run, assignor, clients):
    topic, group = run.topic(6), run.group()
    run.produce(topic, [{"value": f"v{number}", "partition": number % 6} for number in range(12)])
    members = [Member(run, topic, group, clients[0], assignor)]
    run.see("one member", settled(run, members, 6), [6])
    members += [Member(run, topic, group, client, assignor) for client in clients[1:]]
    run.see("three members", settled(run, members, 6), [2, 2, 2])
    described = run.admin(run.toolbox["librdkafka"]).describe_group(group)
    run.see("described", [described["state"], described["assignor"], sorted(len(member["partitions"]) for member in described["members"])],
            ["Stable", assignor, [2, 2, 2]])
    members[1].leave()
    members[2].leave()
    run.see("one again", settled(run, members[:1], 6), [6])
    run.produce(topic, [{"value": f"w{number}", "partition": number % 6} for number in range(6)])
    everything = run.eventually(
        lambda: sorted({record["value"] for member in members for record in member.records}), lambda got: len(got) == 18)
    run.see("everything was read by somebody", everything, sorted([f"v{number}" for number in range(12)] + [f"w{number}" for number in range(6)]))
    return members


@scenario(clients=ALL, within=60)
def range_assignor(run):
    """Range assignment over 1, 3 and 1 members is complete and disjoint"""
    one_three_one(run, "range", [run.client] * 3)


@scenario(clients=ALL, within=60)
def cooperative(run):
    """Cooperative-sticky assignment over 1, 3 and 1 members; who stays loses only what moves"""
    members = one_three_one(run, "cooperative-sticky", [run.client] * 3)
    revoked = [len(partitions) for what, partitions in members[0].events if what == "revoked" and partitions]
    run.see("taken from the first member", sum(revoked) <= 6 and max(revoked, default=0) < 6, True)


@scenario(clients=ALL, within=60)
def mixed_clients(run):
    """Members of three different clients share a group; the first one leads"""
    others = [run.toolbox[other] for other in ALL if other != run.client.name]
    one_three_one(run, "range", [run.client, *others])


@scenario(clients=ALL, within=60)
def static_members(run):
    """A static member that restarts gets its partitions back without a rebalance"""
    topic, group = run.topic(4), run.group()
    first = Member(run, topic, group, group_instance_id="a", session_timeout_ms=20_000)
    settled(run, [first], 4)
    second = Member(run, topic, group, group_instance_id="b", session_timeout_ms=20_000)
    run.see("two members", settled(run, [first, second], 4), [2, 2])
    before, had = len(first.events), list(second.partitions)
    second.leave()
    run.sleep(1)
    admin = run.admin(run.toolbox["java"])
    run.see("instances while it is away", sorted(member["instance"] for member in admin.describe_group(group)["members"]), ["a", "b"])
    second = Member(run, topic, group, group_instance_id="b", session_timeout_ms=20_000)
    run.see("two members again", settled(run, [first, second], 4), [2, 2])
    run.see("the same partitions", second.partitions == had, True)
    run.see("rebalances seen by the other", len(first.events) - before, 0)


@scenario(clients=("librdkafka", "java"), within=60)
def static_fenced(run):
    """Of two members with one instance id the older is fenced"""
    topic, group = run.topic(2), run.group()
    first = Member(run, topic, group, group_instance_id="a")
    settled(run, [first], 2)
    second = Member(run, topic, group, group_instance_id="a")
    run.see("the newer", settled(run, [second], 2), [2])
    run.see("the older", run.eventually(lambda: first.error, lambda got: got is not None), "FENCED_INSTANCE_ID" if run.client.name == "java" else "_FATAL")


@scenario(clients=ALL, within=60)
def two_topics(run):
    """A member subscribed to two topics, one of which grows: the new partitions are assigned"""
    one, two, group = run.topic(2), run.topic(1), run.group()
    member = Member(run, [one, two], group)
    run.see("at first", settled(run, [member], 3), [3])
    run.admin(run.toolbox["librdkafka"]).create_partitions(two, 3)
    run.see("grown", settled(run, [member], 5), [5])


@scenario(clients="wire")
def membership_errors(run):
    """JoinGroup, SyncGroup, Heartbeat, LeaveGroup and OffsetCommit answer wrong members, generations and protocols with Kafka's errors"""
    topic, group, wire = run.topic(), run.group(), run.wire()
    codes = lambda code: name(code)  # noqa: E731
    error, _, _, _, member, _ = wire.join_group(group)
    run.see("first join", codes(error), "MEMBER_ID_REQUIRED")
    error, generation, protocol, leader, again, members = wire.join_group(group, member)
    run.see("second join", [codes(error), generation, protocol, leader == member, again == member, len(members)], ["NONE", 1, "range", True, True, 1])
    run.see("before the sync", codes(wire.heartbeat(group, generation, member)), "NONE")
    run.see("sync", [*map(str, wire.sync_group(group, generation, member, [(member, b"mine")]))], ["0", "b'mine'"])
    run.see("sync again", [*map(str, wire.sync_group(group, generation, member))], ["0", "b'mine'"])
    run.see("heartbeat", codes(wire.heartbeat(group, generation, member)), "NONE")
    run.see("heartbeat, old generation", codes(wire.heartbeat(group, generation - 1, member)), "ILLEGAL_GENERATION")
    run.see("heartbeat, unknown member", codes(wire.heartbeat(group, generation, "nobody")), "UNKNOWN_MEMBER_ID")
    run.see("heartbeat, unknown group", codes(wire.heartbeat(run.group(), generation, member)), "UNKNOWN_MEMBER_ID")
    run.see("sync, old generation", codes(wire.sync_group(group, generation + 5, member)[0]), "ILLEGAL_GENERATION")
    run.see("join, unknown member", codes(wire.join_group(group, "nobody")[0]), "UNKNOWN_MEMBER_ID")
    run.see("join, another protocol", codes(wire.join_group(group, protocols=("other",))[0]), "INCONSISTENT_GROUP_PROTOCOL")
    run.see("join, another kind", codes(wire.join_group(group, kind="connect")[0]), "INCONSISTENT_GROUP_PROTOCOL")
    run.see("join, session too short", codes(wire.join_group(group, session_ms=10)[0]), "INVALID_SESSION_TIMEOUT")
    run.see("join, session too long", codes(wire.join_group(group, session_ms=10_000_000)[0]), "INVALID_SESSION_TIMEOUT")
    run.see("join, empty group name", codes(wire.join_group("")[0]), "INVALID_GROUP_ID")
    commit = lambda **more: codes(wire.offset_commit(group, topic, 0, 1, **more))  # noqa: E731
    run.see("commit", commit(generation=generation, member=member), "NONE")
    run.see("commit, old generation", commit(generation=generation - 1, member=member), "ILLEGAL_GENERATION")
    run.see("commit, unknown member", commit(generation=generation, member="nobody"), "UNKNOWN_MEMBER_ID")
    run.see("commit from outside", commit(), "UNKNOWN_MEMBER_ID")
    run.see("commit, unknown topic", codes(wire.offset_commit(group, "no-such-topic", 0, 1, generation=generation, member=member)),
            "UNKNOWN_TOPIC_OR_PARTITION")
    run.see("commit, unknown partition", codes(wire.offset_commit(group, topic, 7, 1, generation=generation, member=member)),
            "UNKNOWN_TOPIC_OR_PARTITION")
    run.see("commit, long metadata", commit(generation=generation, member=member, metadata="x" * 5000), "OFFSET_METADATA_TOO_LARGE")
    run.see("leave, unknown member", wire.leave_group(group, "nobody"), [0, [25]])
    run.see("leave", wire.leave_group(group, member), [0, [0]])
    run.see("heartbeat after leaving", codes(wire.heartbeat(group, generation, member)), "UNKNOWN_MEMBER_ID")
    run.see("commit from outside, empty group", commit(), "NONE")


@scenario(clients="wire")
def rebalance_on_the_wire(run):
    """A second member makes the first one's heartbeat say REBALANCE_IN_PROGRESS; both get one generation and their own assignment"""
    group, one, two = run.group(), run.wire(), run.wire()
    _, _, _, _, first, _ = one.join_group(group)
    _, generation, _, _, _, _ = one.join_group(group, first)
    one.sync_group(group, generation, first, [(first, b"all")])
    _, _, _, _, second, _ = two.join_group(group, protocols=("range", "other"))
    two.send_join(group, second, protocols=("range", "other"))
    run.see("heartbeat", run.eventually(lambda: name(one.heartbeat(group, generation, first)), "REBALANCE_IN_PROGRESS"), "REBALANCE_IN_PROGRESS")
    error, generation, protocol, leader, _, members = one.join_group(group, first)
    run.see("first joins again", [name(error), generation, protocol, leader == first, sorted(members) == sorted([first, second])],
            ["NONE", 2, "range", True, True])
    error, generation, protocol, leader, _, members = two.receive_join()
    run.see("second has joined", [name(error), generation, protocol, leader == first, members], ["NONE", 2, "range", True, []])
    run.see("first's part", str(one.sync_group(group, generation, first, [(first, b"one"), (second, b"two")])), "(0, b'one')")
    run.see("second's part", str(two.sync_group(group, generation, second)), "(0, b'two')")
    run.see("second leaves", two.leave_group(group, second), [0, [0]])
    run.see("heartbeat", run.eventually(lambda: name(one.heartbeat(group, generation, first)), "REBALANCE_IN_PROGRESS"), "REBALANCE_IN_PROGRESS")
    error, generation, _, _, _, members = one.join_group(group, first)
    run.see("alone", [name(error), generation, members == [first]], ["NONE", 3, True])


@scenario(clients="wire")
def session_expires(run):
    """A member that falls silent is put out after its session timeout"""
    group, one, two = run.group(), run.wire(), run.wire()
    _, _, _, _, silent, _ = one.join_group(group, session_ms=1000)
    _, generation, _, _, _, _ = one.join_group(group, silent, session_ms=1000)
    one.sync_group(group, generation, silent, [(silent, b"all")])
    _, _, _, _, member, _ = two.join_group(group)
    error, generation, _, leader, _, members = two.join_group(group, member)
    run.see("the other member's join", [name(error), generation, leader == member, members == [member]], ["NONE", 2, True, True])
    run.see("the silent one", name(one.heartbeat(group, generation, silent)), "UNKNOWN_MEMBER_ID")


@scenario(clients="wire")
def static_on_the_wire(run):
    """A static member that comes back without its member id keeps its generation; its old member id is fenced"""
    group, one, two = run.group(), run.wire(), run.wire()
    error, generation, _, _, member, _ = one.join_group(group, instance="s")
    run.see("join", [name(error), generation], ["NONE", 1])
    one.sync_group(group, generation, member, [(member, b"mine")], instance="s")
    error, generation, _, leader, fresh, _ = two.join_group(group, instance="s")
    run.see("it comes back", [name(error), generation, fresh != member], ["NONE", 1, True])
    run.see("its assignment", str(two.sync_group(group, generation, fresh, instance="s")), "(0, b'mine')")
    run.see("the old member id", name(one.heartbeat(group, generation, member, instance="s")), "FENCED_INSTANCE_ID")
    run.see("commit by the old", name(one.offset_commit(group, run.topic(), 0, 1, generation, member, instance="s")), "FENCED_INSTANCE_ID")
    run.see("leave by instance", two.leave_group(group, "", instance="s"), [0, [0]])
    run.see("leave by an unknown instance", two.leave_group(group, "", instance="t"), [0, [25]])
