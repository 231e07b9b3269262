"""All stores by name: the home, further folders, buckets; and which one a tenant's recordings belong in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..config_storage import LocalStoreConfig, StorageConfig, StoreConfig
from ..engine.media_ports import HOME, StoredFile
from .errors import StoreError, store_error
from .integrity import BLOCK, Digest
from .store import Found, LocalStore


class Shelf(Protocol):
    """One store. Every method blocks, raises StoreError, and StoreAway if the whole store is at fault."""

    name: str

    def put(self, key: str, blocks: Iterator[bytes], size: int) -> None:
        """These bytes under this key, all of them or nothing. What ``blocks`` raises is passed on."""

    def size(self, key: str) -> int | None: ...

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]: ...

    def delete(self, key: str) -> None: ...

    def listing(self, prefix: str = "") -> Iterator[Found]:
        """Every key that begins with this, in no particular order; never all in memory at once."""


class LocalShelf:
    """A folder. What fails here is the disk, and that is told as it is."""

    def __init__(self, name: str, store: LocalStore) -> None:
        self.name = name
        self._store = store

    def put(self, key: str, blocks: Iterator[bytes], size: int) -> None:
        self._store.put_blocks(blocks, key)

    def size(self, key: str) -> int | None:
        try:
            return self._store.path(key).stat().st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise store_error("look for", self._store.path(key), error) from error

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        path = self._store.path(key)
        try:
            with path.open("rb", buffering=0) as file:
                file.seek(start)
                left = length
                while left is None or left > 0:
                    block = file.read(BLOCK if left is None else min(BLOCK, left))
                    if not block:
                        return
                    left = None if left is None else left - len(block)
                    yield block
        except FileNotFoundError as error:
            raise StoreError(f"{key} is missing from the store {self.name}") from error
        except OSError as error:
            raise store_error("read", path, error) from error

    def delete(self, key: str) -> None:
        self._store.delete(key)

    def listing(self, prefix: str = "") -> Iterator[Found]:
        return self._store.listing(prefix)


class Placed(Protocol):
    """A file's row, the pipeline's or the reader's."""

    @property
    def key(self) -> str: ...
    @property
    def store(self) -> str: ...
    @property
    def sealing(self) -> str: ...
    @property
    def size(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Destination:
    """Where these tenants' recordings belong (None: those of all but ``but``)."""

    store: str
    tenants: Collection[str] | None
    but: Collection[str] = ()


class Stores:
    def __init__(
        self, home: LocalStore, shelves: Mapping[str, Shelf], destinations: list[Destination]
    ) -> None:
        self.home = home
        self._shelves: dict[str, Shelf] = {HOME: LocalShelf(HOME, home), **shelves}
        self.destinations = destinations

    @property
    def names(self) -> list[str]:
        return list(self._shelves)

    def shelf(self, name: str) -> Shelf:
        """Raises StoreError for a name that the configuration does not have."""
        found = self._shelves.get(name)
        if found is None:
            raise StoreError(
                f"no store is called {name!r}, and files are noted to be in it: put it back as [[stores]]"
            )
        return found

    def path(self, key: str) -> Path:
        """Where a key lies at home, whether it does or not. Raises HostileName."""
        return self.home.path(key)

    def read(self, file: Placed, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The recording's bytes, wherever they are. Blocking; raises StoreError."""
        return self.shelf(file.store).read(file.key, start, length)

    def size(self, file: Placed) -> int | None:
        """Of the recording's bytes as they lie there; None if they are missing. Blocking."""
        return self.shelf(file.store).size(file.key)

    def digest(self, file: Placed) -> Digest:
        """Read all of it. Blocking; raises StoreError."""
        hasher, size = hashlib.sha256(), 0
        for block in self.read(file):
            hasher.update(block)
            size += len(block)
        return Digest(hasher.hexdigest(), size)

    def recall(self, file: StoredFile) -> None:
        """A copy at home again, for whoever needs a path. Blocking; raises StoreError."""
        if file.store == HOME:
            return
        self.home.put_blocks(checked(self.read(file), file), file.key)

    def delete(self, file: Placed) -> None:
        """Remove a file from where it lies. Blocking; raises StoreError."""
        self.shelf(file.store).delete(file.key)


def home_only(home: LocalStore) -> Stores:
    return Stores(home, {}, [])


def checked(blocks: Iterator[bytes], file: StoredFile) -> Iterator[bytes]:
    """The same blocks; raises StoreError at the end if they are not the file's."""
    hasher = hashlib.sha256()
    for block in blocks:
        hasher.update(block)
        yield block
    if hasher.hexdigest() != file.sha256:
        raise StoreError(
            f"{file.key} in the store {file.store} no longer has its SHA-256: it is left where it is; "
            "look at it with tapeline sweep"
        )


def make_shelf(store: StoreConfig) -> Shelf:
    """Raises ConfigError, StoreError; asks no server anything."""
    if isinstance(store, LocalStoreConfig):
        return LocalShelf(store.name, LocalStore(store.path))
    from .objects import S3Shelf

    return S3Shelf(store)


def make_stores(
    storage: StorageConfig,
    stores: Collection[StoreConfig],
    folder: Callable[[Path, str], Path] = lambda path, key: path,
) -> Stores:
    """``folder`` makes a folder ready. Raises ConfigError, StoreError; asks no server anything."""
    shelves: dict[str, Shelf] = {}
    for store in stores:
        if isinstance(store, LocalStoreConfig):
            folder(store.path, f"stores.{store.name}.path")
        shelves[store.name] = make_shelf(store)
    named = {store.name: store.tenants for store in stores}
    assigned = tuple(tenant for tenants in named.values() for tenant in tenants)
    found = [Destination(name, tenants) for name, tenants in named.items() if tenants]
    if storage.default != HOME:
        mine = set(named[storage.default])
        found = [d for d in found if d.store != storage.default]
        found.append(Destination(storage.default, None, tuple(t for t in assigned if t not in mine)))
    return Stores(LocalStore(folder(storage.path, "storage.path")), shelves, found)
