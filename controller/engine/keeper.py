"""Keeps this node's leases: asks for those that are free, renews what it has, notices what it has lost.

When the database does not answer, nobody can renew and nobody can take over. Whether it is away for all or
for us alone cannot be seen from here, but the others can say: every controller that could take a switch over
is asked to promise that it will not, which it does only while the database is away for it as well, and for
no longer than a lease lasts. With the promise of all of them (of none, where there is no other) the holder
goes on; without it, it falls silent before its lease can be taken. Captures in the switch run on either way.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Protocol, TypeVar

import structlog

from ..core.leases import STEADY_S, TTL_S, LeaseState, Rival, may_ask
from .bounded import within
from .leased import LeasedTenure
from .leasing import Cluster, Controller, HeldLease, LeaseStore

log = structlog.get_logger(__name__)

#: A lease is renewed, and a free one looked for, so often.
ROUND_S = 0.5
#: So long one question may take; the next one asks anew.
ANSWER_S = 1.2
#: So long another controller may take to answer; it is near, or it is away.
PEER_S = 0.4

T = TypeVar("T")


def boot_clock() -> float:
    """Seconds that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Peers(Protocol):
    """What controllers ask each other about leases. Never raises; False is also "no answer"."""

    async def vouch(self, peer: Controller, switch: str) -> bool:
        """Whether it promises not to take this switch for as long as a lease lasts."""

    async def acts(self, peer: Controller, switch: str) -> bool:
        """Whether it says that it controls this switch now."""


class NoPeers:
    """Nobody can be asked."""

    async def vouch(self, peer: Controller, switch: str) -> bool:
        return False

    async def acts(self, peer: Controller, switch: str) -> bool:
        return False


class Keeper:
    """``me.prefers``: switches that this node is meant to have."""

    def __init__(
        self, store: LeaseStore, me: Controller, switches: Iterable[str], *,
        peers: Peers | None = None, clock: Callable[[], float] = boot_clock,
    ) -> None:  # fmt: skip
        self.me = me
        self.cluster = Cluster({}, {})
        self._store = store
        self._clock = clock
        self._peers = peers or NoPeers()
        self._tenures = {name: LeasedTenure(name, store, me.name, clock, self.leave) for name in switches}
        self._touched = float("-inf")
        self._in_touch_since: float | None = None
        self._steady: dict[str, float] = {}
        self._leaving = False
        self.error = ""

    def tenure(self, switch: str) -> LeasedTenure:
        return self._tenures[switch]

    def others(self) -> list[Controller]:
        """Who else lives, whatever it does."""
        return [c for c in self.cluster.controllers.values() if c.name != self.me.name and c.alive]

    @property
    def held(self) -> dict[str, int]:
        """Switch → epoch, of what may be acted on now."""
        return {n: t.epoch for n, t in self._tenures.items() if t.epoch is not None and t.may_act()}

    async def run(self) -> None:
        """Never returns by itself; cancel it when nothing acts any more."""
        watch = asyncio.create_task(self._watch())
        try:
            while True:
                began = self._clock()
                await self.once()
                await asyncio.sleep(max(0.05, ROUND_S - (self._clock() - began)))
        finally:
            watch.cancel()

    async def once(self) -> None:
        """One round."""
        try:
            await self._round()
            self._tell("")
        except Exception as error:
            self._in_touch_since = None
            self._tell(str(error)[:300] or "the database does not answer")
            await self._go_on()

    def _tell(self, error: str) -> None:
        if bool(error) != bool(self.error):
            if error:
                log.warning("lease.out_of_touch", why=error)
            else:
                log.info("lease.in_touch")
        self.error = error

    async def _go_on(self) -> None:
        """The database does not answer: what we have stays ours while nobody else can take it."""
        active = [t for t in self._tenures.values() if t.may_act() and t.epoch is not None]
        others = {t.switch: self._others(t.switch) for t in active}
        asked_at = self._clock()
        asked = [self._peers.vouch(peer, switch) for switch, peers in others.items() for peer in peers]
        answers = iter(await asyncio.gather(*asked, return_exceptions=True))
        for tenure in active:
            promised = [next(answers) for _ in others[tenure.switch]]
            if all(p is True for p in promised) and tenure.epoch is not None:
                tenure.lease.given(tenure.epoch, asked_at, self._clock())

    def vouch(self, switch: str) -> bool:
        """Another controller, for which the database is away, asks us to leave it what it has."""
        tenure = self._tenures.get(switch)
        if tenure is None:
            return True
        if self._in_touch_since is not None or not self.error or not tenure.may_promise():
            return False
        tenure.promise()
        return True

    def acts(self, switch: str) -> bool:
        tenure = self._tenures.get(switch)
        return tenure is not None and tenure.may_act()

    async def _watch(self) -> None:
        """What runs out does so by our clock, whether or not the database answers."""
        while True:
            now, soonest = self._clock(), TTL_S
            for tenure in self._tenures.values():
                if tenure.lease.look_at_clock(now):
                    log.error("lease.run_out", switch=tenure.switch, epoch=tenure.epoch)
                    tenure.changed()
                elif tenure.lease.state is LeaseState.ACTIVE:
                    soonest = min(soonest, tenure.lease.until - now)
            await asyncio.sleep(max(0.02, min(0.5, soonest)))

    async def _round(self) -> None:
        sent = self._clock()
        held = {
            n: t.epoch for n, t in self._tenures.items() if t.lease.state is LeaseState.ACTIVE and t.epoch
        }
        cluster = await _bounded(self._store.round(self.me, held, TTL_S))
        now = self._clock()
        if self._in_touch_since is None or now - self._touched > TTL_S:
            self._in_touch_since = sent
        self._touched = now
        self.cluster = cluster
        for switch, epoch in held.items():
            self._renewed(self._tenures[switch], epoch, sent, now)
        self._hand_over(now)
        for tenure in self._tenures.values():
            if tenure.lease.state is LeaseState.STANDING_BY and not self._leaving:
                await self._stand_by(tenure)

    def _renewed(self, tenure: LeasedTenure, epoch: int, sent: float, now: float) -> None:
        row = self.cluster.leases.get(tenure.switch)
        if row is not None and row.holder == self.me.name and row.epoch == epoch:
            tenure.lease.given(epoch, sent, now)
        else:
            tenure.lease.taken(epoch)
            if tenure.lease.state is LeaseState.LOSING:
                log.error("lease.taken", switch=tenure.switch, by=row.holder if row else "", epoch=epoch)
                tenure.changed()

    async def _stand_by(self, tenure: LeasedTenure) -> None:
        row = self.cluster.leases.get(tenure.switch)
        now = self._clock()
        if row is not None and not row.free:
            tenure.free_since = None
            return
        if tenure.free_since is None:
            tenure.free_since = now
        since = self._in_touch_since
        wanted = may_ask(
            # What only we had is ours again at once: nobody has asked for it since.
            free=True, released=row is None or row.released or row.holder == self.me.name,
            free_for_s=now - tenure.free_since, in_touch_s=0.0 if since is None else now - since,
            prefer=tenure.switch in self.me.prefers, rivals=self._rivals(tenure.switch, row),
        )  # fmt: skip
        if not wanted or tenure.promised:
            return
        if row is not None and row.holder not in ("", self.me.name) and await self._still_acts(row):
            return  # the database is away for it, and everybody that it knew has promised
        sent = self._clock()
        tenure.unsure_until = float("inf")
        epoch = None
        try:
            epoch = await _bounded(self._store.acquire(tenure.switch, self.me.name, TTL_S))
        except BaseException:
            tenure.unsure_until = self._clock() + 2 * TTL_S
            raise
        tenure.unsure_until = float("-inf")
        if epoch is None:
            tenure.free_since = None
        elif tenure.lease.given(epoch, sent, self._clock()):
            log.info("lease.taken_over", switch=tenure.switch, epoch=epoch, before=row.holder if row else "")
            tenure.changed()

    async def _still_acts(self, row: HeldLease) -> bool:
        holder = self.cluster.controllers.get(row.holder)
        return holder is not None and await self._peers.acts(holder, row.switch)

    def _rivals(self, switch: str, row: HeldLease | None) -> list[Rival]:
        """Whoever has let it run out is none."""
        others = [c for c in self._others(switch) if row is None or c.name != row.holder]
        return [Rival(switch in c.prefers) for c in others]

    def _others(self, switch: str) -> list[Controller]:
        """Those that could take it, as of the last look around."""
        found = self.cluster.controllers.values()
        return [c for c in found if c.name != self.me.name and c.alive and switch in c.switches]

    def _hand_over(self, now: float) -> None:
        """What another one is meant to have goes to it, once it has lived steadily for a while."""
        alive = {c.name for c in self.cluster.controllers.values() if c.alive}
        self._steady = {name: self._steady.get(name, now) for name in alive}
        for tenure in self._tenures.values():
            if tenure.lease.state is not LeaseState.ACTIVE or tenure.switch in self.me.prefers:
                continue
            meant = [c for c in self._others(tenure.switch) if tenure.switch in c.prefers]
            if any(now - self._steady[c.name] >= STEADY_S for c in meant):
                log.info("lease.handed_over", switch=tenure.switch, to=meant[0].label)
                tenure.give_up()

    async def leave(self) -> None:
        """We end: nothing is asked for any more, and nobody leaves anything to us."""
        if self._leaving:
            return
        self._leaving = True
        self.me = replace(self.me, prefers=(), switches=())
        await self.sign_off()

    async def sign_off(self) -> None:
        with contextlib.suppress(Exception):
            await _bounded(self._store.sign_off(self.me.name))


async def _bounded(question: Awaitable[T]) -> T:
    """Its answer within `ANSWER_S`; a network that swallows packets gives none."""
    try:
        return await within(ANSWER_S, question)
    except TimeoutError as error:
        raise TimeoutError("the database does not answer in time") from error
