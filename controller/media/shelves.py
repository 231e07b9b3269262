"""All stores by name: the home, further folders, buckets; and which one a tenant's recordings belong in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import structlog

from ..config.sealing import SealingConfig
from ..config.storage import LocalStoreConfig, StorageConfig, StoreConfig
from ..engine.crash_points import crash_point
from ..engine.media_ports import HOME, StoredFile
from .cache import Cache
from .errors import DISK_AWAY, SealingKeyError, StoreAway, StoreError, store_error
from .integrity import BLOCK, Digest
from .seal_keys import Keyring, sealed_name
from .sealing import FileSeal, opened, plain_size, seal, sealed_size, stretch, watched
from .store import Found, LocalStore

log = structlog.get_logger(__name__)


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
        try:
            self._store.put_blocks(blocks, key)
        except StoreError as error:
            cause = error.__cause__
            if isinstance(cause, OSError) and cause.errno in DISK_AWAY:
                raise StoreAway(f"store {self.name}: {error}") from error
            raise

    def size(self, key: str) -> int | None:
        try:
            return self._store.path(key).stat().st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise store_error(f"cannot look for {self._store.path(key)}", error) from error

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        path = self._store.path(key)
        try:
            yield from read_file(path, start, length)
        except FileNotFoundError as error:
            raise StoreError(f"{key} is missing from the store {self.name}") from error
        except OSError as error:
            raise store_error(f"cannot read {path}", error) from error

    def delete(self, key: str) -> None:
        self._store.delete(key)

    def listing(self, prefix: str = "") -> Iterator[Found]:
        return self._store.listing(prefix)


def read_file(path: Path, start: int = 0, length: int | None = None) -> Iterator[bytes]:
    """From ``start`` on, ``length`` bytes or up to the end, in blocks. Raises OSError."""
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        left = length
        while left is None or left > 0:
            block = file.read(BLOCK if left is None else min(BLOCK, left))
            if not block:
                return
            left = None if left is None else left - len(block)
            yield block


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
    @property
    def sha256(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Destination:
    """Where these tenants' recordings belong (None: those of all but ``but``)."""

    store: str
    tenants: Collection[str] | None
    but: Collection[str] = ()


def place_of(file: Placed) -> str:
    """Under which name a file's bytes lie in its store. Each sealing has a name of its own, so that a row
    that says how a file is sealed always says which bytes are meant."""
    return sealed_name(file.key, file.sealing) if file.sealing else file.key


def size_there(file: Placed) -> int:
    """How many bytes it takes in its store."""
    return sealed_size(file.size) if file.sealing else file.size


class Stores:
    """``keys`` seal and open; so many bytes of what lies in other stores are kept at home as well."""

    def __init__(
        self,
        home: LocalStore,
        shelves: Mapping[str, Shelf],
        destinations: list[Destination],
        keys: Keyring | None = None,
        cache_bytes: int = 0,
    ) -> None:
        self.home = home
        self._shelves: dict[str, Shelf] = {HOME: LocalShelf(HOME, home), **shelves}
        self.destinations = destinations
        self.keys = keys or Keyring()
        self.cache = Cache(home.root / ".cache", cache_bytes)
        home.make_room = self.cache.make_room

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
        """The recording's bytes, wherever they are and sealed or not. Blocking; raises StoreError, for a
        sealed file before anything that is not its own is handed on."""
        cached = self.cache.find(file) if file.store != HOME else None
        if cached is not None:
            return self._cached(file, cached, start, length)
        return self._lying(file, start, length)

    def _lying(self, file: Placed, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The same, but never from the cache: what its store itself has."""
        if not file.sealing:
            return self._raw(file, start, length)
        return self._opened(file, start, length, lambda *span: self._raw(file, *span))

    def _cached(self, file: Placed, path: Path, start: int, length: int | None) -> Iterator[bytes]:
        """From the copy here; from where that turns out to be none, or damaged, the store has the rest."""
        done = 0
        try:
            if file.sealing:
                blocks = self._opened(file, start, length, lambda *span: read_file(path, *span))
            else:
                blocks = read_file(path, start, length)
            for block in blocks:
                done += len(block)
                yield block
            return
        except SealingKeyError:
            raise
        except (StoreError, OSError) as error:
            log.warning("the copy here is of no use; the store is read", key=file.key, why=str(error))
            self.cache.drop(file)
        yield from self._lying(file, start + done, None if length is None else length - done)

    def _raw(self, file: Placed, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        return self.shelf(file.store).read(place_of(file), start, length)

    def _opened(
        self,
        file: Placed,
        start: int,
        length: int | None,
        raw: Callable[[int, int | None], Iterator[bytes]],
    ) -> Iterator[bytes]:
        part = stretch(file.size, start, length)
        if part is not None:
            yield from opened(raw(part.start, part.length), self._seal(file), part)

    def _seal(self, file: Placed) -> FileSeal:
        return self.keys.file_seal(file.sealing, file.sha256, file.size, file.key)

    def proved(self, file: StoredFile) -> Iterator[bytes]:
        """The bytes as they lie there, sealed or not; raises StoreError before their end if they are not
        this file's."""
        return watched(self._raw(file), self._seal(file)) if file.sealing else checked(self._raw(file), file)

    def put_sealed(self, file: StoredFile, sealing: str, twin: StoredFile | None = None) -> None:
        """A sealed copy beside the plain file, read back by what ``sealing`` says. ``twin`` at home has the
        same bytes under the same data key and salt. Blocking; raises StoreError."""
        copy = replace(file, sealing=sealing)
        if twin is not None:
            self.home.link(place_of(twin), place_of(copy))
        else:
            blocks = seal(checked(self._raw(file), file), self._seal(copy))
            self.shelf(file.store).put(place_of(copy), blocks, size_there(copy))
        crash_point("seal.copied")
        if self.digest(copy).sha256 != file.sha256:
            raise StoreError(
                f"{file.key} reads back differently from the store {file.store} than it was sealed"
            )

    def size(self, file: Placed) -> int | None:
        """Of the recording's bytes; None if they are missing, -1 if what lies there cannot be right.
        Blocking."""
        found = self.shelf(file.store).size(place_of(file))
        return plain_size(found) if file.sealing and found is not None else found

    def digest(self, file: Placed) -> Digest:
        """Read all of it where it lies. Blocking; raises StoreError."""
        hasher, size = hashlib.sha256(), 0
        for block in self._lying(file):
            hasher.update(block)
            size += len(block)
        return Digest(hasher.hexdigest(), size)

    def recall(self, file: StoredFile) -> None:
        """A plain copy at home again, for whoever needs a path. Blocking; raises StoreError."""
        if file.store == HOME and not file.sealing:
            return
        self.home.put_blocks(checked(self.read(file), file), file.key)

    def delete(self, file: Placed) -> None:
        """Remove a file from where it lies, and its copy in the cache. Blocking; raises StoreError.

        Whether a sealed file can still be opened is decided by its row: `SealingCatalog.shred`.
        """
        self.shelf(file.store).delete(place_of(file))
        self.cache.drop(file)

    def replaced(self, old: StoredFile | None, new: StoredFile) -> None:
        """``new`` has taken the place of ``old`` in the catalog: what is sealed has a name of its own, over
        which nothing is ever written, and has to be removed. Blocking; raises StoreError."""
        if old is not None and old.sealing and old.sha256 != new.sha256:
            self.delete(old)


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
    sealing: Sequence[SealingConfig] = (),
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
    home = LocalStore(folder(storage.path, "storage.path"))
    return Stores(home, shelves, found, Keyring(sealing), storage.cache_mib << 20)
