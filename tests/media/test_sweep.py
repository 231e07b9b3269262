"""Rows, files and checksums against each other."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.core.media_kinds import Kind
from controller.core.recording import segment_path
from controller.engine.media_ports import FileRole, MediaState
from controller.media.shelves import home_only
from controller.media.sweep import SweepReport, sweep

from .conftest import Bench
from .doubles import T0, due, voice, wav_bytes, write

FOLDER = "acme.example/2026/03/04"
OLD = time.time() - 7200


def old(path: Path, at: float = OLD) -> Path:
    os.utime(path, (at, at))
    return path


async def run(bench: Bench, *, dry_run: bool = False, **options: Any) -> SweepReport:
    return await sweep(bench.catalog, {"fs": bench.spool}, home_only(bench.store), dry_run, **options)


async def available(bench: Bench, *ids: str) -> None:
    for number, recording_id in enumerate(ids):
        bench.record(
            due(recording_id, (0, 1), (2, 3)), *(wav_bytes(voice(800, seed=2 * number + n)) for n in (1, 2))
        )
    await bench.pipeline().drain()
    for key in list(bench.store.keys()):
        old(bench.store.path(key))


async def test_all_is_well(bench: Bench) -> None:
    await available(bench, "r1", "r2")
    report = await run(bench)
    assert report.sound
    assert (report.rows, report.store_files, report.spool_files) == (6, 6, 0)


async def test_files_without_rows_are_adopted_with_their_times_and_processed(bench: Bench) -> None:
    for number in (1, 2):
        path = segment_path("acme.example", "lost", number, Kind.AUDIO, T0)
        old(
            write(bench.spool / path, wav_bytes(voice(8000, seed=number), closed=number == 1)),
            OLD + number * 2,
        )
    dry = await run(bench, dry_run=True)
    assert (dry.adopted, bench.catalog.recordings, len(bench.spooled())) == (["lost"], {}, 2)
    report = await run(bench, pipeline=bench.pipeline())
    assert (report.adopted, report.processed) == (["lost"], {"lost": "available"})
    _, two = bench.catalog.recordings["lost"].segments
    assert two.closed_at is not None
    assert two.closed_at.timestamp() == pytest.approx(OLD + 4, abs=0.001)
    assert two.opened_at == two.closed_at - timedelta(seconds=1)
    assert bench.catalog.durations["lost"] == 3000  # a second of sound, one between, a second of sound
    assert bench.spooled() == []
    assert (await run(bench)).adopted == []


async def test_an_unreadable_orphan_is_adopted_all_the_same(bench: Bench) -> None:
    junk = os.urandom(999)
    old(write(bench.spool / FOLDER / "lost.1.wav", junk))
    report = await run(bench, pipeline=bench.pipeline())
    assert report.processed == {"lost": "failed"}
    assert bench.store.path(f"{FOLDER}/lost.1.wav").read_bytes() == junk


async def test_what_may_still_be_written_is_left_alone(bench: Bench) -> None:
    write(bench.spool / FOLDER / "young.1.wav", wav_bytes(voice(800)))
    report = await run(bench)
    assert (report.adopted, report.young) == ([], [f"fs:{FOLDER}/young.1.wav"])
    assert len(bench.spooled()) == 1


async def test_a_folder_that_no_tenant_has_and_names_that_are_not_ours(bench: Bench) -> None:
    old(write(bench.spool / "nobody.example/2026/03/04/x.1.wav", wav_bytes(voice(800))))
    old(write(bench.spool / "acme.example/notes.txt", b"hello"))
    report = await run(bench)
    assert report.ownerless == ["fs:nobody.example/2026/03/04/x.1.wav"]
    assert report.foreign == ["fs:acme.example/notes.txt"]
    assert not report.sound
    assert len(bench.spooled()) == 2


async def test_missing_and_damaged_files_are_named(bench: Bench) -> None:
    await available(bench, "r1", "r2")
    bench.store.delete(f"{FOLDER}/r1.1.wav")
    damaged = bench.store.path(f"{FOLDER}/r2.2.wav")
    damaged.chmod(0o640)
    content = bytearray(damaged.read_bytes())
    content[100] ^= 1
    damaged.write_bytes(content)
    report = await run(bench)
    assert (report.missing, report.damaged) == ([f"{FOLDER}/r1.1.wav"], [f"{FOLDER}/r2.2.wav"])
    assert not report.sound
    assert (await run(bench, check_hashes=False)).damaged == []


async def test_files_in_the_store_without_a_row_are_named_and_kept(bench: Bench) -> None:
    await available(bench, "r1")
    del bench.catalog.rows["r1", FileRole.SEGMENT, 1]
    report = await run(bench)
    assert report.unrecorded == [f"{FOLDER}/r1.1.wav"]
    assert bench.store.exists(f"{FOLDER}/r1.1.wav")


async def test_a_file_that_came_after_its_recording_was_closed(bench: Bench) -> None:
    recording = bench.record(due("r1", (0, 1)), None)
    assert (await bench.pipeline().drain())["r1"] is MediaState.EMPTY
    old(write(bench.spool / recording.segments[0].path, wav_bytes(voice(800))))
    report = await run(bench, pipeline=bench.pipeline())
    assert report.late == [f"fs:{FOLDER}/r1.1.wav"]
    assert report.processed == {"r1": "available"}
    assert bench.spooled() == []


async def test_a_copy_that_a_crash_left_in_the_spool_goes(bench: Bench) -> None:
    await available(bench, "r1")
    left = old(write(bench.spool / FOLDER / "r1.1.wav", bench.store.path(f"{FOLDER}/r1.1.wav").read_bytes()))
    assert (await run(bench, dry_run=True)).late == [f"fs:{FOLDER}/r1.1.wav"]
    assert left.exists()
    await run(bench, pipeline=bench.pipeline())
    assert bench.spooled() == []
    assert (await run(bench)).sound


async def test_what_is_due_anyway_is_none_of_the_sweeps_business(bench: Bench) -> None:
    recording = bench.record(due("r1", (0, 1)), wav_bytes(voice(800)))
    old(bench.spool / recording.segments[0].path)
    report = await run(bench)
    assert (report.adopted, report.late, report.young) == ([], [], [])


async def test_old_work_in_progress_goes_but_never_more_than_half(bench: Bench) -> None:
    await available(bench, "r1")  # three files
    temps = [old(write(bench.store.scratch(), b"x")) for _ in range(3)]
    fresh = write(bench.store.scratch(), b"x")
    assert len((await run(bench, dry_run=True)).temporary) == 3
    assert all(t.exists() for t in temps)
    report = await run(bench)
    assert (len(report.temporary), report.refused) == (3, [])
    assert not any(t.exists() for t in temps)
    assert fresh.exists()
    temps = [old(write(bench.store.scratch(), b"x")) for _ in range(4)]
    report = await run(bench)
    assert "more than half" in report.refused[0]
    assert all(t.exists() for t in temps)
    assert not (await run(bench, force=True)).refused
    assert not any(t.exists() for t in temps)


async def test_one_spool_that_is_away_does_not_hide_the_other(bench: Bench, tmp_path: Path) -> None:
    old(write(bench.spool / FOLDER / "lost.1.wav", wav_bytes(voice(800))))
    report = await sweep(
        bench.catalog, {"away": tmp_path / "away", "fs": bench.spool}, home_only(bench.store), False
    )
    assert report.adopted == ["lost"]
    assert report.refused[0].startswith("away: ")
