"""Copies at home of what lies in other stores, so that it is played from here: the first to go when a
disk fills up.

A file gets in here in one way only: its row says that it lies elsewhere, where it was read back and compared.
So whatever is in here may be removed at any moment, and nothing is lost with it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

import structlog

from ..engine.media_ports import FileRole
from .errors import StoreError, store_error

log = structlog.get_logger(__name__)

#: What people listen to and look at; segments are not worth the room.
CACHED = frozenset({FileRole.RENDITION, FileRole.ENCODED, FileRole.PEAKS})

_ID = re.compile(r"[A-Za-z0-9_=-]{1,255}")
#: A use is noted once in so many seconds.
_NOTE_S = 60.0
#: Looking at all there is, is worth it when this share of the limit has come.
_SHARE = 20


class Cacheable(Protocol):
    @property
    def key(self) -> str: ...
    @property
    def sealing(self) -> str: ...
    @property
    def sha256(self) -> str: ...


@dataclass(frozen=True, slots=True)
class _Kept:
    used: float
    size: int
    path: Path


class Cache:
    """``folder`` on the home's own disk; ``limit`` in bytes, 0: nothing is kept. All methods block."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self._lock = threading.Lock()
        self._added = limit  # at the first file it is looked what is there from before

    def keep(self, file: Cacheable, source: Path) -> None:
        """Take this file over, which holds the very bytes that lie elsewhere. Raises StoreError."""
        target = self._path(file)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            size = source.stat().st_size
            source.replace(target)
            os.utime(target)
        except OSError as error:
            raise store_error(f"cannot keep a copy as {target}", error) from error
        self._added += size
        if self._added * _SHARE > self.limit:
            self.trim()

    def find(self, file: Cacheable) -> Path | None:
        """Where a copy is, which counts as used from now on."""
        if not self.limit:
            return None
        path = self._path(file)
        try:
            if time.time() - path.stat().st_mtime > _NOTE_S:
                os.utime(path)
        except OSError:
            return None
        return path

    def drop(self, file: Cacheable) -> None:
        """This copy, which turned out not to be what it should."""
        with contextlib.suppress(OSError):
            self._path(file).unlink()

    def forget(self, recording_id: str) -> None:
        """Every copy of a recording's files. Raises StoreError."""
        folder = self._folder(recording_id)
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise store_error(f"cannot remove {folder}", error) from error

    def trim(self) -> int:
        """Down to the limit, the longest unused first; how many bytes that freed."""
        with self._lock:
            kept = sorted(self._all(), key=lambda k: k.used)
            self._added = 0
            return self._remove(kept, sum(k.size for k in kept) - self.limit)

    def make_room(self, wanted: int, path: Path | None = None) -> int:
        """Free so many bytes of the disk that ``path`` is on, the longest unused first; answers how many
        it were, 0 if there are none or if it is another disk."""
        with self._lock:
            try:
                if path is not None and path.stat().st_dev != self.folder.stat().st_dev:
                    return 0
            except OSError:
                return 0
            freed = self._remove(sorted(self._all(), key=lambda k: k.used), wanted)
        if freed:
            log.warning("copies of what lies in other stores were removed to make room", bytes=freed)
        return freed

    @staticmethod
    def _remove(kept: list[_Kept], wanted: int) -> int:
        freed = 0
        for one in kept:
            if freed >= wanted:
                break
            with contextlib.suppress(OSError):
                one.path.unlink()
                freed += one.size
                one.path.parent.rmdir()  # only if it was the last one
        return freed

    def _all(self) -> Iterator[_Kept]:
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = Path(folder) / name
                with contextlib.suppress(OSError):
                    found = path.lstat()
                    yield _Kept(found.st_mtime, found.st_size, path)

    def _path(self, file: Cacheable) -> Path:
        """By the recording, so that all of it can be forgotten; with what it holds and how it is sealed, so
        that a row that has changed finds nothing."""
        name = PurePosixPath(file.key).name
        form = file.sealing.rpartition(".")[2] or "plain"
        return self._folder(name.partition(".")[0]) / f"{name}.{file.sha256[:16]}.{form[-12:]}"

    def _folder(self, recording_id: str) -> Path:
        if not _ID.fullmatch(recording_id):
            raise StoreError(f"{recording_id[:100]!r} is no recording's id")
        return self.folder / recording_id[-2:] / recording_id
