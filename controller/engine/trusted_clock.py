"""The clock that deletion goes by: no jump of the wall clock makes a recording older than it is.

What time it was when this was last asked stands in a file, with how long the machine had been running. Since
then it is later by as long as the machine has been running since, and that alone is sure: not what the wall
clock was set to meanwhile, and not how long the machine was off.

What was recorded or deleted while the wall clock was behind seems older than it is once that is right again,
and nobody can tell which that was. So from then on this clock is as late as the other one was, until somebody
has looked after it.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .ids import now

#: So far the clock may be set without being doubted: a time server's first word, daylight saving.
SET = timedelta(hours=1)
#: And so long a machine may have been off.
OFF = timedelta(days=3)
_AGREED = timedelta()
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Uptime:
    """``boot`` names a start of the machine, ``runs_s`` is how long ago that was, asleep or not."""

    boot: str
    runs_s: float


def uptime() -> Uptime:
    try:
        boot = _BOOT.read_text().strip()
    except OSError:
        boot = f"process {os.getpid()}"  # no Linux: nothing is known of before
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return Uptime(boot, time.clock_gettime(clock))


@dataclass(frozen=True, slots=True)
class _Mark:
    """``late``: by how much the wall clock has been behind since somebody vouched for it."""

    at: datetime
    uptime: Uptime
    late: timedelta = _AGREED


class TrustedClock:
    """``file`` is this machine's, of all processes here. Without it the wall clock is believed."""

    def __init__(
        self,
        file: Path,
        wall: Callable[[], datetime] = now,
        runs: Callable[[], Uptime] = uptime,
    ) -> None:
        self._file, self._wall, self._runs = file, wall, runs

    def now(self) -> datetime:
        """Aware UTC, never later than can be vouched for. Blocking, for as long as a small file takes."""
        return self._look()[0]

    def doubt(self) -> timedelta:
        """By how much the wall clock is ahead of what can be, or (negative) is or was behind it, in whole
        minutes; 0: it is believed."""
        return timedelta(minutes=round(self._look()[1] / timedelta(minutes=1)))

    def trust(self) -> None:
        """Somebody says that the wall clock is right now. Raises OSError."""
        self._write(_Mark(self._wall(), self._runs()))

    def _look(self) -> tuple[datetime, timedelta]:
        wall, runs, mark = self._wall(), self._runs(), self._read()
        if mark is not None:
            same = mark.uptime.boot == runs.boot
            sure = mark.at + timedelta(seconds=runs.runs_s - mark.uptime.runs_s * same)
            ahead = wall - sure
            if ahead > (SET if same else OFF):
                return sure - mark.late, ahead
            if ahead < -SET:
                if -ahead > mark.late:
                    self._keep(replace(mark, late=-ahead))
                return min(wall, sure - mark.late), ahead
            if same and ahead < _AGREED:
                return wall - mark.late, -mark.late  # the mark stays: what was sure is sure
        late = mark.late if mark else _AGREED
        self._keep(_Mark(wall, runs, late))
        return wall - late, -late

    def _keep(self, mark: _Mark) -> None:
        with contextlib.suppress(OSError):  # a full disk, say: what was sure when it had room is so still
            self._write(mark)

    def _read(self) -> _Mark | None:
        try:
            found = json.loads(self._file.read_text())
            at = datetime.fromisoformat(found["at"]).astimezone(UTC)
            late = timedelta(seconds=max(0.0, float(found.get("late_s", 0))))
            return _Mark(at, Uptime(str(found["boot"]), float(found["runs_s"])), late)
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            return None

    def _write(self, mark: _Mark) -> None:
        told: dict[str, object] = {
            "at": mark.at.isoformat(),
            "boot": mark.uptime.boot,
            "runs_s": mark.uptime.runs_s,
            "late_s": mark.late.total_seconds(),
        }
        new = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        try:
            new.write_text(json.dumps(told))
            new.replace(self._file)
        finally:
            new.unlink(missing_ok=True)
