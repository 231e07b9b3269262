"""Rows against files against checksums against orphans: what does not fit together, and what is mended.

Adopted: files in a spool that no row knows. Due again: recordings of which a file is still in a spool.
Removed: work in progress that a crash left behind. All else is reported by name and left alone.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..core.media_kinds import Kind
from ..engine.media_ports import HOME, FileRole, MediaCatalog, StoredFile
from . import mp4, wav
from .errors import HostileName, MediaError, SealingKeyError, StoreAway, StoreError, UnreadableAudio
from .pipeline import MediaPipeline
from .seal_keys import is_shredded
from .shelves import Stores, place_of
from .spool import Spool, SpoolFile
from .store import LocalStore

_LIST_AT_ONCE = 500
_DUE_AT_MOST = 10_000
_TEMP_AGE = 6  # so many times the age at which a spool file counts as finished


@dataclass(slots=True)
class SweepReport:
    """What was found, by name. Spool files are named ``<switch>:<path>``, stored ones by key.

    ``adopted``: recording ids whose files now have rows. ``ownerless``: spool files of a folder
    that no tenant has. ``young``: spool files without a row that may still be written.
    ``late``: files that came, or stayed, after their recording was done with; it is due again (a
    dry run tells only of those that stayed). ``foreign``: names that are not ours.
    ``missing``, ``damaged``: rows whose file is gone, or no longer has its hash.
    ``unrecorded``: files in the store without a row. ``refused``: what was not done, and why.
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
    temporary: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    rows: int = 0
    spool_files: int = 0
    store_files: int = 0

    @property
    def sound(self) -> bool:
        """Nothing is missing, damaged, without an owner or refused."""
        return not (self.missing or self.damaged or self.ownerless or self.unrecorded or self.refused)


async def sweep(
    catalog: MediaCatalog,
    spools: Mapping[str, Path],
    stores: Stores,
    dry_run: bool,
    *,
    pipeline: MediaPipeline | None = None,
    min_age_s: float = 600.0,
    check_hashes: bool = True,
    force: bool = False,
) -> SweepReport:
    """One round. With ``pipeline`` what was adopted is processed at once, otherwise it is due.

    A file younger than ``min_age_s`` may be a capture whose row is not saved yet: it is left. More
    than half of the store's files are never removed in one round, unless ``force``.
    """
    report = SweepReport(dry_run)
    for switch, root in spools.items():
        try:
            await _Spooled(catalog, switch, tuple(spools), Spool(root), report, min_age_s).sweep()
        except MediaError as error:
            report.refused.append(f"{switch}: {error}")
    if pipeline is not None and not dry_run and (report.adopted or report.late):
        report.processed = {i: str(s) for i, s in (await pipeline.drain()).items()}
    await _check_rows(catalog, stores, report, min_age_s, check_hashes)
    await _clean(stores.home, report, min_age_s, force)
    return report


async def _clean(store: LocalStore, report: SweepReport, min_age_s: float, force: bool) -> None:
    """Work in progress that a crash left behind. Joining a long call takes minutes, not hours."""
    stale = await asyncio.to_thread(lambda: list(store.stale(min_age_s * _TEMP_AGE)))
    report.temporary = [p.name for p in stale]
    total = report.store_files + len(stale)
    if stale and _may_remove(report, "files of the store", len(stale), total, force) and not report.dry_run:
        for path in stale:
            await asyncio.to_thread(path.unlink, missing_ok=True)


class _Spooled:
    """One switch's spool against the rows."""

    def __init__(
        self,
        catalog: MediaCatalog,
        switch: str,
        switches: tuple[str, ...],
        spool: Spool,
        report: SweepReport,
        min_age_s: float,
    ) -> None:
        self._catalog = catalog
        self._switch = switch
        self._switches = switches
        self._spool = spool
        self._report = report
        self._min_age_s = min_age_s

    async def sweep(self) -> None:
        # The files first: a capture that opens between the two looks has a row and no orphan.
        foreign: list[str] = []
        files = await asyncio.to_thread(lambda: list(self._spool.files(foreign.append)))
        known: set[str] = set()
        for switch in self._switches:  # two of them may share one folder
            known |= await self._catalog.known_paths(switch)
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


async def _check_rows(
    catalog: MediaCatalog, stores: Stores, report: SweepReport, min_age_s: float, check_hashes: bool
) -> None:
    # The files first: whatever is put meanwhile has its row by the time that the rows are read.
    keys = await asyncio.to_thread(lambda: list(stores.home.keys()))
    report.store_files = len(keys)
    recorded: set[str] = set()
    last = ""
    while rows := await catalog.files_after(last, _LIST_AT_ONCE):
        last = rows[-1].key
        for row in rows:
            report.rows += 1
            recorded |= {row.key, place_of(row)}
            await asyncio.to_thread(_check_row, stores, row, report, check_hashes)
    for key in keys:
        if key not in recorded and await asyncio.to_thread(_age, stores.path(key)) >= min_age_s:
            report.unrecorded.append(key)


def _check_row(stores: Stores, row: StoredFile, report: SweepReport, check_hashes: bool) -> None:
    if is_shredded(row.sealing):
        return  # nobody can read it any more, and that is as it should be
    name = row.key if row.store == HOME else f"{row.store}:{row.key}"
    try:
        size = stores.size(row)
        if size is None:
            report.missing.append(name)
        elif size != row.size or (check_hashes and stores.digest(row).sha256 != row.sha256):
            report.damaged.append(name)
    except HostileName:
        report.damaged.append(name)
    except StoreAway as error:
        if not any(row.store in told for told in report.refused):  # once; it is nobody's file's fault
            report.refused.append(f"store {row.store} could not be looked at: {error}")
    except SealingKeyError as error:
        if str(error) not in report.refused:  # it may be whole; without its key nobody can tell
            report.refused.append(str(error))
    except StoreError as error:
        report.damaged.append(f"{name} ({error})")


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return -math.inf  # deleted while we looked


def _may_remove(report: SweepReport, what: str, count: int, total: int, force: bool) -> bool:
    """A mistake in the configuration must not empty a disk: never more than half in one round."""
    if count * 2 > total and not force:
        report.refused.append(f"{count} of {total} {what} would go, more than half: look, then force it")
        return False
    return True
