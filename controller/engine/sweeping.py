"""What the sweep asks of the catalog beyond the pipeline. Protocols only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from .media_ports import MediaCatalog


class SweepingCatalog(MediaCatalog, Protocol):
    """Every question is about so many things as are named: a sweep never holds all rows."""

    async def paths_of(self, capture_ids: Collection[str]) -> set[str]:
        """Spool paths of those of these segments that have a row."""

    async def erased_among(self, ids: Sequence[str]) -> set[str]:
        """Which of these recordings have nothing but their trace."""

    async def old_copies(self, after: str, limit: int) -> list[tuple[str, str]]:
        """(key, the store with an older copy of it) in order of key, those behind this one."""

    async def known_keys(self, store: str, keys: Sequence[str]) -> set[str]:
        """Which of these are the key of a file that this store has, or has an older copy of."""
