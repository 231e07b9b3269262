"""Keepers of several nodes over one table of leases in memory, whose clock the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from controller.core.leases import TTL_S, LeaseState, safe_s
from controller.engine import keeper as keeping
from controller.engine.keeper import Keeper
from controller.engine.leased import LeasedTenure
from controller.engine.leasing import Cluster, Controller, HeldLease

T0 = datetime(2026, 11, 28, tzinfo=UTC)


@dataclass
class Table:
    """What PostgreSQL does, without PostgreSQL; ``away`` for these nodes."""

    now: float = 100.0
    leases: dict[str, tuple[int, str, float]] = field(default_factory=dict)
    seen: dict[str, tuple[Controller, float]] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)


class Store:
    """One node's connection to it (engine.leasing.LeaseStore)."""

    def __init__(self, table: Table, name: str) -> None:
        self.table, self.name = table, name

    def _ask(self) -> None:
        if self.name in self.table.away:
            raise ConnectionError("the database is away")

    async def round(self, me: Controller, held: Mapping[str, int], ttl_s: float) -> Cluster:
        self._ask()
        self.table.seen[me.name] = (me, self.table.now)
        for switch, epoch in held.items():
            if self.table.leases[switch][:2] == (epoch, me.name):
                self.table.leases[switch] = (epoch, me.name, self.table.now + ttl_s)
        return await self.look()

    async def acquire(self, switch: str, holder: str, ttl_s: float) -> int | None:
        self._ask()
        epoch, before, expires = self.table.leases.get(switch, (0, "", 0.0))
        if before and expires > self.table.now:
            return None
        self.table.leases[switch] = (epoch + 1, holder, self.table.now + ttl_s)
        return epoch + 1

    async def release(self, switch: str, holder: str, epoch: int) -> None:
        self._ask()
        if self.table.leases[switch][:2] == (epoch, holder):
            self.table.leases[switch] = (epoch, "", self.table.now)

    async def sign_off(self, name: str) -> None:
        self._ask()
        self.table.seen.pop(name, None)

    async def look(self) -> Cluster:
        leases = {
            s: HeldLease(s, epoch, holder, T0, expires - self.table.now)
            for s, (epoch, holder, expires) in self.table.leases.items()
        }
        controllers = {n: replace(c, idle_s=self.table.now - at) for n, (c, at) in self.table.seen.items()}
        return Cluster(leases, controllers)


class Nodes:
    """Every round of every node is the test's. ``cut``: those that no other node reaches."""

    def __init__(self, **prefers: tuple[str, ...]) -> None:
        self.table = Table()
        self.cut: set[str] = set()
        self.dead: set[str] = set()
        self.keepers: dict[str, Keeper] = {}
        for name, wanted in prefers.items():
            me = Controller(name, name, "http://x", (), ("pbx",), wanted, "", "1", T0, T0)
            self.keepers[name] = Keeper(
                Store(self.table, name), me, ("pbx",), peers=Asking(self, name), clock=lambda: self.table.now
            )

    def tenure(self, name: str) -> LeasedTenure:
        return self.keepers[name].tenure("pbx")

    def acting(self) -> list[str]:
        return [n for n in self.keepers if n not in self.dead and self.tenure(n).may_act()]

    async def go(self, seconds: float) -> None:
        """So long, a round each half second, and what was lost is settled."""
        for _ in range(int(seconds / 0.5)):
            self.table.now += 0.5
            for name, keeper in self.keepers.items():
                if name in self.dead:
                    continue
                tenure = self.tenure(name)
                tenure.lease.look_at_clock(self.table.now)
                await keeper.once()
                if tenure.lease.state is LeaseState.LOSING:
                    await tenure.settled()
            assert len(self.acting()) <= 1, "two act"


class Asking:
    def __init__(self, nodes: Nodes, name: str) -> None:
        self.nodes, self.name = nodes, name

    def _reached(self, peer: Controller) -> Keeper | None:
        away = self.nodes.cut | self.nodes.dead
        return None if peer.name in away or self.name in away else self.nodes.keepers[peer.name]

    async def vouch(self, peer: Controller, switch: str) -> bool:
        keeper = self._reached(peer)
        return keeper is not None and keeper.vouch(switch)

    async def acts(self, peer: Controller, switch: str) -> bool:
        keeper = self._reached(peer)
        return keeper is not None and keeper.acts(switch)


async def test_one_takes_it_and_keeps_it() -> None:
    nodes = Nodes(a=(), b=())
    await nodes.go(1)
    assert nodes.acting() == ["a"]
    await nodes.go(60)
    assert (nodes.acting(), nodes.tenure("a").epoch) == (["a"], 1)


@pytest.mark.parametrize("prefers", [(), ("pbx",)], ids=["nobody prefers it", "who died had preferred it"])
async def test_what_a_dead_one_had_is_taken_over_in_time_and_not_handed_back(
    prefers: tuple[str, ...],
) -> None:
    nodes = Nodes(a=prefers, b=())
    await nodes.go(10)
    assert nodes.acting() == ["a"]
    nodes.dead.add("a")
    await nodes.go(TTL_S + 1)
    assert nodes.acting() == ["b"]
    await nodes.go(20)
    assert (nodes.acting(), nodes.tenure("b").epoch) == (["b"], 2), (
        "once, and it was not handed to the dead one"
    )


async def test_it_goes_back_to_whom_it_is_meant_for_once_that_one_is_steady() -> None:
    nodes = Nodes(a=("pbx",), b=())
    nodes.dead.add("a")
    await nodes.go(5)
    assert nodes.acting() == ["b"]
    nodes.dead.clear()
    await nodes.go(3)
    assert nodes.acting() == ["b"]
    await nodes.go(4)
    assert nodes.acting() == ["a"]


async def test_the_holder_goes_on_while_the_database_is_away_for_all() -> None:
    nodes = Nodes(a=(), b=())
    await nodes.go(5)
    nodes.table.away = {"a", "b"}
    await nodes.go(60)
    assert (nodes.acting(), nodes.keepers["b"].error) == (["a"], "the database is away")
    nodes.table.away = set()
    await nodes.go(20)
    assert (nodes.acting(), nodes.tenure("a").epoch) == (["a"], 1), "and after it as before"


async def test_alone_it_goes_on_without_asking_anybody() -> None:
    nodes = Nodes(a=())
    await nodes.go(5)
    nodes.table.away = {"a"}
    await nodes.go(60)
    assert nodes.acting() == ["a"]


async def test_what_ran_out_in_a_moment_of_stillness_is_its_own_again_at_once() -> None:
    nodes = Nodes(a=())
    await nodes.go(5)
    nodes.table.now += TTL_S + 2  # a busy machine has not let us run
    await nodes.go(1)
    assert (nodes.acting(), nodes.tenure("a").epoch) == (["a"], 2)


async def test_away_from_the_database_that_the_other_reaches_it_falls_silent_and_is_followed() -> None:
    nodes = Nodes(a=(), b=())
    await nodes.go(5)
    nodes.table.away = {"a"}
    await nodes.go(TTL_S + 1.5)
    assert nodes.acting() == ["b"]


async def test_without_the_others_word_it_falls_silent() -> None:
    nodes = Nodes(a=(), b=())
    await nodes.go(5)
    nodes.table.away, nodes.cut = {"a", "b"}, {"b"}
    await nodes.go(safe_s() + 0.5)
    assert nodes.acting() == []
    nodes.table.away = {"a"}
    await nodes.go(TTL_S + 1.5)
    assert nodes.acting() == ["b"]


async def test_a_promise_holds_when_the_database_comes_back_to_the_one_that_gave_it() -> None:
    nodes = Nodes(a=(), b=())
    await nodes.go(5)
    nodes.table.away = {"a", "b"}
    await nodes.go(30)
    nodes.table.away = {"a"}
    # Never two at once (asserted with every step), and soon the one that reaches it.
    await nodes.go(TTL_S * 2 + 2)
    assert nodes.acting() == ["b"]


async def test_a_newcomer_asks_the_one_that_goes_on_by_promises() -> None:
    nodes = Nodes(a=(), b=(), c=())
    nodes.dead.add("c")
    await nodes.go(5)
    nodes.table.away = {"a", "b"}
    await nodes.go(10)
    nodes.dead.discard("c")
    await nodes.go(20)
    assert nodes.acting() == ["a"]


async def test_who_ends_in_order_is_followed_at_once_and_asks_for_nothing_more() -> None:
    nodes = Nodes(a=("pbx",), b=())
    await nodes.go(5)
    await nodes.tenure("a").settled(ending=True)
    await nodes.go(1)
    assert nodes.acting() == ["b"]
    await nodes.go(20)
    assert nodes.acting() == ["b"]


async def test_an_answer_that_never_comes_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "ANSWER_S", 0.01)

    class Hanging(Store):
        async def round(self, me: Controller, held: Mapping[str, int], ttl_s: float) -> Cluster:
            await asyncio.Event().wait()
            raise AssertionError

    nodes = Nodes(a=())
    await nodes.go(5)
    keeper = nodes.keepers["a"]
    keeper._store = Hanging(nodes.table, "a")
    await keeper.once()
    assert keeper.error == "the database does not answer in time"
