"""Each program that encodes and decodes by name, whichever of them this machine would choose."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from controller.core.formats import Format
from controller.engine.media_ports import FileRole, StoredFile
from controller.media import convert, opencore
from controller.media.convert import encode, opened
from controller.media.encoders import FFMPEG, OPENCORE, SOX, Encoders, Tool, _works
from controller.media.errors import EncodingError
from controller.media.meter import measure
from controller.media.shelves import home_only
from controller.media.sound import Sound
from controller.media.store import LocalStore

from .test_encode import RATE, conversation, edges_ms, frequency, sound_of

#: Who can do what; AMR's encoder is in no ffmpeg of Debian's.
PAIRS = [
    (SOX, Format.MP3),
    (SOX, Format.FLAC),
    ("imageio-ffmpeg", Format.MP3),
    ("imageio-ffmpeg", Format.OPUS),
    ("imageio-ffmpeg", Format.FLAC),
    (FFMPEG, Format.MP3),
    (FFMPEG, Format.OPUS),
    (FFMPEG, Format.FLAC),
    (OPENCORE, Format.AMR),
]
_IDS = [f"{name}-{format}" for name, format in PAIRS]


def tool(name: str) -> Tool:
    """The program, or a skip that says what is missing."""
    if name == OPENCORE:
        if opencore.library() is None:
            pytest.skip("LIBOPENCORE-AMRNB IS NOT INSTALLED: AMR by it is not tested")
        return Tool(OPENCORE, sys.executable)
    if name == "imageio-ffmpeg":
        try:
            program = str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
        except (ImportError, RuntimeError):
            pytest.skip("IMAGEIO-FFMPEG IS NOT INSTALLED (the extra `encoders`): it is not tested")
        return Tool(FFMPEG, program)
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name.upper()} IS NOT INSTALLED: it is not tested")
    return Tool(name, found)


class Chosen(Encoders):
    def __init__(self, only: Tool) -> None:
        super().__init__()
        self._only = only

    def tool(self, format: Format) -> Tool:
        return self._only


def row(path: Path, format: Format, channels: int) -> StoredFile:
    size = path.stat().st_size
    return StoredFile("r", FileRole.ENCODED, 0, path.name, str(format), size, "0" * 64, 5000, channels, RATE)


@pytest.mark.parametrize(("name", "format"), PAIRS, ids=_IDS)
def test_it_encodes_and_reads_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, format: Format
) -> None:
    only = tool(name)
    if not _works(only, format):
        pytest.skip(f"THIS {name.upper()} CANNOT WRITE {format.upper()}: it is not tested")
    stores = home_only(LocalStore(tmp_path / "store"))
    target = stores.home.path("made")
    target.parent.mkdir(parents=True, exist_ok=True)
    made = encode(sound_of(conversation()), format, target, Chosen(only))
    assert made.duration_ms == 5000
    monkeypatch.setattr(convert, "decoder", lambda format: only)
    with opened(stores, row(target, format, made.channels)) as sound:
        heard = np.concatenate([block.copy() for block in sound.blocks])
    assert heard.shape[1] == made.channels == (1 if format is Format.AMR else 2)
    assert abs(len(heard) / RATE - 5.0) < 0.1
    for side, hertz, began in ((heard[:, 0], 440.0, 1.0), (heard[:, -1], 700.0, 2.5)):
        mine = side[int((began - 0.4) * RATE) : int((began + 1.4) * RATE)]
        first, last = edges_ms(mine, RATE)
        # sox tells no decoder of MP3's own delay: 1105 samples and what fills the last frame.
        assert abs(first - 400) < (160 if name == SOX and format is Format.MP3 else 20)
        assert abs(last - first - 1000) < 20
        middle = side[int((began + 0.3) * RATE) : int((began + 0.8) * RATE)]
        assert abs(frequency(middle, RATE) - hertz) < 3
    if format is Format.FLAC:
        assert np.array_equal(heard, conversation())


@pytest.mark.parametrize(("name", "format"), PAIRS, ids=_IDS)
def test_what_is_no_sound_is_an_error_and_never_a_short_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, format: Format
) -> None:
    only = tool(name)
    stores = home_only(LocalStore(tmp_path / "store"))
    path = stores.home.path("rotten")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\0" * 5000)
    monkeypatch.setattr(convert, "decoder", lambda format: only)
    try:
        with opened(stores, row(path, format, 1)) as sound:
            frames = measure(sound).frames
    except EncodingError:
        return
    # sox reads MP3 as far as there is any and says no word: the length gives it away.
    assert (name, format) == (SOX, Format.MP3)
    assert frames * 1000 // RATE < 4750


def test_amr_that_ends_within_a_frame_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only = tool(OPENCORE)
    stores = home_only(LocalStore(tmp_path / "store"))
    target = stores.home.path("made")
    target.parent.mkdir(parents=True, exist_ok=True)
    encode(sound_of(conversation()), Format.AMR, target, Chosen(only))
    target.write_bytes(target.read_bytes()[:-7])
    monkeypatch.setattr(convert, "decoder", lambda format: only)
    with (
        pytest.raises(EncodingError, match="middle of a frame"),
        opened(stores, row(target, Format.AMR, 1)) as s,
    ):
        measure(s)


@pytest.mark.parametrize(("channels", "rate"), [(2, RATE), (3, RATE), (1, 16_000), (2, 11_025)])
def test_amr_of_any_shape_sounds_like_its_mean_at_8_khz(tmp_path: Path, channels: int, rate: int) -> None:
    only = tool(OPENCORE)
    seconds = np.arange(2 * rate) / rate
    loud = np.sin(2 * np.pi * 440 * seconds) * 32_000
    samples = np.stack([loud, *[np.zeros_like(loud)] * (channels - 1)], axis=1).astype(np.int16)
    target = tmp_path / "made"
    made = encode(Sound(channels, rate, len(samples), iter([samples])), Format.AMR, target, Chosen(only))
    assert (made.channels, made.sample_rate, made.mixed, made.duration_ms) == (1, 8000, channels > 1, 2000)
    stored = replace(row(target, Format.AMR, 1), sample_rate=8000)
    stores = home_only(LocalStore(tmp_path))
    with opened(stores, replace(stored, key="made")) as sound:
        heard = np.concatenate([block.copy() for block in sound.blocks])[:, 0]
    assert abs(len(heard) - 16_000) <= 2 * 160
    middle = heard[4000:12_000]
    assert abs(frequency(middle, 8000) - 440) < 3
    assert abs(int(middle.max()) * channels / 32_000 - 1) < 0.15


def test_the_mean_of_the_loudest_is_as_loud() -> None:
    block = np.array([[32_767, 32_767], [-32_768, -32_768], [32_767, -32_768], [1, 2], [2, 3]], np.int16)
    assert convert._mixed(block).tolist() == [[32_767], [-32_768], [0], [2], [2]]


def test_the_program_that_makes_amr_begins_at_once() -> None:
    """Its start is a large part of a short call's encoding."""
    code = "import sys, controller.media.opencore as o; o.library(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert {"ctypes", "controller.media"} <= set(loaded.split())
    assert not {m for m in loaded.split() if m.partition(".")[0] in ("numpy", "structlog", "pydantic")}
