"""Giving up the WAV against a legal hold that is being put, on both databases; what else may keep it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from typing import Any

import pytest

from controller.catalog import Database, SqlCatalog
from controller.catalog import tables as t
from controller.catalog.kept_rows import lock_tenant
from controller.core.rules import Setting
from controller.engine.media_ports import GIVEN_UP, FileRole, MayGo, MediaState, StoredFile
from controller.engine.reading import Scope, TenantSettings
from controller.engine.retention import HoldRow
from tests.jobs.world import ended_call

from .conftest import NOW

RED, BLUE = "red.example", "blue.example"
ALL = Scope(None)
HOLD = HoldRow("h1", RED, "Case 7", "a court asks for it", "", None, None, NOW, "dana")


async def recorded(catalog: SqlCatalog, recording_id: str = "r1", tenant: str = RED) -> list[StoredFile]:
    """Its WAVs: a segment and what was joined of it. Encoded it is there too, or none might go."""
    await catalog.set_tenant(TenantSettings(tenant, Setting.ON, Setting.ON))
    await catalog.save("fs", [ended_call(recording_id, (0, 1), tenant=tenant)], {})
    files = [
        StoredFile(recording_id, role, n, f"{recording_id}.{n}.wav", "wav", 44, "ab", 1000, 1, 8000)
        for role, n in ((FileRole.SEGMENT, 1), (FileRole.RENDITION, 0))
    ]
    encoded = StoredFile(
        recording_id, FileRole.ENCODED, 0, f"{recording_id}.mp3", "mp3", 40, "cd", 1000, 1, 8000
    )
    for file in (*files, encoded):
        await catalog.add_file(file)
    await catalog.set_media_state(recording_id, MediaState.AVAILABLE, duration_ms=1000)
    return files


async def notes(catalog: SqlCatalog, recording_id: str = "r1") -> list[bool]:
    files = await catalog.files(recording_id)
    return [f.note.startswith(GIVEN_UP) for f in files if f.role != FileRole.ENCODED]


async def deletions(catalog: SqlCatalog) -> int:
    return [e.action for e in await catalog.audit_entries(ALL)].count("delete originals")


async def _hold_in(connection: Any, recording_id: str) -> None:
    """As `put_hold` and `hold_recordings` do it."""
    await lock_tenant(connection, RED)
    row = {k: v for k, v in asdict(HOLD).items() if k != "recordings"}
    await connection.execute(t.legal_holds.insert().values(row))
    held = {"hold_id": "h1", "recording_id": recording_id, "added_at": NOW, "added_by": "dana"}
    await connection.execute(t.held_recordings.insert().values(held))


async def test_a_hold_that_is_being_put_is_waited_for_and_keeps_the_wav(
    catalog: SqlCatalog, database: Database
) -> None:
    files = await recorded(catalog)
    async with database.writing() as connection:
        await _hold_in(connection, "r1")
        giving = asyncio.create_task(catalog.give_up("r1", files, "kept as mp3"))
        await asyncio.sleep(0.3)
        assert not giving.done(), "it must not decide before the hold is there, or is not"
    assert await giving is MayGo.HELD
    assert await notes(catalog) == [False, False]
    assert await deletions(catalog) == 0


async def test_a_hold_that_comes_to_nothing_keeps_nothing(catalog: SqlCatalog, database: Database) -> None:
    files = await recorded(catalog)
    async with database.writing() as connection:
        await _hold_in(connection, "r1")
        giving = asyncio.create_task(catalog.give_up("r1", files, "kept as mp3"))
        await asyncio.sleep(0.3)
        assert not giving.done()
        await connection.rollback()
    assert await giving is MayGo.YES
    assert await notes(catalog) == [True, True]
    assert await deletions(catalog) == 1


async def test_a_hold_waits_for_what_is_being_given_up(
    catalog: SqlCatalog, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other way round: the decision is made, so the hold comes behind it, and both are noted."""
    files = await recorded(catalog)
    decided, go_on = asyncio.Event(), asyncio.Event()
    from controller.catalog import encoding_rows

    real = encoding_rows.holds_of

    async def slowly(*arguments: Any) -> Any:
        found = await real(*arguments)
        decided.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(encoding_rows, "holds_of", slowly)
    giving = asyncio.create_task(catalog.give_up("r1", files, "kept as mp3"))
    await asyncio.wait_for(decided.wait(), 20)
    holding = asyncio.create_task(catalog.put_hold(HOLD))
    await asyncio.sleep(0.3)
    assert not holding.done()
    go_on.set()
    assert await giving is MayGo.YES
    await holding
    assert [h.hold_id for h in await catalog.holds(ALL)] == ["h1"]


@pytest.mark.postgres
async def test_another_tenants_hold_keeps_nobody_waiting(
    kind: str, catalog: SqlCatalog, database: Database
) -> None:
    if kind == "sqlite":
        pytest.skip("SQLite has one writer: everybody waits for everybody")
    await recorded(catalog)
    theirs = await recorded(catalog, "b1", BLUE)
    async with database.writing() as connection:
        await _hold_in(connection, "r1")
        async with asyncio.timeout(10):
            assert await catalog.give_up("b1", theirs, "kept as mp3") is MayGo.YES
    assert await notes(catalog) == [False, False]


async def test_two_who_give_up_at_once_say_it_once(catalog: SqlCatalog) -> None:
    files = await recorded(catalog)
    answers = await asyncio.gather(*(catalog.give_up("r1", files, "kept as mp3") for _ in range(4)))
    assert sorted(map(str, answers)) == sorted(map(str, [MayGo.YES, *[MayGo.LATER] * 3]))
    assert await deletions(catalog) == 1


async def test_what_has_changed_meanwhile_is_looked_at_again(catalog: SqlCatalog) -> None:
    files = await recorded(catalog)
    stale = [replace(f, sha256="cd") for f in files]
    assert await catalog.give_up("r1", stale, "kept as mp3") is MayGo.LATER
    assert await catalog.moved(files[1], "shelf", "")
    assert await catalog.give_up("r1", files, "kept as mp3") is MayGo.LATER, "its old copy is still there"
    assert await catalog.give_up("nobody", files, "kept as mp3") is MayGo.LATER
    await catalog.set_media_state("r1", MediaState.STORED)
    assert await catalog.give_up("r1", files, "kept as mp3") is MayGo.LATER
    assert await deletions(catalog) == 0


async def test_only_rows_that_were_given_up_are_forgotten(catalog: SqlCatalog) -> None:
    files = await recorded(catalog)
    await catalog.gave_up("r1", files)
    assert len(await catalog.files("r1")) == 3
    assert await catalog.give_up("r1", files[:1], "kept as mp3") is MayGo.YES
    await catalog.gave_up("r1", files)
    assert {f.role for f in await catalog.files("r1")} == {FileRole.RENDITION, FileRole.ENCODED}
