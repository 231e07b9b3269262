"""The background work that seals: what the audit and the recordings have and the chains have not.

It keeps no queue: what is not sealed yet is found by comparing, so a process killed at any step does the
same again, and two processes seal nothing twice (the catalog takes each source once).
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from ..core.errors import TapelineError
from ..engine.chain import ChainRow, ChainStore, Unsealed, audit_source, recording_source
from ..engine.media_ports import MediaState
from ..engine.people import AuditEntry
from ..engine.reading import CatalogReader, Scope
from .entry import BEGIN, KEY, Draft, next_key, seal
from .errors import KeyProblem
from .facts import audit_draft, recording_draft
from .signing import Keyring

log = structlog.get_logger(__name__)

#: So many things are sealed in one transaction: some milliseconds on SQLite's one writer.
BATCH = 25
#: A catalog that is older than its chain takes hours at most; calls come first all that time.
_REST_S = 0.05
#: So far behind the newest seen a look goes on looking: a transaction may be committed late.
_OVERLAP = timedelta(hours=1)
_OVERLAP_NUMBERS = 5_000
#: And so often everything is looked at, however old.
_WHOLE_S = 6 * 3600.0
#: In which a recording is sealed; it may have gone on since it was found.
_M = MediaState
SEALED_STATES = (_M.AVAILABLE, _M.WITHHELD, _M.EMPTY, _M.DISCARDED)


class Catalog(ChainStore, CatalogReader, Protocol):
    """What the sealer needs of the catalog."""


class Sealer:
    """``keys`` reads the keys (blocking). ``step`` is told where the work stands; tests die there."""

    def __init__(
        self,
        catalog: Catalog,
        keys: Callable[[], Keyring],
        now: Callable[[], datetime],
        *,
        poll_s: float = 5.0,
        step: Callable[[str], None] = lambda name: None,
    ) -> None:
        self._catalog = catalog
        self._keys = keys
        self._now = now
        self._poll_s = poll_s
        self._step = step
        self._since: datetime | None = None
        self._after = 0
        self._whole_at = 0.0
        self._bad: set[str] = set()
        self.error = ""

    async def run(self) -> None:
        """Seal what comes. Never returns by itself; cancel it to stop."""
        while True:
            try:
                await self.drain(_REST_S)
                self.error = ""
            except Exception as error:
                # The database is away, or a key is. What is not sealed stays to be sealed.
                if str(error) != self.error:
                    log.exception("the proof chain could not be continued")
                self.error = str(error)
            await asyncio.sleep(self._poll_s)

    async def drain(self, rest_s: float = 0.0) -> int:
        """Seal everything that is due now, with a rest after each batch; how many entries that made.

        Raises KeyProblem.
        """
        keys = await asyncio.to_thread(self._keys)
        if time.monotonic() >= self._whole_at:
            self._since, self._after = None, 0
        began, sealed = self._now(), 0
        newest = await self._catalog.newest_audit()
        while due := await self._due():
            added = 0
            for tenant, drafts in due.items():
                added += await self._seal(keys, tenant, drafts)
            sealed += added
            await asyncio.sleep(rest_s)
            if added == 0:
                break  # others have sealed them meanwhile, or they cannot be: the next look tells
        if self._since is None:
            self._whole_at = time.monotonic() + _WHOLE_S
        self._since = began - _OVERLAP
        self._after = max(self._after, newest - _OVERLAP_NUMBERS)
        return sealed

    async def hand_over(self) -> int:
        """Let the newest key take over in every chain; how many it did in. Raises KeyProblem."""
        keys = await asyncio.to_thread(self._keys)
        added = 0
        for tenant in await self._catalog.chain_tenants():
            added += await self._seal(keys, tenant, [])
        return added

    async def _due(self) -> dict[str, list[Draft]]:
        """At most a batch each of the audit's lines and the recordings, by tenant.

        What a line tells of a recording (its originals were given up, it is in the trash) has to stand
        before the facts that are so because of it. So of the recordings that are due every line is read
        that was there when they were found, and only then the recordings themselves: whatever is done to
        one meanwhile marks it anew.
        """
        drafts: dict[str, list[Draft]] = defaultdict(list)
        skipped = len(self._bad)
        unsealed = await self._catalog.unsealed_recordings(self._since, BATCH + skipped)
        lines: Sequence[tuple[int, AuditEntry]] = ()
        while lines := await self._catalog.unsealed_audit(self._after, BATCH):
            for number, line in lines:
                if (source := audit_source(number)) not in self._bad:
                    drafts[line.tenant or ""].append(audit_draft(line, source))
            newest = lines[-1][0]
            if any(drafts.values()):
                self._after = max(self._after, lines[0][0] - _OVERLAP_NUMBERS)
                break
            self._after = newest  # all of these are bad ones: look behind them
        if len(lines) == BATCH:
            unsealed = []  # there may be more lines, some of them about these
        for found in unsealed:
            source = recording_source(found.recording_id, found.marked_at)
            if source in self._bad:
                continue
            # What its tenant sees of it: another tenant's party in the call is somebody outside.
            scope = Scope(found.tenant or None)
            detail = await self._catalog.recording(scope, found.recording_id, trashed=True, withheld=True)
            if detail is not None and detail.row.media_state in SEALED_STATES:
                drafts[found.tenant].append(recording_draft(detail, source, found.marked_at))
        self._step("read")
        return drafts

    async def _seal(self, keys: Keyring, tenant: str, drafts: Sequence[Draft]) -> int:
        def extend(last: ChainRow | None, known: Collection[str]) -> list[ChainRow]:
            fresh = [d for d in drafts if d.source not in known]
            rows = self._rows(keys, tenant, last, fresh)
            self._step("signed")
            return rows

        states = [Unsealed(tenant, d.subject, d.marked_at) for d in drafts if d.marked_at is not None]
        added = await self._catalog.extend_chain(tenant, [d.source for d in drafts], extend, states)
        self._step("appended")
        return len(added)

    def _rows(
        self, keys: Keyring, tenant: str, last: ChainRow | None, drafts: Iterable[Draft]
    ) -> list[ChainRow]:
        now, rows = self._now(), []
        signer = keys.current
        if last is None:
            opening = Draft("begin", tenant, now, BEGIN, {"key": signer.public})
            rows.append(last := seal(opening, tenant, None, signer, now))
        elif (expected := next_key(last)) != signer.public:
            old = keys.find(expected)
            if old is None:
                raise KeyProblem(
                    f"the chain of {tenant or 'the system'!r} goes on with the key {expected}, which is "
                    "not in the key file: put that key back (`tapeline proof rotate` keeps the old keys)"
                )
            handing = Draft(f"key:{signer.public}", tenant, now, KEY, {"key": signer.public})
            rows.append(last := seal(handing, tenant, last, old, now))
        # The audit's lines first: a recording is dated at the end of its call, whatever was done since.
        for draft in sorted(drafts, key=lambda d: (d.marked_at is not None, d.at, d.source)):
            try:
                rows.append(last := seal(draft, tenant, last, signer, now))
            except TapelineError as error:
                # One that cannot be written down keeps the others not waiting; verify names it.
                log.warning("something cannot be sealed", source=draft.source, why=str(error))
                self._bad.add(draft.source)
        return rows
