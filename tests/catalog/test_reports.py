"""Reports agree with sums taken by hand, on both databases, for every scope, and at the days' borders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from controller.catalog import SqlCatalog
from controller.core.direction import Direction
from controller.core.rules import PolicyScope, Route
from controller.engine.media_ports import SILENT, FileRole, MediaState, StoredFile
from controller.engine.reading import Recorded, RecordingFilter, Scope, Team
from controller.engine.reports import Grouping, Sums

from .story import Story, inside, outside

BERLIN = ZoneInfo("Europe/Berlin")
SINCE, UNTIL = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
ALL, RED = Scope(None), Scope("red.example")


def at(hour: int, minute: int = 0, day: int = 20) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


async def fill(catalog: SqlCatalog) -> Story:
    """red: 101 to outside (60 s, a pause of 10 s), 101 to 102 (30 s) through Support; blue: one (20 s);
    and one that nobody answers."""
    story = Story(begin=at(9))
    story.start("a", inside("101"))
    story.start("b", outside("+49"), origin="a")
    story.answer("b", "a")
    story.bridge("b1", "a", "b")
    story.wait(20)
    assert story.ask("pause-audio-recording", "a").accepted
    story.wait(10)
    assert story.ask("resume-audio-recording", "a").accepted
    story.wait(30)
    story.hang_up("a", "b")
    story.at = at(10)
    way = (Route(PolicyScope.QUEUE, "Support", "red.example"),)
    story.talk("c", inside("101"), "d", inside("102"), seconds=30, routes=way)
    story.at = at(23, 30)
    story.talk("e", inside("201", "blue.example"), "f", outside("+33"), seconds=20)
    story.start("g", inside("102"))
    story.start("h", outside("+1"), origin="g")
    story.wait(5)
    story.hang_up("h", "g", cause="NO_ANSWER")
    await story.save(catalog)
    return story


async def by_hand(catalog: SqlCatalog, scope: Scope) -> Sums:
    """The same out of the lists and details that people see."""
    total = Sums()
    for call in (await catalog.calls(scope, RecordingFilter(since=SINCE, until=UNTIL), limit=500)).items:
        total += Sums(calls=1, answered=int(call.answered_at is not None), talk_ms=call.duration_ms)
    for row in (await catalog.recordings(scope, RecordingFilter(), limit=500)).items:
        detail = await catalog.recording(scope, row.recording_id)
        assert detail is not None
        total += Sums(
            recordings=1, recorded_ms=row.duration_ms, stored=sum(f.size for f in detail.files),
            pauses=len(detail.pauses),
        )  # fmt: skip
        for p in detail.pauses:
            assert p.masked_at
            assert p.unmasked_at
            ms = round((p.unmasked_at - p.masked_at) / timedelta(milliseconds=1))
            total += Sums(paused_ms=ms, longest_pause_ms=ms)
    missing = RecordingFilter(recorded=Recorded.MISSING)
    return total + Sums(missing=len((await catalog.calls(scope, missing, limit=500)).items))


async def furnished(catalog: SqlCatalog) -> None:
    """A file for each recording, and one recording that is lost."""
    rows = (await catalog.recordings(ALL, RecordingFilter())).items
    for n, row in enumerate(rows):
        if n == 0:
            await catalog.set_media_state(row.recording_id, MediaState.EMPTY)
            continue
        file = StoredFile(
            row.recording_id, FileRole.RENDITION, 0, f"k{n}", "wav", 1000 + n, "0" * 64, 9000, 2, 8000
        )
        await catalog.add_file(file)
        await catalog.set_media_state(row.recording_id, MediaState.AVAILABLE, duration_ms=9000)


TEAM = Scope("red.example", None, Team(frozenset({"102"})))


@pytest.mark.parametrize(
    "scope", [ALL, RED, Scope("blue.example"), Scope("red.example", "102"), TEAM, Scope("none.example")]
)
async def test_the_totals_are_what_the_lists_come_to(catalog: SqlCatalog, scope: Scope) -> None:
    await fill(catalog)
    await furnished(catalog)
    total = await catalog.report_totals(scope, SINCE, UNTIL)
    assert total == await by_hand(catalog, scope)
    if scope == ALL:
        assert (total.calls, total.answered, total.pauses, total.missing) == (4, 3, 1, 1)
        assert 9_900 <= total.longest_pause_ms <= 10_100


@pytest.mark.parametrize("scope", [ALL, RED, TEAM])
async def test_days_and_hours_sum_up_to_the_total(catalog: SqlCatalog, scope: Scope) -> None:
    await fill(catalog)
    await furnished(catalog)
    total = await catalog.report_totals(scope, SINCE, UNTIL)
    for by in (Grouping.DAY, Grouping.HOUR):
        rows = await catalog.report(scope, by, SINCE, UNTIL, BERLIN)
        assert sum((r.sums for r in rows), Sums()) == total


async def test_a_day_is_the_readers(catalog: SqlCatalog) -> None:
    await fill(catalog)
    calls = {}
    for zone in (UTC, BERLIN, ZoneInfo("Asia/Kathmandu")):
        rows = await catalog.report(ALL, Grouping.DAY, at(0, day=20), at(0, day=22), zone)
        calls[str(zone)] = {r.key: r.sums.calls for r in rows if r.sums.calls}
    assert calls["UTC"] == {"2026-11-20": 4}
    assert calls["Europe/Berlin"] == {"2026-11-20": 2, "2026-11-21": 2}
    hours = await catalog.report(ALL, Grouping.HOUR, SINCE, UNTIL, ZoneInfo("Asia/Kathmandu"))
    assert {r.key for r in hours if r.sums.calls} == {"14", "15", "05"}, "5 h 45 min ahead"


async def test_the_day_of_25_hours_is_one_day(catalog: SqlCatalog) -> None:
    """Summer time ends in Berlin on 2026-10-25: that day lasts from 22:00 UTC to 23:00 UTC."""
    story = Story(begin=datetime(2026, 10, 24, 21, 59, tzinfo=UTC))
    for n, begin in enumerate(("24T21:59", "24T22:01", "25T00:30", "25T01:30", "25T22:59", "25T23:01")):
        story.at = datetime.fromisoformat(f"2026-10-{begin}:00+00:00")
        story.talk(f"a{n}", inside("101"), f"b{n}", outside("+1"), seconds=1)
    await story.save(catalog)
    since, until = (datetime(2026, 10, day, tzinfo=BERLIN) for day in (24, 27))
    rows = await catalog.report(RED, Grouping.DAY, since, until, BERLIN)
    assert [(r.key, r.sums.calls) for r in rows] == [
        ("2026-10-24", 1), ("2026-10-25", 4), ("2026-10-26", 1),
    ]  # fmt: skip


async def test_by_user_queue_and_tenant(catalog: SqlCatalog) -> None:
    await fill(catalog)

    async def calls(scope: Scope, by: Grouping) -> dict[str, int]:
        return {r.key: r.sums.calls for r in await catalog.report(scope, by, SINCE, UNTIL, UTC)}

    assert await calls(ALL, Grouping.USER) == {"101": 2, "102": 2, "201": 1}
    assert await calls(RED, Grouping.USER) == {"101": 2, "102": 2}
    assert await calls(TEAM, Grouping.USER) == {"102": 2}
    assert await calls(Scope("red.example", "102"), Grouping.USER) == {"102": 2}
    assert await calls(RED, Grouping.QUEUE) == {"Support": 1}
    assert await calls(Scope("blue.example"), Grouping.QUEUE) == {}
    assert await calls(Scope("red.example", "102"), Grouping.QUEUE) == {"Support": 1}
    assert await calls(ALL, Grouping.TENANT) == {"red.example": 3, "blue.example": 1}
    assert await calls(RED, Grouping.TENANT) == {"red.example": 3}
    nobodys = Scope("red.example", None, Team())
    for by in Grouping:
        assert sum((await calls(nobodys, by)).values()) == 0


async def test_silence_and_failure_are_missing_and_deletion_is_not(catalog: SqlCatalog) -> None:
    await fill(catalog)
    rows = (await catalog.recordings(RED, RecordingFilter(kind="audio"))).items
    silent, failed = rows[:2]
    await catalog.set_media_state(silent.recording_id, MediaState.AVAILABLE, duration_ms=5, error=SILENT)
    assert (await catalog.report_totals(RED, SINCE, UNTIL)).missing == 1
    await catalog.set_media_state(failed.recording_id, MediaState.FAILED, error="disk full")
    assert (await catalog.report_totals(RED, SINCE, UNTIL)).missing == 2
    assert (await catalog.report_totals(Scope("blue.example"), SINCE, UNTIL)).missing == 0
    await catalog.set_media_state(failed.recording_id, MediaState.AVAILABLE, duration_ms=9)
    assert (await catalog.report_totals(RED, SINCE, UNTIL)).missing == 1
    page = await catalog.calls(RED, RecordingFilter(recorded=Recorded.MISSING))
    assert [c.call_id for c in page.items] == [silent.call_id]
    assert page.items[0].direction in set(Direction)


async def test_storage_is_of_now_and_of_the_period(catalog: SqlCatalog) -> None:
    await fill(catalog)
    await furnished(catalog)
    for scope in (ALL, RED, Scope("blue.example")):
        rows = (await catalog.recordings(scope, RecordingFilter())).items
        details = [await catalog.recording(scope, r.recording_id) for r in rows]
        size = sum(f.size for d in details if d for f in d.files)
        assert (await catalog.storage(scope, SINCE, UNTIL)).now == size
        assert (await catalog.storage(scope, SINCE, UNTIL)).added == size
        assert (await catalog.storage(scope, SINCE, SINCE)).added == 0
