"""Encoding after the call, with the real encoders: tones in, the same tones at the same times out."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from controller.catalog import SqlCatalog, open_database
from controller.core.formats import Format, FormatChoice, bytes_per_minute
from controller.core.options import TenantOptions
from controller.core.rules import Setting
from controller.demo import listen
from controller.engine.crash_points import ENCODE_POINTS, ORIGINALS_POINTS, arm
from controller.engine.media_ports import FileRole, MayGo, MediaState, StoredFile
from controller.engine.peaks_format import unpack, unpack_talk
from controller.engine.reading import Scope, TenantSettings
from controller.engine.retention import HoldRow
from controller.media import encoders as encoders_module
from controller.media import wav
from controller.media.convert import encode, opened
from controller.media.encode import EncodeTask, GiveUpOriginalsTask
from controller.media.encoders import Encoders
from controller.media.errors import EncodingError, NoEncoder
from controller.media.meter import measure
from controller.media.peaks_task import PeaksTask
from controller.media.pipeline import MediaPipeline
from controller.media.shelves import home_only
from controller.media.sound import Sound
from controller.media.store import LocalStore

from .conftest import BRIEF
from .doubles import tone, voice, wav_bytes, write
from .test_crash_points import Killed, at, die
from .test_with_catalog import TENANT, ended_call, now

RATE = 8000
#: The one codec delay that no decoder takes out again: AMR's look-ahead of 5 ms, and the mixing into
#: frames of 20 ms. MP3, Opus and FLAC tell theirs, and it is taken out.
DELAY_MS = {Format.WAV: 0, Format.FLAC: 0, Format.MP3: 2, Format.OPUS: 3, Format.AMR: 10}
ENCODED = [Format.MP3, Format.AMR, Format.OPUS, Format.FLAC]


@pytest.fixture(scope="module")
def encoders() -> Encoders:
    found = Encoders()
    missing = [f for f in ENCODED if not found.has(f)]
    if missing:
        pytest.skip(f"NO ENCODER FOR {', '.join(missing)} ON THIS MACHINE: encoding is not tested here")
    return found


def conversation(rate: int = RATE) -> np.ndarray:
    """Stereo: left 440 Hz in [1, 2) s, right 700 Hz in [2.5, 3.5) s, of 5 s."""
    samples = np.zeros((5 * rate, 2), np.int16)
    samples[rate : 2 * rate, 0] = tone(rate, rate, 440.0)[:, 0]
    samples[rate * 5 // 2 : rate * 7 // 2, 1] = tone(rate, rate, 700.0)[:, 0]
    return samples


def sound_of(samples: np.ndarray, rate: int = RATE) -> Sound:
    blocks = (samples[n : n + 1000] for n in range(0, len(samples), 1000))
    return Sound(samples.shape[1], rate, len(samples), blocks)


def frequency(samples: np.ndarray, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 16))
    return float(np.argmax(spectrum) * rate / (1 << 16))


def edges_ms(samples: np.ndarray, rate: int) -> tuple[float, float]:
    """Where a tone begins and ends: where it passes half of its level, over 5 ms."""
    width = rate // 200
    level = np.sqrt(np.convolve(samples.astype(float) ** 2, np.ones(width) / width, "same"))
    loud = np.flatnonzero(level > level.max() / 2)
    return loud[0] * 1000 / rate, loud[-1] * 1000 / rate


def decoded(path: Path, format: Format, channels: int, rate: int) -> np.ndarray:
    """By ffmpeg, not by our own reader."""
    line = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "s16le", "-ac", str(channels), "-ar", str(rate)]
    raw = subprocess.run([*line, "pipe:1"], capture_output=True, check=True).stdout
    return np.frombuffer(raw, "<i2").reshape(-1, channels)


@pytest.mark.parametrize("rate", [8000, 16000, 11025, 48000])
@pytest.mark.parametrize("format", [Format.WAV, *ENCODED])
def test_the_same_tones_at_the_same_times(
    tmp_path: Path, encoders: Encoders, ffmpeg: str, format: Format, rate: int
) -> None:
    target = tmp_path / "made"
    made = encode(sound_of(conversation(rate), rate), format, target, encoders)
    assert (made.duration_ms, made.meter.frames) == (5000, 5 * rate)
    assert made.channels == (1 if format is Format.AMR else 2)
    assert made.mixed is (format is Format.AMR)
    heard = decoded(target, format, made.channels, rate)
    assert abs(len(heard) / rate - 5.0) < 0.1
    sides = (heard[:, 0], heard[:, -1])
    tolerance = DELAY_MS[format] + 5
    for side, hertz, began in zip(sides, (440.0, 700.0), (1.0, 2.5), strict=True):
        mine = side[int((began - 0.4) * rate) : int((began + 1.4) * rate)]
        first, last = edges_ms(mine, rate)
        assert abs(first - 400) < tolerance
        assert abs(last - 1400) < tolerance
        middle = side[int((began + 0.1) * rate) : int((began + 0.9) * rate)]
        assert abs(frequency(middle, rate) - hertz) < 2
    if format is Format.AMR:
        # Mixed: each voice at half its level, none lost.
        level = np.sqrt((heard[int(1.1 * rate) : int(1.9 * rate), 0].astype(float) ** 2).mean())
        assert 0.5 < level / (10_000 / 2 / np.sqrt(2)) < 1.5
    else:
        # What one party says is not on the other's side: 26 dB below at least.
        other = heard[int(1.1 * rate) : int(1.9 * rate), 1].astype(float)
        assert np.sqrt((other**2).mean()) < 10_000 / np.sqrt(2) / 20
    if format in (Format.WAV, Format.FLAC):
        assert np.array_equal(heard, conversation(rate))


@pytest.mark.parametrize("format", ENCODED)
def test_sizes_are_as_told(tmp_path: Path, encoders: Encoders, format: Format) -> None:
    for channels in (1, 2):
        target = tmp_path / f"{channels}"
        rng = np.random.default_rng(1)
        speechlike = (rng.normal(0, 2000, (RATE * 30, channels))).astype(np.int16)
        speechlike[::2] //= 4
        encode(sound_of(speechlike), format, target, encoders)
        told = bytes_per_minute(format, channels) / 2
        size = target.stat().st_size
        if format is Format.FLAC:
            assert size < bytes_per_minute(Format.WAV, channels) / 2  # depends on the sound
        else:
            assert 0.75 < size / told < 1.15


def test_the_same_sound_makes_the_same_bytes(tmp_path: Path, encoders: Encoders) -> None:
    for format in ENCODED:
        for name in "ab":
            encode(sound_of(conversation()), format, tmp_path / f"{format}{name}", encoders)
        assert (tmp_path / f"{format}a").read_bytes() == (tmp_path / f"{format}b").read_bytes(), format


# ── the task ──────────────────────────────────────────────────────────────────────────────────


class Desk:
    """A recording that is available, on a real catalog and a real disk."""

    def __init__(self, root: Path, catalog: SqlCatalog, encoders: Encoders) -> None:
        self.catalog = catalog
        self.stores = home_only(LocalStore(root / "store"))
        self.spool = root / "spool"
        self.encode = EncodeTask(catalog, self.stores, encoders)
        self.originals = GiveUpOriginalsTask(catalog, self.stores)

    async def record(self, *contents: bytes, spans: tuple[tuple[float, float], ...] = ((0, 5),)) -> None:
        call = ended_call("r1", *spans)
        await self.catalog.save("fs", [call], {})
        for segment, content in zip(call.recordings[0].segments, contents, strict=False):
            write(self.spool / segment.path, content)
        await self.drain()

    async def drain(self) -> dict[str, MediaState]:
        pipeline = MediaPipeline(self.catalog, {"fs": self.spool}, self.stores.home, now, patience=BRIEF)
        return await pipeline.drain()

    async def choose(self, format: FormatChoice, *, keep: bool = True) -> None:
        options = TenantOptions(format=format, keep_original=keep)
        await self.catalog.set_tenant(TenantSettings(TENANT, Setting.ON, Setting.ON, options=options))

    async def run(self) -> list[str]:
        return [await task.run("r1", lambda share: None) for task in (self.encode, self.originals)]

    async def roles(self) -> list[tuple[str, int]]:
        return [(str(f.role), f.number) for f in await self.catalog.files("r1")]

    async def row(self, role: FileRole) -> object:
        return next(f for f in await self.catalog.files("r1") if f.role is role)

    def keys(self) -> list[str]:
        return [Path(k).name for k in list(self.stores.home.keys())]


@pytest.fixture
async def desk(tmp_path: Path, encoders: Encoders) -> AsyncIterator[Desk]:
    (tmp_path / "spool").mkdir()
    database = await open_database(f"sqlite+aiosqlite:///{tmp_path}/tapeline.db")
    made = Desk(tmp_path, SqlCatalog(database, now), encoders)
    await made.choose(FormatChoice.MP3)
    yield made
    await database.close()


@pytest.mark.parametrize("format", [FormatChoice(str(f)) for f in ENCODED])
async def test_encoded_beside_the_wav(desk: Desk, format: FormatChoice) -> None:
    await desk.choose(format)
    await desk.record(wav_bytes(conversation()))
    shares: list[float] = []
    assert await desk.encode.run("r1", shares.append) == ""
    assert shares
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert await desk.roles() == [("encoded", 0), ("rendition", 0), ("segment", 1)]
    row = await desk.row(FileRole.ENCODED)
    assert (row.format, row.duration_ms, row.sample_rate) == (str(format), 5000, 8000)
    assert row.channels == (1 if format is FormatChoice.AMR else 2)
    assert ("mixed" in row.note) is (format is FormatChoice.AMR)
    assert row.key.endswith(f"/r1.{format}")
    with opened(desk.stores, row) as sound:
        assert abs(measure(sound).frames / 8000 - 5) < 0.1
    before = await desk.catalog.files("r1")
    assert await desk.run() == ["", ""]
    assert await desk.catalog.files("r1") == before
    detail = await desk.catalog.recording(Scope(None), "r1")
    assert detail is not None
    assert detail.playable is not None
    assert detail.chosen is not None
    assert (detail.playable.format, detail.chosen.format) == ("wav", str(format))


async def test_wav_is_left_alone_and_the_systems_format_counts_for_who_has_not_chosen(
    desk: Desk, encoders: Encoders
) -> None:
    await desk.choose(FormatChoice.SYSTEM, keep=False)
    await desk.record(wav_bytes(conversation()))
    assert await desk.run() == ["", ""]
    assert desk.keys() == ["r1.1.wav", "r1.wav"]
    task = EncodeTask(desk.catalog, desk.stores, encoders, Format.FLAC)
    await task.run("r1", lambda share: None)
    assert desk.keys() == ["r1.1.wav", "r1.flac", "r1.wav"]


async def test_without_an_encoder_it_stays_wav_and_it_is_said_what_to_install(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.choose(FormatChoice.AMR, keep=False)
    await desk.record(wav_bytes(conversation()))
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(encoders_module, "_ffmpegs", lambda: iter(()))
    monkeypatch.setattr(encoders_module.opencore, "library", lambda: None)
    task = EncodeTask(desk.catalog, desk.stores, Encoders())
    remark = await task.run("r1", lambda share: None)
    assert remark.startswith("kept as WAV: no encoder for AMR")
    assert "libopencore-amrnb0" in remark
    assert await desk.originals.run("r1", lambda share: None) == ""
    assert await desk.roles() == [("rendition", 0), ("segment", 1)]


async def test_a_changed_choice_makes_it_anew_and_leaves_nothing_behind(desk: Desk) -> None:
    await desk.record(wav_bytes(conversation()))
    await desk.run()
    await desk.choose(FormatChoice.OPUS)
    await desk.run()
    assert desk.keys() == ["r1.1.wav", "r1.opus", "r1.wav"]
    await desk.choose(FormatChoice.WAV)
    await desk.run()
    assert desk.keys() == ["r1.1.wav", "r1.opus", "r1.wav"], "what was made stays"


# ── when the WAV is not kept ──────────────────────────────────────────────────────────────────


async def test_the_wav_goes_and_leaves_its_hashes(desk: Desk) -> None:
    await desk.choose(FormatChoice.MP3, keep=False)
    await desk.record(wav_bytes(conversation()), wav_bytes(voice(RATE, 2, seed=4)), spans=((0, 5), (6, 7)))
    hashes = [f.sha256 for f in await desk.catalog.files("r1")]
    assert await desk.run() == ["", ""]
    assert await desk.roles() == [("encoded", 0)]
    assert desk.keys() == ["r1.mp3"]
    row = await desk.row(FileRole.ENCODED)
    assert (row.duration_ms, row.channels) == (7000, 2)
    (line,) = [e for e in await desk.catalog.audit_entries(Scope(None)) if e.action == "delete originals"]
    assert line.subject == "recording r1"
    assert line.tenant == TENANT
    assert all(sha in line.detail for sha in [*hashes, row.sha256])
    detail = await desk.catalog.recording(Scope(None), "r1")
    assert detail is not None
    assert detail.playable is not None
    assert detail.playable.format == "mp3"
    assert await desk.run() == ["", ""]
    assert await desk.roles() == [("encoded", 0)]


@pytest.mark.parametrize("format", [FormatChoice.MP3, FormatChoice.AMR])
async def test_the_waveform_outlives_the_wav_and_is_drawn_of_what_is_left(
    desk: Desk, format: FormatChoice
) -> None:
    """Kept as it is while it is whole; lost, it is drawn of the encoded file: the same talk, nearly."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("NO FFMPEG ON THIS MACHINE: peaks of encoded files are not tested")
    await desk.choose(format, keep=False)
    mono = conversation().max(axis=1, keepdims=True)  # AMR has one channel, and two keep their WAV
    await desk.record(wav_bytes(mono))
    peaks = PeaksTask(desk.catalog, desk.stores)
    assert await peaks.run("r1", lambda share: None) == ""
    drawn = await desk.row(FileRole.PEAKS)
    assert isinstance(drawn, StoredFile)
    assert await desk.run() == ["", ""]
    assert ("rendition", 0) not in await desk.roles()
    assert await peaks.run("r1", lambda share: None) == ""
    assert await desk.row(FileRole.PEAKS) == drawn, "what was drawn of the WAV is better"
    path = desk.stores.path(drawn.key)
    before = unpack_talk(unpack(path.read_bytes()), path.read_bytes())
    path.write_bytes(b"damaged")
    assert await peaks.run("r1", lambda share: None) == ""
    content, encoded = path.read_bytes(), await desk.row(FileRole.ENCODED)
    assert isinstance(encoded, StoredFile)
    head = unpack(content)
    assert head.source == encoded.sha256, "the page shows it only if it is of what it plays"
    assert [f.sha256 for f in await desk.catalog.files("r1") if f.role is FileRole.PEAKS] == [
        hashlib.sha256(content).hexdigest()
    ]
    (mine,), (theirs,) = unpack_talk(head, content), before
    assert len(mine) == len(theirs) == 2
    for one, other in zip(mine, theirs, strict=True):
        assert abs(one[0] - other[0]) <= 4  # of 20 ms
        assert abs(one[1] - other[1]) <= 4


async def test_two_channels_keep_their_wav_where_the_encoded_file_has_one(desk: Desk) -> None:
    """Who said what cannot be told from a mix, and what is gone does not come back."""
    await desk.choose(FormatChoice.AMR, keep=False)
    await desk.record(wav_bytes(conversation()))
    before = await desk.roles()
    _, remark = await desk.run()
    assert remark == "the WAV is kept: 2 channels are one in the AMR, and who said what would be lost"
    assert await desk.roles() == [("encoded", 0), *before]
    # Nor does the catalog let anybody else.
    going = [f for f in await desk.catalog.files("r1") if f.role is not FileRole.ENCODED]
    assert await desk.catalog.give_up("r1", going, "why not") is MayGo.MIXED
    assert await desk.roles() == [("encoded", 0), *before]


async def test_a_legal_hold_keeps_the_wav(desk: Desk) -> None:
    await desk.choose(FormatChoice.MP3, keep=False)
    await desk.record(wav_bytes(conversation()))
    await desk.catalog.put_hold(
        HoldRow("h1", TENANT, "Case 7", "a court asks for it", "", None, None, now(), "dana")
    )
    assert await desk.catalog.hold_recordings(Scope(None), "h1", ["r1"], "dana") == {}
    before = desk.keys()
    assert await desk.run() == ["", "the WAV is kept: a legal hold covers the recording"]
    assert desk.keys() == sorted([*before, "r1.mp3"])
    await desk.catalog.lift_hold(Scope(None), "h1", "dana", "the case is over")
    assert await desk.run() == ["", ""]
    assert desk.keys() == ["r1.mp3"]


async def test_a_file_that_came_late_does_not_replace_what_is_there(desk: Desk) -> None:
    await desk.choose(FormatChoice.MP3, keep=False)
    await desk.record(wav_bytes(conversation()), spans=((0, 5), (6, 7)))
    # Its second capture was opened and has no file yet, so the WAV is still needed for the times.
    assert await desk.run() == ["", ""]
    assert await desk.roles() == [("encoded", 0)]
    call = ended_call("r1", (0, 5), (6, 7))
    write(desk.spool / call.recordings[0].segments[1].path, wav_bytes(voice(RATE, 2)))
    assert await desk.catalog.reopen("r1", "found in the spool")
    assert await desk.drain() == {"r1": MediaState.AVAILABLE}
    assert await desk.roles() == [("encoded", 0), ("segment", 2)]
    assert desk.keys() == ["r1.2.wav", "r1.mp3"]
    await desk.run()
    assert await desk.roles() == [("encoded", 0), ("segment", 2)]


async def test_the_wav_stays_where_the_times_depend_on_it(desk: Desk) -> None:
    """The first capture has no file: the recording begins with the second."""
    await desk.choose(FormatChoice.MP3, keep=False)
    call = ended_call("r1", (0, 1), (2, 7))
    await desk.catalog.save("fs", [call], {})
    write(desk.spool / call.recordings[0].segments[1].path, wav_bytes(conversation()))
    await desk.drain()
    remarks = await desk.run()
    assert "times of pauses would shift" in remarks[1]
    assert await desk.roles() == [("encoded", 0), ("rendition", 0), ("segment", 2)]


async def test_an_unreadable_segment_keeps_everything(desk: Desk) -> None:
    await desk.choose(FormatChoice.MP3, keep=False)
    await desk.record(wav_bytes(conversation()), b"no WAV at all" * 100, spans=((0, 5), (6, 7)))
    remarks = await desk.run()
    assert "could not be read" in remarks[1]
    assert await desk.roles() == [("encoded", 0), ("rendition", 0), ("segment", 1), ("segment", 2)]


@pytest.mark.parametrize("spoilt", ["shorter", "silent", "other bytes"])
async def test_what_does_not_sound_the_same_never_replaces_the_wav(
    desk: Desk, encoders: Encoders, spoilt: str
) -> None:
    await desk.choose(FormatChoice.FLAC, keep=False)
    await desk.record(wav_bytes(conversation()))
    await desk.encode.run("r1", lambda share: None)
    row = await desk.row(FileRole.ENCODED)
    other = {"shorter": conversation()[: RATE * 4], "silent": conversation() * 0}.get(spoilt)
    if other is not None:
        target = desk.stores.home.path(row.key)
        target.unlink()
        encode(sound_of(other), Format.FLAC, target, encoders)
        digest = desk.stores.digest(row)
        await desk.catalog.add_file(replace(row, sha256=digest.sha256, size=digest.size))
    else:
        with desk.stores.home.path(row.key).open("r+b") as file:
            file.seek(-100, os.SEEK_END)
            file.write(b"\xff" * 50)
    with pytest.raises(EncodingError, match="the WAV"):
        await desk.originals.run("r1", lambda share: None)
    assert await desk.roles() == [("encoded", 0), ("rendition", 0), ("segment", 1)]
    assert desk.keys().count("r1.1.wav") == 1


@pytest.mark.parametrize("name", [*ENCODE_POINTS, *ORIGINALS_POINTS])
async def test_killed_anywhere_nothing_is_lost_and_nothing_said_twice(
    desk: Desk, name: str, at_crash_point: Callable[[Callable[[str], None]], None]
) -> None:
    await desk.choose(FormatChoice.MP3, keep=False)
    await desk.record(wav_bytes(conversation()))
    at_crash_point(at(name, 1, die))
    with pytest.raises(Killed):
        await desk.run()
    arm(None)
    playable = (await desk.catalog.recording(Scope(None), "r1")).playable  # type: ignore[union-attr]
    assert playable is not None
    assert desk.stores.digest(playable).sha256 == playable.sha256, "something whole can be played"
    await desk.run()
    assert await desk.roles() == [("encoded", 0)]
    assert desk.keys() == ["r1.mp3"]
    lines = [e for e in await desk.catalog.audit_entries(Scope(None)) if e.action == "delete originals"]
    assert len(lines) == 1


async def test_encoding_is_killed_when_we_stop(desk: Desk, encoders: Encoders) -> None:
    await desk.record(wav_bytes(np.tile(conversation(), (600, 1))), spans=((0, 3000),))
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(
        desk.encode.run("r1", lambda share: loop.call_soon_threadsafe(begun.set) and None)
    )
    await asyncio.wait_for(begun.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    scratch = desk.stores.home.root / ".scratch"
    async with asyncio.timeout(20):
        while list(scratch.iterdir()):
            await asyncio.sleep(0.02)
    assert await desk.roles() == [("rendition", 0), ("segment", 1)]


def test_a_program_that_fails_says_so(tmp_path: Path, encoders: Encoders, ffmpeg: str) -> None:
    rotten = write(tmp_path / "store" / "t.mp3", b"\0" * 5000)
    stores = home_only(LocalStore(tmp_path / "store"))

    row = StoredFile("t", FileRole.ENCODED, 0, "t.mp3", "mp3", rotten.stat().st_size, "0" * 64, 5000, 1, 8000)
    with pytest.raises(EncodingError), opened(stores, row) as sound:
        measure(sound)


def test_what_is_missing_is_looked_for_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Format] = []
    monkeypatch.setattr(encoders_module, "_candidates", lambda f: iter(tried.append(f) or []))
    found = Encoders()
    for _ in range(3):
        with pytest.raises(NoEncoder, match="install ffmpeg"):
            found.tool(Format.MP3)
    assert tried == [Format.MP3]
    monkeypatch.setattr(encoders_module.time, "monotonic", lambda: 1e12)
    with pytest.raises(NoEncoder):
        found.tool(Format.MP3)
    assert tried == [Format.MP3] * 2


def test_listen_reads_a_converted_wav(tmp_path: Path, encoders: Encoders) -> None:
    """The roomy header is one that others read too."""
    target = tmp_path / "made.wav"
    encode(sound_of(conversation()), Format.WAV, target, encoders)
    assert wav.inspect(target).header_ok
    assert listen.read_wav(target).rate == RATE
