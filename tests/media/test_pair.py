"""Two files of one side each in one of two channels, checked to the sample."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from controller.media import pair, samples, wav
from controller.media.pair import is_sum, merge

from .doubles import chunk, fmt, riff, tone, voice, wav_bytes, write

ONE, TWO = voice(200_000, seed=1), voice(199_840, seed=2)  # more than one block; 20 ms apart


def padded(sound: np.ndarray, frames: int) -> np.ndarray:
    return np.pad(sound, ((0, frames - len(sound)), (0, 0)))


def mix_of(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    frames = max(len(one), len(two))
    total = padded(one, frames).astype(int) + padded(two, frames)
    return np.clip(total, -32768, 32767).astype(np.int16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "rx.wav", wav_bytes(ONE))
    write(tmp_path / "tx.wav", wav_bytes(TWO))
    return tmp_path


def test_each_side_is_to_the_bit_on_its_own_channel(folder: Path) -> None:
    merged = merge(folder / "rx.wav", folder / "tx.wav", folder / "both.wav")
    assert (merged.frames, merged.sample_rate, merged.exact) == (200_000, 8000, True)
    sound = samples.whole(folder / "both.wav")
    assert np.array_equal(sound, np.concatenate((ONE, padded(TWO, 200_000)), axis=1))
    assert wav.inspect(folder / "both.wav").canonical
    merge(folder / "tx.wav", folder / "rx.wav", folder / "swapped.wav")
    assert np.array_equal(samples.whole(folder / "swapped.wav"), sound[:, ::-1])


@pytest.mark.parametrize("silent", [0, 1])
def test_a_side_without_a_file_is_silent(folder: Path, silent: int) -> None:
    sides = [None, folder / "rx.wav"] if silent == 0 else [folder / "rx.wav", None]
    assert merge(sides[0], sides[1], folder / "both.wav").exact
    sound = samples.whole(folder / "both.wav")
    assert not sound[:, silent].any()
    assert np.array_equal(sound[:, 1 - silent], ONE[:, 0])


def test_a_header_that_a_killed_switch_left(folder: Path) -> None:
    write(folder / "tx.wav", wav_bytes(TWO, closed=False) + b"\1")
    assert merge(folder / "rx.wav", folder / "tx.wav", folder / "both.wav").exact
    assert np.array_equal(samples.whole(folder / "both.wav")[:199_840, 1], TWO[:, 0])


def test_two_rates_are_brought_together_and_said_not_to_be_exact(folder: Path) -> None:
    write(folder / "rx.wav", wav_bytes(tone(8000, 8000), 8000))
    wide = voice(16_000, seed=3)
    write(folder / "tx.wav", wav_bytes(wide, 16_000))
    merged = merge(folder / "rx.wav", folder / "tx.wav", folder / "both.wav")
    assert (merged.frames, merged.sample_rate, merged.exact) == (16_000, 16_000, False)
    sound = samples.whole(folder / "both.wav")
    assert np.array_equal(sound[:, 1], wide[:, 0])
    heard = sound[500:15_500, 0].astype(int)
    assert np.abs(heard - tone(16_000, 16_000)[500:15_500, 0]).max() <= 3


def test_another_encoding_is_not_exact(folder: Path) -> None:
    law = riff(fmt(1, 8000, 8, tag=7), chunk(b"data", bytes(range(256))))
    write(folder / "tx.wav", law)
    assert not merge(folder / "rx.wav", folder / "tx.wav", folder / "both.wav").exact


def test_a_mix_that_is_the_sum_of_both(folder: Path) -> None:
    loud = voice(200_000, seed=5) * np.int16(3)  # so that the sum is limited
    write(folder / "rx.wav", wav_bytes(loud))
    merge(folder / "rx.wav", folder / "tx.wav", folder / "both.wav")
    mix = mix_of(loud, TWO)
    assert (np.abs(mix.astype(int)) == 32767).any()
    assert is_sum(write(folder / "mix.wav", wav_bytes(mix)), folder / "both.wav")
    assert is_sum(write(folder / "short.wav", wav_bytes(mix[:70_000])), folder / "both.wav")


@pytest.mark.parametrize("where", [0, 65_536, 199_999])
def test_a_mix_with_one_sample_more_or_other_than_the_sum(folder: Path, where: int) -> None:
    merge(folder / "rx.wav", folder / "tx.wav", folder / "both.wav")
    mix = mix_of(ONE, TWO)
    mix[where] += 1
    assert not is_sum(write(folder / "mix.wav", wav_bytes(mix)), folder / "both.wav")
    longer = np.concatenate((mix_of(ONE, TWO), np.ones((1, 1), np.int16)))
    assert not is_sum(write(folder / "longer.wav", wav_bytes(longer)), folder / "both.wav")
    assert not is_sum(write(folder / "wide.wav", wav_bytes(mix_of(ONE, TWO), 16_000)), folder / "both.wav")


def test_blocks_do_not_matter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    merge(folder / "rx.wav", folder / "tx.wav", folder / "one.wav")
    monkeypatch.setattr(pair, "_FRAMES", 777)
    merge(folder / "rx.wav", folder / "tx.wav", folder / "other.wav")
    assert (folder / "one.wav").read_bytes() == (folder / "other.wav").read_bytes()


def test_a_long_call_does_not_fill_the_memory(tmp_path: Path) -> None:
    """An hour at 16 kHz on either side, and their mix: files of holes, 460 MB of audio."""
    frames = 3600 * 16_000
    for name in ("rx", "tx", "mix"):
        with (tmp_path / f"{name}.wav").open("wb") as file:
            file.write(wav.header(1, 16_000, 16, frames))
            file.truncate(44 + frames * 2)
    tracemalloc.start()
    merge(tmp_path / "rx.wav", tmp_path / "tx.wav", tmp_path / "both.wav")
    assert is_sum(tmp_path / "mix.wav", tmp_path / "both.wav")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "both.wav").stat().st_size == 44 + frames * 4
    assert peak < 16_000_000
    (tmp_path / "both.wav").unlink()
