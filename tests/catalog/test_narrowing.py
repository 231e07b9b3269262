"""A long list is made short before it is searched, and finds the same as without that."""

from __future__ import annotations

import pytest

from controller.catalog import Database, SqlCatalog, narrowing
from controller.engine.listing import Stand
from controller.engine.media_ports import SILENT, FileRole, MediaState, StoredFile
from controller.engine.reading import RecordingFilter, Scope

from .overheard import Statement, overheard
from .story import Story, inside, outside

RED, ALL = Scope("red.example"), Scope(None)


async def talks(catalog: SqlCatalog, count: int = 12) -> None:
    story = Story()
    for n in range(count):
        story.talk(f"a{n}", inside("101"), f"b{n}", outside(f"+49301234{n:03}"))
    await story.save(catalog)


def short(database: Database, seen: list[Statement]) -> bool:
    return any(("json_each" if database.sqlite else "unnest(") in statement.lower() for statement, _ in seen)


@pytest.mark.parametrize("party", ["+49 30 1234 007", "1234007", "101", "nobody is called so", "49", "%"])
async def test_calls_are_found_by_a_party_as_before(
    catalog: SqlCatalog, database: Database, monkeypatch: pytest.MonkeyPatch, party: str
) -> None:
    await talks(catalog)
    for scope in (RED, ALL, Scope("red.example", "101"), Scope("blue.example")):
        with overheard(database) as seen:
            found = await catalog.calls(scope, RecordingFilter(party=party))
        with monkeypatch.context() as without:
            without.setattr(narrowing, "_most", lambda sqlite: -1)
            plain = await catalog.calls(scope, RecordingFilter(party=party))
        assert found == plain
        if database.trigrams and party == "1234007":
            assert short(database, seen), "only the calls with such a party are looked at"
            assert len(found.items) == (0 if scope == Scope("blue.example") else 1)


async def test_too_many_that_fit_narrow_nothing(
    catalog: SqlCatalog, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await talks(catalog)
    monkeypatch.setattr(narrowing, "_most", lambda sqlite: 5)
    with overheard(database) as seen:
        assert len((await catalog.calls(RED, RecordingFilter(party="1234"))).items) == 12
    assert not short(database, seen)


async def test_a_rare_format_and_a_pause_narrow_the_list(catalog: SqlCatalog, database: Database) -> None:
    await talks(catalog)
    rows = (await catalog.recordings(RED, RecordingFilter())).items
    for n, row in enumerate(rows):
        format = "mp3" if n == 3 else "wav"
        await catalog.add_file(
            StoredFile(row.recording_id, FileRole.RENDITION, 0, f"k{n}", format, 44, "ab", 1000, 1, 8000)
        )
    for where, wanted in ((RecordingFilter(format="mp3"), [rows[3]]), (RecordingFilter(paused=True), [])):
        with overheard(database) as seen:
            found = await catalog.recordings(RED, where)
        assert [r.recording_id for r in found.items] == [r.recording_id for r in wanted]
        assert wanted == [] or short(database, seen)
    assert (await catalog.recordings(Scope("blue.example"), RecordingFilter(format="mp3"))).items == ()


async def test_the_silent_ones_are_found_by_their_remark(catalog: SqlCatalog) -> None:
    await talks(catalog, 3)
    rows = (await catalog.recordings(RED, RecordingFilter())).items
    for row, remark in zip(rows, (SILENT, "", "the switch wrote no file"), strict=True):
        await catalog.set_media_state(row.recording_id, MediaState.AVAILABLE, duration_ms=1, error=remark)
    found = await catalog.recordings(RED, RecordingFilter(stand=Stand.SILENT))
    assert [r.recording_id for r in found.items] == [rows[0].recording_id]
