"""The part of the controller that delivers: claims what is due, sends it, notes what became of it.

Any number of controllers may do it side by side; a lease sees to it that each delivery is one's at a time.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from ..engine.hooks import DueDelivery, HookQueue
from .sender import TRY_S, Sender

log = structlog.get_logger(__name__)

#: Longer than a try with its looking up of the address; then somebody else may send it.
LEASE = timedelta(seconds=3 * TRY_S)
AT_ONCE = 64
POLL_S = 0.5
#: After the catalog could not be asked.
PAUSE_S = 5.0
CLEAN_EVERY = timedelta(hours=1)


class Dispatcher:
    """``error``: why nothing is delivered now; ""."""

    def __init__(
        self, queue: HookQueue, sender: Sender, now: Callable[[], datetime], *,
        keep: timedelta = timedelta(days=14), poll_s: float = POLL_S, lease: timedelta = LEASE,
    ) -> None:  # fmt: skip
        self._queue, self._sender, self._now = queue, sender, now
        self._keep, self._poll_s, self._lease = keep, poll_s, lease
        self._under_way: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._cleaned: datetime | None = None
        self.error = ""

    def poke(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        try:
            async with self._sender:
                while True:
                    await self._once()
                    try:
                        async with asyncio.timeout(PAUSE_S if self.error else self._poll_s):
                            await self._wake.wait()
                    except TimeoutError:
                        pass
                    self._wake.clear()
        finally:
            for task in self._under_way:
                task.cancel()

    async def _once(self) -> None:
        try:
            while await self._claim():
                pass
            await self._clean()
            self.error = ""
        except Exception as error:
            # The database is away, say: what is to be told is in it, and waits.
            self.error = f"{type(error).__name__}: {error}"[:300]
            log.error("webhooks.stuck", error=self.error)

    async def _claim(self) -> bool:
        room = AT_ONCE - len(self._under_way)
        if room <= 0:
            return False
        now = self._now()
        found = await self._queue.claim_deliveries(now, now + self._lease, secrets.token_hex(8), room)
        for due in found:
            task = asyncio.create_task(self._deliver(due))
            self._under_way.add(task)
            task.add_done_callback(self._ended)
        return bool(found)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        # There is room again, for the same endpoint's next.
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("webhooks.not_noted", error=f"{type(error).__name__}: {error}"[:300])

    async def _deliver(self, due: DueDelivery) -> None:
        outcome = await self._sender.send(due)
        mine = await self._queue.finish_delivery(due, outcome)
        if outcome.error:
            log.warning(
                "webhooks.failed", hook=due.hook.hook_id, message=due.delivery.message_id,
                tries=due.delivery.tries, state=str(outcome.state), error=outcome.error, noted=mine,
            )  # fmt: skip

    async def _clean(self) -> None:
        now = self._now()
        if self._cleaned is None or now - self._cleaned > CLEAN_EVERY:
            self._cleaned = now
            await self._queue.forget_deliveries(now - self._keep)
