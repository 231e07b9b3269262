"""A recording that broke off is salvaged and marked: because the switch says so, or its file alone."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.catalog import SqlCatalog, open_database
from controller.core import facts as f
from controller.core.media_kinds import Kind
from controller.core.recording import LOST, THE_SWITCH_DIED, segment_path
from controller.core.rules import Setting
from controller.engine.listing import Stand
from controller.engine.media_ports import MediaState
from controller.engine.reading import RecordingFilter, RecordingRow, Scope, TenantSettings
from controller.media.pipeline import MediaPipeline
from controller.media.shelves import home_only
from controller.media.store import LocalStore
from controller.media.sweep import sweep
from tests.catalog.story import Story, inside, outside

from .conftest import BRIEF
from .doubles import voice, wav_bytes, write

RED = Scope("red.example")
INTERRUPTED = RecordingFilter(stand=Stand.INTERRUPTED)


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[SqlCatalog]:
    database = await open_database(f"sqlite+aiosqlite:///{tmp_path}/tapeline.db")
    made = SqlCatalog(database, lambda: datetime.now(UTC))
    await made.set_tenant(TenantSettings("red.example", Setting.ON))
    yield made
    await database.close()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    (tmp_path / "spool").mkdir()
    return tmp_path / "spool"


@pytest.fixture
def pipeline(catalog: SqlCatalog, spool: Path, tmp_path: Path) -> MediaPipeline:
    store = LocalStore(tmp_path / "store")
    return MediaPipeline(catalog, {"switch": spool}, store, lambda: datetime.now(UTC), patience=BRIEF)


async def one(catalog: SqlCatalog) -> RecordingRow:
    (row,) = (await catalog.recordings(RED, RecordingFilter(kind="audio"))).items
    return row


def talking(prefix: str = "id") -> Story:
    """A recorded call that is up, told by a switch that runs since before."""
    story = Story(prefix=prefix)
    story.start("a", inside("1001"))
    story.start("b", outside("1555"), origin="a")
    story.answer("b", "a")
    story.bridge("B1", "a", "b")
    story.wait(20)
    return story


def path_of(story: Story) -> str:
    (recording,) = (r for call in story.changed.values() for r in call.recordings)
    return recording.segments[0].path


@pytest.mark.parametrize("written", [True, False], ids=["some was written", "nothing was"])
async def test_the_switch_died(
    catalog: SqlCatalog, spool: Path, pipeline: MediaPipeline, written: bool
) -> None:
    story = talking()
    if written:
        write(spool / path_of(story), wav_bytes(voice(8000), closed=False))
    died = story.at
    story.wait(600)  # nobody was there, and the switch was started again long before we saw it
    story.apply(f.SwitchSnapshot(story.at, booted_at=died + timedelta(seconds=5)))
    await story.save(catalog, "switch")
    await pipeline.drain()
    row = await one(catalog)
    assert row.interrupted
    assert row.media_state == (MediaState.AVAILABLE if written else MediaState.EMPTY)
    assert row.ended_at == died + timedelta(seconds=5), "not when we came back"
    assert (await catalog.recordings(RED, INTERRUPTED)).items == (row,)
    cdr = await catalog.call(RED, row.call_id)
    assert cdr is not None
    assert ("recording interrupted", THE_SWITCH_DIED) in {(x.what, x.detail) for x in cdr.journey}
    assert cdr.row.duration_ms == 25_010, "the 20 s, and the 5 until it was there again"
    detail = await catalog.recording(RED, row.recording_id)
    assert detail is not None
    assert [s.cause for s in detail.segments] == [THE_SWITCH_DIED]


async def test_its_capture_was_lost_and_the_call_went_on(
    catalog: SqlCatalog, spool: Path, pipeline: MediaPipeline
) -> None:
    story = talking()
    write(spool / path_of(story), wav_bytes(voice(8000)))
    at = story.at
    facts = {
        leg: (f.LegStarted(leg, at, party), f.LegAnswered(leg, at), f.BridgeEntered(leg, "B1", at))
        for leg, party in (("a", inside("1001")), ("b", outside("1555")))
    }
    story.apply(f.SwitchSnapshot(at, facts, booted_at=at - timedelta(days=1)))
    story.wait(1)
    story.hang_up("a", "b")
    await story.save(catalog, "switch")
    await pipeline.drain()
    row = await one(catalog)
    detail = await catalog.recording(RED, row.recording_id)
    assert detail is not None
    assert [s.cause for s in detail.segments] == [LOST, "hang-up"]
    assert row.interrupted


@pytest.mark.parametrize("whole", [True, False])
async def test_what_only_the_sweep_has_found_is_told_by_its_file(
    catalog: SqlCatalog, spool: Path, pipeline: MediaPipeline, tmp_path: Path, whole: bool
) -> None:
    """Switch and controller died, and nothing had been saved."""
    at = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
    path = segment_path("red.example", "forgotten", 1, Kind.AUDIO, at)
    file = write(spool / path, wav_bytes(voice(8000), closed=whole))
    os.utime(file, (time.time() - 7200,) * 2)
    await sweep(
        catalog, {"switch": spool}, home_only(LocalStore(tmp_path / "store")), False, pipeline=pipeline
    )
    await pipeline.drain()
    row = await one(catalog)
    assert row.media_state == MediaState.AVAILABLE
    assert row.interrupted is not whole


async def test_a_call_that_ended_while_we_were_away_is_whole(
    catalog: SqlCatalog, spool: Path, pipeline: MediaPipeline
) -> None:
    story = talking()
    write(spool / path_of(story), wav_bytes(voice(8000)))
    story.apply(f.SwitchSnapshot(story.at, booted_at=story.at - timedelta(days=1)))
    await story.save(catalog, "switch")
    await pipeline.drain()
    row = await one(catalog)
    assert row.media_state == MediaState.AVAILABLE
    assert not row.interrupted
    assert (await catalog.recordings(RED, INTERRUPTED)).items == ()
