"""Strips out of files that grow as the switches' do: in blocks, with headers that come late or lie."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from controller.core.commands import Layout
from controller.core.recording import side_paths
from controller.engine.levels import ELSEWHERE, STEPS, STEPS_A_SECOND, UNREADABLE, LiveCapture, Strip
from controller.media import wav
from controller.media.live_levels import LevelReader
from controller.media.spool import Spool

from .test_levels import sine

PATH = "acme.test/2026/11/22/rec1.1.wav"
CAPTURE = LiveCapture("rec1", "fs1", "leg-a", PATH, Layout.MONO, own_voice_only=False)
#: When the first sample was said.
BEGAN = 1_796_000_000.0
LOUD = "r"


class Growing:
    """A file of the spool, written as a switch writes it; its time is that of its last sample."""

    def __init__(self, spool: Path, path: str = PATH, channels: int = 1, header: bytes | None = None) -> None:
        self.file = spool / path
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_bytes(wav.header(channels, 8000, 16, 0) if header is None else header)
        self.frames, self.channels = 0, channels

    def grow(self, *sounds: np.ndarray, late: float = 0.0) -> None:
        both = np.stack([*sounds], axis=1)
        with self.file.open("ab") as file:
            file.write(both.astype("<i2").tobytes())
        self.frames += len(both)
        at = BEGAN + self.frames / 8000 + late
        os.utime(self.file, (at, at))


@pytest.fixture
def reader(tmp_path: Path) -> LevelReader:
    return LevelReader({"fs1": Spool(tmp_path)})


def look(reader: LevelReader, capture: LiveCapture = CAPTURE) -> Strip:
    [(recording, strip)] = reader.look([capture]).items()
    assert recording == capture.recording_id
    return strip


def at(seconds: float) -> int:
    return round((BEGAN + seconds) * STEPS_A_SECOND)


def test_the_end_of_a_growing_file(tmp_path: Path, reader: LevelReader) -> None:
    file = Growing(tmp_path)
    assert not look(reader).lanes, "a header, no sound yet"
    file.grow(sine(8000, 1.0))
    strip = look(reader)
    assert strip.end == at(1.0)
    assert strip.lanes[0] == "-" * (STEPS - 4) + LOUD * 4
    file.grow(sine(0, 0.6))
    strip = look(reader)
    assert (strip.fresh, strip.end) == (2, at(1.5))
    assert strip.newest == pytest.approx(BEGAN + 1.5), "what waits is not told yet"
    assert strip.lanes[0].endswith("-" + LOUD * 4 + "00"), "half a step waits"
    file.grow(sine(8000, 0.4))
    assert look(reader).lanes[0].endswith("00" + LOUD * 2)
    assert look(reader) == look(reader), "nothing is new"


def test_of_an_hour_only_the_last_half_minute_is_read(tmp_path: Path, reader: LevelReader) -> None:
    file = Growing(tmp_path)
    file.file.open("ab").close()
    os.truncate(file.file, 44 + 3600 * 16000)
    file.frames = 3600 * 8000
    file.grow(sine(8000, 2.0))
    began = time.perf_counter()
    strip = look(reader)
    assert time.perf_counter() - began < 0.5
    assert strip.lanes[0] == "0" * (STEPS - 8) + LOUD * 8
    assert strip.end == at(3602)


def test_asterisks_header_comes_with_the_first_block(tmp_path: Path, reader: LevelReader) -> None:
    file = Growing(tmp_path, header=b"")
    assert not look(reader).lanes
    file.file.write_bytes(wav.header(1, 8000, 16, 0)[:20])
    assert not look(reader).lanes, "a piece of a header is none"
    file.file.write_bytes(wav.header(1, 8000, 16, 0))
    file.grow(sine(8000, 2.0))
    assert look(reader).lanes[0].endswith("-" + LOUD * 8)


def test_a_file_that_did_not_grow_for_a_while_leaves_a_gap(tmp_path: Path, reader: LevelReader) -> None:
    """Asterisk's, while nobody sent anything: its time line stands still, the clock does not."""
    file = Growing(tmp_path)
    file.grow(sine(8000, 1.0))
    look(reader)
    file.grow(sine(8000, 1.0), late=2.0)
    strip = look(reader)
    assert strip.end == at(4.0)
    assert strip.lanes[0].endswith("-" + LOUD * 4 + "-" * 8 + LOUD * 4)


def test_jitter_of_the_writer_is_no_gap(tmp_path: Path, reader: LevelReader) -> None:
    file = Growing(tmp_path)
    for n in range(40):
        file.grow(sine(8000, 0.5), late=0.25 * (n % 2))
        strip = look(reader)
    assert strip.lanes[0].endswith("-" + LOUD * 80)


@pytest.mark.parametrize("layout", [Layout.OWN_LEFT, Layout.OWN_RIGHT])
def test_stereo_says_whose_it_is(tmp_path: Path, reader: LevelReader, layout: Layout) -> None:
    file = Growing(tmp_path, channels=2)
    own, far = sine(8000, 1.0), sine(24, 1.0)
    file.grow(*((own, far) if layout is Layout.OWN_LEFT else (far, own)))
    first, second = look(reader, replace(CAPTURE, layout=layout)).lanes
    assert (first[-4:], second[-4:]) == (LOUD * 4, "1111")
    [only] = look(reader, replace(CAPTURE, layout=layout, own_voice_only=True, recording_id="rec2")).lanes
    assert only[-4:] == LOUD * 4


@pytest.mark.parametrize("layout", [Layout.OWN_LEFT, Layout.OWN_RIGHT])
def test_asterisks_pair_says_whose_it_is(tmp_path: Path, reader: LevelReader, layout: Layout) -> None:
    rx, tx = side_paths(PATH)
    Growing(tmp_path, PATH).grow(sine(8000, 1.0))  # the mix beside them
    Growing(tmp_path, rx).grow(sine(8000, 1.0))
    capture = replace(CAPTURE, layout=layout)
    first, second = look(reader, capture).lanes
    assert (first[-4:], second[-4:]) == (LOUD * 4, "----"), "the other file is not there yet"
    Growing(tmp_path, tx).grow(sine(24, 1.0))
    strip = look(reader, capture)
    assert [lane[-4:] for lane in strip.lanes] == [LOUD * 4, "1111"]
    assert strip.fresh == STEPS, "what came late is told as well"


def test_the_next_segment_goes_on_in_the_same_strip(tmp_path: Path, reader: LevelReader) -> None:
    Growing(tmp_path).grow(sine(8000, 1.0))
    look(reader)
    path = PATH.replace(".1.wav", ".2.wav")
    file = Growing(tmp_path, path)
    file.grow(sine(24, 1.0), late=2.0)
    strip = look(reader, replace(CAPTURE, path=path))
    assert strip.lanes[0].endswith(LOUD * 4 + "-" * 4 + "1111")


def test_a_file_that_vanishes_and_one_that_takes_its_place(tmp_path: Path, reader: LevelReader) -> None:
    file = Growing(tmp_path)
    file.grow(sine(8000, 1.0))
    before = look(reader)
    file.file.unlink()
    assert look(reader) == before
    shorter = Growing(tmp_path)
    shorter.grow(sine(24, 0.5), late=1.5)
    assert look(reader).lanes[0].endswith(LOUD * 4 + "--11")
    os.truncate(shorter.file, 10)
    assert look(reader).why == "", "nothing that could be read, and no error"


@pytest.mark.parametrize("what", ["link", "folder", "text", "wide", "float"])
def test_what_is_no_sound_of_ours_says_so_and_stops_nobody(
    tmp_path: Path, reader: LevelReader, what: str
) -> None:
    file = Growing(tmp_path)
    file.grow(sine(8000, 1.0))
    if what == "link":
        file.file.rename(tmp_path / "elsewhere")
        file.file.symlink_to(tmp_path / "elsewhere")
    elif what == "folder":
        file.file.unlink()
        file.file.mkdir()
    elif what == "text":
        file.file.write_bytes(b"no sound" * 1000)
    elif what == "wide":
        file.file.write_bytes(wav.header(64, 8000, 16, 0) + bytes(8000))
    else:
        file.file.write_bytes(wav.header(1, 2, 16, 0) + bytes(8000))
    other = replace(CAPTURE, recording_id="rec2", path=PATH.replace("rec1", "rec2"))
    Growing(tmp_path, other.path).grow(sine(8000, 1.0))
    found = reader.look([CAPTURE, other])
    assert found["rec1"].why == UNREADABLE
    assert not found["rec1"].lanes
    assert found["rec2"].lanes[0].endswith(LOUD * 4)


def test_a_path_out_of_the_spool_is_not_read(tmp_path: Path, reader: LevelReader) -> None:
    assert look(reader, replace(CAPTURE, path="../secret.wav")).why == UNREADABLE


def test_files_on_another_machine(reader: LevelReader) -> None:
    assert look(reader, replace(CAPTURE, switch="far")) == Strip("leg-a", why=ELSEWHERE)


def test_an_ended_capture_is_forgotten(tmp_path: Path, reader: LevelReader) -> None:
    Growing(tmp_path).grow(sine(8000, 1.0))
    look(reader)
    assert reader.look([]) == {}
    assert look(reader).number == 1, "begun anew"
