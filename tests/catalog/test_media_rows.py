"""What the media pipeline sees: due recordings, files, states that only go forward, adoption."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from controller.catalog import Database, SqlCatalog, UnknownRecording
from controller.catalog.media_rows import PREDECESSORS
from controller.core.media_kinds import Kind
from controller.core.recording import Recording, parse_segment_path, segment_path, tenant_folder
from controller.engine.media_ports import FileRole, MediaState, StoredFile
from controller.engine.reading import RecordingFilter, Scope, TenantSettings

from .story import BEGIN, Story, inside, outside

ALL = Scope(None)
EVERY = RecordingFilter()


def talking(story: Story, leg: str = "a", tenant: str = "red.example") -> Recording:
    story.start(leg, inside("1001", tenant))
    story.start(leg + "x", outside("1"), origin=leg)
    story.answer(leg, leg + "x")
    story.bridge("talk" + leg, leg, leg + "x")
    call = story.desk.book.call_of(leg)
    assert call is not None
    story.wait(10)
    return call.recordings[0]


def stored(recording_id: str, number: int = 1, **more: object) -> StoredFile:
    plain = StoredFile(
        recording_id, FileRole.SEGMENT, number, f"{recording_id}.{number}.wav", "wav", 2**33, "ab" * 32,
        60_000, 2, 8000,
    )  # fmt: skip
    return replace(plain, **more)  # type: ignore[arg-type]


async def state_of(catalog: SqlCatalog, recording_id: str) -> tuple[str, int, str]:
    detail = await catalog.recording(ALL, recording_id)
    assert detail is not None
    return detail.row.media_state, detail.row.duration_ms, detail.row.error


# ── due ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_recording_is_due_once_it_has_ended(catalog: SqlCatalog) -> None:
    story = Story()
    recording = talking(story)
    await story.save(catalog)
    assert await catalog.due() == []
    story.ask("pause-recording", "a")
    story.wait(5)
    story.ask("resume-recording", "a")
    story.wait(5)
    story.ask("pause-recording", "a")
    story.wait(5)
    story.hang_up("a", "ax")
    await story.save(catalog)
    (due,) = await catalog.due()
    segment, (first, second) = recording.segments[0], recording.pauses
    assert (due.recording_id, due.call_id, due.switch, due.tenant, due.kind) == (
        recording.recording_id, recording.call_id, "switch", "red.example", Kind.AUDIO,
    )  # fmt: skip
    assert (due.started_at, due.ended_at) == (recording.started_at, recording.ended_at)
    assert [(s.capture_id, s.number, s.path, s.opened_at, s.closed_at) for s in due.segments] == [
        (segment.capture_id, 1, segment.path, segment.opened_at, segment.closed_at)
    ]
    assert due.pauses == ((first.masked_at, first.unmasked_at), (second.masked_at, None))


async def test_a_capture_that_is_being_closed_is_waited_for(catalog: SqlCatalog) -> None:
    story = Story()
    talking(story)
    story.answer_captures = False
    story.ask("stop-recording", "a")
    await story.save(catalog)
    assert await catalog.due() == []  # stopped, but the switch has not closed the file
    story.hang_up("a", "ax")
    await story.save(catalog)
    assert len(await catalog.due()) == 1


async def test_a_capture_that_never_closed_is_not_waited_for_beyond_the_call(catalog: SqlCatalog) -> None:
    story = Story()
    recording = talking(story)
    story.hang_up("a", "ax")
    recording.segments[0].state = type(recording.segments[0].state)("closing")
    recording.segments[0].closed_at = None
    await story.save(catalog)
    assert [d.recording_id for d in await catalog.due()] == [recording.recording_id]


async def test_oldest_first_and_those_that_fail_keep_nobody_waiting(database: Database) -> None:
    clock = [BEGIN]
    catalog = SqlCatalog(database, lambda: clock[0])
    story = Story()
    for n in range(5):
        story.talk(f"a{n}", inside("1001"), f"b{n}", outside("1"))
    await story.save(catalog)
    one, two, three, four, five = [d.recording_id for d in await catalog.due()]
    ended = [d.ended_at for d in await catalog.due()]
    assert ended == sorted(ended)
    for recording_id in (two, one):
        clock[0] += timedelta(minutes=1)
        await catalog.set_media_state(recording_id, MediaState.FAILED, error="disk full")
    await catalog.set_media_state(three, MediaState.AVAILABLE, duration_ms=1)
    await catalog.set_media_state(four, MediaState.STORED)
    assert [d.recording_id for d in await catalog.due()] == [four, five, two, one]
    assert [d.recording_id for d in await catalog.due(limit=2)] == [four, five]
    await catalog.set_media_state(five, MediaState.EMPTY)
    assert len(await catalog.due(1_000_000)) == 3


# ── states ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("start", MediaState)
async def test_media_states_only_go_forward(catalog: SqlCatalog, start: MediaState) -> None:
    allowed = {
        (a, b)
        for row in (
            "spooled: spooled stored available withheld empty discarded failed erased",
            "stored: stored available withheld discarded failed erased",
            "available: available erased",
            "withheld: withheld erased",
            "empty: empty erased",
            "discarded: discarded erased",
            "erased: erased",
            "failed: stored available withheld empty discarded failed erased",
        )
        for a, _, names in [row.partition(": ")]
        for b in names.split()
    }
    story = Story(prefix=start)
    for to in MediaState:
        recording = talking(story, to)
        story.hang_up(to, to + "x")
        await story.save(catalog)
        await catalog.set_media_state(recording.recording_id, start)
        assert (await state_of(catalog, recording.recording_id))[0] == start
        await catalog.set_media_state(recording.recording_id, to, error="why")
        moved = (start, to) in allowed
        assert (start in PREDECESSORS[to]) == moved
        state, _, error = await state_of(catalog, recording.recording_id)
        assert (state, error) == ((to, "why") if moved else (start, ""))


async def test_a_retry_that_works_clears_the_error(catalog: SqlCatalog) -> None:
    story = Story()
    recording = talking(story)
    story.hang_up("a", "ax")
    await story.save(catalog)
    await catalog.set_media_state(recording.recording_id, MediaState.FAILED, error="disk full")
    await catalog.set_media_state(recording.recording_id, MediaState.AVAILABLE, duration_ms=9_000)
    assert await state_of(catalog, recording.recording_id) == ("available", 9_000, "")
    await catalog.set_media_state("unknown", MediaState.AVAILABLE)


async def test_the_engine_s_saves_leave_the_media_alone(catalog: SqlCatalog) -> None:
    story = Story()
    recording = talking(story)
    call = story.running[0]
    story.hang_up("a", "ax")
    await story.save(catalog)
    await catalog.set_media_state(recording.recording_id, MediaState.AVAILABLE, duration_ms=9_000)
    await catalog.add_file(stored(recording.recording_id))
    call.legs["a"].cause = "later news"
    recording.reason = "other words"
    await catalog.save("switch", [call], {})
    assert await state_of(catalog, recording.recording_id) == ("available", 9_000, "")
    assert await catalog.files(recording.recording_id) == [stored(recording.recording_id)]
    assert await catalog.due() == []


async def test_reopen_makes_due_again(catalog: SqlCatalog) -> None:
    story = Story()
    recording = talking(story)
    await story.save(catalog)
    assert not await catalog.reopen(recording.recording_id, "late")  # it still runs
    story.hang_up("a", "ax")
    await story.save(catalog)
    for state in (MediaState.AVAILABLE, MediaState.EMPTY):
        await catalog.set_media_state(recording.recording_id, state)
        assert await catalog.due() == []
        assert await catalog.reopen(recording.recording_id, "a file came late")
        assert [d.recording_id for d in await catalog.due()] == [recording.recording_id]
        assert (await state_of(catalog, recording.recording_id))[2] == "a file came late"
    assert not await catalog.reopen("unknown", "late")


# ── files ─────────────────────────────────────────────────────────────────────────────────────


async def test_files_come_back_as_they_were(catalog: SqlCatalog) -> None:
    story = Story()
    recording = talking(story)
    await story.save(catalog)
    rid = recording.recording_id
    two = stored(rid, 2, repaired=True, note="header\x00 repaired")
    whole = stored(rid, 0, role=FileRole.RENDITION, key=f"{rid}.wav")
    for file in (two, stored(rid, 1), whole, stored(rid, 1)):
        await catalog.add_file(file)
    expected = [whole, stored(rid, 1), replace(two, note="header\ufffd repaired")]
    assert await catalog.files(rid) == expected
    await catalog.add_file(replace(whole, sha256="cd" * 32, key="elsewhere"))
    assert (await catalog.files(rid))[0] == replace(whole, sha256="cd" * 32, key="elsewhere")
    detail = await catalog.recording(ALL, rid)
    assert detail is not None
    assert detail.playable is not None
    assert detail.playable.key == "elsewhere"
    assert await catalog.files("unknown") == []
    with pytest.raises(UnknownRecording):
        await catalog.add_file(stored("unknown"))


async def test_every_file_in_order_of_its_key(catalog: SqlCatalog) -> None:
    story = Story()
    recording = talking(story)
    await story.save(catalog)
    for number in range(1, 8):
        await catalog.add_file(stored(recording.recording_id, number))
    seen: list[StoredFile] = []
    while page := await catalog.files_after(seen[-1].key if seen else "", limit=3):
        assert len(page) <= 3
        seen += page
    assert [file.number for file in seen] == list(range(1, 8))


# ── the spool ─────────────────────────────────────────────────────────────────────────────────


async def test_known_paths_are_each_switch_s_own(catalog: SqlCatalog) -> None:
    stories = {name: Story(prefix=name) for name in ("one", "two")}
    paths = {}
    for name, story in stories.items():
        paths[name] = {s.path for s in talking(story).segments}
        await story.save(catalog, name)
    assert await catalog.known_paths("one") == paths["one"]
    assert await catalog.known_paths("two") == paths["two"]
    assert await catalog.known_paths("three") == set()


def orphan(
    recording_id: str, number: int = 1, tenant: str = "red.example"
) -> tuple[int, str, datetime, datetime]:
    path = segment_path(tenant, recording_id, number, Kind.AUDIO, BEGIN)
    began = BEGIN + timedelta(minutes=number)
    return number, path, began, began + timedelta(seconds=30)


@pytest.mark.parametrize("tenant", ["red.example", "Ünïcode & co", "../etc"])
async def test_an_orphan_is_adopted_by_its_tenant(catalog: SqlCatalog, tenant: str) -> None:
    await catalog.set_tenant(TenantSettings(tenant))
    two, one = orphan("lost", 2, tenant), orphan("lost", 1, tenant)
    parsed = parse_segment_path(one[1])
    assert parsed is not None
    for _ in range(2):
        assert await catalog.adopt("switch", parsed.tenant_folder, "lost", Kind.AUDIO, [two, one])
    (due,) = await catalog.due()
    assert (due.tenant, due.started_at, due.ended_at) == (tenant, one[2], two[3])
    assert [(s.number, s.path) for s in due.segments] == [one[:2], two[:2]]
    assert await catalog.known_paths("switch") == {one[1], two[1]}
    (row,) = (await catalog.recordings(Scope(tenant), EVERY)).items
    assert (row.recording_id, row.reason, row.duration_ms) == ("lost", "found in the spool", 90_000)
    call = await catalog.call(Scope(tenant), row.call_id)
    assert call is not None
    assert [e.what for e in call.journey] == ["adopted"]
    assert (await catalog.recordings(Scope(tenant, "1001"), EVERY)).items == ()
    assert (await catalog.recordings(Scope("blue.example"), EVERY)).items == ()


async def test_nobody_s_or_another_s_file_is_not_adopted(catalog: SqlCatalog) -> None:
    assert not await catalog.adopt("switch", "red.example", "lost", Kind.AUDIO, [orphan("lost")])
    assert (await catalog.recordings(ALL, EVERY)).items == ()
    story = Story()
    recording = talking(story, tenant="blue.example")
    await story.save(catalog)
    await catalog.set_tenant(TenantSettings("red.example"))
    rid = recording.recording_id
    assert not await catalog.adopt("switch", "red.example", rid, Kind.AUDIO, [orphan(rid, 9)])
    assert not await catalog.adopt("switch", "blue.example", rid, Kind.VIDEO, [orphan(rid, 9)])
    assert not await catalog.adopt("switch", "red.example", "lost", Kind.AUDIO, [])
    assert await catalog.known_paths("switch") == {recording.segments[0].path}


async def test_a_segment_found_late_makes_its_recording_due_again(catalog: SqlCatalog) -> None:
    story = Story()
    recording = talking(story)
    story.hang_up("a", "ax")
    await story.save(catalog)
    rid = recording.recording_id
    await catalog.set_media_state(rid, MediaState.AVAILABLE)
    known = orphan(rid, 1)
    assert await catalog.adopt("switch", "red.example", rid, Kind.AUDIO, [known])
    assert await catalog.due() == []  # nothing that was not known
    assert await catalog.adopt("switch", "red.example", rid, Kind.AUDIO, [known, orphan(rid, 2)])
    (due,) = await catalog.due()
    assert [s.number for s in due.segments] == [1, 2]
    assert due.segments[0].path == recording.segments[0].path
    assert due.call_id == recording.call_id


async def test_the_true_call_takes_an_adopted_recording_back(catalog: SqlCatalog) -> None:
    """The database was away, the sweep came first, then the engine's rows."""
    story = Story()
    recording = talking(story)
    story.hang_up("a", "ax")
    rid, segment = recording.recording_id, recording.segments[0]
    await catalog.set_tenant(TenantSettings("red.example"))
    found = [(1, segment.path, segment.opened_at or BEGIN, segment.closed_at or BEGIN)]
    assert await catalog.adopt("switch", tenant_folder("red.example"), rid, Kind.AUDIO, found)
    await catalog.set_media_state(rid, MediaState.AVAILABLE, duration_ms=5)
    await story.save(catalog)
    assert await catalog.call(ALL, rid) is None
    (row,) = (await catalog.recordings(Scope("red.example", "1001"), EVERY)).items
    assert (row.call_id, row.media_state, row.duration_ms) == (recording.call_id, "available", 5)
    assert len((await catalog.calls(ALL, EVERY)).items) == 1


async def test_adopted_twice_at_once(catalog: SqlCatalog) -> None:
    await catalog.set_tenant(TenantSettings("red.example"))
    adopt = [catalog.adopt("switch", "red.example", "lost", Kind.AUDIO, [orphan("lost")]) for _ in range(5)]
    assert await asyncio.gather(*adopt) == [True] * 5
    assert len(await catalog.due()) == 1
