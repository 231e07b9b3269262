"""Each kind of work on a recording, really killed with -9 at each of its named points and done once more:
nothing is lost, nothing is there twice, nothing lies about that no row knows. On SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import shutil
import signal
from pathlib import Path

import pytest

from controller.catalog import open_database
from controller.catalog.facade import SqlCatalog
from controller.engine.crash_points import _ALL, ERASE_POINTS, LIVE_POINTS
from controller.engine.media_ports import HOME, FileRole, StoredFile
from controller.engine.people import Scope
from controller.media.seal_task import SealBacklog
from controller.media.shelves import place_of

from .killing import SHELF, WORK, House, Work, furnish, start
from .world import now

ALL = Scope(None)


def test_every_point_is_tried() -> None:
    tried = {point for work in WORK.values() for point in work.points}
    # Killed in tests/retention/test_killed.py and tests/e2e/test_crash_points.py.
    elsewhere = {*ERASE_POINTS, *LIVE_POINTS}
    assert tried == _ALL - elsewhere


@pytest.mark.parametrize("name", WORK)
async def test_killed_at_each_point_and_done_again(url: str, tmp_path: Path, name: str) -> None:
    work = WORK[name]
    if name in ("encode", "originals") and shutil.which("ffmpeg") is None:
        pytest.skip("NO FFMPEG ON THIS MACHINE: its encoding is not killed")
    (tmp_path / "spool").mkdir()
    database = await open_database(url)
    try:
        house = House(url, tmp_path, SqlCatalog(database, now))
        await _all_points(house, name, work)
    finally:
        await database.close()


async def _all_points(house: House, name: str, work: Work) -> None:
    ids = {point: f"r{n}" for n, point in enumerate(work.points)}
    for recording_id in ids.values():
        await work.prepare(house, recording_id)
    await furnish(house, work)
    # Side by side: what one leaves undone is no other's business.
    dying = {point: start(house, name, recording_id, point) for point, recording_id in ids.items()}
    await asyncio.gather(*(asyncio.to_thread(process.join, 60) for process in dying.values()))
    ended = {point: process.exitcode for point, process in dying.items()}
    assert ended == dict.fromkeys(work.points, -signal.SIGKILL), "not all came to their points"
    for point, recording_id in ids.items():
        await work.act(house, recording_id)
        await _is_whole(house, work, recording_id, point)
        before = await _left(house, recording_id)
        await work.act(house, recording_id)
        assert await _left(house, recording_id) == before, f"{point}: a second time changes nothing"
    if name == "seal":
        await SealBacklog(house.catalog, house.stores(sealing=True), now).clean(0)
    known = {place_of(row) for i in ids.values() for row in await house.catalog.files(i)}
    assert set(_lying(house)) == known, "no row knows some of these"
    assert [p for p in house.spool.rglob("*") if p.is_file()] == []
    if name in ("originals", "unredact"):
        action = {"originals": "delete originals", "unredact": "delete redacted"}[name]
        lines = [e for e in await house.catalog.audit_entries(ALL) if e.action == action]
        assert sorted(e.subject for e in lines) == sorted(f"recording {i}" for i in ids.values())


def _lying(house: House) -> list[str]:
    there = [*house.store.keys()]
    if (house.folder / SHELF).exists():
        there += [
            p.relative_to(house.folder / SHELF).as_posix() for p in (house.folder / SHELF).rglob("*.wav")
        ]
    return there


async def _is_whole(house: House, work: Work, recording_id: str, point: str) -> None:
    rows = await house.catalog.files(recording_id)
    stores = house.stores(sealing=any(row.sealing for row in rows))
    for row in rows:
        assert stores.digest(row).sha256 == row.sha256, (point, row.key)
    assert sorted(map(_named, rows)) == sorted(work.kept), point
    detail = await house.catalog.recording(ALL, recording_id)
    assert (None if detail is None else str(detail.row.media_state)) == work.state, point
    if work is WORK["move"]:
        assert {row.store for row in rows} == {SHELF}, point
    else:
        assert {row.store for row in rows} <= {HOME}, point
    if work is WORK["seal"]:
        assert all(row.sealing for row in rows), point
    assert [f for f, _ in await house.catalog.left_behind() if f.recording_id == recording_id] == [], point
    if work is WORK["transcribe"]:
        stored = await house.catalog.stored_transcript(recording_id)
        assert stored is not None
        said = " ".join(u.text for u in stored[0].utterances)
        assert "my card is" in said
        assert "4111" not in said


def _named(row: StoredFile) -> str:
    return f"{row.role} {row.number}" if row.role is FileRole.SEGMENT else str(row.role)


async def _left(house: House, recording_id: str) -> object:
    rows = await house.catalog.files(recording_id)
    return sorted((_named(r), r.key, r.sha256, r.store, r.sealing) for r in rows)
