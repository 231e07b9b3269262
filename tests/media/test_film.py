"""Joined video, looked at and listened to: what shows where, and sound and picture in step."""

from __future__ import annotations

import subprocess
import tracemalloc
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from controller.media import ffmpeg, mp4
from controller.media.errors import JoinError
from controller.media.film import Film, Shot, make
from controller.media.placeholder import picture

from .doubles import T0
from .filming import Watched, shoot, watch

pytestmark = pytest.mark.usefixtures("ffmpeg")

#: Half a picture of the film (1/25 s) and one look (10 ms): what a flash may be away from its time.
PICTURE_S = 0.031
#: A frame of the AAC encoder at 48 kHz, before which a sudden tone may begin to be heard.
SOUND_S = 0.022
#: Lip sync is lost to most people above some 45 ms (ITU-R BT.1359: detectable at +45/-125 ms).
IN_STEP_S = 0.040


@pytest.fixture
def scratch(tmp_path: Path) -> Callable[[], Path]:
    (tmp_path / "scratch").mkdir()
    names = iter(range(1000))
    return lambda: tmp_path / "scratch" / f"{next(names)}.tmp"


def span(began: float, ended: float) -> tuple:
    return T0 + timedelta(seconds=began), T0 + timedelta(seconds=ended)


def filmed(
    tmp_path: Path, scratch: Callable[[], Path], *shots: tuple[Path, float, float], **options: Sequence
) -> tuple[Film, Watched]:
    made = make(
        [Shot(n, path, *span(a, b)) for n, (path, a, b) in enumerate(shots, 1)],
        tmp_path / "film.mp4",
        scratch,
        **options,
    )
    assert list((tmp_path / "scratch").iterdir()) == []
    seen = watch(tmp_path / "film.mp4")
    assert seen.codecs == ("h264", "aac")
    assert seen.duration == pytest.approx(made.duration_ms / 1000, abs=0.03)
    return made, seen


def assert_in_step(seen: Watched, marks: Sequence[float]) -> None:
    flashes, beeps = seen.flashes(), seen.beeps()
    assert flashes == pytest.approx(marks, abs=PICTURE_S)
    assert beeps == pytest.approx(marks, abs=SOUND_S)
    apart = [abs(f - b) for f, b in zip(flashes, beeps, strict=True)]
    assert max(apart) <= IN_STEP_S, apart


def test_in_step_after_a_kept_pause_that_is_shown_as_such(
    tmp_path: Path, scratch: Callable[[], Path]
) -> None:
    shoot(tmp_path / "1.mp4", 3, [1.0, 2.6])
    shoot(tmp_path / "2.mp4", 2, [0.5, 1.3])
    _, seen = filmed(
        tmp_path,
        scratch,
        (tmp_path / "1.mp4", 0.0, 3.0),
        (tmp_path / "2.mp4", 7.013, 9.013),
        pauses=[span(3.0, 7.013)],
    )
    assert seen.duration == pytest.approx(9.013, abs=0.03)
    assert_in_step(seen, [1.0, 2.6, 7.513, 8.313])
    brightness, detail = seen.shown(3.1, 6.9)
    assert brightness < 45  # dark
    assert detail > 10  # and something is written on it
    assert seen.loudness(3.05, 6.95) == 0
    assert seen.shown(0.1, 0.9) == pytest.approx((90, 0), abs=8)


def test_in_step_after_cut_pauses_and_nothing_of_them_is_left(
    tmp_path: Path, scratch: Callable[[], Path]
) -> None:
    shots = []
    for number in range(6):
        lasts = 1.0 + 0.137 * number  # no multiple of any frame's length
        shoot(tmp_path / f"{number}.mp4", lasts, [0.4])
        shots.append((tmp_path / f"{number}.mp4", 10.0 * number, 10.0 * number + lasts))
    pauses = [(end, 10.0 * (n + 1)) for n, (_, _, end) in enumerate(shots[:-1])]
    _, seen = filmed(tmp_path, scratch, *shots, without=[span(*p) for p in pauses])
    marks, end = [], 0.0
    for number, (path, began, _) in enumerate(shots):
        # A segment lasts whole pictures, up to one longer than its capture, and pushes the next.
        start = max(end, began - sum(b - a for a, b in pauses[:number]))
        marks.append(start + 0.4)
        end = start + mp4.probe(path).lasts_ms / 1000
    assert seen.duration == pytest.approx(end, abs=0.04)
    assert_in_step(seen, marks)
    for moment in np.arange(0.05, seen.duration - 0.1, 0.05):
        assert seen.shown(moment, moment + 0.03)[0] > 60  # never dark


def test_a_gap_that_is_no_pause_is_dark_and_says_nothing(tmp_path: Path, scratch: Callable[[], Path]) -> None:
    """A hold of two seconds, then a pause of two."""
    shoot(tmp_path / "1.mp4", 1)
    shoot(tmp_path / "2.mp4", 1, [0.5])
    _, seen = filmed(
        tmp_path,
        scratch,
        (tmp_path / "1.mp4", 0.0, 1.0),
        (tmp_path / "2.mp4", 5.0, 6.0),
        pauses=[span(3.0, 5.0)],
    )
    assert seen.shown(1.1, 2.9)[1] < 1
    assert seen.shown(1.1, 2.9)[0] < 30
    assert seen.shown(3.1, 4.9)[1] > 10
    assert_in_step(seen, [5.5])


def test_a_pause_at_the_end_is_shown(tmp_path: Path, scratch: Callable[[], Path]) -> None:
    shoot(tmp_path / "1.mp4", 1, [0.2])
    made, seen = filmed(tmp_path, scratch, (tmp_path / "1.mp4", 0.0, 1.0), pauses=[span(1.0, 4.0)])
    assert made.duration_ms == 4000
    assert seen.shown(1.1, 3.9)[1] > 10
    assert seen.loudness(1.1, 3.9) == 0
    assert_in_step(seen, [0.2])


def test_sizes_frame_rates_and_sounds_that_differ(tmp_path: Path, scratch: Callable[[], Path]) -> None:
    shoot(tmp_path / "1.mp4", 2, [1.0], size="320x240", rate=15, sound_rate=8000)
    shoot(tmp_path / "2.mp4", 2, [0.5], size="640x480", rate=30, sound_rate=16_000, channels=2)
    shoot(tmp_path / "3.mp4", 2, [1.2], size="176x144", rate=10, sound_rate=48_000)
    shoot(tmp_path / "4.mp4", 2, [0.8], size="240x320", rate=25, sound_rate=44_100)
    shots = [(tmp_path / f"{n}.mp4", 2.5 * (n - 1), 2.5 * (n - 1) + 2) for n in (1, 2, 3, 4)]
    made, seen = filmed(tmp_path, scratch, *shots)
    assert (seen.width, seen.height, made.channels, made.sample_rate) == (640, 480, 2, 48_000)
    flashes, beeps = seen.flashes(), seen.beeps()
    # AAC at 8 kHz has frames of 128 ms, and a picture at 10 a second lasts 100 ms in its own segment.
    assert beeps == pytest.approx([1.0, 3.0, 6.2, 8.3], abs=0.05)
    assert flashes == pytest.approx([1.0, 3.0, 6.2, 8.3], abs=0.07)
    # The upright picture stands in the middle, dark at its sides: 3/4 of 480 of 640 are covered.
    assert seen.shown(7.6, 8.2)[0] == pytest.approx(16 * 0.4375 + 90 * 0.5625, abs=12)


def test_pictures_that_begin_after_the_sound_stay_in_step(
    tmp_path: Path, scratch: Callable[[], Path]
) -> None:
    """As a switch records it that waits for the first key frame."""
    shoot(tmp_path / "whole.mp4", 3, [2.0], options=["-g", "10"])
    command = ["ffmpeg", "-v", "error", "-y", "-ss", "1.2", "-i", tmp_path / "whole.mp4"]
    command += ["-i", tmp_path / "whole.mp4", "-map", "0:v", "-map", "1:a", "-c", "copy"]
    subprocess.run(
        [*command[:4], "-itsoffset", "1.2", *command[4:], "-t", "3", tmp_path / "late.mp4"], check=True
    )
    probe = mp4.probe(tmp_path / "late.mp4")
    assert probe is not None
    assert probe.picture_ms >= 1000
    shoot(tmp_path / "1.mp4", 1)
    _, seen = filmed(tmp_path, scratch, (tmp_path / "1.mp4", 0.0, 1.0), (tmp_path / "late.mp4", 2.0, 5.0))
    marks = watch(tmp_path / "late.mp4")
    assert seen.flashes() == pytest.approx([2.0 + f for f in marks.flashes()], abs=PICTURE_S)
    assert seen.beeps() == pytest.approx([2.0 + b for b in marks.beeps()], abs=SOUND_S)
    assert seen.shown(2.1, 2.9)[0] < 30  # nothing is shown before its time


def test_what_the_switch_wrote_late_is_in_its_place(tmp_path: Path, scratch: Callable[[], Path]) -> None:
    """FreeSWITCH writes nothing before the first key frame: 2 s of a file for 3.5 s of a capture."""
    shoot(tmp_path / "1.mp4", 2, [1.0])
    shoot(tmp_path / "2.mp4", 2, [0.5])
    _, seen = filmed(
        tmp_path, scratch, (tmp_path / "1.mp4", 0.0, 3.5), (tmp_path / "2.mp4", 10.0, 12.25),
        without=[span(3.5, 10.0)],
    )  # fmt: skip
    assert seen.duration == pytest.approx(5.75, abs=0.04)
    assert_in_step(seen, [2.5, 4.25])
    assert seen.shown(0.1, 1.4)[0] < 30
    assert seen.shown(3.55, 3.7)[0] < 30
    # One that was not finished has lost its end, not its start.
    (tmp_path / "film.mp4").unlink()
    make([Shot(1, tmp_path / "1.mp4", *span(0, 3.5), finished=False)], tmp_path / "film.mp4", scratch)
    assert_in_step(watch(tmp_path / "film.mp4"), [1.0])


def test_full_range_pictures_keep_their_brightness(tmp_path: Path, scratch: Callable[[], Path]) -> None:
    """FreeSWITCH says that its luma is 0…255."""
    full = ["-vf", "scale=out_range=pc", "-color_range", "pc", "-pix_fmt", "yuvj420p"]
    shoot(tmp_path / "1.mp4", 1, grey=60)
    shoot(tmp_path / "2.mp4", 1, grey=60, options=full)
    _, seen = filmed(tmp_path, scratch, (tmp_path / "1.mp4", 0.0, 1.0), (tmp_path / "2.mp4", 1.0, 2.0))
    assert seen.shown(0.1, 0.9)[0] == pytest.approx(60, abs=3)
    assert seen.shown(1.1, 1.9)[0] == pytest.approx(60, abs=3)


def test_without_sound_and_without_pictures(tmp_path: Path, scratch: Callable[[], Path]) -> None:
    shoot(tmp_path / "1.mp4", 2, [1.0], sound=False)
    shoot(tmp_path / "both.mp4", 2, [1.0])
    cut = ["ffmpeg", "-v", "error", "-i", tmp_path / "both.mp4", "-map", "0:a", "-c", "copy"]
    subprocess.run([*cut, tmp_path / "2.mp4"], check=True)
    _, seen = filmed(tmp_path, scratch, (tmp_path / "1.mp4", 0.0, 2.0), (tmp_path / "2.mp4", 2.0, 4.0))
    assert seen.flashes() == pytest.approx([1.0], abs=PICTURE_S)
    assert seen.beeps() == pytest.approx([3.0], abs=SOUND_S)


def test_two_tracks_of_sound_become_two_channels(tmp_path: Path, scratch: Callable[[], Path]) -> None:
    shoot(tmp_path / "1.mp4", 2, [0.5])
    shoot(tmp_path / "2.mp4", 2, [1.2])
    both = ["ffmpeg", "-v", "error", "-i", tmp_path / "1.mp4", "-i", tmp_path / "2.mp4", "-c", "copy"]
    both += ["-map", "0:v", "-map", "0:a", "-map", "1:a", tmp_path / "both.mp4"]
    subprocess.run(both, check=True)
    made, seen = filmed(tmp_path, scratch, (tmp_path / "both.mp4", 0.0, 2.0), (tmp_path / "1.mp4", 2.0, 4.0))
    assert made.channels == 2
    assert seen.beeps() == pytest.approx([0.5, 1.2, 2.5], abs=SOUND_S)


def test_a_file_that_ffmpeg_cannot_read_is_named_and_the_others_are_joined(
    tmp_path: Path, scratch: Callable[[], Path]
) -> None:
    shoot(tmp_path / "1.mp4", 1, [0.5])
    (tmp_path / "2.mp4").write_bytes(b"\0" * 999)
    made, _ = filmed(tmp_path, scratch, (tmp_path / "1.mp4", 0.0, 1.0), (tmp_path / "2.mp4", 2.0, 3.0))
    assert "segment 2 cannot be read by ffmpeg" in made.note
    with pytest.raises(JoinError):
        make([Shot(1, tmp_path / "2.mp4", None, None)], tmp_path / "none.mp4", scratch)


def test_an_encoder_that_fails_says_why_and_leaves_no_process(
    tmp_path: Path, scratch: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shoot(tmp_path / "1.mp4", 3)
    monkeypatch.setattr(ffmpeg, "h264", lambda: ["-c:v", "no_such_codec"])
    with pytest.raises(JoinError, match="no_such_codec"):
        make([Shot(1, tmp_path / "1.mp4", *span(0, 3))], tmp_path / "film.mp4", scratch)
    assert list((tmp_path / "scratch").iterdir()) == []


def test_an_ffmpeg_without_h264_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "run", lambda *_: " V..... mpeg4 MPEG-4 part 2\n")
    with pytest.raises(ffmpeg.NoFfmpeg, match="libx264"):
        ffmpeg.h264()


def test_one_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(JoinError), ffmpeg.piped(["sleep", "60"], 0.05, writing=True) as sleeper:
        sleeper.finish()


def test_a_hostile_file_reaches_nothing_else(tmp_path: Path) -> None:
    """A list of other files in an MP4's place is not followed."""
    shoot(tmp_path / "secret.mp4", 1)
    (tmp_path / "1.mp4").write_text(f"ffconcat version 1.0\nfile '{tmp_path}/secret.mp4'\n")
    assert mp4.probe(tmp_path / "1.mp4") is None


def test_a_long_film_does_not_fill_the_memory(tmp_path: Path, scratch: Callable[[], Path]) -> None:
    """A minute with a gap of a minute: 3,000 pictures, 345 MB of them."""
    shoot(tmp_path / "1.mp4", 30)
    tracemalloc.start()
    make(
        [Shot(1, tmp_path / "1.mp4", *span(0, 30)), Shot(1, tmp_path / "1.mp4", *span(90, 120))],
        tmp_path / "film.mp4",
        scratch,
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert mp4.probe(tmp_path / "film.mp4").lasts_ms == pytest.approx(120_000, abs=40)
    assert peak < 20_000_000


@pytest.mark.parametrize(("width", "height"), [(16, 16), (176, 144), (640, 480), (480, 640), (1920, 1080)])
def test_the_placeholder_is_as_large_as_the_video(width: int, height: int) -> None:
    blank, paused = picture(width, height), picture(width, height, "paused")
    assert len(blank) == len(paused) == width * height * 3 // 2
    luma = np.frombuffer(paused, np.uint8)[: width * height].reshape(height, width)
    written = np.argwhere(luma > 100)
    assert len(written)
    assert (np.frombuffer(blank, np.uint8)[: width * height] < 40).all()
    if width >= 176:  # in the middle
        middle = written.min(axis=0) + written.max(axis=0)
        assert middle == pytest.approx([height, width], abs=3)
        assert 0.2 * width < np.ptp(written[:, 1]) < 0.6 * width
