"""Lists and details: pages, filters, the search for a party, directions, pauses on the time line."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from controller.catalog import SqlCatalog
from controller.catalog.columns import clean, name_key
from controller.core.calls import Leg
from controller.core.direction import Direction, direction_of
from controller.core.parties import Party
from controller.engine.media_ports import MediaState
from controller.engine.reading import RecordingFilter, Scope

from .story import BEGIN, Story, inside, outside

ALL = Scope(None)
EVERY = RecordingFilter()


def leg(party: Party, calling: bool = False, answered: bool = True, recordable: bool = True) -> Leg:
    return Leg("x", party, BEGIN, calling, recordable=recordable, answered_at=BEGIN if answered else None)


# ── direction ─────────────────────────────────────────────────────────────────────────────────

A, B, C = inside("1001"), inside("1002"), inside("2001", "blue.example")
X, Y, TRUNK = outside("1"), outside("2"), outside("3", tenant="red.example")


@pytest.mark.parametrize(
    ("legs", "expected"),
    [
        ([], "external"),
        ([leg(A, True)], "internal"),  # a code, voice mail
        ([leg(X, True)], "inbound"),  # nobody was found for it yet
        ([leg(A, True), leg(X)], "outbound"),
        ([leg(A, True), leg(B)], "internal"),
        ([leg(X, True), leg(A)], "inbound"),
        ([leg(TRUNK, True), leg(A)], "inbound"),
        ([leg(X, True), leg(Y)], "external"),
        ([leg(TRUNK, True), leg(Y)], "external"),
        ([leg(A, True), leg(X), leg(B)], "outbound"),  # handed to a colleague later
        ([leg(A, True), leg(X, answered=False), leg(B)], "internal"),  # a ring group with a mobile in it
        ([leg(A, True), leg(X, answered=False), leg(B, answered=False)], "outbound"),
        ([leg(X, True), leg(A), leg(Y)], "inbound"),  # sent on to outside
        ([leg(A), leg(X)], "outbound"),  # click to call: nobody called
        ([leg(X, recordable=False), leg(A, True), leg(B)], "internal"),  # Local/ half-legs
        ([leg(X, True, recordable=False)], "inbound"),
        ([leg(A, True), leg(C)], "internal"),
    ],
)
def test_direction(legs: list[Leg], expected: str) -> None:
    assert direction_of(legs) == expected


def test_direction_is_each_tenant_s_own() -> None:
    legs = [leg(A, True), leg(C)]
    assert direction_of(legs, "red.example") is Direction.OUTBOUND
    assert direction_of(legs, "blue.example") is Direction.INBOUND
    assert direction_of(legs, "green.example") is Direction.EXTERNAL


# ── pages ─────────────────────────────────────────────────────────────────────────────────────


async def many(catalog: SqlCatalog, count: int = 23) -> None:
    story = Story()
    for n in range(count):
        if n % 5:  # some begin in the same moment
            story.wait(10)
        begin = story.at
        story.talk(f"a{n}", inside("1001"), f"b{n}", outside(f"1555{n:04}"), seconds=n)
        story.at = begin
    await story.save(catalog)


@pytest.mark.parametrize("scope", [ALL, Scope("red.example"), Scope("red.example", "1001")], ids=str)
async def test_pages_hold_every_row_once_newest_first(catalog: SqlCatalog, scope: Scope) -> None:
    await many(catalog)
    for method, key in ((catalog.recordings, "recording_id"), (catalog.calls, "call_id")):
        whole = await method(scope, EVERY, limit=500)
        assert len(whole.items) == 23
        assert whole.next is None
        order = [(row.started_at, getattr(row, key)) for row in whole.items]
        assert order == sorted(order, reverse=True)
        assert len(set(order)) == 23
        for limit in (1, 7, 23):
            seen, before = [], None
            while True:
                page = await method(scope, EVERY, limit=limit, before=before)
                assert 0 < len(page.items) <= limit
                seen += page.items
                before = page.next
                if before is None:
                    break
                assert before.replace("-", "").replace("_", "").isalnum()
            assert seen == list(whole.items)


async def test_a_limit_without_sense_is_put_right(catalog: SqlCatalog) -> None:
    await many(catalog, 3)
    for limit in (0, -5):
        assert len((await catalog.recordings(ALL, EVERY, limit=limit)).items) == 1
    assert len((await catalog.recordings(ALL, EVERY, limit=10**9)).items) == 3


def raw(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "key",
    [
        "", " ", "nonsense", "é", "=", "\x00", "a" * 5000, raw(""), raw("~"), raw("12"), raw("x~y"),
        raw("1~"), raw(f"{10**30}~id"), raw(" 1~id"), raw("1_0~id"), raw("1~id") + "=", raw("1~id") + "\n",
        "\ud800", base64.urlsafe_b64encode(b"\xff~id").decode(),
    ],
)  # fmt: skip
async def test_a_bad_key_is_refused(key: str) -> None:
    # Before anything is asked of a database: there is none here.
    catalog = SqlCatalog(SimpleNamespace(sqlite=True))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no page of this list"):
        await catalog.recordings(ALL, EVERY, before=key)
    with pytest.raises(ValueError, match="no page of this list"):
        await catalog.calls(ALL, EVERY, before=key)


# ── filters ───────────────────────────────────────────────────────────────────────────────────


async def numbers(catalog: SqlCatalog, where: RecordingFilter, scope: Scope = ALL) -> list[str]:
    """The other parties' numbers in the calls found, which must be those of the recordings."""
    calls = sorted(c.parties[1].number for c in (await catalog.calls(scope, where)).items)
    recordings = sorted(r.parties[1].number for r in (await catalog.recordings(scope, where)).items)
    assert calls == recordings
    return calls


#: What is typed → the other parties' numbers of the calls that it finds.
PARTIES = [
    ("15551234567", ["+1 (555) 123-4567", "15551234567"]),
    ("+1 (555) 123-4567", ["+1 (555) 123-4567", "15551234567"]),
    ("  555.123/4567 ", ["+1 (555) 123-4567", "15551234567"]),
    ("(555)", ["+1 (555) 123-4567", "15551234567"]),
    ("49301", ["0049301"]),
    ("+49 301", ["0049301"]),
    ("%", ["100%"]),
    ("_", ["under_score"]),
    ("\\", ["back\\slash"]),
    ("/", ["sla/sh"]),
    ("''", []),
    ("STRASSE", ["straße"]),
    ("ＷＩＤＥ", ["wide"]),
    ("müller", ["name"]),
    ("MÜLLER", ["name"]),
    ("MU\u0308LLER", ["name"]),
    ("018", ["dialled"]),
    ("nobody", []),
    ("-", ["+1 (555) 123-4567", "dialled"]),
    ("x" * 100_000, []),
    ("% ; DROP TABLE calls; --", []),
]


async def test_party_filter(catalog: SqlCatalog) -> None:
    story = Story()
    others = [
        "+1 (555) 123-4567", "15551234567", "0049301", "100%", "under_score", "back\\slash", "sla/sh",
        "straße", "wide",
    ]  # fmt: skip
    for n, other in enumerate(others):
        story.talk(f"a{n}", inside("7"), f"b{n}", outside(other))
    story.talk("m", inside("7"), "m2", outside("name", "Jörg Müller"))
    story.talk("d", inside("7"), "d2", outside("dialled"), dialled="0-18")
    await story.save(catalog)
    for party, expected in PARTIES:
        for scope in (ALL, Scope("red.example"), Scope("red.example", "7")):
            found = await numbers(catalog, RecordingFilter(party=party), scope)
            assert found == sorted(expected), (party, scope)


async def test_range_filters(catalog: SqlCatalog) -> None:
    story = Story()
    for n in range(4):
        story.at = BEGIN + timedelta(hours=n)
        story.talk(f"a{n}", inside("1001"), f"b{n}", outside(str(n)), seconds=60 * n)
    await story.save(catalog)
    at = [BEGIN + timedelta(hours=n) for n in range(5)]
    rows = (await catalog.calls(ALL, EVERY)).items
    starts = sorted(row.started_at for row in rows)
    assert starts == at[:4]
    calls = (await catalog.calls(ALL, RecordingFilter(since=at[1], until=at[3]))).items
    assert [c.started_at for c in calls] == [at[2], at[1]]
    offset = datetime.fromisoformat("2026-11-22T12:00:00+02:00")
    assert len((await catalog.calls(ALL, RecordingFilter(since=offset))).items) == 3
    assert await numbers(catalog, RecordingFilter(min_ms=60_000, max_ms=150_000)) == ["1", "2"]
    lengths = sorted(c.duration_ms for c in rows)
    exact = RecordingFilter(min_ms=lengths[1], max_ms=lengths[2])
    assert [c.duration_ms for c in (await catalog.calls(ALL, exact)).items] == [lengths[1]]
    assert (await catalog.calls(ALL, RecordingFilter(since=at[3], until=at[0]))).items == ()


async def test_kind_and_direction_filters(catalog: SqlCatalog) -> None:
    story = Story()
    story.talk("a", inside("1001"), "b", outside("out"), video=True)
    story.talk("c", outside("15"), "d", inside("1001"))
    await story.save(catalog)
    assert await numbers(catalog, RecordingFilter(kind="video")) == ["out"]
    assert await numbers(catalog, RecordingFilter(direction=Direction.INBOUND)) == ["1001"]
    assert await numbers(catalog, RecordingFilter(direction=Direction.INTERNAL)) == []


async def test_how_long_a_recording_is(catalog: SqlCatalog) -> None:
    story = Story()
    story.talk("a", inside("1001"), "b", outside("1"), seconds=42)
    await story.save(catalog)
    (row,) = (await catalog.recordings(ALL, EVERY)).items
    assert row.duration_ms == pytest.approx(42_000, abs=100)  # what the engine saw
    assert row.ended_at is not None
    await catalog.set_media_state(row.recording_id, MediaState.AVAILABLE, duration_ms=41_500)
    (row,) = (await catalog.recordings(ALL, RecordingFilter(max_ms=41_600))).items
    assert row.duration_ms == 41_500  # what the file holds
    assert (await catalog.recordings(ALL, RecordingFilter(min_ms=41_600))).items == ()


# ── details ───────────────────────────────────────────────────────────────────────────────────


async def test_pauses_on_the_recording_s_time_line(catalog: SqlCatalog) -> None:
    story = Story()
    story.start("a", inside("1001"))
    story.start("b", outside("1"), origin="a")
    story.answer("b", "a")
    story.bridge("talk", "a", "b")
    (call,) = story.running
    (recording,) = call.recordings
    zero = recording.segments[0].opened_at
    assert zero is not None
    story.wait(10)
    story.ask("pause-recording", "a")
    story.wait(5)
    story.ask("resume-recording", "a")
    story.wait(10)
    story.ask("pause-recording", "a")
    story.wait(3)
    story.hang_up("a", "b")
    await story.save(catalog)
    detail = await catalog.recording(ALL, recording.recording_id)
    assert detail is not None
    first, second = detail.pauses
    # Each answer of the switch takes the story's 10 ms.
    assert (first.from_ms, first.to_ms) == (10_010, 15_020)
    assert (second.from_ms, second.to_ms) == (25_030, None)
    assert first.asked_by == "1001@red.example"
    assert second.ended_by == "end of call"
    assert detail.row.pauses == 2
    assert detail.rule == "tenant.on"
    assert [s.state for s in detail.segments] == ["ended"]
    assert detail.playable is None


async def test_a_pause_from_before_the_first_sound_begins_at_zero(catalog: SqlCatalog) -> None:
    story = Story()
    story.start("a", inside("1001"))
    story.start("b", outside("1"), origin="a")
    story.answer("b", "a")
    story.bridge("talk", "a", "b")
    (recording,) = story.running[0].recordings
    story.ask("pause-recording", "a")
    recording.pauses[0].masked_at = None
    recording.pauses[0].asked_at = BEGIN - timedelta(minutes=1)
    await story.save(catalog)
    detail = await catalog.recording(ALL, recording.recording_id)
    assert detail is not None
    assert (detail.pauses[0].from_ms, detail.pauses[0].to_ms) == (0, None)


async def test_the_cdr_of_a_call(catalog: SqlCatalog) -> None:
    story = Story()
    call_id = story.talk("a", inside("1001"), "b", outside("15551", "Bob"), seconds=30, dialled="015551")
    await story.save(catalog)
    call = await catalog.call(ALL, call_id)
    assert call is not None
    assert call.row.direction is Direction.OUTBOUND
    assert call.row.duration_ms == pytest.approx(30_000, abs=100)
    assert [(x.leg_id, x.party.number, x.party.calling, x.dialled) for x in call.legs] == [
        ("a", "1001", True, "015551"),
        ("b", "15551", False, ""),
    ]
    assert [(e.what, e.leg_id) for e in call.journey] == [
        ("calling", "a"), ("called", "b"), ("answered", "b"), ("answered", "a"), ("talking", "a"),
        ("talking", "b"), ("capture", "a"), ("hung up", "b"), ("hung up", "a"),
    ]  # fmt: skip
    assert {(d.kind, d.verdict, d.rule) for d in call.decisions} == {
        ("audio", "record", "tenant.on"),
        ("video", "leave", "not_a_video_call"),
    }
    assert all(e.at.tzinfo is UTC for e in call.journey)


async def test_half_legs_are_nobody(catalog: SqlCatalog) -> None:
    story = Story()
    story.start("a", inside("1001"))
    story.start("local;1", outside(""), origin="a", recordable=False)
    story.start("b", inside("1002"), origin="local;1")
    await story.save(catalog)
    (row,) = (await catalog.calls(ALL, EVERY)).items
    assert [p.number for p in row.parties] == ["1001", "1002"]
    assert row.direction is Direction.INTERNAL


# ── what is kept of a text ────────────────────────────────────────────────────────────────────


def test_clean_takes_only_what_cannot_be_stored() -> None:
    assert clean("a\x00b\ud83dc😀\n\x01") == "a\ufffdb\ufffdc😀\n\x01"


def test_name_keys_are_short_distinct_and_stable() -> None:
    long = "é" * 200
    keys = {name_key(long + end) for end in ("", "a", "b", "\ud800", "\ufffd", "\x00")}
    assert len(keys) == 6
    assert all(len(key.encode()) <= 250 for key in keys)
    assert {name_key(key) for key in keys} == keys
    assert name_key("red.example") == "red.example"
    assert name_key("x" * 250) == "x" * 250
