"""Joined files, checked to the sample."""

from __future__ import annotations

import random
import tracemalloc
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from controller.media import samples, wav
from controller.media.errors import JoinError
from controller.media.join import Part, join
from controller.media.resample import resample, resampled_frames

from .doubles import T0, tone, voice, wav_bytes, write


def part(
    folder: Path,
    name: str,
    sound: np.ndarray,
    began: float | None,
    ended: float | None = None,
    rate: int = 8000,
) -> Part:
    at = [None if s is None else T0 + timedelta(seconds=s) for s in (began, ended)]
    return Part(write(folder / f"{name}.wav", wav_bytes(sound, rate)), at[0], at[1])


def joined(folder: Path, *parts: Part, without: tuple[tuple[float, float], ...] = ()) -> np.ndarray:
    target = folder / "joined.wav"
    target.unlink(missing_ok=True)
    spans = [(T0 + timedelta(seconds=a), T0 + timedelta(seconds=b)) for a, b in without]
    result = join(parts, target, spans)
    info = wav.inspect(target)
    assert info.canonical
    assert (info.frames, info.channels, info.sample_rate) == (
        result.frames,
        result.channels,
        result.sample_rate,
    )
    return samples.whole(target)


def test_gaps_are_silence_of_the_wall_clocks_length(tmp_path: Path) -> None:
    one, two, three = voice(8000, seed=1), voice(4001, seed=2), voice(160, seed=3)
    sound = joined(
        tmp_path,
        part(tmp_path, "1", one, 0.0, 1.0),
        part(tmp_path, "2", two, 2.5, 3.0),
        part(tmp_path, "3", three, 3.25, 3.27),
    )
    assert len(sound) == 26_160
    assert np.array_equal(sound[:8000], one)
    assert not sound[8000:20_000].any()
    assert np.array_equal(sound[20_000:24_001], two)
    assert not sound[24_001:26_000].any()
    assert np.array_equal(sound[26_000:], three)


def test_audio_shorter_than_its_wall_time_does_not_shift_what_follows(tmp_path: Path) -> None:
    """Asterisk: 12 s of call, 10 s of file, since for 2 s nobody sent anything."""
    one, two = voice(80_000, seed=1), voice(800, seed=2)
    sound = joined(tmp_path, part(tmp_path, "1", one, 0.0, 12.0), part(tmp_path, "2", two, 12.0, 12.1))
    assert np.array_equal(sound[:80_000], one)
    assert not sound[80_000:96_000].any()
    assert np.array_equal(sound[96_000:], two)


def test_nothing_overlaps_and_what_was_pushed_does_not_push_further(tmp_path: Path) -> None:
    one, two, three = voice(8800, seed=1), voice(800, seed=2), voice(800, seed=3)
    sound = joined(
        tmp_path,
        part(tmp_path, "1", one, 0.0, 1.0),  # 1.1 s of sound
        part(tmp_path, "2", two, 1.0, 1.1),
        part(tmp_path, "3", three, 2.0, 2.1),
    )
    assert np.array_equal(sound[:9600], np.concatenate((one, two)))
    assert not sound[9600:16_000].any()
    assert np.array_equal(sound[16_000:], three)


def test_clocks_that_run_backwards_or_away(tmp_path: Path) -> None:
    one, two = voice(800, seed=1), voice(800, seed=2)
    for second_began in (-5.0, 30 * 86_400.0):
        sound = joined(tmp_path, part(tmp_path, "1", one, 0.0), part(tmp_path, "2", two, second_began))
        assert np.array_equal(sound, np.concatenate((one, two)))


def test_a_capture_that_never_said_it_began(tmp_path: Path) -> None:
    one, two, three = (voice(800, seed=s) for s in (1, 2, 3))
    sound = joined(
        tmp_path,
        part(tmp_path, "1", one, None, None),
        part(tmp_path, "2", two, None, 1.0),  # so it began at 0.9
        part(tmp_path, "3", three, 2.0, 2.1),
    )
    assert np.array_equal(sound[:1600], np.concatenate((one, two)))
    assert np.array_equal(sound[9600:], three)  # 2.0 s, on a line that begins at 0.8 s
    assert not sound[1600:9600].any()


def test_what_is_left_out_leaves_no_sample_of_silence(tmp_path: Path) -> None:
    """A pause of 61.7 s, cut, then a hold of 2.5 s, which is kept; at odd times and in two rates."""
    one, two, three = voice(8001, seed=1), voice(4001, seed=2), voice(160, seed=3)
    parts = (
        part(tmp_path, "1", one, 0.0, 1.000125),
        part(tmp_path, "2", two, 62.700125, 63.20025),
        part(tmp_path, "3", three, 65.70025, 65.72025),
    )
    sound = joined(tmp_path, *parts, without=((1.000125, 62.700125),))
    assert np.array_equal(sound[:12_002], np.concatenate((one, two)))
    assert not sound[12_002:32_002].any()
    assert np.array_equal(sound[32_002:], three)
    wide = voice(1600, seed=4)
    parts = (parts[0], part(tmp_path, "4", wide, 62.700125, 62.800125, rate=16_000))
    sound = joined(tmp_path, *parts, without=((1.000125, 62.700125),))
    assert np.array_equal(sound[16_002:], wide)
    assert len(sound) == 17_602


def test_pauses_in_part_left_out_and_clocks_that_overlap_them(tmp_path: Path) -> None:
    one, two = voice(8000, seed=1), voice(800, seed=2)
    parts = (part(tmp_path, "1", one, 0.0, 1.0), part(tmp_path, "2", two, 5.0, 5.1))
    sound = joined(tmp_path, *parts, without=((1.0, 3.0), (4.0, 4.5)))  # on hold between, and behind
    assert not sound[8000:20_000].any()
    assert np.array_equal(sound[20_000:], two)
    sound = joined(tmp_path, *parts, without=((0.5, 5.0),))  # more than there is between them
    assert np.array_equal(sound, np.concatenate((one, two)))


def test_mono_and_stereo(tmp_path: Path) -> None:
    one, two = voice(800, 1, seed=1), voice(800, 2, seed=2)
    sound = joined(tmp_path, part(tmp_path, "1", one, 0.0), part(tmp_path, "2", two, 0.1))
    assert np.array_equal(sound[:800], np.repeat(one, 2, axis=1))
    assert np.array_equal(sound[800:], two)


def test_two_rates(tmp_path: Path) -> None:
    """A codec change from 8 to 16 kHz: the wide one to the bit, the narrow one at the same time and pitch."""
    wide = voice(16_000, seed=2)
    sound = joined(
        tmp_path,
        part(tmp_path, "1", tone(8000, 8000), 0.0, rate=8000),
        part(tmp_path, "2", wide, 1.5, rate=16_000),
    )
    assert len(sound) == 40_000
    # Within 3 of 10,000: the filter's ripple and the rounding, away from the tone's abrupt ends.
    assert np.abs(sound[500:15_500].astype(int) - tone(16_000, 16_000)[500:15_500]).max() <= 3
    assert not sound[16_000:24_000].any()
    assert np.array_equal(sound[24_000:], wide)


def test_mono_stereo_and_two_rates_in_one_recording(tmp_path: Path) -> None:
    """Who called stays on the left through all of it, and is alone there; mono is heard on both sides."""
    narrow = np.concatenate((tone(8000, 8000, 440), tone(8000, 8000, 1000)), axis=1)
    wide = voice(16_000, 2, seed=2)
    sound = joined(
        tmp_path,
        part(tmp_path, "1", tone(8000, 8000, 700), 0.0, rate=8000),
        part(tmp_path, "2", narrow, 1.0, rate=8000),
        part(tmp_path, "3", wide, 2.5, rate=16_000),
    )
    assert sound.shape == (56_000, 2)
    for start, hertz in ((0, (700, 700)), (16_000, (440, 1000))):
        for side in (0, 1):
            heard = sound[start + 500 : start + 15_500, side].astype(int)
            assert np.abs(heard - tone(16_000, 16_000, hertz[side])[500:15_500, 0]).max() <= 5
    assert not sound[32_000:40_000].any()
    assert np.array_equal(sound[40_000:], wide)


@pytest.mark.parametrize(
    ("low", "high"), [(8000, 16_000), (8000, 11_025), (44_100, 48_000), (48_000, 8000), (16_000, 8000)]
)
def test_resampling_keeps_time_pitch_and_level_whatever_the_blocks(low: int, high: int) -> None:
    chance = random.Random(low)
    sound = tone(low, low, hertz=440, level=20_000)
    cut = sorted(chance.sample(range(1, low), 20))
    blocks = [sound[a:b] for a, b in zip([0, *cut], [*cut, low], strict=True)]
    result = np.concatenate(list(resample(iter(blocks), low, low, high)))
    assert len(result) == resampled_frames(low, low, high) == high
    whole = np.concatenate(list(resample(iter([sound]), low, low, high)))
    assert np.array_equal(result, whole)
    middle = slice(high // 10, -high // 10)
    error = result[middle].astype(int) - tone(high, high, hertz=440, level=20_000)[middle]
    assert np.abs(error).max() <= 5


def test_what_the_lower_rate_cannot_hold_is_not_folded_into_the_voice() -> None:
    """6 kHz in a 16 kHz file would be heard at 2 kHz in an 8 kHz one."""
    result = np.concatenate(list(resample(iter([tone(16_000, 16_000, 6000)]), 16_000, 16_000, 8000)))
    assert np.abs(result[800:-800]).max() <= 2


def test_silence_stays_exact_silence_in_every_rate() -> None:
    result = list(resample(iter([np.zeros((44_100, 1), np.int16)]), 44_100, 44_100, 48_000))
    assert not np.concatenate(result).any()


def test_a_long_call_does_not_fill_the_memory(tmp_path: Path) -> None:
    """Two hours in two parts with an hour between, 16 kHz and 8 kHz: files of holes, 230 MB of audio."""
    parts = []
    for number, (rate, hours) in enumerate(((8000, 0.2), (16_000, 1.0))):
        path, frames = tmp_path / f"{number}.wav", int(rate * 3600 * hours)
        with path.open("wb") as file:
            file.write(wav.header(1, rate, 16, frames))
            file.truncate(44 + frames * 2)
        parts.append(Part(path, T0 + timedelta(hours=2 * number), None))
    tracemalloc.start()
    result = join(parts, tmp_path / "joined.wav")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.duration_ms == 3 * 3600 * 1000
    assert (tmp_path / "joined.wav").stat().st_size == 44 + 3 * 3600 * 16_000 * 2
    assert peak < 48_000_000
    (tmp_path / "joined.wav").unlink()


def test_nothing_to_join(tmp_path: Path) -> None:
    with pytest.raises(JoinError):
        join([], tmp_path / "joined.wav")
