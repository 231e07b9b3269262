"""The folders of the spool, made by us so that both the switch and we may write and delete there."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path, PurePosixPath

import structlog

log = structlog.get_logger(__name__)

#: Both users share the spool's group; what is made below inherits it (setgid).
MODE = 0o2775
#: Folders remembered as made; a day makes one a tenant.
REMEMBERED = 10_000


class SharedFolders:
    """FreeSWITCH makes missing folders itself, but with mode 0750 (seen on 1.10.12): a controller
    that runs as another user of the same group could read the files there and not remove them."""

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._made: set[str] = set()

    async def make(self, path: str) -> None:
        """Make the folder of a file, given relative to the spool. Failing is no error: on a spool that
        only the switch can write to, the switch makes it."""
        folder = str(PurePosixPath(path).parent)
        if folder in self._made:
            return
        try:
            await asyncio.to_thread(self._make, PurePosixPath(folder))
        except OSError as error:
            log.debug("spool.folder_left_to_the_switch", folder=folder, error=error.strerror)
        if len(self._made) >= REMEMBERED:
            self._made.clear()
        self._made.add(folder)

    def _make(self, folder: PurePosixPath) -> None:
        made = self._spool
        made.mkdir(parents=True, exist_ok=True)
        for part in folder.parts:
            made = made / part
            with contextlib.suppress(FileExistsError):
                made.mkdir()
                made.chmod(MODE)  # mkdir's own mode is cut by the umask
