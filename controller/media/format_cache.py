"""Recordings that were converted on demand: a folder of bounded size, the least lately used goes first.

Nothing in here is a recording's only copy, nothing has a row. A recording's entries are one folder, so
that they are forgotten as one.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from .errors import HostileName, store_error

_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_WORK = ".work"
#: What was used so lately is not evicted: it is perhaps being sent.
_IN_USE_S = 60.0
#: Entries of sealed recordings lie here as they are: not for long.
SEALED = "sealed-"
SEALED_S = 600.0


class FormatCache:
    """All methods block. Entries are named by whoever makes them, in letters, digits, ``-`` and ``.``."""

    def __init__(self, root: Path, limit: int) -> None:
        self.root = root
        self._limit = limit
        self._lock = threading.Lock()
        self._forgotten: dict[str, int] = {}

    def start(self) -> None:
        """Work in progress of an earlier run, and what lies here unsealed, goes."""
        shutil.rmtree(self.root / _WORK, ignore_errors=True)
        self.expire(0.0)

    def find(self, recording_id: str, name: str) -> Path | None:
        path = self._path(recording_id, name)
        try:
            os.utime(path)  # least recently used is told by it, after a restart too
        except FileNotFoundError:
            return None
        return path

    def age(self, recording_id: str) -> int:
        """Changes when the recording is forgotten: what is begun before that is not kept."""
        return self._forgotten.get(recording_id, 0)

    def scratch(self) -> Path:
        folder = self.root / _WORK
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(exist_ok=True)
        return folder / uuid.uuid4().hex

    def keep(self, made: Path, recording_id: str, name: str, age: int) -> Path | None:
        """Take this file in; None, and it is gone, if the recording was forgotten meanwhile."""
        path = self._path(recording_id, name)
        try:
            with self._lock:
                if self.age(recording_id) != age:
                    made.unlink()
                    return None
                self._evict(made.stat().st_size)
                path.parent.mkdir(parents=True, exist_ok=True)
                made.replace(path)
        except OSError as error:
            raise store_error(f"cannot keep a converted file as {path}", error) from error
        return path

    def forget(self, recording_id: str) -> None:
        """Remove everything of this recording; for its deletion. Raises OSError."""
        folder = self._path(recording_id, "x").parent
        with self._lock:
            self._forgotten[recording_id] = self.age(recording_id) + 1
            if folder.exists():
                shutil.rmtree(folder)

    def recordings(self) -> list[str]:
        """Those of which there is something."""
        if not self.root.is_dir():
            return []
        return sorted(p.name for p in self.root.iterdir() if p.is_dir() and _ID.fullmatch(p.name))

    def sources(self, recording_id: str) -> set[str]:
        """The beginnings of the hashes of the files that its entries were made of."""
        folder = self._path(recording_id, "x").parent
        return {p.name.removeprefix(SEALED).partition(".")[0] for p in folder.glob("*")}

    def expire(self, older_than_s: float = SEALED_S) -> None:
        """Entries of sealed recordings that nobody has used for so long."""
        limit = time.time() - older_than_s
        for path, _, used in list(self._entries()):
            if path.name.startswith(SEALED) and used <= limit:
                path.unlink(missing_ok=True)

    def size(self) -> int:
        return sum(size for _, size, _ in self._entries())

    def _evict(self, wanted: int) -> None:
        entries = sorted(self._entries(), key=lambda entry: entry[2])
        total = sum(size for _, size, _ in entries) + wanted
        for path, size, used in entries:
            if total <= self._limit or used > time.time() - _IN_USE_S:
                return
            path.unlink(missing_ok=True)
            total -= size

    def _entries(self) -> Iterator[tuple[Path, int, float]]:
        for path in self.root.glob("[!.]*/*"):
            try:
                found = path.stat()
            except FileNotFoundError:
                continue  # forgotten while we looked
            yield path, found.st_size, found.st_mtime

    def _path(self, recording_id: str, name: str) -> Path:
        if not _ID.fullmatch(recording_id):
            raise HostileName(f"{recording_id[:100]!r} is no recording's id")
        return self.root / recording_id / name
