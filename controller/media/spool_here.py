"""A spool on this machine, as the engine sees it (engine.spool_eyes.SpoolEyes)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from ..engine.spool_eyes import SpoolLook
from .spool import Spool
from .spool_room import SpoolRoom


class SpoolHere:
    """Looks in threads: a disk may hang."""

    def __init__(self, root: Path, steady: Callable[[], float] = time.monotonic) -> None:
        self._spool = Spool(root)
        self._room = SpoolRoom(root, steady)
        self._one = asyncio.Lock()

    async def look(self, paths: Sequence[str]) -> SpoolLook:
        """One at a time, so that those who look at a disk that hangs take one thread only."""
        async with self._one:
            return await asyncio.to_thread(self._room.look, paths)

    async def written_at(self, path: str) -> datetime | None:
        return await asyncio.to_thread(self._spool.written_at, path)
