"""What moving recordings between stores reads and writes. Protocols only."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from .media_ports import MediaCatalog, StoredFile


@dataclass(frozen=True, slots=True)
class Lying:
    """A file where it lies, and whose it is."""

    tenant: str
    file: StoredFile


@dataclass(frozen=True, slots=True)
class Amount:
    files: int = 0
    size: int = 0


class ShelvingCatalog(Protocol):
    """Only files of recordings that are available are moved: nothing works on them any more."""

    async def lying(
        self,
        store: str,
        after: str = "",
        limit: int = 500,
        *,
        tenants: Collection[str] | None = None,
        but: Collection[str] = (),
    ) -> list[Lying]:
        """What may be moved out of this store, in order of ``key``, those behind ``after``.

        ``tenants``: only these (None: all); ``but``: not these.
        """

    async def amount(
        self, store: str, *, tenants: Collection[str] | None = None, but: Collection[str] = ()
    ) -> Amount:
        """How much `lying` would come to."""

    async def moved(self, file: StoredFile, to: str, sealing: str) -> bool:
        """Note that the file, as it is described here, now lies in ``to`` and still in its old store.

        False, and nothing is changed, if its row says something else by now: other bytes, another
        place, or a recording that is being worked on again.
        """

    async def copied(self, file: StoredFile, store: str) -> None:
        """Note that this store has, or will have, a copy of the file, to be removed when the recording
        is available again. Its row stays as it is."""

    async def left_behind(self, limit: int = 500) -> list[tuple[StoredFile, str]]:
        """Files that were moved, each with the store in which the old copy has to be removed still.
        Only of recordings that nothing works on."""

    async def tidied(self, file: StoredFile, old_store: str) -> None:
        """The old copy is gone."""


class StoringCatalog(MediaCatalog, ShelvingCatalog, Protocol):
    """Both, for whoever makes files and for whoever moves them."""
