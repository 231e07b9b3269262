"""The strips of the running captures, read from the ends of the files that the switches write.

Each look reads what has been written since the one before, of each file once. A file is believed as little as
any in a spool: its header may be missing or wrong, it may vanish, be shorter or another one than before.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence

from ..core.commands import Layout
from ..core.errors import TapelineError
from ..core.recording import side_paths
from ..engine.levels import ELSEWHERE, STEPS, STEPS_A_SECOND, UNREADABLE, LiveCapture, Strip
from . import wav
from .errors import UnreadableAudio
from .levels import Lane, edges, letters
from .spool import Spool
from .wav import PCM, WavInfo

#: By so much (seconds) a file may be ahead of the clock or behind it before its sound is drawn that much
#: later: Asterisk's do not grow while nobody sends anything.
_SLACK_S = 0.3
#: A file that is longer than this without a readable header will get none.
_HEADER = 4096
_RATES = range(8000, 192_001)
#: No link is followed, and nothing is waited for.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

#: The step (since 1970) of the first letter, and the letters.
_News = tuple[int, str]
_NOTHING: _News = (0, "")


class _File:
    """One growing file. ``_began``: when its first sample was said (seconds since 1970), by when it grew."""

    def __init__(self) -> None:
        self._is: tuple[int, int] | None = None
        self._target = ""
        self._size = self._step = 0
        self._began = 0.0
        self._info: WavInfo | None = None
        #: When the end of what has been told was said, by when it was written.
        self.newest = 0.0

    def news(self, spool: Spool, path: str) -> list[_News] | None:
        """What is new, for each channel; none of it as long as there is no header. None: there is no such
        file. Raises UnreadableAudio and other TapelineErrors, and OSError."""
        file = self._open(spool, path)
        if file is None:
            return None
        try:
            found = os.fstat(file)
            if found.st_size < self._size:
                self._step, self._began, self._info = 0, 0.0, None
            elif found.st_size == self._size and self._info:
                return [_NOTHING] * self._info.channels
            self._size = found.st_size
            if self._info is None:
                self._info = _head(file, found.st_size, path)
            if self._info is None:
                return []
            return self._read(file, found.st_mtime, self._info)
        finally:
            os.close(file)

    def _open(self, spool: Spool, path: str) -> int | None:
        """The file that was read before, if that is what is there; else whatever the spool finds."""
        with contextlib.suppress(OSError):
            if self._is and (file := os.open(self._target, _FLAGS)) >= 0:
                found = os.fstat(file)
                if (found.st_dev, found.st_ino) == self._is:
                    return file
                os.close(file)
        target = spool.find(path)
        if target is None:
            return None
        file = os.open(target, _FLAGS)
        found = os.fstat(file)
        if (found.st_dev, found.st_ino) != self._is:
            self._is, self._target = (found.st_dev, found.st_ino), str(target)
            self._size = self._step = 0
            self._began, self._info = 0.0, None
        return file

    def _read(self, file: int, written: float, info: WavInfo) -> list[_News]:
        rate, frames = info.sample_rate, (self._size - info.data_offset) // info.frame_bytes
        first = max(self._step, frames * STEPS_A_SECOND // rate - STEPS)
        start = first * rate // STEPS_A_SECOND
        length = (frames - start) * info.frame_bytes
        sound = os.pread(file, max(0, length), info.data_offset + start * info.frame_bytes)
        frames = start + len(sound) // info.frame_bytes  # it may have become shorter meanwhile
        steps = edges(rate, STEPS_A_SECOND, first, frames)
        began = written - frames / rate
        if abs(began - self._began) > _SLACK_S:
            self._began = began
        at = round(self._began * STEPS_A_SECOND) + first
        self._step = first + len(steps) - 1
        self.newest = written - (frames - int(steps[-1])) / rate
        return [(at, text) for text in letters(sound, info.channels, steps)]


def _head(file: int, size: int, name: str) -> WavInfo | None:
    """What the sound is; None as long as the switch has not written that."""
    try:
        with open(file, "rb", closefd=False) as stream:
            info = wav.inspect_stream(stream, size, name)
    except UnreadableAudio:
        if size < _HEADER:
            return None
        raise
    if info.tag != PCM or info.bits != 16 or info.channels > 2 or info.sample_rate not in _RATES:
        raise UnreadableAudio(f"{name}: no levels are drawn of such sound")
    return info


class _Recording:
    """What is known of one recording between two looks; its segments follow each other in the same strip."""

    def __init__(self) -> None:
        self._path = ""
        self._files: dict[str, _File] = {}
        self._in_one = False  # both sides are in one file: no need to look for two
        self._lanes: list[Lane] = []
        self._strip = Strip("")

    def look(self, spool: Spool, capture: LiveCapture) -> Strip:
        if capture.path != self._path:
            self._path, self._files, self._in_one = capture.path, {}, False
        try:
            news = self._news(spool, capture)
        except (TapelineError, OSError):
            self._files.clear()
            self._strip = Strip(capture.leg_id, number=self._strip.number + 1, why=UNREADABLE)
            return self._strip
        if news and len(news) != len(self._lanes):
            self._lanes = [Lane(STEPS) for _ in news]
        known, fresh = self._strip.end, 0
        for lane, (start, text) in zip(self._lanes, news, strict=False):
            lane.put(start, text)
            if text:  # of two files one may be behind the other
                fresh = STEPS if start < known else max(fresh, start + len(text) - known)
        if fresh or self._strip.why:
            end = max((lane.end for lane in self._lanes), default=0)
            lanes = tuple(lane.since(end - STEPS, end) for lane in self._lanes) if end else ()
            own_only = capture.own_voice_only
            self._strip = Strip(
                capture.leg_id,
                lanes,
                end,
                self._newest(),
                self._strip.number + 1,
                min(fresh, STEPS),
                own_only,
            )
        return self._strip

    def _newest(self) -> float:
        return max((file.newest for file in self._files.values()), default=0.0)

    def _news(self, spool: Spool, capture: LiveCapture) -> list[_News]:
        """For each lane."""
        if capture.layout is not Layout.MONO and not self._in_one:
            sides = [self._of(spool, path) for path in side_paths(capture.path)]
            if sides != [None, None]:
                lanes = [side[0] if side else _NOTHING for side in sides]
                return lanes[:1] if capture.own_voice_only else lanes
        lanes = self._of(spool, capture.path) or []
        self._in_one = len(lanes) > 1
        if capture.layout is Layout.OWN_RIGHT:
            lanes = lanes[::-1]
        return lanes[:1] if capture.own_voice_only else lanes

    def _of(self, spool: Spool, path: str) -> list[_News] | None:
        return self._files.setdefault(path, _File()).news(spool, path)


class LevelReader:
    """``spools``: of the switches whose files are on this machine, by the switch's name."""

    def __init__(self, spools: Mapping[str, Spool]) -> None:
        self._spools = spools
        self._kept: dict[str, _Recording] = {}

    def look(self, captures: Sequence[LiveCapture]) -> dict[str, Strip]:
        """Their strips, by recording. Blocking; never two at once."""
        self._kept = {c.recording_id: self._kept.get(c.recording_id) or _Recording() for c in captures}
        return {c.recording_id: self._look(c) for c in captures}

    def _look(self, capture: LiveCapture) -> Strip:
        spool = self._spools.get(capture.switch)
        if spool is None:
            return Strip(capture.leg_id, why=ELSEWHERE)
        return self._kept[capture.recording_id].look(spool, capture)
