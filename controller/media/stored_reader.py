"""A stored file as something to read and seek in, wherever it lies: for headers, not for the bulk."""

from __future__ import annotations

import io
from typing import Any

from .shelves import Placed, Stores

_BUFFER = 1 << 16


class _Raw(io.RawIOBase):
    """Each read is a request of its own for so many bytes. Raises StoreError."""

    def __init__(self, stores: Stores, file: Placed) -> None:
        self._stores = stores
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self._file.size - self._at)
        if wanted <= 0:
            return 0
        found = b"".join(self._stores.read(self._file, self._at, wanted))
        view[: len(found)] = found
        self._at += len(found)
        return len(found)


def reader(stores: Stores, file: Placed) -> io.BufferedReader:
    return io.BufferedReader(_Raw(stores, file), _BUFFER)
