"""Rows against files against checksums against orphans: what does not fit together, and what is mended.

Adopted: files in a spool that no row knows. Due again: recordings of which a file is still in a spool.
Removed: work in progress that a crash left behind, what turns up of a deleted recording, and, on wish, files
in a store that no row knows. All else is reported by name and left alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..core.media_kinds import Kind
from ..engine.media_ports import FileRole
from ..engine.sweeping import SweepingCatalog
from . import mp4, wav
from .errors import MediaError, UnreadableAudio
from .pipeline import MediaPipeline
from .shelves import Stores
from .spool import Spool, SpoolFile
from .store import LocalStore
from .storekeeping import Storekeeper

_DUE_AT_MOST = 10_000
#: A file that was written later may be a capture whose row is not saved yet.
MIN_AGE_S = 600.0
TEMP_AGE = 6  # so many times the age at which a spool file counts as finished


@dataclass(slots=True)
class SweepReport:
    """What was found, by name. Spool files are named ``<switch>:<path>``, stored ones by key.

    ``adopted``: recording ids whose files now have rows. ``ownerless``: spool files of a folder
    that no tenant has. ``young``: spool files without a row that may still be written.
    ``late``: files that came, or stayed, after their recording was done with; it is due again (a
    dry run tells only of those that stayed). ``foreign``: names that are not ours.
    ``missing``, ``damaged``: rows whose file is gone, or no longer has its hash.
    ``unrecorded``: files in a store without a row, ``removed`` those of them that went. ``erased``: spool
    files of deleted recordings, which go. ``refused``: what was not done, and why. ``rows``, ``hashed``,
    ``spool_files`` and ``store_files`` count what was looked at. A file of another store than the home is
    named ``<store>:<key>``.
    """

    dry_run: bool
    adopted: list[str] = field(default_factory=list)
    processed: dict[str, str] = field(default_factory=dict)
    ownerless: list[str] = field(default_factory=list)
    young: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    temporary: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    rows: int = 0
    hashed: int = 0
    spool_files: int = 0
    store_files: int = 0

    @property
    def sound(self) -> bool:
        """Nothing is missing, damaged, without an owner or refused."""
        left = len(self.unrecorded) > len(self.removed)
        return not (self.missing or self.damaged or self.ownerless or left or self.refused)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the sweep may do beyond its habit. ``sample``: the share of the files whose bytes are read
    (1: all, 0: none). ``remove_unrecorded``: files of a store that no row knows go. ``looked``: the kinds of
    which more than half may go, because somebody has looked (`KINDS`)."""

    sample: float = 1.0
    remove_unrecorded: bool = False
    looked: frozenset[str] = frozenset()


#: The kinds of things that a sweep removes, each with a limit of its own.
KINDS = ("temporary", "unrecorded", "erased")

#: Told how many rows or files were looked at, and of what.
Progress = Callable[[str, int], None]


async def sweep(
    catalog: SweepingCatalog,
    spools: Mapping[str, Path],
    stores: Stores,
    dry_run: bool,
    *,
    pipeline: MediaPipeline | None = None,
    min_age_s: float = MIN_AGE_S,
    check_hashes: bool = True,
    force: bool = False,
    wish: Wish | None = None,
    progress: Progress = lambda what, count: None,
) -> SweepReport:
    """One round. With ``pipeline`` what was adopted is processed at once, otherwise it is due.

    A file younger than ``min_age_s`` may be a capture whose row is not saved yet: it is left. More
    than half of anything is never removed in one round, unless ``wish.looked`` names it (``force``: all).
    """
    report = SweepReport(dry_run)
    wish = wish or Wish(1.0 if check_hashes else 0.0)
    if force:
        wish = replace(wish, looked=frozenset(KINDS))
    await sweep_spools(catalog, spools, report, min_age_s, wish)
    if pipeline is not None and not dry_run and (report.adopted or report.late):
        report.processed = {i: str(s) for i, s in (await pipeline.drain()).items()}
    await Storekeeper(catalog, stores, report, min_age_s, wish, progress).sweep()
    await _clean(stores.home, report, min_age_s, wish)
    return report


async def sweep_spools(
    catalog: SweepingCatalog,
    spools: Mapping[str, Path],
    report: SweepReport,
    min_age_s: float,
    wish: Wish | None = None,
    held: Callable[[], Collection[str]] = tuple,
) -> None:
    """The spools alone. ``held``: recordings that somebody has in memory; their files are left."""
    for switch, root in spools.items():
        try:
            await _Spooled(catalog, switch, Spool(root), report, min_age_s, wish or Wish(), held).sweep()
        except MediaError as error:
            report.refused.append(f"{switch}: {error}")


async def _clean(store: LocalStore, report: SweepReport, min_age_s: float, wish: Wish) -> None:
    """Work in progress that a crash left behind. Joining a long call takes minutes, not hours."""
    stale = await asyncio.to_thread(lambda: list(store.stale(min_age_s * TEMP_AGE)))
    report.temporary = [p.name for p in stale]
    total = report.store_files + len(stale)
    if may_remove(report, "temporary", len(stale), total, wish) and not report.dry_run:
        for path in stale:
            await asyncio.to_thread(path.unlink, missing_ok=True)


def may_remove(report: SweepReport, kind: str, count: int, total: int, wish: Wish) -> bool:
    """A mistake in the configuration must not empty a disk: never more than half in one round."""
    if count * 2 > total and kind not in wish.looked:
        report.refused.append(
            f"{count} of {total} files would go as {kind}, more than half: look at them, then say "
            f"--i-have-looked {kind}"
        )
        return False
    return count > 0


class _Spooled:
    """One switch's spool against the rows."""

    def __init__(
        self,
        catalog: SweepingCatalog,
        switch: str,
        spool: Spool,
        report: SweepReport,
        min_age_s: float,
        wish: Wish,
        held: Callable[[], Collection[str]],
    ) -> None:
        self._held = held
        self._catalog = catalog
        self._switch = switch
        self._spool = spool
        self._report = report
        self._min_age_s = min_age_s
        self._wish = wish

    async def sweep(self) -> None:
        # The files first: a capture that opens between the two looks has a row and no orphan.
        foreign: list[str] = []
        files = await asyncio.to_thread(lambda: list(self._spool.files(foreign.append)))
        # Only what lies here is asked for: a catalog has millions of segments, a spool few files.
        known = await self._catalog.paths_of({f"{f.parsed.recording_id}.{f.parsed.number}" for f in files})
        gone = await self._catalog.erased_among(sorted({f.parsed.recording_id for f in files}))
        files = await self._destroy(files, gone)
        held = set(self._held())
        files = [f for f in files if f.parsed.recording_id not in held]
        due = {s.path for r in await self._catalog.due(_DUE_AT_MOST) for s in r.segments}
        self._report.foreign += [self._name(path) for path in foreign]
        self._report.spool_files += len(files)
        orphans: dict[tuple[str, str, Kind], list[SpoolFile]] = {}
        old: list[SpoolFile] = []
        for file in files:
            if file.segment_path in due:
                continue
            if time.time() - file.modified < self._min_age_s:
                if file.segment_path not in known:
                    self._report.young.append(self._name(file.path))
            elif file.segment_path in known:
                old.append(file)
            else:
                key = (file.parsed.tenant_folder, file.parsed.recording_id, file.parsed.kind)
                orphans.setdefault(key, []).append(file)
        for key, found in sorted(orphans.items()):
            await self._adopt(key, found)
        for file in old:
            await self._reopen(file)

    async def _destroy(self, files: list[SpoolFile], gone: set[str]) -> list[SpoolFile]:
        """What is left of deleted recordings, or came back with a backup, goes; the others are answered."""
        dead = [file for file in files if file.parsed.recording_id in gone]
        self._report.erased += [self._name(file.path) for file in dead]
        if dead and may_remove(self._report, "erased", len(dead), len(files), self._wish):
            for file in dead if not self._report.dry_run else ():
                await asyncio.to_thread(self._spool.destroy, file.path)
        return [file for file in files if file.parsed.recording_id not in gone]

    async def _adopt(self, key: tuple[str, str, Kind], files: list[SpoolFile]) -> None:
        tenant_folder, recording_id, kind = key
        # A segment may lie there as several files, one for each side: the longest says how it ran.
        found: dict[int, tuple[int, str, datetime, datetime]] = {}
        for file in files:
            times = await asyncio.to_thread(self._times, file)
            other = found.get(times[0], times)
            found[times[0]] = max(times, other, key=lambda t: t[3] - t[2])
        segments = sorted(found.values())
        if self._report.dry_run or await self._catalog.adopt(
            self._switch, tenant_folder, recording_id, kind, segments
        ):
            self._report.adopted.append(recording_id)
        else:
            self._report.ownerless += [self._name(file.path) for file in files]

    def _times(self, file: SpoolFile) -> tuple[int, str, datetime, datetime]:
        """It ended when it was last written, and began as long before as it has sound. Blocking."""
        ended = datetime.fromtimestamp(file.modified, UTC)
        path, lasts = self._spool.locate(file.path), 0
        try:
            if file.parsed.kind is Kind.AUDIO:
                lasts = wav.inspect(path).duration_ms
            else:
                probe = mp4.probe(path)
                lasts = probe.lasts_ms if probe else 0
        except (UnreadableAudio, OSError):
            lasts = 0  # it is adopted all the same; the pipeline says what is wrong with it
        return file.parsed.number, file.segment_path, ended - timedelta(milliseconds=lasts), ended

    async def _reopen(self, file: SpoolFile) -> None:
        """A row, a file, and nobody at work on it: the file came late, or a crash left it behind.

        The pipeline compares it with what is stored and removes it; that is not done twice here.
        """
        recording_id = file.parsed.recording_id
        if self._report.dry_run:
            if any(r.role is FileRole.SEGMENT for r in await self._catalog.files(recording_id)):
                self._report.late.append(self._name(file.path))
        elif await self._catalog.reopen(recording_id, f"found in the spool: {file.path}"):
            self._report.late.append(self._name(file.path))

    def _name(self, path: str) -> str:
        return f"{self._switch}:{path}"
