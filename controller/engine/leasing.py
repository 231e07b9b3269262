"""What the engine and the catalog say to each other about who controls which switch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ..core.errors import TapelineError
from ..core.leases import TTL_S


class Fenced(TapelineError):
    """A write under an epoch that is over: somebody else has the switch since. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Controller:
    """One `tapeline serve` as the others see it. ``name`` is of this process alone, ``label`` what people
    call its machine; ``address`` is where the others reach it, "": nowhere. ``idle_s``: so long ago it was
    seen, on the database's clock."""

    name: str
    label: str
    address: str
    roles: tuple[str, ...]
    switches: tuple[str, ...]
    prefers: tuple[str, ...]
    key_mark: str
    version: str
    started_at: datetime
    seen_at: datetime
    idle_s: float = 0.0

    @property
    def alive(self) -> bool:
        return self.idle_s < ALIVE_S


#: Who was not seen for so long is taken for gone: as long as a lease lasts, so that whoever takes over what
#: somebody dead has left does not wait for that one, nor hands it back.
ALIVE_S = TTL_S


@dataclass(frozen=True, slots=True)
class HeldLease:
    """The row of one switch. ``left_s``: how long it still lasts, below zero: since when it is free."""

    switch: str
    epoch: int
    holder: str
    since: datetime
    left_s: float

    @property
    def free(self) -> bool:
        return not self.holder or self.left_s <= 0

    @property
    def released(self) -> bool:
        return not self.holder


@dataclass(frozen=True, slots=True)
class Cluster:
    """All there is at one moment."""

    leases: Mapping[str, HeldLease]
    controllers: Mapping[str, Controller]

    def holder_of(self, switch: str) -> Controller | None:
        """Who has it now; None: nobody, or somebody of whom nothing is known."""
        lease = self.leases.get(switch)
        return None if lease is None or lease.free else self.controllers.get(lease.holder)

    def held_by(self, name: str) -> tuple[str, ...]:
        return tuple(s for s, lease in self.leases.items() if lease.holder == name and not lease.free)

    @classmethod
    def of_one(cls, me: Controller) -> Cluster:
        """Where there is no other controller: everything is its own."""
        leases = {s: HeldLease(s, 0, me.name, me.started_at, float("inf")) for s in me.switches}
        return cls(leases, {me.name: me})


class LeaseStore(Protocol):
    """Every method in one short transaction. Raises whatever a database that is away raises."""

    async def round(self, me: Controller, held: Mapping[str, int], ttl_s: float) -> Cluster:
        """Say that we live, renew what we hold (switch → epoch) where it still is ours, and look around."""

    async def acquire(self, switch: str, holder: str, ttl_s: float) -> int | None:
        """Take it if it is free; the new epoch, or None."""

    async def release(self, switch: str, holder: str, epoch: int) -> None:
        """Give it back, if it still is ours."""

    async def sign_off(self, name: str) -> None:
        """This controller ends; nobody leaves anything to it any more."""

    async def look(self) -> Cluster: ...
