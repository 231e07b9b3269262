"""How full the disks are on which recordings are made and kept: told long before one is full."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

_LOOK_S = 30.0
_MIB = 2**20
#: Below the alarm by so much, or the next recording would bring it back.
_SPARE = 16 * _MIB


@dataclass(frozen=True, slots=True)
class Level:
    """``critical``: recordings will soon be lost, since the switch cannot write them. ``over``: so many
    bytes above the alarm."""

    place: str
    percent: int
    free_mib: int
    critical: bool
    over: int = field(default=0, compare=False)

    @property
    def text(self) -> str:
        return f"{self.percent}% full, {self.free_mib:,} MiB free"


class Watermark:
    """``places``: what to call each folder, and where it is. Percentages are of what may be used.
    ``stores`` are folders to which only finished recordings go. ``make_room`` frees so many bytes on the
    disk of a path, if there is something to be spared."""

    def __init__(
        self,
        places: Mapping[str, Path],
        alarm_percent: int,
        critical_percent: int,
        usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage,
        make_room: Callable[[int, Path], int] = lambda wanted, path: 0,
        stores: Mapping[str, Path] | None = None,
    ) -> None:
        self._places = dict(places) | dict(stores or {})
        # What a store does not take stays at home: that loses nothing, so it is never critical.
        self._stores = frozenset(stores or {})
        self._alarm = alarm_percent
        self._critical = critical_percent
        self._usage = usage
        self._make_room = make_room
        self._told: dict[str, bool] = {}

    def look(self) -> list[Level]:
        """Those that are fuller than the alarm, each disk by the first of its places."""
        found: list[Level] = []
        for place, path in self._places.items():
            try:
                _, used, free = self._usage(path)
            except OSError:
                continue  # a spool that cannot be read is complained about by the pipeline
            percent = 100 * used // max(1, used + free)
            if percent >= self._alarm:
                over = used - (used + free) * self._alarm // 100
                critical = percent >= self._critical and place not in self._stores
                found.append(Level(place, percent, free // _MIB, critical, over))
        return found

    def relieve(self) -> list[Level]:
        """Have room made where the alarm is reached; those where it still is."""
        for place, path in self._places.items():
            # Looked at anew for each: several of them may be on one disk, which one eviction relieves.
            for level in self.look():
                if level.place == place:
                    self._make_room(level.over + _SPARE, path)
        return self.look()

    async def run(self) -> None:
        """Have room made, and log every change. Never returns by itself; cancel it to stop."""
        while True:
            self.tell(await asyncio.to_thread(self.relieve))
            await asyncio.sleep(_LOOK_S)

    def tell(self, levels: list[Level]) -> None:
        for level in levels:
            if self._told.get(level.place) is level.critical:
                continue
            say = log.error if level.critical else log.warning
            say("a disk fills up: make room, or calls cannot be recorded", place=level.place, is_=level.text)
        now = {level.place: level.critical for level in levels}
        for place in self._told.keys() - now.keys():
            log.info("the disk has room again", place=place)
        self._told = now
