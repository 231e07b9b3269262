"""The book of calls: found by any name, merged without losing anything, empty after the last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from controller.core.calls import Call, CallBook, JourneyEntry, Leg
from controller.core.decided import Decided
from controller.core.media_kinds import Kind
from controller.core.parties import UNKNOWN, Party, Side
from controller.core.policy import Decision, Verdict
from controller.core.recording import Recording

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
ALICE = Party(Side.INTERNAL, "acme", "101")


def call(call_id: str, *legs: str, seconds: int = 0) -> Call:
    at = START + timedelta(seconds=seconds)
    found = Call(call_id, at)
    for leg_id in legs:
        found.legs[leg_id] = Leg(leg_id, UNKNOWN, at, True, aliases={f"sip-{leg_id}"})
    return found


def everything_in(book: CallBook) -> dict[str, object]:
    return {name: value for name, value in vars(book).items() if value}


def test_a_call_is_found_by_every_name() -> None:
    book = CallBook()
    one = call("c1", "a", "b")
    one.aliases.add("before-the-merge")
    book.add(one)
    book.add_aliases(one, one.legs["a"], ["session", ""])
    for name in ("c1", "a", "b", "sip-a", "sip-b", "session", "before-the-merge"):
        assert book.named(name) == [one]
    assert book.named("") == []
    assert book.named("c") == []
    assert book.call_of("a") is one
    assert book.call_of("sip-a") is None
    assert book.leg("b") is one.legs["b"]


def test_two_calls_may_go_by_one_name() -> None:
    book = CallBook()
    one, other = call("c1", "a"), call("c2", "b")
    for each in (one, other):
        book.add(each)
        book.add_aliases(each, next(iter(each.legs.values())), ["same"])
    assert book.named("same") == [one, other]
    book.remove(one)
    assert book.named("same") == [other]


def test_merging_keeps_the_elder_and_loses_nothing() -> None:
    book = CallBook()
    elder, younger = call("c2", "a", "b", seconds=0), call("c1", "c", seconds=5)
    decision = Decision(Verdict.LEAVE, "nobody_wants", "x")
    elder.decided = [Decided(START + timedelta(seconds=8), "B1", "acme", Kind.AUDIO, ("a", "b"), decision)]
    younger.decided = [Decided(START + timedelta(seconds=6), "B2", "beta", Kind.AUDIO, ("c",), decision)]
    elder.requested, younger.requested = {("acme", "audio")}, {("beta", "audio")}
    younger.stopped = {("beta", "video")}
    younger.answered_at = START + timedelta(seconds=6)
    elder.journey = [JourneyEntry(START, "first"), JourneyEntry(START + timedelta(seconds=9), "last")]
    younger.journey = [JourneyEntry(START + timedelta(seconds=5), "between")]
    for n, each in enumerate((elder, younger)):
        each.recordings.append(Recording(f"R{n}", each.call_id, "acme", Kind.AUDIO, "r", "r", START))
        book.add(each)
    keep, gone = book.merge(younger, elder)
    assert (keep, gone) == (elder, younger)
    assert list(keep.legs) == ["a", "b", "c"]
    assert [(r.recording_id, r.call_id) for r in keep.recordings] == [("R0", "c2"), ("R1", "c2")]
    assert [e.what for e in keep.journey] == ["first", "between", "last"]
    assert [d.tenant for d in keep.decided] == ["beta", "acme"]
    assert keep.decisions == {("beta", Kind.AUDIO): decision, ("acme", Kind.AUDIO): decision}
    assert keep.requested == {("acme", "audio"), ("beta", "audio")}
    assert keep.stopped == set()  # a stop was said about its own conversation
    assert keep.answered_at == START + timedelta(seconds=6)
    for name in ("c1", "c2", "a", "c", "sip-c"):
        assert book.named(name) == [keep]
    assert list(book) == [keep]
    book.remove(keep)
    assert everything_in(book) == {}


def test_calls_that_began_at_the_same_moment_merge_the_same_way_round() -> None:
    for turned in (False, True):
        book = CallBook()
        one, other = call("c1", "a"), call("c2", "b")
        book.add(one)
        book.add(other)
        keep, _ = book.merge(*((other, one) if turned else (one, other)))
        assert keep.call_id == "c1"


def test_bridges_hold_the_living_only() -> None:
    one = call("c1", "a", "b", "c")
    for leg in one.legs.values():
        leg.bridge_id = "B"
    one.legs["b"].ended_at = START
    one.legs["c"].bridge_id = None
    assert {b: [leg.leg_id for leg in legs] for b, legs in one.bridges().items()} == {"B": ["a"]}


def test_tenants_in_order_of_appearance_also_those_who_have_left() -> None:
    one = call("c1", "a", "b", "c")
    one.legs["b"].party = Party(Side.INTERNAL, "beta", "1")
    one.legs["b"].ended_at = START
    one.legs["c"].party = ALICE
    assert one.tenants == ["beta", "acme"]


_step = st.tuples(
    st.sampled_from(["add", "leg", "alias", "merge", "remove"]), st.integers(0, 5), st.integers(0, 5)
)


@given(st.lists(_step, max_size=40))
def test_after_any_history_names_lead_to_their_calls_and_nothing_leaks(
    steps: list[tuple[str, int, int]],
) -> None:
    book = CallBook()
    made = 0
    for what, i, j in steps:
        calls = list(book)
        made += 1
        if what == "add" or not calls:
            book.add(call(f"c{made}", f"l{made}", seconds=i))
            continue
        one, other = calls[i % len(calls)], calls[j % len(calls)]
        if what == "leg":
            book.add_leg(one, Leg(f"l{made}", UNKNOWN, START, True, aliases={f"shared-{j}"}))
        elif what == "alias":
            book.add_aliases(one, list(one.legs.values())[j % len(one.legs)], [f"shared-{i}"])
        elif what == "merge" and one is not other:
            book.merge(one, other)
        elif what == "remove":
            book.remove(one)
    for each in book:
        names = {each.call_id} | each.aliases | set(each.legs)
        names |= {alias for leg in each.legs.values() for alias in leg.aliases}
        assert all(each in book.named(name) for name in names)
    for n in range(6):
        for found in book.named(f"shared-{n}"):
            assert any(f"shared-{n}" in leg.aliases for leg in found.legs.values())
    for each in book:
        book.remove(each)
    assert everything_in(book) == {}
