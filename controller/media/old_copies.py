"""The copies that a move or a sealing has left behind: removed once the row says where the file is now."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from ..engine.crash_points import crash_point
from ..engine.media_ports import HOME, StoredFile
from ..engine.shelving import ShelvingCatalog
from .cache import CACHED
from .errors import MediaError, StoreError
from .shelves import Stores, place_of

log = structlog.get_logger(__name__)

_PAGE = 200


class OldCopies:
    def __init__(self, catalog: ShelvingCatalog, stores: Stores) -> None:
        self._catalog = catalog
        self._stores = stores

    async def tidy(self) -> None:
        """What an interrupted move or sealing left behind."""
        for file, old_store in await self._catalog.left_behind(_PAGE):
            try:
                await self.remove(file, old_store)
            except MediaError as error:
                log.warning("an old copy stays for now", key=file.key, store=old_store, why=str(error))

    async def remove(self, file: StoredFile, old_store: str) -> None:
        """``file`` as its row is now. Raises MediaError. Idempotent."""
        await asyncio.to_thread(self._remove, file, old_store)
        crash_point("move.removed")
        await self._catalog.tidied(file, old_store)

    def _remove(self, file: StoredFile, old_store: str) -> None:
        elsewhere = file.store != old_store
        if old_store == HOME:
            keep = self._keep if elsewhere and file.role in CACHED and self._stores.cache.limit else None
            if elsewhere or file.sealing:
                # The pipeline may have made it anew at this moment; other bytes are not ours to remove.
                plain = None if file.sealing or keep is None else (lambda path: keep(file, path))
                self._stores.home.delete_same(file.key, file.sha256, plain)
            if elsewhere and file.sealing:
                if keep is not None:
                    keep(file, self._stores.path(place_of(file)))
                self._stores.home.delete(place_of(file))
        elif elsewhere:
            self._stores.shelf(old_store).delete(place_of(file))
        elif file.sealing:
            self._stores.shelf(old_store).delete(file.key)  # it was sealed where it lies

    def _keep(self, file: StoredFile, path: Path) -> None:
        """In the cache, now that its row says that it lies elsewhere."""
        try:
            if path.exists():
                self._stores.cache.keep(file, path)
        except StoreError as error:
            log.warning("no copy is kept at home", key=file.key, why=str(error))
