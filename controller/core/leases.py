"""Who controls a switch: one node's view of a lease that the catalog keeps. Pure; times are seconds of the
node's own clock, which never stands still and is never set.

The lease lasts for `TTL_S` on the database's clock from the moment in which the database gave or renewed
it. The node cannot see that clock. It counts from before it has asked, and stops a little early: whatever
the way there and back took, and however its own clock goes (within `CLOCK_RATE`), it has stopped acting
before anybody else can be given the lease.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

#: How long a lease lasts if it is not renewed.
TTL_S = 2.5
#: How much faster or slower than the database's clock ours may go, as a fraction (a crystal's is 0.0001).
CLOCK_RATE = 0.02
#: A command that was sent at the last moment is to reach the switch before another's.
MARGIN_S = 0.2


def safe_s(ttl_s: float = TTL_S) -> float:
    """So long after it has asked may a node act on what it was given."""
    return ttl_s * (1 - CLOCK_RATE) - MARGIN_S


class LeaseState(StrEnum):
    STANDING_BY = "standing by"
    ACTIVE = "active"
    #: It acts no more and is tidying up; until that is done it cannot be active again.
    LOSING = "losing"


class LeaseEvent(StrEnum):
    GIVEN = "given"  # or renewed
    TAKEN = "taken"  # somebody else has it
    RUN_OUT = "run out"  # it could not be renewed in time
    GIVEN_UP = "given up"  # in good order, to somebody else or because we end
    SETTLED = "settled"  # everything that acted has stopped


_S, _E = LeaseState, LeaseEvent

#: What is not in it changes nothing.
TRANSITIONS: dict[tuple[LeaseState, LeaseEvent], LeaseState] = {
    (_S.STANDING_BY, _E.GIVEN): _S.ACTIVE,
    (_S.ACTIVE, _E.GIVEN): _S.ACTIVE,
    (_S.ACTIVE, _E.TAKEN): _S.LOSING,
    (_S.ACTIVE, _E.RUN_OUT): _S.LOSING,
    (_S.ACTIVE, _E.GIVEN_UP): _S.LOSING,
    (_S.LOSING, _E.SETTLED): _S.STANDING_BY,
}


@dataclass(slots=True)
class Lease:
    """``epoch``: the fencing number, which grows with every new holder; None: never had it."""

    state: LeaseState = LeaseState.STANDING_BY
    epoch: int | None = None
    until: float = float("-inf")

    def may_act(self, now: float) -> bool:
        return self.state is LeaseState.ACTIVE and now < self.until

    def may_write(self, now: float) -> bool:
        """What is in memory may still be written by whoever is giving it up in good order."""
        return self.state is not LeaseState.STANDING_BY and now < self.until

    def given(self, epoch: int, asked_at: float, now: float) -> bool:
        """The database says that it is ours; ``asked_at``: when we sent the question. False: it comes too
        late, or is about an epoch that we have given up."""
        until = asked_at + safe_s()
        if now >= until or not self._may_be_given(epoch):
            return False
        if self._move(LeaseEvent.GIVEN):
            self.epoch, self.until = epoch, max(until, self.until)
        return self.state is LeaseState.ACTIVE

    def _may_be_given(self, epoch: int) -> bool:
        if self.state is LeaseState.ACTIVE:
            return epoch == self.epoch
        return self.epoch is None or epoch > self.epoch

    def taken(self, epoch: int) -> None:
        """The database says that somebody else has it, or had it since; ``epoch``: about which of ours."""
        if epoch == self.epoch and self._move(LeaseEvent.TAKEN):
            self.until = float("-inf")

    def look_at_clock(self, now: float) -> bool:
        """True if it has run out with this look."""
        return now >= self.until and self._move(LeaseEvent.RUN_OUT)

    def give_up(self) -> None:
        self._move(LeaseEvent.GIVEN_UP)

    def settled(self) -> None:
        if self._move(LeaseEvent.SETTLED):
            self.until = float("-inf")

    def _move(self, event: LeaseEvent) -> bool:
        found = TRANSITIONS.get((self.state, event))
        if found is None:
            return False
        self.state = found
        return True


@dataclass(frozen=True, slots=True)
class Rival:
    """Another node that lives and could have this switch. ``prefers``: it is meant to."""

    prefers: bool


#: So long a node leaves a free switch to another one that lives and is meant to have it.
HANDICAP_S = 1.5
#: So long a node that is meant to have a switch has lived before the one that has it hands it over.
STEADY_S = 5.0


def may_ask(
    *, free: bool, released: bool, free_for_s: float, in_touch_s: float, prefer: bool, rivals: list[Rival]
) -> bool:
    """Whether a node that stands by should ask for the lease now. ``free``: nobody has it on the database's
    clock; ``released``: its last holder said so.

    While the database was away nobody could renew, so a lease that has run out says nothing: its holder goes
    first, and whoever stands by must have been in touch with the database for as long as a lease lasts.
    """
    if not free or (not released and in_touch_s < TTL_S):
        return False
    return prefer or free_for_s >= HANDICAP_S or not any(r.prefers for r in rivals)
