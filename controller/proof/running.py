"""Whether the running system is as it was sealed: every chain, and the catalog and the store against it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from ..core.errors import TapelineError
from ..engine.chain import ChainRow
from ..engine.media_ports import MediaState
from ..engine.reading import RecordingDetail, Scope
from .absence import Absences, deletes
from .archive import Progress
from .bundle import ReadFile
from .chaincheck import ChainChecker, Line
from .entry import DISCARD, RECORDING, read_content
from .errors import NotCanonical
from .facts import DERIVED, is_facts, recording_facts, taken_out
from .sealer import Catalog
from .verdict import Anchor, Verdict

_PAGE = 500
_DUE = 10_000


async def verify_catalog(
    catalog: Catalog,
    read: ReadFile,
    *,
    key: str | None = None,
    anchors: Sequence[Anchor] = (),
    progress: Progress = lambda n: None,
) -> Verdict:
    """Every chain, then every final recording. ``progress`` counts entries and recordings."""
    verdict = Verdict()
    tenants = await catalog.chain_tenants()
    due = {u.recording_id for u in await catalog.unsealed_recordings(None, _DUE)}
    for anchor in anchors:
        if anchor.tenant not in tenants:
            verdict.report(
                _named(anchor.tenant), f"the anchor names entry {anchor.number}, there is no chain"
            )
    for tenant in tenants:
        kept = {a.number: a.hash for a in anchors if a.tenant == tenant}
        await _Running(catalog, read, verdict, tenant, due, progress).verify(key, kept)
    if due:
        verdict.notes.append(f"{len(due)} recordings are not sealed yet as they are now")
    if not anchors:
        verdict.notes.append("no anchor was given: an end that was cut off would not be noticed")
    return verdict


def _named(tenant: str) -> str:
    return f"the chain of {tenant}" if tenant else "the system's chain"


class _Running:
    def __init__(
        self, catalog: Catalog, read: ReadFile, verdict: Verdict, tenant: str, due: set[str],
        progress: Progress,
    ) -> None:  # fmt: skip
        self._catalog = catalog
        self._read = read
        self._verdict = verdict
        self._tenant = tenant
        self._due = due
        self._progress = progress
        self._gone: dict[str, int] = {}
        self._emptied: set[int] = set()
        self._may_be_empty: set[int] = set()

    def _report(self, where: str, what: str) -> None:
        self._verdict.report(f"{_named(self._tenant)}, {where}", what)

    async def verify(self, key: str | None, anchors: dict[int, str]) -> None:
        checker = ChainChecker(self._tenant, self._report, anchors)
        last = 0
        while rows := await self._catalog.chain_after(self._tenant, last, _PAGE):
            await asyncio.to_thread(self._rows, checker, rows)
            await self._missing(rows)
            last = rows[-1].number
            self._progress(len(rows))
        checker.end()
        for number in sorted(self._emptied - self._may_be_empty):
            self._report(f"entry {number}", "what it says was removed, and no erasure tells of that")
        self._verdict.entries += checker.entries
        self._verdict.keys = sorted({*self._verdict.keys, *checker.keys})
        if key is not None and key not in checker.keys:
            self._report("all of it", f"none of it is signed with the key that you trust ({key})")
        for recording_id, number in self._gone.items():
            what = (
                f"entry {number} seals it, the catalog does not have it, and no entry tells of its deletion"
            )
            self._report(f"recording {recording_id}", what)
        after = ""
        while ids := await self._catalog.final_recordings(self._tenant, after, _PAGE):
            for recording_id in ids:
                await self._recording(recording_id)
                self._progress(1)
            after = ids[-1]

    def _rows(self, checker: ChainChecker, rows: Sequence[ChainRow]) -> None:
        for row in rows:
            try:
                sealed = checker.add(Line.of_row(row))
            except NotCanonical as error:
                checker.unreadable(str(error))
                continue
            if sealed is None:
                continue
            where = f"entry {row.number}"
            if (sealed.number, sealed.hash) != (row.number, row.hash):
                self._report(where, "its number or hash in the table is not its own")
            if sealed.content is None:
                self._emptied.add(row.number)
                continue
            self._may_be_empty |= {n for n in taken_out(sealed.content) if n < row.number}
            if (sealed.content["source"], sealed.content["subject"]) != (row.source, row.subject):
                self._report(where, "the table says that it is about something else than it is")

    async def _missing(self, rows: Sequence[ChainRow]) -> None:
        """Which recordings of these entries have gone, and which of those that have gone may have."""
        told: dict[str, int] = {}
        for row in rows:
            content = _content(row)
            if content is None:
                continue
            if content["kind"] in (RECORDING, DISCARD):
                told[row.subject] = row.number
            elif deletes(content):
                told.pop(row.subject, None)
                self._gone.pop(row.subject, None)
        there = await self._catalog.existing_recordings(sorted(told))
        self._gone.update({i: n for i, n in told.items() if i not in there})

    async def _recording(self, recording_id: str) -> None:
        where = f"recording {recording_id}"
        rows = await self._catalog.chain_about(self._tenant, recording_id)
        row, absences = None, Absences()
        for each in rows:
            if (content := _content(each)) is not None:
                absences.add(each.number, content)
                row = each if content["kind"] in (RECORDING, DISCARD) else row
        scope = Scope(self._tenant or None)
        detail = await self._catalog.recording(scope, recording_id, trashed=True, withheld=True)
        if detail is None or recording_id in self._due:
            return
        if detail.row.media_state == MediaState.ERASED:
            # A purge begins with what lies in the trash, and tells of itself when it is done.
            if not absences.gone and not absences.trashed:
                self._report(where, "the catalog says that it was deleted, and no entry tells of that")
            return
        if row is None:
            # Its call may be going on, or it is from before there was a chain and the sealer is at work.
            self._verdict.notes.append(f"{where} is not sealed yet")
            return
        self._verdict.recordings += 1
        facts, now = json.loads(row.content).get("payload"), recording_facts(detail)
        if not is_facts(facts):
            self._report(where, f"what entry {row.number} says of it cannot be read")
            return
        facts["files"], now["files"] = absences.rest(facts["files"]), absences.rest(now["files"])
        names = [k for k in sorted({*facts, *now} - DERIVED) if facts.get(k) != now.get(k)]
        if names:
            what = f"the catalog says something else about {', '.join(names)} than entry {row.number}"
            self._report(where, what)
        await asyncio.to_thread(self._files, where, facts, detail, row.number)

    def _files(self, where: str, facts: dict[str, Any], detail: RecordingDetail, entry: int) -> None:
        rows = {(f.role, f.number): f for f in detail.files}
        for file in facts["files"]:
            self._verdict.files += 1
            name = f"{where}, {file['role']} {file['number']}"
            row = rows.get((file["role"], file["number"]))
            if row is None:
                self._report(name, f"entry {entry} seals it, the catalog does not know it")
                continue
            try:
                found = _sha256(self._read(row))
            except (OSError, TapelineError) as error:
                self._report(name, f"{row.key} cannot be read: {error}")
                continue
            if found != file["sha256"]:
                self._report(
                    name, f"{row.key} was changed: its SHA-256 is not the one that entry {entry} seals"
                )


def _content(row: ChainRow) -> dict[str, Any] | None:
    try:
        return read_content(json.loads(row.content))
    except (ValueError, NotCanonical):
        return None  # the checker has said so


def _sha256(blocks: Iterator[bytes]) -> str:
    hasher = hashlib.sha256()
    for block in blocks:
        hasher.update(block)
    return hasher.hexdigest()
