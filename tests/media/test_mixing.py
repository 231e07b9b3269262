"""Our own sounds in a recording whose tenant wants them there: when they were heard, and on whose channel."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from controller.core.commands import Sound
from controller.core.own_sounds import Played
from controller.core.tones import tone
from controller.engine.media_ports import SILENT, FileRole, HeardSound, MediaState
from controller.media import samples
from controller.media.mixing import NOT_MIXED_IN, SoundFiles

from .conftest import Bench
from .doubles import T0, due, voice, wav_bytes, write

FOLDER = "acme.example/2026/03/04"
ONE = voice(16_000, seed=1)
BEEP = np.array(tone(Sound.BEEP), np.int16)
WORDS = np.full(8000, 3000, np.int16)  # what the announcement says, a second of it


def heard(sound: Sound, at: float, *seats: int, until: float | None = None, file: str = "") -> HeardSound:
    over = None if until is None else T0 + timedelta(seconds=until)
    return HeardSound(Played(T0 + timedelta(seconds=at), sound, ("leg",), over, file), frozenset(seats))


def told(at: float, until: float, *seats: int, file: str = "ivr/rec") -> HeardSound:
    return heard(Sound.ANNOUNCEMENT, at, *seats, until=until, file=file)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "sounds/ivr/rec.wav", wav_bytes(WORDS[:, None]))
    return tmp_path / "sounds"


async def made(
    bench: Bench, folder: Path | None, *sounds: HeardSound, captured: np.ndarray = ONE, **more: Any
) -> np.ndarray:
    """Two captures of the same two seconds, from 2 to 4 and from 6 to 8 s, and what came of them."""
    recording = replace(due("r1", (2, 4), (6, 8)), sounds=sounds, **more)
    content = wav_bytes(captured)
    files = SoundFiles({} if folder is None else {"fs": folder})
    bench.record(recording, content, content)
    assert await bench.pipeline(sounds=files).process(recording) is MediaState.AVAILABLE
    return samples.whole(bench.store.path(f"{FOLDER}/r1.wav"))


def whole(*pieces: np.ndarray) -> np.ndarray:
    return np.concatenate([p.reshape(-1, 1) for p in pieces])


def nothing(seconds: float) -> np.ndarray:
    return np.zeros(round(8000 * seconds), np.int16)


def over(what: np.ndarray, sound: np.ndarray, at: float) -> np.ndarray:
    mixed = what[:, 0].astype(int)
    mixed[round(at * 8000) :][: len(sound)] += sound
    return np.clip(mixed, -32768, 32767).astype(np.int16)


async def test_a_beep_is_heard_over_the_talk_and_the_captures_files_stay_as_they_are(bench: Bench) -> None:
    sound = await made(bench, None, heard(Sound.BEEP, 2.5))
    assert np.array_equal(sound, whole(over(ONE, BEEP, 0.5), nothing(2), ONE))
    for number in (1, 2):
        kept = bench.catalog.rows["r1", FileRole.SEGMENT, number]
        assert np.array_equal(samples.whole(bench.store.path(kept.key)), ONE)


async def test_a_recording_begins_with_the_announcement_before_it(bench: Bench, folder: Path) -> None:
    """Told at 0.5 it was over at 1.75, so it was heard from 0.75 on; the capture opened at 2."""
    sound = await made(bench, folder, told(0.5, 1.75))
    assert np.array_equal(sound, whole(nothing(0.25), WORDS, nothing(0.25), ONE, nothing(2), ONE))
    assert bench.catalog.durations["r1"] == 7500


async def test_one_capture_alone_and_parties_that_were_told_at_the_same_time(
    bench: Bench, folder: Path
) -> None:
    recording = replace(due("r1", (2, 4)), sounds=(told(1, 2), told(1, 2.05), told(1, 2.1)))
    bench.record(recording, wav_bytes(ONE))
    pipeline = bench.pipeline(sounds=SoundFiles({"fs": folder}))
    assert await pipeline.process(recording) is MediaState.AVAILABLE
    assert np.array_equal(samples.whole(bench.store.path(f"{FOLDER}/r1.wav")), whole(WORDS, ONE))


async def test_who_joins_is_told_in_the_gap_between_two_captures(bench: Bench, folder: Path) -> None:
    sound = await made(bench, folder, told(4.5, 5.5))
    assert np.array_equal(sound, whole(ONE, nothing(0.5), WORDS, nothing(0.5), ONE))


async def test_what_is_left_out_is_left_out_with_our_sounds(bench: Bench, folder: Path) -> None:
    """The tone of the pause begins when the capture has closed; what begins before it ends where it does."""
    pause = (T0 + timedelta(seconds=4), T0 + timedelta(seconds=6))
    sounds = (heard(Sound.BEEP, 3.9), heard(Sound.PAUSED, 4), heard(Sound.RESUMED, 6), told(4.2, 5.2))
    sound = await made(bench, folder, *sounds, pauses=(pause,), cut_pauses=True)
    resumed = np.array(tone(Sound.RESUMED), np.int16)
    assert np.array_equal(sound, whole(over(ONE, BEEP[:800], 1.9), over(ONE, resumed, 0)))


async def test_each_ear_has_its_channel(bench: Bench, folder: Path) -> None:
    stereo = np.repeat(ONE, 2, axis=1)
    recording = replace(
        due("r1", (2, 4)), sounds=(told(1, 2, 1), told(1.5, 2.5, 0), heard(Sound.BEEP, 3, 0, 1))
    )
    bench.record(recording, wav_bytes(stereo))
    pipeline = bench.pipeline(sounds=SoundFiles({"fs": folder}))
    assert await pipeline.process(recording) is MediaState.AVAILABLE
    sound = samples.whole(bench.store.path(f"{FOLDER}/r1.wav"))
    begun = over(ONE, BEEP, 1)
    left = np.concatenate((nothing(0.5), WORDS[:4000], over(begun[:, None], WORDS[4000:], 0)))
    assert np.array_equal(sound[:, 0], left)
    assert np.array_equal(sound[:, 1], np.concatenate((WORDS, begun)))


@pytest.mark.parametrize("name", ["no/such", "/etc/hostname", "link"])
async def test_an_announcement_that_cannot_be_found_costs_no_recording(
    bench: Bench, folder: Path, name: str
) -> None:
    """Nor is any file read that is not a sound of the switch's: the name is a tenant's."""
    write(folder.parent / "secret.wav", wav_bytes(WORDS[:, None]))
    (folder / "link.wav").symlink_to(folder.parent / "secret.wav")
    sound = await made(bench, folder, told(1, 2, file=name), heard(Sound.BEEP, 2.5))
    assert np.array_equal(sound, whole(nothing(1), over(ONE, BEEP, 0.5), nothing(2), ONE))
    assert NOT_MIXED_IN in bench.catalog.errors["r1"]
    assert name in bench.catalog.errors["r1"]


async def test_without_the_folder_the_remark_says_what_to_set(bench: Bench) -> None:
    await made(bench, None, told(1, 2))
    assert "`sounds` of the switch fs is not set" in bench.catalog.errors["r1"]


async def test_a_recording_in_which_nobody_is_heard_is_called_silent_all_the_same(
    bench: Bench, folder: Path
) -> None:
    sound = await made(bench, folder, told(1, 2), captured=np.zeros((16_000, 1), np.int16))
    assert sound.any()
    assert SILENT in bench.catalog.errors["r1"]


async def test_an_announcement_of_another_rate_and_of_two_channels(bench: Bench, tmp_path: Path) -> None:
    write(tmp_path / "sounds/rec.wav", wav_bytes(np.full((16_000, 2), 3000, np.int16), rate=16_000))
    sound = await made(bench, tmp_path / "sounds", told(1, 2, file="rec.wav"))
    level = sound[100:7900, 0]
    assert abs(level.astype(int) - 3000).max() < 60
    assert len(sound) == 7 * 8000
