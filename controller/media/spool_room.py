"""How much room a spool's disk has, and how long the files of its captures are (engine.room.LookAtSpool)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import TapelineError
from ..core.recording import side_paths
from ..engine.room import SpoolLook
from .spool import Spool


class SpoolRoom:
    def __init__(self, root: Path) -> None:
        self._spool = Spool(root)

    def look(self, paths: Sequence[str]) -> SpoolLook:
        """A capture's sides count as one file with it. Blocking; raises OSError."""
        found = os.statvfs(self._spool.root)
        if not found.f_blocks:
            return SpoolLook(None, {})  # a file system that does not say
        return SpoolLook(found.f_bavail * found.f_frsize, {path: self._size(path) for path in paths})

    def _size(self, path: str) -> int:
        size = 0
        for one in (path, *side_paths(path)):
            try:
                file = self._spool.find(one)
                size += file.lstat().st_size if file is not None else 0
            except (TapelineError, OSError):
                continue  # what is there is none of ours, or has gone
        return size
