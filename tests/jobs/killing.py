"""Every kind of work on a recording, as its own task does it, to be killed with -9 at each named point.

A child does one recording's work and nothing more: no node, no durable runs (test_killed.py tries those), so
that a point costs the fork of a process. All recordings of a kind of work share one database.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
from sqlalchemy.engine import make_url

from controller.catalog import SqlCatalog
from controller.catalog.database import Database, _engine
from controller.core.commands import Layout
from controller.core.formats import Format, FormatChoice
from controller.core.options import Redaction, TenantOptions, Transcripts
from controller.core.recording import side_paths
from controller.core.rules import Setting
from controller.engine.crash_points import (
    CRASH_POINTS,
    DISCARD_POINTS,
    ENCODE_POINTS,
    MOVE_POINTS,
    ORIGINALS_POINTS,
    PEAKS_POINTS,
    SEAL_POINTS,
    SIDE_POINTS,
    TRANSCRIPT_POINTS,
    UNREDACTED_POINTS,
    arm,
)
from controller.engine.reading import Scope, TenantSettings
from controller.media.encode import EncodeTask, GiveUpOriginalsTask
from controller.media.encoders import Encoders
from controller.media.mover import Mover
from controller.media.peaks_task import PeaksTask
from controller.media.pipeline import MediaPipeline
from controller.media.redacting import ChosenSpans
from controller.media.seal_task import SealTask
from controller.media.shelves import Destination, LocalShelf, Stores
from controller.media.store import LocalStore
from controller.media.transcribe import Transcribe
from tests.media.doubles import tone, voice, wav_bytes, write
from tests.media.sealed import sealing_stores
from tests.media.test_pair import mix_of
from tests.transcripts.test_task import FakeEngine

from .world import BRIEF, TENANT, World, ended_call, now

SHELF = "shelf"
RX, TX = voice(8000, seed=1), voice(7840, seed=2)


class House(World):
    """A world with a second store."""

    def stores(self, *, sealing: bool = False) -> Stores:
        shelves = {SHELF: LocalShelf(SHELF, LocalStore(self.folder / SHELF))}
        places = [Destination(SHELF, None)]
        if sealing:
            return sealing_stores(self.store, self.folder, shelves, places)
        return Stores(self.store, shelves, places)

    def pipe(self) -> MediaPipeline:
        return MediaPipeline(self.catalog, {"fs": self.spool}, self.store, now, patience=BRIEF)

    async def process(self, recording_id: str) -> None:
        for due in await self.catalog.due_of([recording_id]):
            await self.pipe().process(due)

    async def stored(self, recording_id: str, *contents: bytes | None) -> None:
        await self.record(recording_id, *contents)
        await self.process(recording_id)


# ── what is done ──────────────────────────────────────────────────────────────────────────────


def told(_: float) -> None:
    return


async def peaks(house: House, recording_id: str) -> None:
    assert await PeaksTask(house.catalog, house.stores()).run(recording_id, told) == ""


async def encode(house: House, recording_id: str) -> None:
    encoders = Encoders()
    assert await EncodeTask(house.catalog, house.stores(), encoders, Format.MP3).run(recording_id, told) == ""


async def originals(house: House, recording_id: str) -> None:
    remark = await GiveUpOriginalsTask(house.catalog, house.stores(), Format.MP3).run(recording_id, told)
    assert remark == ""


async def transcribe(house: House, recording_id: str) -> None:
    said = "my card is 4111 2222 3333 thanks"
    engine = FakeEngine({str(level): said for level in range(1, 33)})
    task = Transcribe(house.catalog, house.stores(), lambda: engine)
    assert await task.run(recording_id, told) == ""


async def move(house: House, recording_id: str) -> None:
    mover = Mover(house.catalog, house.stores())
    await mover.tidy()
    for file in await house.catalog.files(recording_id):
        await mover.move(file, SHELF)


async def seal(house: House, recording_id: str) -> None:
    await Mover(house.catalog, house.stores(sealing=True)).tidy()
    assert await SealTask(house.catalog, house.stores(sealing=True)).run(recording_id, told) == ""


# ── what it is done to ────────────────────────────────────────────────────────────────────────


async def three_segments(house: House, recording_id: str) -> None:
    """One whole, one cut off by a crash of the switch, one without a file."""
    await house.record(
        recording_id, wav_bytes(voice(8000)), wav_bytes(voice(4000, 2), closed=False) + b"\1", None
    )


async def two_sides(house: House, recording_id: str) -> None:
    call = ended_call(recording_id, (0, 1))
    (segment,) = call.recordings[0].segments
    call.recordings[0].segments[0] = replace(segment, layout=Layout.OWN_LEFT)
    for path, sound in zip((segment.path, *side_paths(segment.path)), (mix_of(RX, TX), RX, TX), strict=True):
        write(house.spool / path, wav_bytes(sound))
    await house.catalog.save("fs", [call], {})


async def unwanted(house: House, recording_id: str) -> None:
    """On demand, and nobody started it; one of its files is in the store already."""
    call = ended_call(recording_id, (0, 1), (1, 2))
    for segment in call.recordings[0].segments:
        write(house.spool / segment.path, wav_bytes(voice(800)))
    await house.catalog.save("fs", [call], {})
    (due,) = await house.catalog.due_of([recording_id])
    await house.pipe().take(due)
    call.recordings[0].provisional = True
    write(house.spool / call.recordings[0].segments[1].path, wav_bytes(voice(800)))
    await house.catalog.save("fs", [call], {})


async def playable(house: House, recording_id: str) -> None:
    await house.stored(recording_id, wav_bytes(voice(8000)), wav_bytes(voice(4000, 2)))


async def encoded(house: House, recording_id: str) -> None:
    await playable(house, recording_id)
    await encode(house, recording_id)


async def spoken(house: House, recording_id: str) -> None:
    sound = np.zeros((8000 * 3, 1), np.int16)
    sound[8000:16_000] = tone(8000, 8000, 400.0)
    await house.stored(recording_id, wav_bytes(sound))


async def taken_back(house: House, recording_id: str) -> None:
    """A span was beeped over, and is to be heard again."""
    await playable(house, recording_id)
    span = Scope(TENANT), recording_id, 100, 300
    assert await house.catalog.redact_span(*span, "ann", "a name")
    await unredact(house, recording_id)
    assert await house.catalog.take_back_span(*span, "bob")


async def unredact(house: House, recording_id: str) -> None:
    await ChosenSpans(house.catalog, house.stores()).redact(recording_id)


_PLAIN = TenantOptions()


@dataclass(frozen=True, slots=True)
class Work:
    """``kept``: the roles that are left; ``store``: where they lie; ``options``: of the tenant."""

    points: tuple[str, ...]
    prepare: Callable[[House, str], Awaitable[None]]
    act: Callable[[House, str], Awaitable[None]]
    kept: tuple[str, ...]
    state: str = "available"
    options: TenantOptions = _PLAIN


_WAV = ("rendition", "segment 1", "segment 2")
WORK: dict[str, Work] = {
    "files": Work(CRASH_POINTS, three_segments, House.process, _WAV),
    "sides": Work(SIDE_POINTS, two_sides, House.process, ("rendition", "segment 1")),
    "discard": Work(DISCARD_POINTS, unwanted, House.process, (), state="discarded"),
    "peaks": Work(PEAKS_POINTS, playable, peaks, ("peaks", *_WAV)),
    "encode": Work(ENCODE_POINTS, playable, encode, ("encoded", *_WAV)),
    "originals": Work(
        ORIGINALS_POINTS, encoded, originals, ("encoded",),
        options=TenantOptions(format=FormatChoice.MP3, keep_original=False),
    ),
    "transcribe": Work(
        TRANSCRIPT_POINTS, spoken, transcribe, ("redacted", "rendition", "segment 1", "transcript"),
        options=TenantOptions(transcripts=Transcripts.ON, redact_digits=Redaction.AUDIO),
    ),
    "unredact": Work(UNREDACTED_POINTS, taken_back, unredact, _WAV),
    "move": Work(MOVE_POINTS, playable, move, _WAV),
    "seal": Work((*SEAL_POINTS, "move.removed"), playable, seal, _WAV),
}  # fmt: skip


# ── being killed ──────────────────────────────────────────────────────────────────────────────


def house_of(url: str, folder: Path) -> House:
    """Without looking whether its schema is the newest: that is known, and takes longer than the work."""
    return House(url, folder, SqlCatalog(Database(_engine(make_url(url))), now))


async def furnish(house: House, work: Work) -> None:
    settings = TenantSettings(TENANT, Setting.ON, Setting.ON, options=work.options)
    await house.catalog.set_tenant(settings)


def worker(url: str, folder: str, name: str, recording_id: str, point: str) -> None:
    """The process's whole life. It is to end by its own hand, at the point."""

    def hook(reached: str) -> None:
        if reached == point:
            os.kill(os.getpid(), signal.SIGKILL)

    arm(hook)
    asyncio.run(_act(url, Path(folder), name, recording_id))


async def _act(url: str, folder: Path, name: str, recording_id: str) -> None:
    await WORK[name].act(house_of(url, folder), recording_id)


def start(house: House, name: str, recording_id: str, point: str) -> BaseProcess:
    """Forked from a server that has everything imported: no second is spent on that."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.jobs.dying", "tests.jobs.killing"])
    given = (house.url, str(house.folder), name, recording_id, point)
    process = context.Process(target=worker, args=given, daemon=True)
    process.start()
    return process
