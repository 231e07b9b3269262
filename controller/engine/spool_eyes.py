"""What is to be seen of a switch's spool: by whoever is on its machine, whichever controller asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SpoolLook:
    """``free`` in bytes, None where that cannot be told; by a capture's path, how long its file is."""

    free: int | None
    sizes: Mapping[str, int]


class SpoolEyes(Protocol):
    """Paths are those of captures, below the spool. Each raises OSError where nobody can say."""

    async def look(self, paths: Sequence[str]) -> SpoolLook:
        """How much room there is."""
        ...

    async def written_at(self, path: str) -> datetime | None:
        """When a file of ours was last written; None if there is none."""
        ...
