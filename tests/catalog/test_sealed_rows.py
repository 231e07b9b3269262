"""What lies plain and what sealed, rotation and shredding, on both databases."""

from __future__ import annotations

import asyncio
import base64
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from controller.catalog import Database, SqlCatalog
from controller.engine.media_ports import HOME, FileRole, MediaState, StoredFile
from controller.engine.shelving import SHREDDED, Amount, SealedAmount, shredded
from controller.media.rewrap import rewrap
from controller.media.seal_keys import Keyring, key_id
from tests.media.sealed import key_file, section

from .conftest import NOW
from .story import Story
from .test_media_rows import stored, talking


@pytest.fixture
async def files(catalog: SqlCatalog) -> list[StoredFile]:
    """Two files of each of two tenants' available recordings, in order of their keys."""
    story = Story()
    made = [talking(story, "a"), talking(story, "b", "blue.example")]
    story.hang_up("ax", "a", "bx", "b")
    await story.save(catalog)
    rows = [stored(r.recording_id, n) for r in made for n in (1, 2)]
    for row in rows:
        await catalog.add_file(row)
        await catalog.set_media_state(row.recording_id, MediaState.AVAILABLE)
    return sorted(rows, key=lambda row: row.key)


async def sealed(catalog: SqlCatalog, file: StoredFile, sealing: str) -> StoredFile:
    assert await catalog.moved(file, file.store, sealing)
    copy = replace(file, sealing=sealing)
    assert (copy, file.store) in await catalog.left_behind()
    await catalog.tidied(copy, file.store)
    return copy


async def test_what_lies_plain(catalog: SqlCatalog, files: list[StoredFile]) -> None:
    assert [x.file for x in await catalog.unsealed()] == files
    assert [x.file for x in await catalog.unsealed(files[0].key, 2)] == files[1:3]
    tenant = (await catalog.unsealed())[0].tenant
    mine = [x.file for x in await catalog.unsealed(tenants=[tenant])]
    assert mine == [f for f in files if f.recording_id == files[0].recording_id]
    assert [x.file for x in await catalog.unsealed(but=[tenant])] == [f for f in files if f not in mine]
    assert [x.file for x in await catalog.unsealed(recording_id=mine[0].recording_id)] == mine
    second = timedelta(seconds=1)
    assert [x.file for x in await catalog.unsealed(added_after=NOW, added_before=NOW + second)] == files
    assert await catalog.unsealed(added_after=NOW + second) == []
    assert await catalog.unsealed(added_before=NOW) == []
    await catalog.reopen(mine[0].recording_id, "late")
    assert [x.file for x in await catalog.unsealed()] == [f for f in files if f not in mine]


async def test_sealed_in_its_place(catalog: SqlCatalog, files: list[StoredFile]) -> None:
    file = files[0]
    assert await catalog.moved(file, HOME, "k1.x.y")
    copy = replace(file, sealing="k1.x.y")
    assert await catalog.left_behind() == [(copy, HOME)]
    assert not await catalog.moved(file, HOME, "k1.z.z"), "somebody else was faster"
    assert not await catalog.moved(file, "cloud", ""), "a move that began before it was sealed"
    await catalog.tidied(copy, HOME)
    assert [x.file for x in await catalog.sealings()] == [copy]
    assert [x.file for x in await catalog.unsealed()] == files[1:]
    # The pipeline makes the same bytes again: sealed they stay, and the plain copy goes.
    await catalog.add_file(file)
    assert await catalog.files(file.recording_id) == [copy, files[1]]
    assert await catalog.left_behind() == [(copy, HOME)]
    # Other bytes are plain until they are sealed.
    other = replace(file, sha256="cd" * 32)
    await catalog.add_file(other)
    assert await catalog.files(file.recording_id) == [other, files[1]]
    assert await catalog.left_behind() == []


async def test_a_plain_copy_of_a_sealed_one_is_tidied(catalog: SqlCatalog, files: list[StoredFile]) -> None:
    copy = await sealed(catalog, files[0], "k1.x.y")
    await catalog.reopen(copy.recording_id, "late")
    await catalog.copied(copy, HOME)
    await catalog.set_media_state(copy.recording_id, MediaState.AVAILABLE)
    assert await catalog.left_behind() == [(copy, HOME)]


async def test_amounts(catalog: SqlCatalog, files: list[StoredFile]) -> None:
    await sealed(catalog, files[0], "k1.x.y")
    size = files[0].size
    assert await catalog.sealed_amounts() == [
        SealedAmount("blue.example", Amount(), Amount(2, 2 * size)),
        SealedAmount("red.example", Amount(1, size), Amount(1, size)),
    ]


async def test_shredding(catalog: SqlCatalog, files: list[StoredFile]) -> None:
    recording_id = files[0].recording_id
    await sealed(catalog, files[0], "k1.wrapped-of-one.salt1")
    await sealed(catalog, files[1], "k1.wrapped-of-two.salt2")
    kept = await sealed(catalog, files[2], "k1.wrapped-of-three.salt3")
    await catalog.reopen(recording_id, "whatever its state")
    assert await catalog.shred(recording_id) == 2
    assert await catalog.shred(recording_id) == 0
    now = [f.sealing for f in await catalog.files(recording_id)]
    assert now == ["shredded..salt1", "shredded..salt2"] == [f"{SHREDDED}.salt1", shredded("k1.w.salt2")]
    assert [x.file for x in await catalog.sealings()] == [kept]
    assert not await catalog.rewrapped(replace(files[0], sealing="k1.wrapped-of-one.salt1"), "k2.x.salt1")


async def test_a_shredded_key_is_not_in_the_database_any_more(
    database: Database, catalog: SqlCatalog, files: list[StoredFile], url: str
) -> None:
    if not url.startswith("sqlite"):
        pytest.skip("PostgreSQL keeps dead rows until it vacuums: docs/reference/sealing.md says so")
    secret = base64.urlsafe_b64encode(os.urandom(60)).decode()
    await sealed(catalog, files[0], f"k1.{secret}.salt")
    async with database.engine.connect() as connection:
        await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    file = Path(url.removeprefix("sqlite+aiosqlite:///"))
    assert secret.encode() in file.read_bytes()
    await catalog.shred(files[0].recording_id)
    async with database.engine.connect() as connection:
        await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    assert secret.encode() not in file.read_bytes()


async def test_rotation_stopped_and_begun_again_while_files_move(
    catalog: SqlCatalog, files: list[StoredFile], tmp_path: Path
) -> None:
    keys = Keyring([section(key_file(tmp_path))])
    old = keys.newest("anybody")
    data = {f.recording_id: os.urandom(32) for f in files}
    rows = [await sealed(catalog, f, old.wrap(data[f.recording_id], os.urandom(16))) for f in files]
    new = await asyncio.to_thread(keys.sources[0].add)
    assert new.id != old.id
    tried = [step async for step in rewrap(catalog, keys, dry_run=True)]
    assert [step.changed for step in tried] == [True] * 4
    assert {key_id(x.file.sealing) for x in await catalog.sealings()} == {old.id}
    steps = rewrap(catalog, keys)
    await anext(steps)
    await steps.aclose()
    assert [key_id(x.file.sealing) for x in await catalog.sealings()] == [new.id] + [old.id] * 3
    # What was read before the rotation must not bring the old key back.
    assert not await catalog.moved(rows[0], "cloud", rows[0].sealing)
    assert await catalog.moved(rows[1], "cloud", rows[1].sealing)
    steps_left = [step async for step in rewrap(catalog, keys)]
    assert [step.changed for step in steps_left] == [False, True, True, True]
    assert not any(step.problem for step in steps_left)
    assert [step async for step in rewrap(catalog, keys) if step.changed] == []
    # Only the newest key is left, and every data key and salt is what it was.
    file = tmp_path / "sealing.keys"
    file.write_text(file.read_text().splitlines()[1] + "\n")
    alone = Keyring([section(file)])
    for before, lying in zip(rows, await catalog.sealings(), strict=True):
        assert alone.data_key(lying.file.sealing) == data[lying.file.recording_id]
        assert lying.file.sealing.split(".")[2] == before.sealing.split(".")[2]


async def test_rotation_names_what_it_cannot_open(
    catalog: SqlCatalog, files: list[StoredFile], tmp_path: Path
) -> None:
    lost = Keyring([section(key_file(tmp_path, "lost"))]).newest("anybody")
    keys = Keyring([section(key_file(tmp_path))])
    await sealed(catalog, files[0], lost.wrap(os.urandom(32), os.urandom(16)))
    await sealed(catalog, files[1], keys.newest("anybody").wrap(os.urandom(32), os.urandom(16)))
    keys.sources[0].add()
    steps = [step async for step in rewrap(catalog, keys)]
    assert [bool(step.problem) for step in steps] == [True, False]
    assert lost.id in steps[0].problem
    assert steps[1].changed
    assert [f.role for f in await catalog.files(files[0].recording_id)] == [FileRole.SEGMENT] * 2
