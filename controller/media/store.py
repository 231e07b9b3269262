"""The store on local disk: a key is there with all its bytes, or it is not there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from ..engine.crash_points import crash_point
from .errors import FULL, HostileName, StoreError, store_error
from .integrity import BLOCK, Digest, digest
from .wav import TEMP_SUFFIX, sync_folder

_KEY = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9_.=-]{0,254}(/[A-Za-z0-9_=-][A-Za-z0-9_.=-]{0,254})*")
_SCRATCH = ".scratch"  # no key begins with a dot, so none can reach in here


@dataclass(frozen=True, slots=True)
class Found:
    """A key that is there, its bytes, and when it was put there (seconds since 1970)."""

    key: str
    size: int
    modified: float


#: So much is asked for where it is not known how much is needed.
MAKE_ROOM = 64 << 20

log = structlog.get_logger(__name__)


class LocalStore:
    """Files below one folder. All methods block: call them in a thread."""

    def __init__(self, root: Path) -> None:
        self.root = root
        #: Asked when the disk is full: frees so many bytes if it can, and answers how many it were.
        self.make_room: Callable[[int], int] = lambda wanted: 0

    def path(self, key: str) -> Path:
        """Where a key's bytes lie. Raises HostileName for anything but a plain relative key."""
        return self.root / checked_key(key)

    def exists(self, key: str) -> bool:
        return self.path(key).is_file()

    def put(self, source: Path, key: str) -> Digest:
        """Copy a file in and answer what it is, re-read from the store's disk.

        Only after this may the source go. The same bytes put again change nothing; others under
        the same key replace it as a whole. Raises StoreError and then nothing is changed.
        """
        target = self.path(key)
        try:
            if target.is_file() and target.stat().st_size == source.stat().st_size:
                stored = digest(target)
                if stored == digest(source):
                    self._sync(target)
                    return stored
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _put_error(source, target, error) from error
        temp = self.scratch()
        try:
            written = self._take_in(source, temp)
            if digest(temp) != written:
                raise StoreError(f"{target} reads back differently from what was written: check the disk")
            crash_point("store.copied")
            temp.replace(target)
            crash_point("store.renamed")
            self._sync(target)
        except OSError as error:
            raise _put_error(source, target, error) from error
        finally:
            _forget(temp)
        return written

    def _take_in(self, source: Path, temp: Path) -> Digest:
        """A copy. On a full disk room is made for it; where there is none to be made, it becomes the very
        file, which takes none: it can then go to another store, and that makes room again."""
        try:
            return _copy(source, temp)
        except OSError as error:
            if error.errno not in FULL:
                raise
            temp.unlink(missing_ok=True)
            if self.make_room(source.stat().st_size):
                try:
                    return _copy(source, temp)
                except OSError as again:
                    if again.errno not in FULL:
                        raise
                    temp.unlink(missing_ok=True)
            try:
                os.link(source, temp)
            except OSError:
                raise error from None  # another disk, or not allowed; that it is full is what matters
            log.warning("the disk is full: taken over without a copy", file=source.name)
            return digest(temp)

    def put_blocks(self, blocks: Iterator[bytes], key: str) -> Digest:
        """The same from a stream. What ``blocks`` raises is passed on, and nothing is changed."""
        target, temp = self.path(key), self.scratch()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            written = _write(blocks, temp)
            if digest(temp) != written:
                raise StoreError(f"{target} reads back differently from what was written: check the disk")
            temp.replace(target)
            self._sync(target)
        except OSError as error:
            if error.errno in FULL:
                self.make_room(MAKE_ROOM)  # for the next try: these blocks are spent
            raise store_error(f"cannot store {target}", error) from error
        finally:
            _forget(temp)
        return written

    def link(self, key: str, new_key: str) -> None:
        """The same bytes under a second key, without a copy where the disk can do that."""
        source, target = self.path(key), self.path(new_key)
        temp = self.scratch()
        try:
            if target.exists() and source.samefile(target):
                self._sync(target)
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(source, temp)
            temp.replace(target)
            self._sync(target)
        except OSError:
            self.put(source, new_key)
        finally:
            _forget(temp)

    def delete(self, key: str) -> None:
        """Remove a key; one that is not there is no error."""
        target = self.path(key)
        try:
            target.unlink()
            sync_folder(target.parent)
        except FileNotFoundError:
            return
        except OSError as error:
            raise store_error(f"cannot remove {target}", error) from error

    def delete_same(self, key: str, sha256: str, take: Callable[[Path], None] | None = None) -> bool:
        """Remove a key if it holds these very bytes; False, and it stays, if it holds others by now.
        ``take`` may have the file instead, and move it away.

        It is taken aside before it is read, so that nothing can be put in its place in between.
        """
        target, aside = self.path(key), self.scratch()
        try:
            target.replace(aside)
            if digest(aside).sha256 == sha256:
                if take is not None:
                    take(aside)
                aside.unlink(missing_ok=True)
                sync_folder(target.parent)
                return True
            with contextlib.suppress(FileExistsError):  # what was put there meanwhile is newer
                os.link(aside, target)
            aside.unlink()
        except FileNotFoundError:
            return True
        except OSError as error:
            raise store_error(f"cannot remove {target}", error) from error
        return False

    def scratch(self) -> Path:
        """A new name for work in progress, on the store's own disk. The caller makes the file."""
        folder = self.root / _SCRATCH
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise store_error(f"cannot write in {folder}", error) from error
        return folder / f"{uuid.uuid4().hex}{TEMP_SUFFIX}"

    def keys(self) -> Iterator[str]:
        """Every key that is there, in order."""
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(f for f in folders if not f.startswith("."))
            for name in sorted(names):
                key = (Path(folder) / name).relative_to(self.root).as_posix()
                if _KEY.fullmatch(key) and ".." not in key:
                    yield key

    def listing(self, prefix: str = "") -> Iterator[Found]:
        """Every key that begins with this. Raises StoreError if the folder cannot be read."""
        folder, _, name = prefix.rpartition("/")
        if folder:
            checked_key(folder)
        yield from self._listing(self.root / folder, f"{folder}/" if folder else "", name)

    def _listing(self, folder: Path, before: str, name: str) -> Iterator[Found]:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    key = before + entry.name
                    if not entry.name.startswith(name) or not _KEY.fullmatch(key) or ".." in key:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        yield from self._listing(folder / entry.name, f"{key}/", "")
                    elif entry.is_file(follow_symlinks=False):
                        found = entry.stat(follow_symlinks=False)
                        yield Found(key, found.st_size, found.st_mtime)
        except FileNotFoundError:
            return  # nothing was ever stored there, or it went while we looked
        except OSError as error:
            raise store_error(f"cannot look into {folder}", error) from error

    def stale(self, older_than_s: float) -> Iterator[Path]:
        """Work in progress that nobody has touched for so long: left by a crash."""
        limit = time.time() - older_than_s
        for path in sorted((self.root / _SCRATCH).glob(f"*{TEMP_SUFFIX}")):
            try:
                if path.lstat().st_mtime < limit:
                    yield path
            except FileNotFoundError:
                continue  # finished while we looked

    def _sync(self, target: Path) -> None:
        """Fix the name on the disk, with those of the folders that had to be made for it."""
        folder = target.parent
        while True:
            sync_folder(folder)
            if folder == self.root or folder.parent == folder:
                return
            folder = folder.parent


def _put_error(source: Path, target: Path, error: OSError) -> StoreError:
    if error.filename == str(source):
        return StoreError(f"cannot read {source}: {error.strerror}: let the switch write it readable for us")
    return store_error(f"cannot store {target}", error)


def _forget(temp: Path) -> None:
    try:
        temp.unlink(missing_ok=True)
    except OSError:
        return  # the sweep removes it; the error that brought us here is the one to be told


def checked_key(key: str) -> str:
    """The key itself. Raises HostileName for anything but a plain relative one."""
    if not _KEY.fullmatch(key) or ".." in key or len(key) > 1024:
        raise HostileName(f"{key[:200]!r} is no key of the store")
    return key


def _copy(source: Path, temp: Path) -> Digest:
    with source.open("rb", buffering=0) as reader:
        return _write(iter(lambda: reader.read(BLOCK), b""), temp)


def _write(blocks: Iterator[bytes], temp: Path) -> Digest:
    hasher, size = hashlib.sha256(), 0
    with temp.open("xb", buffering=0) as writer:
        os.fchmod(writer.fileno(), 0o640)
        for block in blocks:
            hasher.update(block)
            size += len(block)
            view = memoryview(block)
            while view:
                view = view[os.write(writer.fileno(), view) :]
        os.fsync(writer.fileno())
        # What is read back shall come from the disk, not from the memory that we just filled.
        os.posix_fadvise(writer.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return Digest(hasher.hexdigest(), size)
