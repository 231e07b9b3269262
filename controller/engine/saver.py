"""Write-behind: calls reach the catalog in batches, and no command ever waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import islice

import structlog

from ..core.calls import Call
from .crash_points import crash_point
from .leasing import Fenced
from .ports import Catalog
from .tenure import Sole, Tenure

log = structlog.get_logger(__name__)

#: After a failed write, wait so long; what changes meanwhile joins the batch.
RETRY_S = 1.0
#: What has not been written for so long is worth an alarm.
ALARM_S = 5.0
#: So many calls are written at a time: the event loop stands still while they are made into rows, and with
#: it every pause. A tenth of what waits if that is more, for many together cost less each; never more than
#: AT_MOST.
AT_ONCE, AT_MOST = 50, 200


class Saver:
    """Keeps what has changed since the last successful write; nothing is dropped, ever.

    ``on_ended`` is called after calls that have ended are safely in the catalog; ``tenure`` says under which
    epoch is written, and hears that it is over.
    """

    def __init__(
        self, catalog: Catalog, switch: str, on_ended: Callable[[], None], tenure: Tenure | None = None
    ) -> None:
        self._tenure = tenure or Sole()
        self._epoch = self._tenure.epoch
        self._catalog = catalog
        self._switch = switch
        self._on_ended = on_ended
        self._calls: dict[str, Call] = {}
        self._merged: dict[str, str] = {}
        self._wake = asyncio.Event()
        self._writing: dict[str, Call] = {}
        self._why, self._since = "", 0.0

    def put(self, calls: dict[str, Call], merged: dict[str, str]) -> None:
        for gone in merged:
            self._calls.pop(gone, None)
        self._calls.update(calls)
        self._merged.update(merged)
        if self._calls or self._merged:
            self._wake.set()

    @property
    def waiting(self) -> int:
        return len(self._calls) + sum(1 for call_id in self._writing if call_id not in self._calls)

    @property
    def waiting_calls(self) -> list[Call]:
        """Those that are being written too: it is not known yet whether they were."""
        return list({**self._writing, **self._calls}.values())

    @property
    def error(self) -> str:
        """Why nothing could be written for a while; "" if it can be."""
        lasts = (self._why or self._writing) and time.monotonic() - self._since >= ALARM_S
        return (self._why or "the database does not answer") if lasts else ""

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            if not await self.flush():
                await asyncio.sleep(RETRY_S)

    async def flush(self) -> bool:
        """Write all that is waiting; False if the catalog could not take it (it is kept)."""
        self._wake.clear()
        while self._calls or self._merged:
            if not await self._write_some():
                return False
        return True

    async def _write_some(self) -> bool:
        """Those that have waited longest."""
        portion = min(max(AT_ONCE, len(self._calls) // 10), AT_MOST)
        calls = {call_id: self._calls.pop(call_id) for call_id in list(islice(self._calls, portion))}
        merged, self._merged = self._merged, {}
        self._writing = calls
        if not self._why:
            self._since = time.monotonic()
        try:
            crash_point("calls.saving")
            await self._catalog.save(self._switch, list(calls.values()), merged, epoch=self._epoch)
            crash_point("calls.saved")
        except BaseException as error:
            self._merged = {**merged, **self._merged}
            # Behind the others, for one that is never taken may not keep them waiting; without those that
            # have changed or became part of another call while the write was under way.
            waiting = self._calls | {k: call for k, call in calls.items() if k not in self._calls}
            self._calls = {k: call for k, call in waiting.items() if k not in self._merged}
            self._wake.set()
            if not isinstance(error, Exception):
                raise
            if isinstance(error, Fenced):
                log.error("catalog.fenced", switch=self._switch, calls=len(calls), epoch=self._epoch)
                self._tenure.fenced()
                return False
            log.error("catalog.save_failed", switch=self._switch, calls=len(calls), error=str(error)[:300])
            self._why = str(error)[:300] or type(error).__name__
            return False
        finally:
            self._writing = {}
        self._why = ""
        if any(call.ended_at or any(r.ended_at for r in call.recordings) for call in calls.values()):
            self._on_ended()
        return True
