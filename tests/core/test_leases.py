"""Leases: whatever the clocks and the network do, two nodes never act on one switch at the same time."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.leases import (
    CLOCK_RATE,
    HANDICAP_S,
    TRANSITIONS,
    TTL_S,
    Lease,
    LeaseEvent,
    LeaseState,
    Rival,
    may_ask,
    safe_s,
)


@dataclass
class Database:
    """The row, on its own clock."""

    holder: int | None = None
    epoch: int = 0
    expires: float = 0.0

    def ask(self, node: int, epoch: int | None, at: float) -> int | None:
        """Renew if it is still the node's, else take it if it has run out; the epoch or None."""
        if self.holder == node and epoch == self.epoch:
            self.expires = at + TTL_S
            return self.epoch
        if at >= self.expires:
            self.holder, self.epoch, self.expires = node, self.epoch + 1, at + TTL_S
            return self.epoch
        return None


@dataclass
class Node:
    number: int
    rate: float
    lease: Lease = field(default_factory=Lease)

    def clock(self, at: float) -> float:
        """The node's own clock when the database's says ``at``; they were never set to each other."""
        return 1000.0 * self.number + at * self.rate


@dataclass(frozen=True)
class Ask:
    """A question that arrives and is answered late, or never; and perhaps the node tidies up before."""

    node: int
    after: float
    there: float
    back: float
    lost: bool
    settle: bool
    give_up: bool


#: Where it gets tight: about the end of a lease.
edges = st.sampled_from([0.0, 0.01, 0.1, TTL_S / 2, TTL_S - 0.1, TTL_S, TTL_S + 0.01])
delays = st.floats(0, 2 * TTL_S)
asks = st.builds(
    Ask,
    node=st.integers(0, 1),
    after=st.one_of(edges, st.floats(0, TTL_S)),
    there=st.one_of(st.just(0.0), edges, delays),
    back=st.one_of(st.just(0.0), edges, delays),
    lost=st.booleans(),
    settle=st.booleans(),
    give_up=st.sampled_from([False, False, False, True]),
)
rates = st.floats(1 - CLOCK_RATE, 1 + CLOCK_RATE)


@settings(max_examples=400, deadline=None)
@given(st.lists(asks, max_size=40), rates, rates)
def test_two_nodes_never_act_at_the_same_time(script: list[Ask], first: float, second: float) -> None:
    database, nodes = Database(), [Node(0, first), Node(1, second)]
    queue: list[tuple[float, int, str, Ask, object]] = []
    order = itertools.count()
    at = 0.0
    for ask in script:
        at += ask.after
        queue.append((at, next(order), "send", ask, None))
    acting: list[tuple[float, float, int]] = []
    while queue:
        queue.sort(key=lambda e: (e[0], e[1]))
        at, _, what, ask, about = queue.pop(0)
        node = nodes[ask.node]
        if what == "send":
            node.lease.look_at_clock(node.clock(at))
            if ask.give_up:
                node.lease.give_up()
            if ask.settle:
                node.lease.settled()
            if node.lease.state is LeaseState.LOSING:
                continue
            epoch = node.lease.epoch if node.lease.state is LeaseState.ACTIVE else None
            queue.append((at + ask.there, next(order), "arrive", ask, (node.clock(at), epoch)))
        elif what == "arrive":
            asked_at, epoch = about  # type: ignore[misc]
            answer = database.ask(node.number, epoch, at)
            if not ask.lost:
                queue.append((at + ask.back, next(order), "answer", ask, (asked_at, epoch, answer)))
        else:
            asked_at, epoch, answer = about  # type: ignore[misc]
            if answer is not None:
                node.lease.given(answer, asked_at, node.clock(at))
            elif epoch is not None:
                node.lease.taken(epoch)
            if node.lease.may_act(node.clock(at)):
                # On the database's clock, as long as nothing is heard; each further answer adds a span.
                end = (node.lease.until - 1000.0 * node.number) / node.rate
                acting.append((at, end, node.number))
    for (begin, end, who), (other_begin, other_end, other) in itertools.combinations(acting, 2):
        assert who == other or end <= other_begin or other_end <= begin, acting


def test_the_holder_stops_before_the_lease_has_run_out() -> None:
    lease = Lease()
    assert lease.given(1, asked_at=10.0, now=10.4)
    assert lease.may_act(10.0 + safe_s() - 0.001)
    assert not lease.may_act(10.0 + safe_s())
    assert safe_s() * (1 + CLOCK_RATE) < TTL_S


def test_an_answer_that_comes_too_late_gives_nothing() -> None:
    lease = Lease()
    assert not lease.given(1, asked_at=0.0, now=TTL_S)
    assert lease.state is LeaseState.STANDING_BY


def test_while_it_is_tidying_up_nothing_makes_it_active_again() -> None:
    lease = Lease()
    lease.given(1, 0.0, 0.0)
    lease.look_at_clock(TTL_S)
    assert lease.state is LeaseState.LOSING
    assert not lease.given(2, TTL_S, TTL_S)
    lease.settled()
    assert not lease.given(1, TTL_S, TTL_S), "an answer about an epoch that is over"
    assert lease.given(2, TTL_S, TTL_S)


def test_what_is_given_up_in_good_order_may_still_be_written() -> None:
    lease = Lease()
    lease.given(1, 0.0, 0.0)
    lease.give_up()
    assert not lease.may_act(0.5)
    assert lease.may_write(0.5)
    assert not lease.may_write(TTL_S)


def test_what_was_taken_may_not_be_written() -> None:
    lease = Lease()
    lease.given(1, 0.0, 0.0)
    lease.taken(1)
    assert (lease.may_act(0.1), lease.may_write(0.1)) == (False, False)


def test_news_of_an_earlier_epoch_takes_nothing() -> None:
    lease = Lease()
    lease.given(2, 0.0, 0.0)
    lease.taken(1)
    assert lease.may_act(0.1)


@pytest.mark.parametrize("state", LeaseState)
@pytest.mark.parametrize("event", LeaseEvent)
def test_only_a_gift_makes_active_and_only_the_end_of_tidying_makes_stand_by(
    state: LeaseState, event: LeaseEvent
) -> None:
    after = TRANSITIONS.get((state, event), state)
    if after is LeaseState.ACTIVE and state is not after:
        assert event is LeaseEvent.GIVEN
    if after is LeaseState.STANDING_BY and state is not after:
        assert (state, event) == (LeaseState.LOSING, LeaseEvent.SETTLED)


MEANT, OTHER = [Rival(True)], [Rival(False)]


@pytest.mark.parametrize(
    ("free", "released", "free_for", "in_touch", "prefer", "rivals", "asks"),
    [
        (False, False, 9, 9, True, [], False),
        (True, True, 0, 0, False, [], True),
        (True, True, 0, 0, False, OTHER, True),
        (True, True, 0, 0, False, MEANT, False),
        (True, True, HANDICAP_S, 9, False, MEANT, True),
        (True, True, 0, 0, True, MEANT, True),
        # Run out while the database was away: its holder comes first.
        (True, False, 9, TTL_S - 0.1, True, [], False),
        (True, False, 0, TTL_S, True, [], True),
        (True, False, 0, TTL_S, False, MEANT, False),
    ],
)
def test_who_asks_when(
    free: bool,
    released: bool,
    free_for: float,
    in_touch: float,
    prefer: bool,
    rivals: list[Rival],
    asks: bool,
) -> None:
    assert asks is may_ask(
        free=free, released=released, free_for_s=free_for, in_touch_s=in_touch, prefer=prefer, rivals=rivals
    )
