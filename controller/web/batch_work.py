"""Works off what was asked for many recordings: a few at a time, from where it was when a process died.

What the asker may is asked again before each step, with the account as it is then.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import structlog

from ..core.errors import TapelineError
from ..core.roles import Permission, allows
from ..engine.batches import Batch, BatchState
from ..engine.reading import Account
from .access import sound
from .deeds import DEEDS, do
from .problems import Problem
from .services import Services
from .zipping import ZipMaker

log = structlog.get_logger(__name__)

#: A ZIP can be fetched so long, and a list of what was done is kept so long.
KEPT = timedelta(hours=24)
#: Whoever has not been heard of for so long has died.
STALE = timedelta(minutes=2)
#: So many are done between two looks at the rights, and the catalog's lock is given back.
AT_ONCE = 20
_EVERY_S = 5.0
#: Of the disk, so much stays free of ZIPs.
_SPARE = 0.1


class BatchWork:
    """One for a process; several processes share the work by the catalog."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._wake = asyncio.Event()

    def poke(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        if self._services.batches is None:
            return
        while True:
            self._wake.clear()
            try:
                await self.round()
            except Exception:
                # The database is away, say: what is to be done is in it and waits there.
                log.exception("the work on many recordings could not go on; it is tried again")
            with contextlib.suppress(TimeoutError):
                # Not wait_for: up to Python 3.11 it loses a cancellation that meets the wake-up.
                async with asyncio.timeout(_EVERY_S):
                    await self._wake.wait()

    async def round(self) -> None:
        """All that waits now, and the old put away."""
        store = self._services.batches
        assert store is not None
        for batch_id in await store.expired_batches(self._services.now()):
            self.forget(batch_id)
        while True:
            now = self._services.now()
            batch = await store.next_batch(now - STALE, now)
            if batch is None:
                return
            await self._one(batch)

    def path(self, batch_id: str) -> Path:
        assert self._services.exports is not None
        return self._services.exports / f"{batch_id}.zip"

    def forget(self, batch_id: str) -> None:
        if self._services.exports is not None:
            self.path(batch_id).unlink(missing_ok=True)

    async def _one(self, batch: Batch) -> None:
        try:
            if batch.kind == "zip":
                batch = await self._zip(batch)
            else:
                batch = await self._deed(batch)
            batch = replace(batch, state=BatchState.DONE)
        except (Problem, TapelineError, OSError) as error:
            why = error.detail if isinstance(error, Problem) else str(error)
            batch = replace(batch, state=BatchState.FAILED, error=why[:500])
            self.forget(batch.batch_id)
        await self._save(replace(batch, ended_at=self._services.now()))

    async def _deed(self, batch: Batch) -> Batch:
        refused: Counter[str] = Counter(dict(batch.refused))
        while batch.done < len(batch.ids):
            me = await self._asker(batch)
            some = list(batch.ids[batch.done : batch.done + AT_ONCE])
            why = await do(self._services, me, batch.kind, batch.value, some, batch.address)
            refused.update(why.values())
            batch = replace(batch, done=batch.done + len(some), refused=tuple(refused.most_common(20)))
            if not await self._save(batch):
                break
        return batch

    async def _zip(self, batch: Batch) -> Batch:
        """From its beginning: half a ZIP is none."""
        exports = self._services.exports
        if exports is None:
            raise Problem(501, "This controller makes no ZIPs.")
        exports.mkdir(mode=0o700, parents=True, exist_ok=True)
        refused: Counter[str] = Counter()
        batch = replace(batch, done=0, refused=())
        with ZipMaker(self.path(batch.batch_id), self._services) as made:
            for n, recording_id in enumerate(batch.ids, 1):
                me = await self._asker(batch)
                detail = await self._services.reader.recording(me.scope, recording_id)
                if detail is None:
                    refused["it is gone"] += 1
                else:
                    usage = shutil.disk_usage(exports)
                    if usage.free < usage.total * _SPARE:
                        raise Problem(507, "There is too little room on the disk for this ZIP.")
                    why = await made.add(detail, allows(me.role, Permission.SEE_UNREDACTED))
                    if why:
                        refused[why] += 1
                batch = replace(batch, done=n, refused=tuple(refused.most_common(20)), size=made.size)
                if n % AT_ONCE == 0 and not await self._save(batch):
                    raise Problem(410, "It was taken away.")
            await made.finish()
        if made.count == 0:
            raise Problem(409, "None of them can be heard.")
        return replace(batch, size=self.path(batch.batch_id).stat().st_size)

    async def _asker(self, batch: Batch) -> Account:
        """Raises Problem for whoever may not do this any more."""
        me = await self._services.accounts.account(batch.account_id)
        if me is None or not sound(me) or not allows(me.role, DEEDS[batch.kind].permission):
            raise Problem(403, "Whoever asked for it may not do this any more.")
        return me

    async def _save(self, batch: Batch) -> bool:
        store = self._services.batches
        assert store is not None
        return await store.save_batch(replace(batch, beat_at=self._services.now()))
