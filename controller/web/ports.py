"""What the web needs of the rest beside the engine's own ports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Protocol

from ..engine.erasing import PersonStore, TrashStore
from ..engine.reading import FileRow, Health
from ..engine.retention import AnnotationStore, RetentionStore


class FileStore(Protocol):
    """Where finished recordings lie: at home, on local disk, or in the store that the row names."""

    def path(self, key: str) -> Path:
        """The file of that key, whether it exists or not. Raises TapelineError for a key
        that would lead out of the store."""

    def read(self, file: FileRow, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes of a file wherever it lies, from ``start`` on. Blocks; raises TapelineError
        with the first block if it is missing, or if its store is away."""


class PeerDoor(Protocol):
    """What this controller answers the others. Raises KeyError, ValueError, SwitchDown."""

    async def answer(self, path: str, body: bytes) -> bytes: ...

    def live(self) -> AsyncIterator[bytes]: ...


#: What works and what does not, for /readyz.
HealthCheck = Callable[[], Awaitable[Health]]


class RetentionDesk(RetentionStore, AnnotationStore, TrashStore, PersonStore, Protocol):
    """The catalog, as far as rules, holds, tags, the trash and erasures go."""
