"""Hash slots: where keys lie, who owns them, whom to believe about it."""

from __future__ import annotations

import pytest

from server.lookup.marks import Complete, Names
from server.lookup.place import Place
from server.lookup.slots import (
    ALONE,
    SLOTS,
    Primary,
    Redirect,
    agreed,
    covers,
    joined,
    read_redirect,
    read_slots,
    read_topology,
    slot_of,
    slots_text,
    tag_of,
)

A, B, C = ("10.0.0.1", 7001), ("10.0.0.2", 7001), ("10.0.0.3", 7001)


@pytest.mark.parametrize(
    ("key", "slot"),
    [  # the examples of the cluster specification, and what CLUSTER KEYSLOT answers
        (b"123456789", 12739),
        (b"foo", 12182),
        (b"{user1000}.following", 3443),
        (b"{user1000}.followers", 3443),
        (b"foo{}{bar}", 8363),
        (b"foo{{bar}}zap", 4015),
        (b"foo{bar}{zap}", 5061),
        (b"a:1004217", 15333),
        (b"a:{", 2553),
        (b"", 0),
    ],
)
def test_a_key_lies_where_the_server_puts_it(key: bytes, slot: int) -> None:
    assert slot_of(key) == slot


def test_every_slot_has_a_tag() -> None:
    assert [slot_of(b"a:~beat{%b}" % tag_of(slot)) for slot in range(SLOTS)] == list(range(SLOTS))


def test_slots_are_written_and_read() -> None:
    text = slots_text(((0, 2), (7, 7), (9, 10)))
    assert text == "0-2,7,9-10"
    assert read_slots(text) == {0, 1, 2, 7, 9, 10}
    assert read_slots("") == frozenset()
    with pytest.raises(ValueError, match="x"):
        read_slots("0-x")


def test_neighbouring_ranges_are_joined() -> None:
    assert joined([(5, 9), (0, 2), (3, 4), (11, 11)]) == ((0, 9), (11, 11))


def test_a_node_alone_owns_every_slot_and_has_plain_names() -> None:
    assert len(ALONE.slots) == SLOTS
    assert Names.on(ALONE) == Names(b"a:~beat", b"a:~complete", b"meta:applied", b"meta:copying")


def test_the_names_of_a_members_marks_lie_on_it() -> None:
    names = Names.on(Primary(A, ((5461, 10922),)))
    keys = (names.beat, names.complete, names.applied, names.copying)
    assert {slot_of(key) for key in keys} == {5461}
    assert names.beat.startswith(b"a:~beat{")


def node(address: tuple[str, int]) -> list[object]:
    return [address[0].encode(), address[1], b"id"]


def test_a_topology_is_read_by_primary() -> None:
    reply = [[0, 5, node(A), node(B)], [6, 9, node(C)], [10, 12, node(A)]]
    assert read_topology(reply, A) == {
        A: Primary(A, ((0, 5), (10, 12))),
        C: Primary(C, ((6, 9),)),
    }


@pytest.mark.parametrize("host", [None, b"", b"?"])
def test_a_node_without_a_name_is_the_one_that_was_asked(host: bytes | None) -> None:
    assert set(read_topology([[0, 5, [host, 7005, b"id"]]], A)) == {(A[0], 7005)}


@pytest.mark.parametrize("reply", [ValueError("ERR"), [[0]], [[0, 1, 5]], [[0, 1, []]], None])
def test_what_is_no_topology_is_refused(reply: object) -> None:
    with pytest.raises(ValueError, match="CLUSTER SLOTS"):
        read_topology(reply, A)  # type: ignore[arg-type]


def test_a_digest_changes_with_the_slots() -> None:
    assert Primary(A, ((0, 5),)).digest == Primary(B, ((0, 5),)).digest
    assert Primary(A, ((0, 5),)).digest != Primary(A, ((0, 6),)).digest


ALL = {A: Primary(A, ((0, 5),)), B: Primary(B, ((6, 9),)), C: Primary(C, ((10, 12),))}
WITHOUT_A = {B: Primary(B, ((6, 9),)), C: Primary(C, ((0, 5), (10, 12)))}


def test_a_node_that_is_cut_off_is_outvoted() -> None:
    assert agreed([ALL, WITHOUT_A, WITHOUT_A]) == WITHOUT_A
    assert agreed([ALL, ALL, WITHOUT_A]) == ALL


def test_one_of_three_decides_nothing() -> None:
    assert agreed([ALL]) == {}
    assert agreed([]) == {}


def test_while_slots_change_hands_what_is_undisputed_stands() -> None:
    moved = {**ALL, A: Primary(A, ((0, 4),)), B: Primary(B, ((5, 9),))}
    found = agreed([ALL, moved])
    assert found == {C: ALL[C]}
    assert not covers(found, [ALL, moved])
    assert covers(ALL, [ALL, ALL])
    assert covers(WITHOUT_A, [ALL, WITHOUT_A])


@pytest.mark.parametrize(
    ("error", "redirect"),
    [
        ("MOVED 3999 10.0.0.2:7001", Redirect(B, is_asking=False)),
        ("ASK 3999 10.0.0.2:7001", Redirect(B, is_asking=True)),
        ("MOVED 3999 :7001", Redirect((A[0], 7001), is_asking=False)),
        ("MOVED 3999 ::1:7001", Redirect(("::1", 7001), is_asking=False)),
        ("MOVED 3999 nowhere", None),
        ("CLUSTERDOWN The cluster is down", None),
    ],
)
def test_a_redirect_is_read(error: str, redirect: Redirect | None) -> None:
    assert read_redirect(error, A) == redirect


def test_a_marker_covers_a_node_that_has_lost_slots_but_none_that_has_got_some() -> None:
    marker = Complete(1, "run", "slot", slots="0-5,9")
    assert marker.covers(Primary(A, ((0, 5), (9, 9))))
    assert marker.covers(Primary(A, ((1, 3),)))
    assert not marker.covers(Primary(A, ((0, 6),)))


def test_a_url_names_one_server() -> None:
    place = Place.from_url("redis://:secret@redis.example:6380/2")
    assert not place.is_cluster
    (seed,) = place.seeds
    assert (seed.host, seed.port, seed.password, seed.database) == (
        "redis.example",
        6380,
        "secret",
        2,
    )


def test_a_url_names_nodes_of_a_cluster() -> None:
    place = Place.from_url("rediss+cluster://user:se%40cret@one:7001,two,[::1]:7003")
    assert place.is_cluster
    assert [(s.host, s.port, s.tls) for s in place.seeds] == [
        ("one", 7001, True),
        ("two", 6379, True),
        ("::1", 7003, True),
    ]
    member = place.node_at(("three", 7004))
    assert (member.host, member.port, member.username, member.password, member.tls) == (
        "three",
        7004,
        "user",
        "se@cret",
        True,
    )


@pytest.mark.parametrize("url", ["redis+cluster://one/1", "unix+cluster:///tmp/x", "http://one"])
def test_what_names_no_redis_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"cluster|URL"):
        Place.from_url(url)
