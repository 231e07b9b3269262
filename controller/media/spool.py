"""A switch's spool: where a capture's file lies, when its writer is done, what else is there.

The folder is written by another program, so nothing in it is believed: names are matched against
our own pattern, symbolic links are neither followed nor removed.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from ..core.recording import SegmentPath, parse_segment_path
from . import mp4, wav
from .errors import HostileName, SpoolError, UnreadableAudio

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.=-]{0,254}")
_DEPTH = 5  # tenant / year / month / day / file
#: The adapters' own folder in the spool: the tones that Asterisk plays (see switches/asterisk/tones).
_OWN = ".tapeline"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a switch, all in seconds.

    A file whose header fits its length was closed by its writer: it is taken after one more look.
    Any other is taken ``settle_s`` after its capture's end, once it has not changed for
    ``stable_s``. FreeSWITCH keeps 8 KB to itself until then (64 KB, if somebody else started the capture),
    Asterisk 32 KB, so a file without audio is believed, and a missing one given up, only ``appear_s`` after
    the end.
    """

    settle_s: float = 5.0
    stable_s: float = 1.0
    appear_s: float = 20.0
    look_s: float = 0.05


@dataclass(frozen=True, slots=True)
class SpoolFile:
    """A file of ours in the spool. ``path`` is relative, ``modified`` in seconds since 1970."""

    path: str
    parsed: SegmentPath
    size: int
    modified: float

    @property
    def segment_path(self) -> str:
        """The path under which its segment has its row: its own, or that of the file it is a side of."""
        return self.path.removesuffix(f".{self.parsed.side}.wav") + ".wav" if self.parsed.side else self.path


@dataclass(frozen=True, slots=True)
class _Look:
    size: int
    modified_ns: int
    inode: int


class Spool:
    def __init__(self, root: Path) -> None:
        self.root = root

    def locate(self, path: str) -> Path:
        """The file of a relative path. Raises HostileName for one that is not exactly ours."""
        parts = PurePosixPath(path).parts
        if not parts or "/".join(parts) != path or any(not _NAME.fullmatch(p) or ".." in p for p in parts):
            raise HostileName(f"{path[:200]!r} is no path in a spool")
        if parse_segment_path(path) is None:
            raise HostileName(f"{path[:200]!r} is not named like a segment")
        return self.root.joinpath(*parts)

    def find(self, path: str) -> Path | None:
        """The file if it is there: a regular file, reached without any symbolic link.

        Raises HostileName for a link or anything else in its place, SpoolError if the spool
        itself is missing (an unmounted disk must not look like calls without audio).
        """
        target = self.locate(path)
        if not self.root.is_dir():
            raise SpoolError(f"the spool {self.root} is not there: mount it or mend switches.spool")
        step = self.root
        try:
            for part in target.relative_to(self.root).parts[:-1]:
                step = step / part
                if not stat.S_ISDIR(step.lstat().st_mode):
                    raise HostileName(f"{step} in the spool is no folder")
            if not stat.S_ISREG(target.lstat().st_mode):
                raise HostileName(f"{target} in the spool is no regular file")
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise SpoolError(
                f"cannot look at {step}: {error.strerror}: make the spool readable for the controller"
            ) from error
        return target

    async def wait(
        self, path: str, ended_at: datetime, now: Callable[[], datetime], patience: Patience
    ) -> Path | None:
        """The file once its writer is done; None if none appeared in time."""
        clock = asyncio.get_running_loop().time
        # The capture's end is known by the wall clock, which may be set; what we wait is not measured by it.
        ended = clock() - max(0.0, (now() - ended_at).total_seconds())
        look, since, pause = None, clock(), patience.look_s
        while True:
            age = clock() - ended
            target = await asyncio.to_thread(self.find, path)
            if target is None:
                if age >= patience.appear_s:
                    return None
            else:
                latest, closed, filled = await asyncio.to_thread(_examine, target)
                if latest != look:
                    look, since = latest, clock()
                elif closed and filled:
                    return target
                elif age >= (patience.settle_s if filled else patience.appear_s):
                    # Long untouched by its own account: no need to watch it again.
                    untouched = now().timestamp() - latest.modified_ns / 1e9 > 60
                    if untouched or clock() - since >= patience.stable_s:
                        return target
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, max(patience.look_s, 0.5))

    def written_at(self, path: str) -> datetime | None:
        """When a file of ours was last written; None if there is none, or what is there is none of ours."""
        try:
            target = self.find(path)
            return None if target is None else datetime.fromtimestamp(target.lstat().st_mtime, UTC)
        except (SpoolError, HostileName, FileNotFoundError):
            return None

    def remove(self, path: str) -> None:
        """Forget a file that is safe elsewhere. Raises SpoolError if the folder forbids it."""
        try:
            self.locate(path).unlink(missing_ok=True)
        except OSError as error:
            raise SpoolError(
                f"cannot remove {path} from the spool {self.root}: {error.strerror}: it is safe in the "
                "store; give the controller the right to write in the spool"
            ) from error

    def destroy(self, path: str) -> None:
        """Remove a file that is safe nowhere, and on purpose. Raises SpoolError."""
        target = self.locate(path)
        try:
            target.unlink(missing_ok=True)
            wav.sync_folder(target.parent)
        except OSError as error:
            raise SpoolError(
                f"cannot destroy {path} in the spool {self.root}: {error.strerror}: it must not stay; "
                "give the controller the right to write in the spool"
            ) from error

    def files(self, foreign: Callable[[str], None] = lambda path: None) -> Iterator[SpoolFile]:
        """Every file that is named like a segment; ``foreign`` is told of all else. Blocking."""
        if not self.root.is_dir():
            raise SpoolError(f"the spool {self.root} is not there: mount it or mend switches.spool")
        yield from self._walk(self.root, "", 1, foreign)

    def _walk(
        self, folder: Path, prefix: str, depth: int, foreign: Callable[[str], None]
    ) -> Iterator[SpoolFile]:
        try:
            entries = sorted(os.scandir(folder), key=lambda e: e.name)
        except PermissionError as error:
            raise SpoolError(f"cannot read {folder}: {error.strerror}: let the controller read it") from error
        except FileNotFoundError:
            return  # removed while we walked
        for entry in entries:
            path = f"{prefix}{entry.name}"
            if path == _OWN:
                continue
            if not _NAME.fullmatch(entry.name) or ".." in entry.name or entry.is_symlink():
                foreign(path)
            elif entry.is_dir(follow_symlinks=False):
                if depth < _DEPTH:
                    yield from self._walk(folder / entry.name, f"{path}/", depth + 1, foreign)
                else:
                    foreign(path)
            else:
                parsed = parse_segment_path(path)
                if parsed is None or depth != _DEPTH or not entry.is_file(follow_symlinks=False):
                    foreign(path)
                    continue
                try:
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                yield SpoolFile(path, parsed, found.st_size, found.st_mtime)


def unchanged(path: Path, before: os.stat_result) -> bool:
    """Whether a file is still the one that was read: a late writer must not lose its words."""
    after = path.lstat()
    return (after.st_ino, after.st_size, after.st_mtime_ns) == (
        before.st_ino,
        before.st_size,
        before.st_mtime_ns,
    )


def _examine(path: Path) -> tuple[_Look, bool, bool]:
    """(what it looks like, closed by its writer, anything in it)."""
    found = path.lstat()
    look = _Look(found.st_size, found.st_mtime_ns, found.st_ino)
    try:
        if path.suffix == ".mp4":
            return look, mp4.complete(path), not mp4.hollow(path)
        info = wav.inspect(path)
        return look, info.header_ok, info.frames > 0
    except UnreadableAudio:
        return look, False, found.st_size > 0
    except FileNotFoundError:
        return look, False, False
    except PermissionError as error:
        raise SpoolError(
            f"cannot read {path}: {error.strerror}: let the switch write it readable for the controller"
        ) from error
