"""One switch's lease as its engine sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from ..core.leases import TTL_S, Lease, LeaseState
from .leasing import LeaseStore

log = structlog.get_logger(__name__)

#: Giving back what we have, when we end.
_LEAVE_S = 2.0


class LeasedTenure:
    """One switch's part of the keeper (engine.tenure.Tenure)."""

    leased = True

    def __init__(
        self, switch: str, store: LeaseStore, name: str, clock: Callable[[], float],
        leave: Callable[[], Awaitable[None]],
    ) -> None:  # fmt: skip
        self.switch = switch
        self.lease = Lease()
        self._store = store
        self._name = name
        self._clock = clock
        self._changed = asyncio.Event()
        #: Since when we have seen that nobody has it.
        self.free_since: float | None = None
        #: Until then we leave it to the one that has it (see `Keeper.vouch`).
        self.promised_until = float("-inf")
        self._leave = leave
        #: A question whose answer we do not know may have been granted.
        self.unsure_until = float("-inf")

    @property
    def epoch(self) -> int | None:
        return self.lease.epoch

    def may_act(self) -> bool:
        return self.lease.may_act(self._clock())

    def may_write(self) -> bool:
        return self.lease.may_write(self._clock())

    async def won(self) -> None:
        await self._until(lambda: self.lease.state is LeaseState.ACTIVE)

    async def lost(self) -> None:
        await self._until(lambda: self.lease.state is not LeaseState.ACTIVE)

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    def fenced(self) -> None:
        if self.lease.epoch is not None:
            self.lease.taken(self.lease.epoch)
        self.changed()

    def changed(self) -> None:
        self._changed.set()

    def may_promise(self) -> bool:
        """Whether it is certain that we do not have it."""
        standing_by = self.lease.state is LeaseState.STANDING_BY
        return standing_by and self._clock() >= self.unsure_until

    def promise(self) -> None:
        self.promised_until = self._clock() + TTL_S

    @property
    def promised(self) -> bool:
        return self._clock() < self.promised_until

    def give_up(self) -> None:
        self.lease.give_up()
        self.changed()

    async def settled(self, *, ending: bool = False) -> None:
        self.lease.give_up()
        if ending:
            await self._leave()
        epoch, ours = self.lease.epoch, self.lease.may_write(self._clock())
        if ours and epoch is not None:
            try:
                async with asyncio.timeout(_LEAVE_S):
                    await self._store.release(self.switch, self._name, epoch)
            except Exception as error:
                # It runs out by itself, three seconds later.
                log.warning("lease.not_given_back", switch=self.switch, why=str(error)[:200])
        self.lease.settled()
        self.free_since = None
        self.changed()
