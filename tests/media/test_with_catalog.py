"""The pipeline and the sweep with the real catalog, on SQLite."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from controller.catalog import SqlCatalog, open_database
from controller.core.calls import Call
from controller.core.captures import CaptureState
from controller.core.commands import Layout
from controller.core.media_kinds import Kind
from controller.core.recording import Recording, Segment, segment_path, side_paths
from controller.core.rules import Setting
from controller.engine.crash_points import CRASH_POINTS, DISCARD_POINTS, arm
from controller.engine.media_ports import FileRole, MayDiscard, MediaState
from controller.engine.reading import TenantSettings
from controller.media import samples
from controller.media.pipeline import MediaPipeline
from controller.media.shelves import home_only
from controller.media.store import LocalStore
from controller.media.sweep import sweep

from .conftest import BRIEF
from .doubles import T0, voice, wav_bytes, write
from .test_crash_points import Killed, at, die

TENANT = "acme.example"


def now() -> datetime:
    return datetime.now(UTC)


def ended_call(recording_id: str, *spans: tuple[float, float], kind: Kind = Kind.AUDIO) -> Call:
    """A call that is over, with one recording of these captures."""
    recording = Recording(recording_id, f"c{recording_id}", TENANT, kind, "tenant", "a test", T0)
    for number, (begin, end) in enumerate(spans, 1):
        path = segment_path(TENANT, recording_id, number, kind, T0)
        opened, closed = (T0 + timedelta(seconds=s) for s in (begin, end))
        segment = Segment(f"{recording_id}.{number}", number, "leg", "bridge", path, kind, opened)
        segment.state, segment.opened_at, segment.closed_at = CaptureState.ENDED, opened, closed
        recording.segments.append(segment)
    recording.ended_at = T0 + timedelta(seconds=10)
    call = Call(f"c{recording_id}", T0, answered_at=T0, ended_at=recording.ended_at)
    call.recordings.append(recording)
    return call


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[SqlCatalog]:
    database = await open_database(f"sqlite+aiosqlite:///{tmp_path}/tapeline.db")
    made = SqlCatalog(database, now)
    await made.set_tenant(TenantSettings(TENANT, Setting.ON, Setting.ON))
    yield made
    await database.close()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    (tmp_path / "spool").mkdir()
    return tmp_path / "spool"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.mark.parametrize("name", CRASH_POINTS)
async def test_from_the_engines_rows_to_a_playable_recording_killed_on_the_way(
    catalog: SqlCatalog,
    spool: Path,
    store: LocalStore,
    name: str,
    at_crash_point: Callable[[Callable[[str], None]], None],
) -> None:
    call = ended_call("r1", (0, 1), (2, 2.5))
    await catalog.save("fs", [call], {})
    for segment, frames in zip(call.recordings[0].segments, (8000, 4000), strict=True):
        write(spool / segment.path, wav_bytes(voice(frames, seed=frames), closed=frames == 8000))

    def pipeline() -> MediaPipeline:
        return MediaPipeline(catalog, {"fs": spool}, store, now, patience=BRIEF)

    (recording,) = await catalog.due()
    at_crash_point(at(name, 1, die))
    with pytest.raises(Killed):
        await pipeline().process(recording)
    arm(None)
    assert set((await pipeline().drain()).values()) <= {MediaState.AVAILABLE}
    assert await catalog.due() == []
    rows = await catalog.files("r1")
    assert [(r.role, r.number, r.duration_ms, r.repaired) for r in rows] == [
        (FileRole.RENDITION, 0, 2500, False),
        (FileRole.SEGMENT, 1, 1000, False),
        (FileRole.SEGMENT, 2, 500, True),
    ]
    assert not [p for p in spool.rglob("*") if p.is_file()]
    report = await sweep(catalog, {"fs": spool}, home_only(store), False)
    assert report.sound
    assert (report.rows, report.store_files) == (3, 3)


async def test_orphans_are_adopted_and_late_files_collected(
    catalog: SqlCatalog, spool: Path, store: LocalStore
) -> None:
    await catalog.save("fs", [ended_call("r1", (0, 1))], {})
    pipeline = MediaPipeline(catalog, {"fs": spool}, store, now, patience=BRIEF)
    assert await pipeline.drain() == {"r1": MediaState.EMPTY}
    for recording_id in ("r1", "lost"):
        path = write(spool / segment_path(TENANT, recording_id, 1, Kind.AUDIO, T0), wav_bytes(voice(8000)))
        os.utime(path, (time.time() - 7200,) * 2)
    report = await sweep(catalog, {"fs": spool}, home_only(store), False, pipeline=pipeline)
    assert report.sound
    assert report.processed == {"r1": "available", "lost": "available"}
    assert [p for p in spool.rglob("*") if p.is_file()] == []
    assert (await sweep(catalog, {"fs": spool}, home_only(store), False)).rows == 4


@pytest.mark.parametrize("name", [*DISCARD_POINTS, ""])
async def test_a_recording_that_nobody_started_leaves_its_row_and_nothing_else(
    catalog: SqlCatalog,
    spool: Path,
    store: LocalStore,
    name: str,
    at_crash_point: Callable[[Callable[[str], None]], None],
) -> None:
    call, kept = ended_call("r1", (0, 1), (2, 2.5)), ended_call("r2", (0, 1))
    call.recordings[0].provisional = True
    await catalog.save("fs", [call, kept], {})
    for recording in (*call.recordings, *kept.recordings):
        for segment in recording.segments:
            write(spool / segment.path, wav_bytes(voice(8000)))
    pipeline = MediaPipeline(catalog, {"fs": spool}, store, now, patience=BRIEF)
    due = {r.recording_id: r for r in await catalog.due()}
    assert {i: r.discard for i, r in due.items()} == {"r1": True, "r2": False}
    if name:
        at_crash_point(at(name, 1, die))
        with pytest.raises(Killed):
            await pipeline.process(due["r1"])
        arm(None)
    states = await pipeline.drain()
    assert states["r2"] is MediaState.AVAILABLE
    assert await catalog.due() == []
    assert await catalog.files("r1") == []
    assert {p.name for p in store.root.rglob("*.wav")} == {"r2.1.wav", "r2.wav"}
    # What comes later has the same end.
    late = write(spool / call.recordings[0].segments[1].path, wav_bytes(voice(8000)))
    os.utime(late, (time.time() - 7200,) * 2)
    report = await sweep(catalog, {"fs": spool}, home_only(store), False, pipeline=pipeline)
    assert report.processed == {"r1": "discarded"}
    assert report.adopted == []
    assert [p for p in spool.rglob("*") if p.is_file()] == []
    # Started after all, by a row that changed while the work went on with what it had read before.
    call.recordings[0].provisional = False
    await catalog.save("fs", [call], {})
    assert await catalog.may_discard("r1") is MayDiscard.KEPT


async def test_two_sides_become_the_channels_that_the_row_says(
    catalog: SqlCatalog, spool: Path, store: LocalStore
) -> None:
    call = ended_call("r1", (0, 1))
    segment = call.recordings[0].segments[0]
    segment.layout = Layout.OWN_RIGHT
    await catalog.save("fs", [call], {})
    rx, tx = voice(8000, seed=1), voice(8000, seed=2)
    for path, sound in zip((segment.path, *side_paths(segment.path)), (voice(8100), rx, tx), strict=True):
        write(spool / path, wav_bytes(sound))
    pipeline = MediaPipeline(catalog, {"fs": spool}, store, now, patience=BRIEF)
    assert await pipeline.drain() == {"r1": MediaState.AVAILABLE}
    rows = {row.role: row for row in await catalog.files("r1")}
    assert set(rows) == {FileRole.SEGMENT, FileRole.RENDITION, FileRole.MIX}  # no sum of the two
    sound = samples.whole(store.path(rows[FileRole.RENDITION].key))
    assert np.array_equal(sound, np.concatenate((tx, rx), axis=1))
    assert (await sweep(catalog, {"fs": spool}, home_only(store), False, min_age_s=0)).sound
    assert [p for p in spool.rglob("*") if p.is_file()] == []
