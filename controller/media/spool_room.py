"""How much room a spool's disk has, and how long the files of its captures are (engine.spool_eyes.SpoolLook).

A quota may end before the disk does, and `statvfs` tells of some only: of a project's on ext4 and XFS where
the spool itself is in it, but not of a user's, a group's, or that of a tenant's folder. So where no capture
has grown for a while, the folders that they lie in are asked for room, in earnest: it is given back at once.
While captures grow nothing is asked, so that costs a running switch's disk nothing.

It is asked as the controller's user. The quota of a switch that runs as another user is seen where it is one
of their common group's, a folder's, or a server's behind a mount; not where it is that user's alone.
"""

from __future__ import annotations

import errno
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..core.errors import TapelineError
from ..core.recording import side_paths
from ..engine.room import BRIM, ENOUGH, STILL_S
from ..engine.spool_eyes import SpoolLook
from .errors import FULL
from .spool import Spool


class SpoolRoom:
    def __init__(self, root: Path, steady: Callable[[], float] = time.monotonic) -> None:
        self._spool = Spool(root)
        self._steady = steady
        self._sizes: Mapping[str, int] = {}
        self._grown = steady()
        self._refusing: tuple[Path, ...] = ()

    def look(self, paths: Sequence[str]) -> SpoolLook:
        """A capture's sides count as one file with it. Blocking; raises OSError."""
        found = os.statvfs(self._spool.root)
        if not found.f_blocks:
            return SpoolLook(None, {})  # a file system that does not say
        sizes = {path: self._size(path) for path in paths}
        free = found.f_bavail * found.f_frsize
        return SpoolLook(0 if self._over_quota(sizes) else free, sizes)

    def _over_quota(self, sizes: Mapping[str, int]) -> bool:
        """Whether none of the captures' folders takes anything, whatever the disk has."""
        at, before, self._sizes = self._steady(), self._sizes, sizes
        if self._refusing:
            # As much as engine.room wants before it begins anything again.
            if any(takes(folder, ENOUGH) for folder in self._refusing):
                self._refusing, self._grown = (), at
        elif not sizes or any(size > before.get(path, -1) for path, size in sizes.items()):
            self._grown = at
        elif at - self._grown >= STILL_S:
            # Held, say, if one takes it: it is asked again after as long.
            self._grown = at
            folders = tuple(sorted({self._folder(path) for path in sizes}))
            if not any(takes(folder, BRIM) for folder in folders):
                self._refusing = folders
        return bool(self._refusing)

    def _folder(self, path: str) -> Path:
        try:
            file = self._spool.find(path)
        except (TapelineError, OSError):
            file = None
        return self._spool.root if file is None else file.parent

    def _size(self, path: str) -> int:
        size = 0
        for one in (path, *side_paths(path)):
            try:
                file = self._spool.find(one)
                size += file.lstat().st_size if file is not None else 0
            except (TapelineError, OSError):
                continue  # what is there is none of ours, or has gone
        return size


def takes(folder: Path, size: int) -> bool:
    """Whether this much can be written into the folder. True as well where nobody can tell: it is not ours to
    write, has gone, or the disk has no room for another file's name, which files that are open do not need.
    """
    begun = False
    try:
        # It has no name, so nobody finds it, and nothing is left of it whatever ends us.
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            begun = True
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:  # some say so only when it is closed, btrfs when it is to be opened
        return error.errno not in (FULL if begun else {errno.EDQUOT})
    return True
