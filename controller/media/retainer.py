"""The background work of retention: what is due goes into the trash, what is over there is purged.

Nothing is queued: what is to be done follows from the rules and the rows, so a process killed anywhere
does the rest the next time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from ..core.retention import RetentionRule, Verdict
from ..engine.erasing import TrashStore
from ..engine.outlook import Outlook, fates, outlook
from ..engine.people import Scope
from ..engine.retention import RetentionStore, Stand, digest_of
from .erasing import Eraser

log = structlog.get_logger(__name__)

#: Who deletes, in the audit.
BY = "retention"


class Catalog(RetentionStore, TrashStore, Protocol):
    """What the retainer needs of the catalog."""


@dataclass(slots=True)
class Round:
    """What one round did. ``waiting``: tenants of which too much would go because of changed rules."""

    trashed: int = 0
    #: What only a legal hold kept, and none does now: the pipeline destroys it.
    released: Sequence[str] = ()
    purged: int = 0
    traced: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, Stand] = field(default_factory=dict)
    stuck: dict[str, str] = field(default_factory=dict)


class Retainer:
    """``confirm_above``: more than so many at once, or more than half, because of changed rules, wait for
    an administrator's word. ``batch`` recordings go into the trash in one transaction."""

    def __init__(
        self,
        catalog: Catalog,
        eraser: Eraser,
        now: Callable[[], datetime],
        *,
        every_s: float = 3600.0,
        batch: int = 100,
        confirm_above: int = 10_000,
        rest_s: float = 0.05,
        doubt: Callable[[], timedelta] = timedelta,
    ) -> None:
        self._catalog = catalog
        self._eraser = eraser
        self._now = now
        self._every_s = every_s
        self._batch = batch
        self._confirm_above = confirm_above
        self._rest_s = rest_s
        self._wake = asyncio.Event()
        self._told: dict[str, str] = {}
        self.stuck: dict[str, str] = {}
        #: By how much the machine's clock is not believed (engine.trusted_clock). Blocking.
        self.doubt = doubt

    def poke(self) -> None:
        """Something is to be deleted now: look at once. To be called on the event loop."""
        self._wake.set()

    async def run(self) -> None:
        """Never returns by itself; cancel it to stop."""
        while True:
            self._wake.clear()
            try:
                self._tell(await self.round())
            except Exception:
                # The database is away, say. What is due stays due.
                log.exception("retention could not be carried out; it is tried again")
            # What was purged is not over before the chain tells of it, which takes the sealer seconds.
            left = await self._left()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(10.0, self._every_s) if left else self._every_s):
                    await self._wake.wait()

    def _tell(self, done: Round) -> None:
        for tenant, stand in done.waiting.items():
            if self._told.get(tenant) != stand.waiting:
                log.warning(
                    "retention waits for somebody's word", tenant=tenant, would_go=stand.would_go,
                    of=stand.of_all,
                )  # fmt: skip
        self._told = {tenant: stand.waiting for tenant, stand in done.waiting.items()}

    async def _left(self) -> bool:
        try:
            return await self._eraser.waiting_for_the_chain() > 0
        except Exception as error:
            log.warning("retention cannot ask the catalog", why=str(error))
            return False

    async def round(self, tenants: Sequence[str] | None = None) -> Round:
        """Everything that is due now: of these tenants, or of all."""
        done = Round()
        if tenants is None:
            done.released = await self._catalog.release_withheld()
        for tenant in await self._catalog.retention_tenants():
            if tenants is None or tenant in tenants:
                await self._tenant(tenant, done)
        await self._purge(done, tenants)
        self.stuck = dict(done.stuck)
        return done

    async def preview(
        self, tenant: str, rules: Sequence[RetentionRule] | None = None, days: int = 7
    ) -> Outlook:  # fmt: skip
        """What will go, under the rules in force or under others."""
        if rules is None:
            rules = await self._catalog.retention_rules(Scope(tenant))
        return await outlook(self._catalog, tenant, rules, self._now(), days=days)

    async def _tenant(self, tenant: str, done: Round) -> None:
        rules = await self._catalog.retention_rules(Scope(tenant))
        digest, stand = digest_of(rules), await self._catalog.stand(tenant)
        if stand.accepted != digest:
            found = await outlook(self._catalog, tenant, rules, self._now(), days=0, name=0)
            if found.most or found.due > self._confirm_above or not found.whole:
                since = stand.since if stand.waiting == digest else self._now()
                waiting = Stand(tenant, stand.accepted, digest, found.due, found.total, since)
                await self._catalog.wait_for_word(waiting)
                done.waiting[tenant] = waiting
                return
            await self._catalog.accept_rules(tenant, digest)
        await self._trash(tenant, rules, done)

    async def _trash(self, tenant: str, rules: Sequence[RetentionRule], done: Round) -> None:
        holds, now = await self._catalog.holds_in_force(tenant), self._now()
        due: dict[str, str] = {}
        async for recording, fate in fates(self._catalog, tenant, rules, holds, now, now):
            if fate.verdict is Verdict.DUE:
                due[recording.recording_id] = fate.reason
            if len(due) >= self._batch:
                await self._put(tenant, due, done)
                due = {}
        await self._put(tenant, due, done)

    async def _put(self, tenant: str, due: dict[str, str], done: Round) -> None:
        by_reason: dict[str, list[str]] = {}
        for recording_id, why in due.items():
            by_reason.setdefault(why.rpartition(": ")[2], []).append(recording_id)
        for why, ids in by_reason.items():
            # Holds and minimums are looked at once more, in the transaction.
            result = await self._catalog.trash(Scope(tenant), ids, BY, f"retention: {why}")
            done.trashed += len(result.done)
            done.refused |= result.refused
            await asyncio.sleep(self._rest_s)

    async def _purge(self, done: Round, tenants: Sequence[str] | None) -> None:
        tried: set[str] = set()
        while True:
            result = await self._eraser.purge_due(self._batch, tenants)
            done.purged += len(result.done)
            done.traced += result.traced
            done.stuck |= result.waiting
            new = set(result.looked) - tried
            tried |= new
            if not new:
                return
            await asyncio.sleep(self._rest_s)
