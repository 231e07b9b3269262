"""What the kept sums say is what counting says, in any order of saving, changing, deleting and counting."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, func, select, text, update

from controller.catalog import Database, SqlCatalog, kept_spans, rare_calls, reports
from controller.catalog import tables as t
from controller.catalog.counting import QUARTER_S
from controller.catalog.local_days import LocalSpans, labels
from controller.core.rules import PolicyScope, Route
from controller.engine.media_ports import FileRole, MediaState, StoredFile
from controller.engine.reading import Recorded, RecordingFilter, Scope, Team
from controller.engine.report_keeper import ReportKeeper
from controller.engine.reports import Grouping

from .story import Story, inside, outside

ALL, RED, BLUE = Scope(None), Scope("red.example"), Scope("blue.example")
SCOPES = [ALL, RED, BLUE, Scope("red.example", "101"), Scope("red.example", None, Team(frozenset({"101"})))]
BERLIN = ZoneInfo("Europe/Berlin")
#: Summer time ends in Berlin within it.
BEGIN = datetime(2026, 10, 23, 21, 50, tzinfo=UTC)
SINCE, UNTIL = datetime(2026, 10, 23, 22, 0, tzinfo=UTC), datetime(2026, 10, 27, 23, 0, tzinfo=UTC)
#: Whole days of Berlin, whole UTC days, and a period that begins and ends within a quarter of an hour.
PERIODS = [
    (SINCE, UNTIL),
    (datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 27, tzinfo=UTC)),
    (SINCE + timedelta(minutes=7), UNTIL - timedelta(minutes=5)),
    (SINCE + timedelta(minutes=1), SINCE + timedelta(minutes=3)),
]


async def answers(catalog: SqlCatalog, n: int = 0) -> list[Any]:
    """Of every scope, each for another one of the periods."""
    found: list[Any] = []
    for m, scope in enumerate(SCOPES):
        for since, until in (PERIODS[(n + m) % len(PERIODS)],):
            found.append((scope, since, await catalog.report_totals(scope, since, until)))
            found.append((scope, since, await catalog.storage(scope, since, until)))
            for recorded in (Recorded.NO, Recorded.MISSING):
                found.append((scope, since, recorded, await paged(catalog, scope, recorded, since, until)))
            for by in (list(Grouping)[(n + m) % 5], list(Grouping)[(n + m + 2) % 5]):
                found.append((scope, since, by, await catalog.report(scope, by, since, until, BERLIN)))
    return found


async def paged(
    catalog: SqlCatalog, scope: Scope, recorded: Recorded, since: datetime, until: datetime
) -> list[str]:
    ids: list[str] = []
    before, where = None, RecordingFilter(recorded=recorded, since=since, until=until)
    while True:
        page = await catalog.calls(scope, where, limit=3, before=before)
        ids += [row.call_id for row in page.items]
        before = page.next
        if before is None:
            return ids


async def agree(catalog: SqlCatalog, monkeypatch: pytest.MonkeyPatch, n: int = 0) -> None:
    """What is answered is what is counted when nothing is kept."""
    answered = await answers(catalog, n)
    with monkeypatch.context() as without:
        for name in ("totals", "grouped", "files"):
            without.setattr(reports.kept, name, lambda *_: None)
        without.setattr(rare_calls, "WHAT", {})
        counted = await answers(catalog, n)
    for one, other in zip(answered, counted, strict=True):
        assert one == other


class Life:
    """A catalog that something happens to."""

    def __init__(self, catalog: SqlCatalog, database: Database, seed: int) -> None:
        self.catalog, self.database, self.dice = catalog, database, random.Random(seed)
        self.story, self.calls = Story(begin=BEGIN, prefix=f"s{seed}x"), 0

    def steps(self) -> list[Callable[[], Awaitable[object]]]:
        return [
            self.a_call, self.a_call, self.a_running_call, self.a_file, self.no_files, self.a_state,
            self.trash, self.restore, self.purge, self.forget_call, self.another_time,
            self.catalog.count_anew,
        ]  # fmt: skip

    async def a_call(self) -> None:
        self.calls += 1
        n, dice = self.calls, self.dice
        self.story.at = BEGIN + timedelta(seconds=dice.randrange(4 * 86_400))
        way = (Route(PolicyScope.QUEUE, dice.choice(("sales", "help")), "red.example"),)
        user = inside(dice.choice(("101", "102")))
        other = dice.choice((outside("+49"), inside("201", "blue.example"), inside("102")))
        self.story.start(f"a{n}", user, routes=dice.choice(((), way)))
        self.story.start(f"b{n}", other, origin=f"a{n}")
        if dice.random() < 0.8:
            self.story.answer(f"b{n}", f"a{n}")
            self.story.bridge(f"bridge{n}", f"a{n}", f"b{n}")
            self.story.wait(5)
            if dice.random() < 0.5:
                self.story.ask("pause-audio-recording", f"a{n}")
                self.story.wait(dice.randrange(1, 2_000))
                self.story.ask("resume-audio-recording", f"a{n}")
            self.story.wait(5)
        if dice.random() < 0.8:
            self.story.hang_up(f"a{n}", f"b{n}")
        await self.story.save(self.catalog)

    async def a_running_call(self) -> None:
        running = [c for c in self.story.desk.book.calls.values() if c.ended_at is None]
        if running:
            call = self.dice.choice(running)
            self.story.at = max(self.story.at, call.started_at) + timedelta(seconds=30)
            self.story.hang_up(*call.legs)
            await self.story.save(self.catalog)

    async def _one(self) -> str | None:
        rows = (await self.catalog.recordings(ALL, RecordingFilter(), limit=500)).items
        return self.dice.choice(rows).recording_id if rows else None

    async def a_file(self) -> None:
        if found := await self._one():
            size, role = self.dice.randrange(10_000), self.dice.choice((FileRole.RENDITION, FileRole.ENCODED))
            await self.catalog.add_file(
                StoredFile(found, role, 0, f"k{found}", "wav", size, "0" * 64, 9000, 2, 8000)
            )

    async def no_files(self) -> None:
        if found := await self._one():
            await self.catalog.forget_files(found)

    async def a_state(self) -> None:
        if found := await self._one():
            state = self.dice.choice((MediaState.AVAILABLE, MediaState.EMPTY, MediaState.FAILED))
            await self.catalog.set_media_state(found, state, duration_ms=self.dice.randrange(9_999))

    async def trash(self) -> None:
        if found := await self._one():
            await self.catalog.trash(ALL, [found], "me", "why")

    async def restore(self) -> None:
        for row in (await self.catalog.trash_page(ALL)).items[:1]:
            await self.catalog.restore(ALL, row.recording_id, "me")

    async def purge(self) -> None:
        for row in (await self.catalog.trash_page(ALL)).items[:1]:
            await self.catalog.purge_now(ALL, row.recording_id, "me")
            if await self.catalog.begin_purge(row.recording_id, datetime(2999, 1, 1, tzinfo=UTC)):
                await self.catalog.end_purge(row.recording_id)

    async def forget_call(self) -> None:
        """As a stand-in's call goes when its true one is saved."""
        r, c = t.recordings.c, t.calls.c
        bare = select(c.call_id).where(~select(r.call_id).where(r.call_id == c.call_id).exists()).limit(1)
        async with self.database.writing() as connection:
            found = (await connection.execute(bare)).scalar()
            await connection.execute(delete(t.calls).where(c.call_id == found))

    async def another_time(self) -> None:
        """A recording goes over to another call, as when two calls become one."""
        r, c = t.recordings.c, t.calls.c
        if found := await self._one():
            async with self.database.writing() as connection:
                call = (await connection.execute(select(func.min(c.call_id)))).scalar()
                await connection.execute(
                    update(t.recordings).where(r.recording_id == found).values(call_id=call)
                )


async def left(database: Database) -> int:
    async with database.reading() as connection:
        return int((await connection.execute(select(func.count()).select_from(t.report_stale))).scalar_one())


async def test_kept_sums_are_what_counting_says(
    catalog: SqlCatalog, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = Life(catalog, database, 1 if database.sqlite else 2)
    for n in range(3):
        for _ in range(12):
            await life.dice.choice(life.steps())()
        await agree(catalog, monkeypatch, n)
    await life.a_call()
    assert await ReportKeeper(catalog, breath_s=0).round() > 0
    assert await left(database) == 0
    async with database.reading() as connection:
        for since, until in PERIODS[:2]:
            plan = await kept_spans.planned(connection, since, until, days=True)
            assert plan.live == [], "all of it comes out of the kept sums"
            assert plan.kept
    for n in range(3):
        await agree(catalog, monkeypatch, n)


async def test_sums_that_are_wrong_are_found_so_and_put_right(
    catalog: SqlCatalog, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = Life(catalog, database, 3)
    for _ in range(5):
        await life.a_call()
    keeper = ReportKeeper(catalog, breath_s=0)
    await keeper.round()
    right = await answers(catalog)
    async with database.writing() as connection:
        await connection.execute(update(t.report_sums).values(calls=t.report_sums.c.calls + 1))
    assert await answers(catalog) != right
    slots = await catalog.doubt_all()
    assert slots > 0
    assert await answers(catalog) == right, "what is in doubt is counted"
    assert await keeper.round() == slots
    assert await answers(catalog) == right
    assert await keeper.round() == 0
    await agree(catalog, monkeypatch)


async def test_what_is_marked_while_it_is_counted_is_counted_again(
    catalog: SqlCatalog, database: Database
) -> None:
    """PostgreSQL: a transaction that has not ended yet keeps its mark. SQLite lets nobody write meanwhile."""
    if database.sqlite:
        pytest.skip("SQLite has one writer")
    life = Life(catalog, database, 4)
    await life.a_call()
    await ReportKeeper(catalog, breath_s=0).round()
    before = await catalog.report_totals(ALL, SINCE, UNTIL)
    async with database.writing() as writer:
        await writer.execute(update(t.calls).values(talk_ms=t.calls.c.talk_ms + 1000))
        assert await ReportKeeper(catalog, breath_s=0).round() == 0
    assert await left(database) > 0
    assert await ReportKeeper(catalog, breath_s=0).round() > 0
    after = await catalog.report_totals(ALL, SINCE, UNTIL)
    assert after.talk_ms == before.talk_ms + 1000


def test_fewer_spans_hold_what_more_held() -> None:
    spans = [(n * 10, n * 10 + 1 + n % 3) for n in range(40)]
    fewer = kept_spans._fewer(spans)
    assert len(fewer) == kept_spans._MOST_SPANS
    assert all(any(a <= first and end <= b for a, b in fewer) for first, end in spans)
    assert fewer == sorted(fewer)
    assert kept_spans._fewer(spans[:3]) == spans[:3]


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"]
)
async def test_local_days_and_hours_are_the_zones(database: Database, zone: str) -> None:
    """Every quarter of an hour of a year, as the database and as Python's time zones say it."""
    where = ZoneInfo(zone)
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    spans = LocalSpans(where, since, until)
    first = int(since.timestamp()) // QUARTER_S
    slots = range(first, int(until.timestamp()) // QUARTER_S)
    async with database.writing() as connection:
        await connection.execute(t.report_stale.insert(), [{"slot": slot} for slot in slots])
        slot = t.report_stale.c.slot
        query = select(slot, spans.day(slot), spans.hour(slot)).order_by(slot)
        found = (await connection.execute(query)).all()
        await connection.execute(text("DELETE FROM report_stale"))
    (day, _), (hour, quarter) = spans.named(Grouping.DAY), spans.named(Grouping.HOUR)
    for n, (at, of_day, of_hour) in enumerate(found):
        local = datetime.fromtimestamp(at * QUARTER_S, UTC).astimezone(where)
        assert day((of_day,)) == (local.date().isoformat(),)
        assert hour((of_hour,)) == (f"{local.hour:02}",)
        if n % 97 == 0:
            assert quarter((at,)) == (f"{local.hour:02}",)
    assert len(labels(Grouping.DAY, since, until, where)) in (365, 366)
