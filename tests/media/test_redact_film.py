"""What is redacted of a film: a beep and a dark picture that says so, in just these spans; all else stays."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from controller.engine.media_ports import FileRole, StoredFile
from controller.media.encoders import Encoders
from controller.media.errors import MediaError
from controller.media.redact_audio import redact
from controller.media.shelves import Stores, home_only
from controller.media.store import LocalStore

from .filming import FLASH_S, Watched, shoot, watch

SPANS = [(1900, 2400), (3900, 4300)]
MARKS = [1.0, 2.0, 3.0, 4.0]
#: A codec smears a little to either side (a frame of AAC), and a picture lasts.
EDGE_S = 0.07


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return home_only(LocalStore(tmp_path / "store"))


def kept(stores: Stores, path: Path) -> StoredFile:
    key = "red/2026/11/22/film.mp4"
    whole = stores.home.put(path, key)
    return StoredFile("film", FileRole.RENDITION, 0, key, "mp4", whole.size, whole.sha256, 6000, 2, 48_000)


def pitch(film: Watched, began: float, ended: float) -> tuple[float, float]:
    """(the strongest tone in Hz, what share of all that is heard it is)."""
    sound = film.sound[round(began * 8000) : round(ended * 8000)].astype(float)
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    strongest = int(power.argmax())
    near = power[max(0, strongest - 2) : strongest + 3].sum()
    return strongest * 8000 / len(sound), float(near / power.sum())


# Two pictures a second: one that came long before a span is not seen in it.
@pytest.mark.parametrize("rate", [25, 2])
@pytest.mark.parametrize("channels", [1, 2])
def test_it_is_neither_heard_nor_seen_there(
    stores: Stores, tmp_path: Path, rate: float, channels: int
) -> None:
    path = tmp_path / "film.mp4"
    content = shoot(path, 6, marks=MARKS, channels=channels, rate=rate)
    film = kept(stores, path)
    made = redact(stores, Encoders(), film, SPANS, "two")
    assert (made.role, made.format, made.duration_ms) == (FileRole.REDACTED, "mp4", 6000)
    assert stores.digest(made).sha256 == made.sha256
    assert b"".join(stores.read(film)) == content, "the original stays as it is"
    assert list(stores.home.keys()) == sorted([film.key, made.key]), "nothing is left of the work"
    before, after = watch(path), watch(stores.path(made.key))
    assert sorted(after.codecs) == sorted(before.codecs)
    assert after.duration == pytest.approx(before.duration, abs=0.1)
    at = 0.0
    for begin, end in [(b / 1000, e / 1000) for b, e in SPANS] + [(6.0, 6.0)]:
        _same(before, after, at + EDGE_S, begin - EDGE_S)
        if begin < end:
            _covered(after, begin, end)
        at = end


def _same(before: Watched, after: Watched, began: float, ended: float) -> None:
    seen = slice(round(began * 100), min(round(ended * 100), len(before.luma), len(after.luma)))
    # On another grid a picture changes a hundredth of a second sooner or later.
    differs = np.abs(before.luma[seen] - after.luma[seen]) > 2
    assert differs.mean() < 0.04, "the pictures are the same"
    heard = slice(round(began * 8000), min(round(ended * 8000), len(before.sound), len(after.sound)))
    one, other = before.sound[heard].astype(float), after.sound[heard].astype(float)
    assert np.abs(one - other).mean() < 60, "the sound is the same"
    for mark in MARKS:
        if began < mark and mark + FLASH_S < ended:
            flash = mark + 0.05, mark + FLASH_S - 0.05
            assert after.loudness(*flash) > 10_000


def _covered(after: Watched, begin: float, end: float) -> None:
    """From its first picture to its last, and all that is heard is one tone of 1000 Hz, no louder than it is
    to be: the film's own beep there has eight times that."""
    seen = slice(round(begin * 100) + 1, round(end * 100) - 1)
    assert after.luma[seen].max() < 60
    assert after.deviation[seen].min() > 5, "it says so"
    hz, share = pitch(after, begin + EDGE_S, end - EDGE_S)
    assert hz == pytest.approx(1000, abs=5)
    assert share > 0.98
    assert 1000 < after.loudness(begin + EDGE_S, end - EDGE_S) < 3000


def decoded(path: Path, *how: str) -> bytes:
    line = ["ffmpeg", "-v", "error", "-i", str(path), *how]
    return subprocess.run(line, check=True, capture_output=True).stdout


def test_a_film_without_sound_and_one_without_a_picture(stores: Stores, tmp_path: Path) -> None:
    silent = tmp_path / "silent.mp4"
    shoot(silent, 6, marks=MARKS, sound=False)
    made = redact(stores, Encoders(), kept(stores, silent), SPANS, "x")
    grey = ["-vf", "fps=10:start_time=0,scale=64:48,format=gray", "-f", "rawvideo", "pipe:1"]
    luma = np.frombuffer(decoded(stores.path(made.key), *grey), np.uint8).reshape(-1, 64 * 48).mean(axis=1)
    assert [round(luma[n]) for n in (10, 17, 25, 38, 44)] == [255, 90, 90, 90, 90]
    assert luma[20:23].max() < 60
    assert luma[40:42].max() < 60
    blind = tmp_path / "blind.mp4"
    tone = ["-f", "lavfi", "-i", "sine=f=400:d=6:r=48000", "-c:a", "aac"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *tone, str(blind)], check=True)
    made = redact(stores, Encoders(), kept(stores, blind), SPANS, "x")
    sound = np.frombuffer(decoded(stores.path(made.key), "-f", "s16le", "-ar", "8000", "pipe:1"), np.int16)
    for begin, end, hz in ((0.2, 1.8, 400), (2.0, 2.3, 1000), (2.5, 3.8, 400)):
        power = np.abs(np.fft.rfft(sound[round(begin * 8000) : round(end * 8000)].astype(float)))
        assert int(power.argmax()) / (end - begin) == pytest.approx(hz, abs=5)


def test_what_is_no_film_is_not_redacted(stores: Stores, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"no film" * 100)
    with pytest.raises(MediaError):
        redact(stores, Encoders(), kept(stores, path), SPANS, "x")
    assert list(stores.home.keys()) == ["red/2026/11/22/film.mp4"]
