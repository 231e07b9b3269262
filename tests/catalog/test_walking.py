"""A long search goes piece by piece, stops after its time and says so; whoever goes on misses nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from controller.catalog import Database, SqlCatalog, narrowing, walking
from controller.catalog.candidates import Party
from controller.catalog.sampling import estimates
from controller.catalog.tables import legs
from controller.core.errors import TapelineError
from controller.engine.listing import Order, SearchTooLong
from controller.engine.reading import RecordingFilter, Scope

from .overheard import overheard
from .story import Story, inside, outside

RED, ALL = Scope("red.example"), Scope(None)
TALKS = 30
_F = RecordingFilter


async def talks(catalog: SqlCatalog) -> None:
    """Every fifth is with somebody whose number ends in 77."""
    story = Story()
    for n in range(TALKS):
        number = f"+4930{n:04}77" if n % 5 == 0 else f"+4930{n:04}00"
        story.talk(f"a{n}", inside("101"), f"b{n}", outside(number), seconds=5 + n * 7 % 20)
    await story.save(catalog)


@pytest.fixture
def short_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """After each piece of four rows the time is up, and nothing is narrowed."""
    monkeypatch.setattr(walking, "FIRST", 4)
    monkeypatch.setattr(walking, "MOST_S", 0.0)
    monkeypatch.setattr(walking, "MOST_S_OF_ALL", 0.0)
    monkeypatch.setattr(narrowing, "_most", lambda sqlite: -1)


async def by_pages(catalog: SqlCatalog, scope: Scope, where: _F, limit: int) -> tuple[list[str], int]:
    """All the ids, and how often the search has stopped."""
    ids: list[str] = []
    stops, before = 0, None
    while True:
        page = await catalog.recordings(scope, where, limit=limit, before=before)
        ids += [row.recording_id for row in page.items]
        assert len(page.items) <= limit
        # What is short and not the end says that it is not the end.
        assert len(page.items) == limit or page.unfinished is (page.next is not None)
        assert (page.reached is not None) is (page.unfinished and where.order in (Order.NEWEST, Order.OLDEST))
        stops += page.unfinished
        before = page.next
        if before is None:
            return ids, stops


async def test_who_goes_on_finds_all_that_fit_once_and_in_order(
    catalog: SqlCatalog, short_of_time: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    await talks(catalog)
    scopes = (RED, ALL, Scope("red.example", "101"), Scope("blue.example"))
    for asked in (_F(party="77"), _F(words=("77", "49")), _F(party="no one"), _F(number="77")):
        for n, order in enumerate(Order):
            scope, where = scopes[n % len(scopes)], replace(asked, order=order)
            found, stops = await by_pages(catalog, scope, where, 2 if n % 2 else 50)
            with monkeypatch.context() as at_leisure:
                at_leisure.setattr(walking, "MOST_S", 60.0)
                at_leisure.setattr(walking, "FIRST", 10_000)
                whole = await catalog.recordings(scope, where)
            assert found == [row.recording_id for row in whole.items]
            assert not whole.unfinished
            if scope != Scope("blue.example"):
                assert len(found) == (0 if where.party == "no one" else TALKS // 5)
                assert stops > 0


async def test_candidates_are_gone_through_in_order_as_well(
    catalog: SqlCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await talks(catalog)
    monkeypatch.setattr(walking, "AT_ONCE", 0)
    monkeypatch.setattr(walking, "FIRST", 32)  # four candidates
    monkeypatch.setattr(walking, "MOST_S", 0.0)
    for order in Order:
        asked = _F(words=("4930", "101"), order=order)
        found, stops = await by_pages(catalog, RED, asked, 50)
        with monkeypatch.context() as at_leisure:
            at_leisure.setattr(narrowing, "_most", lambda sqlite: -1)
            at_leisure.setattr(walking, "MOST_S", 60.0)
            whole = await catalog.recordings(RED, asked)
        assert found == [row.recording_id for row in whole.items]
        assert len(found) == TALKS
        assert stops > 3


async def test_the_list_of_calls_stops_and_goes_on_as_well(catalog: SqlCatalog, short_of_time: None) -> None:
    await talks(catalog)
    for scope in (RED, ALL, Scope("red.example", "101")):
        ids: list[str] = []
        stops, before = 0, None
        while True:
            page = await catalog.calls(scope, _F(party="77"), before=before)
            ids += [row.call_id for row in page.items]
            stops += page.unfinished
            before = page.next
            if before is None:
                break
            assert page.unfinished
            assert page.reached is not None
        assert len(ids) == len(set(ids)) == TALKS // 5
        assert stops > 0


async def test_a_part_is_never_taken_for_all_that_match(
    catalog: SqlCatalog, short_of_time: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    await talks(catalog)
    with pytest.raises(SearchTooLong, match="shorter span of time"):
        await catalog.matching(RED, _F(party="77"), 1_000)
    monkeypatch.setattr(walking, "MOST_S_OF_ALL", 60.0)
    assert len(await catalog.matching(RED, _F(party="77"), 1_000)) == TALKS // 5
    assert len(await catalog.matching(RED, _F(party="77"), 3)) == 3


async def test_a_list_that_asks_for_nothing_is_one_statement(
    catalog: SqlCatalog, short_of_time: None
) -> None:
    await talks(catalog)
    page = await catalog.recordings(RED, _F())
    assert (len(page.items), page.unfinished, page.next) == (TALKS, False, None)


async def test_no_statement_holds_one_list_of_candidates_against_another(
    catalog: SqlCatalog, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await talks(catalog)
    monkeypatch.setattr(narrowing, "ENOUGH", 0)
    with overheard(database) as seen:
        found = await catalog.recordings(RED, _F(words=("4930", "101")))
    assert len(found.items) == TALKS
    lists = [s.lower().count("json_each" if database.sqlite else "unnest(") for s, _ in seen]
    assert max(lists) == 1, seen


async def test_how_many_fit_is_told_from_a_part_of_the_table(catalog: SqlCatalog, database: Database) -> None:
    if database.sqlite:
        pytest.skip("only PostgreSQL can be asked for some pages of a table")
    await talks(catalog)
    asked = [Party(["4930"], sqlite=False).in_legs, Party(["nobody"], sqlite=False).in_legs]
    async with database.writing() as connection:
        assert await estimates(connection, legs, asked) is None, "it was never counted"
        await connection.execute(text("ANALYZE legs"))
        assert await estimates(connection, legs, asked) == [TALKS, 0]
        # What is far too common is not asked for at all.
    with pytest.MonkeyPatch.context() as few, overheard(database) as seen:
        few.setattr(narrowing, "_most", lambda sqlite: 5)
        assert len((await catalog.recordings(RED, _F(words=("4930", "1010")))).items) == 0
        assert len((await catalog.recordings(RED, _F(words=("4930", "4930")))).items) == TALKS
    assert not [p for s, p in seen if "array_agg" in s and "legs" in s and "4930" in p]


async def test_no_statement_of_a_search_goes_on_for_ever(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.sqlite:
        pytest.skip("a setting of PostgreSQL")
    monkeypatch.setattr(walking, "HARD_S", 0.05)
    async with database.reading() as connection:
        with pytest.raises(SearchTooLong) as refused:
            async with walking.in_good_time(connection, _F(party="77")):
                await connection.execute(text("SELECT pg_sleep(20)"))
    assert isinstance(refused.value, TapelineError)
    for _ in range(3):  # whichever connection it is
        async with database.reading() as connection:
            assert (await connection.execute(text("SHOW statement_timeout"))).scalar_one() == "0"
