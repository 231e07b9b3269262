"""What moving recordings between stores reads and writes. Protocols only."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from .media_ports import MediaCatalog, StoredFile

#: What a row's ``sealing`` (``<key id>.<wrapped data key>.<salt>``) begins with when its data key is gone.
SHREDDED = "shredded."


def shredded(sealing: str) -> str:
    """The same without its data key. Its salt stays: the file's name follows from it."""
    return f"{SHREDDED}.{sealing.rpartition('.')[2]}"


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

        ``to`` may be the same store, if it is sealed there now. False, and nothing is changed, if its row
        says something else by now: other bytes, another place, another sealing, or a recording that is
        being worked on again.
        """

    async def copied(self, file: StoredFile, store: str) -> None:
        """Note that this store has, or will have, a copy of the file, to be removed when the recording
        is available again. Its row stays as it is."""

    async def left_behind(self, limit: int = 500) -> list[tuple[StoredFile, str]]:
        """Files that were moved, each with the store in which the old copy has to be removed still.
        Only of recordings that nothing works on."""

    async def tidied(self, file: StoredFile, old_store: str) -> None:
        """The old copy is gone."""


@dataclass(frozen=True, slots=True)
class SealedAmount:
    """What of a tenant lies sealed, and what plain. Only of recordings that are available."""

    tenant: str
    sealed: Amount = Amount()
    plain: Amount = Amount()


class SealingCatalog(Protocol):
    """What sealing reads and writes; a file is noted as sealed by `ShelvingCatalog.moved`."""

    async def unsealed(
        self,
        after: str = "",
        limit: int = 500,
        *,
        tenants: Collection[str] | None = None,
        but: Collection[str] = (),
        recording_id: str | None = None,
        added_after: datetime | None = None,
        added_before: datetime | None = None,
    ) -> list[Lying]:
        """Files that lie plain in any store, of available recordings, in order of ``key``. The times are
        those at which they were noted first."""

    async def sealings(self, after: str = "", limit: int = 500) -> list[Lying]:
        """Sealed files in order of ``key``, whatever their recording's state; none that were shredded."""

    async def rewrapped(self, file: StoredFile, sealing: str) -> bool:
        """Note the same data key under another one. False, and nothing is changed, if the row has changed."""

    async def sealed_amounts(self) -> list[SealedAmount]:
        """By tenant."""

    async def shred(self, recording_id: str) -> int:
        """Destroy the wrapped data keys of a recording's files; answers of how many. Nobody can open any
        copy of them from then on, wherever it is. Idempotent."""


class StoringCatalog(MediaCatalog, ShelvingCatalog, SealingCatalog, Protocol):
    """All three, for whoever makes files and for whoever moves them."""
