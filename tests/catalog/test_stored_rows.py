"""Where files lie, and that they were moved, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.catalog import SqlCatalog
from controller.core.media_kinds import Kind
from controller.engine.media_ports import HOME, MediaState, StoredFile
from controller.engine.reading import Scope
from controller.engine.shelving import Amount

from .story import Story
from .test_media_rows import orphan, stored, talking

ALL = Scope(None)


@pytest.fixture
async def files(catalog: SqlCatalog) -> list[StoredFile]:
    """One file of each of two tenants' available recordings, in order of their keys."""
    story = Story()
    made = [talking(story, "a"), talking(story, "b", "blue.example")]
    story.hang_up("ax", "a", "bx", "b")
    await story.save(catalog)
    rows = [stored(r.recording_id, 1) for r in made]
    for row in rows:
        await catalog.add_file(row)
        await catalog.set_media_state(row.recording_id, MediaState.AVAILABLE)
    return sorted(rows, key=lambda row: row.key)


async def test_what_lies_where(catalog: SqlCatalog, files: list[StoredFile]) -> None:
    lying = await catalog.lying(HOME)
    assert [x.file for x in lying] == files
    assert [x.file for x in await catalog.lying(HOME, files[0].key)] == files[1:]
    tenants = [x.tenant for x in lying]
    assert [x.tenant for x in await catalog.lying(HOME, tenants=[tenants[0]])] == tenants[:1]
    assert [x.tenant for x in await catalog.lying(HOME, but=[tenants[0]])] == tenants[1:]
    assert await catalog.lying(HOME, tenants=[]) == []
    assert await catalog.amount(HOME) == Amount(2, 2 * 2**33)
    assert await catalog.amount("cloud") == Amount(0, 0)


async def test_which_recordings_there_are(catalog: SqlCatalog, files: list[StoredFile]) -> None:
    """Not those that were adopted from a spool without their call: that one is still to be told."""
    known = [row.recording_id for row in files]
    assert await catalog.recordings_among([*known, "nobody"]) == set(known)
    segment = orphan("lost")
    assert await catalog.adopt("switch", segment[1].partition("/")[0], "lost", Kind.AUDIO, [segment])
    assert await catalog.recordings_among(["lost"]) == set()


async def test_a_move_is_noted_once_and_tidied(catalog: SqlCatalog, files: list[StoredFile]) -> None:
    file = files[0]
    assert await catalog.moved(file, "cloud", "sealed")
    there = replace(file, store="cloud", sealing="sealed")
    assert await catalog.files(file.recording_id) == [there]
    assert await catalog.left_behind() == [(there, HOME)]
    assert await catalog.lying("cloud") == [], "what has an old copy is not moved on"
    assert not await catalog.moved(file, "other", ""), "it is not at home any more"
    await catalog.tidied(there, HOME)
    assert await catalog.left_behind() == []
    assert [x.file for x in await catalog.lying("cloud")] == [there]
    detail = await catalog.recording(ALL, file.recording_id)
    assert detail is not None
    assert [(f.store, f.sealing) for f in detail.files] == [("cloud", "sealed")]


async def test_what_changed_meanwhile_is_not_noted(catalog: SqlCatalog, files: list[StoredFile]) -> None:
    file = files[0]
    assert not await catalog.moved(replace(file, sha256="cd" * 32), "cloud", "")
    await catalog.reopen(file.recording_id, "late")
    assert not await catalog.moved(file, "cloud", "")
    assert await catalog.files(file.recording_id) == [file]
    assert [x.file for x in await catalog.lying(HOME)] == files[1:]


async def test_the_same_bytes_again_stay_where_they_are(catalog: SqlCatalog, files: list[StoredFile]) -> None:
    file = files[0]
    await catalog.moved(file, "cloud", "")
    there = replace(file, store="cloud")
    await catalog.tidied(there, HOME)
    await catalog.add_file(file)
    assert await catalog.files(file.recording_id) == [there]
    assert await catalog.left_behind() == [(there, HOME)]
    other = replace(file, sha256="cd" * 32)
    await catalog.add_file(other)
    assert await catalog.files(file.recording_id) == [other]
    assert await catalog.left_behind() == []


async def test_a_copy_brought_home_is_tidied_when_it_is_done(
    catalog: SqlCatalog, files: list[StoredFile]
) -> None:
    there = replace(files[0], store="cloud")
    await catalog.moved(files[0], "cloud", "")
    await catalog.tidied(there, HOME)
    await catalog.reopen(there.recording_id, "late")
    await catalog.copied(there, HOME)
    assert await catalog.left_behind() == [], "it is being worked with"
    await catalog.set_media_state(there.recording_id, MediaState.AVAILABLE)
    assert await catalog.left_behind() == [(there, HOME)]
