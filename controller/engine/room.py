"""Whether a switch can write: neither says so when its disk is full, nor that its files have a hole then.

Seen on Asterisk 22 and FreeSWITCH 1.10: what does not fit is dropped, the capture goes on, and what is said
once there is room again stands in the file behind what was said before. Asterisk's header is lost as well if
the disk was full at the beginning. So what was open meanwhile is ended and begun anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from .spool_eyes import SpoolEyes
from .switch_engine import SwitchEngine

log = structlog.get_logger(__name__)

LOOK_S = 1.0
#: Less, and a switch's next block does not fit: Asterisk writes 32 KiB of each file at a time.
BRIM = 64 << 10
#: So much has to be free before anything is begun again.
ENOUGH = 1 << 20
#: A file that can be written grows within this: Asterisk writes every 2.05 s.
STILL_S = 3.0
#: Whoever should see the spool may be restarted or out of reach for so long.
UNSEEN_S = 30.0


class RoomWatch:
    """``full``: nothing can be written, and no capture is opened. ``unseen``: why nobody has seen for
    UNSEEN_S whether there is room."""

    def __init__(
        self,
        engine: SwitchEngine,
        eyes: SpoolEyes,
        now: Callable[[], datetime],
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine = engine
        self.full = False
        self.unseen = ""
        self._eyes = eyes
        self._now, self._steady = now, steady
        self._brim = False
        self._grown = 0.0
        self._sizes: Mapping[str, int] = {}
        self._seen = steady()

    async def run(self) -> None:
        """Never returns by itself; cancel it to stop."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except OSError as error:
                self._missed(error.strerror or str(error))
            except Exception:
                # Whatever it is, the calls go on being controlled.
                log.exception("whether the spool has room could not be seen")

    async def look(self) -> None:
        """Once: what it finds is told to the desk. Raises OSError."""
        if not self.engine.acting:
            self.full = self._brim = False
            self._saw()
            return
        paths = [
            segment.path
            for call in self.engine.desk.book
            for recording in call.recordings
            for segment in recording.unfinished
        ]
        seen = await self._eyes.look(paths)
        self._saw()
        if seen.free is None or not self.engine.acting:
            return
        if not self._brim:
            if seen.free < BRIM:
                self._brim, self._sizes, self._grown = True, {}, self._steady()
                log.error("spool.full", switch=self.engine.switch.name, free=seen.free)
        elif seen.free >= ENOUGH:
            self._brim = self.full = False
            log.warning("spool.room", switch=self.engine.switch.name, free=seen.free)
            # What was open meanwhile may have a hole even if it was over too soon to be sure.
            self._tell(True)
        elif not self.full:
            # Who is root may write still: what counts is whether anything grows.
            if any(size > self._sizes.get(path, 0) for path, size in seen.sizes.items()):
                self._grown = self._steady()
            self._sizes = seen.sizes
            self.full = bool(paths) and self._steady() - self._grown >= STILL_S
        if self.full and not self.engine.desk.no_room:
            self._tell(False)

    def _saw(self) -> None:
        self._seen = self._steady()
        if self.unseen:
            log.info("spool.watched", switch=self.engine.switch.name)
        self.unseen = ""

    def _missed(self, why: str) -> None:
        """What was found before stays true until somebody sees."""
        if self._steady() - self._seen < UNSEEN_S:
            return
        if not self.unseen:
            log.warning("spool.unwatched", switch=self.engine.switch.name, why=why)
        self.unseen = why

    def _tell(self, room: bool) -> None:
        self.engine.carry(self.engine.desk.room(room, self._now()))
