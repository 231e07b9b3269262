"""Leases in a real PostgreSQL: one holder at a time on its clock, no write under an epoch that is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import controller.catalog.leases as leases_module
from controller.catalog import Database, SqlCatalog
from controller.catalog.leases import LeaseRows, fenced, lease_rows
from controller.core.calls import Call
from controller.engine.leasing import Controller, Fenced

from .conftest import NOW
from .story import Story, inside, outside

pytestmark = pytest.mark.postgres

TTL_S = 30.0


def controller(name: str, *prefers: str) -> Controller:
    return Controller(name, name, "http://127.0.0.1:1", ("switches",), ("pbx",), prefers, "m", "1", NOW, NOW)


A, B = controller("a"), controller("b", "pbx")


@pytest.fixture
def kind() -> str:
    return "postgresql"


@pytest.fixture
async def leases(url: str, database: Database) -> AsyncIterator[LeaseRows]:
    found = lease_rows(url)
    yield found
    await found.close()


def talking() -> Call:
    """A call that is up and recorded."""
    story = Story()
    story.start("leg-a", inside("101"))
    story.start("leg-b", outside("+4930"), origin="leg-a")
    story.answer("leg-b", "leg-a")
    story.bridge("bridge", "leg-a", "leg-b")
    [call] = story.desk.book
    return call


async def let_run_out(database: Database) -> None:
    async with database.writing() as connection:
        await connection.execute(text("UPDATE switch_leases SET expires_at = now() - interval '1 second'"))


async def test_one_has_it_until_it_runs_out_and_every_holder_has_a_new_epoch(
    leases: LeaseRows, database: Database
) -> None:
    assert await leases.acquire("pbx", "a", TTL_S) == 1
    assert await leases.acquire("pbx", "b", TTL_S) is None
    assert await leases.acquire("pbx", "a", TTL_S) is None, "nor twice by the same one: it renews"
    await let_run_out(database)
    assert await leases.acquire("pbx", "b", TTL_S) == 2
    cluster = await leases.round(A, {"pbx": 1}, TTL_S)
    assert (cluster.leases["pbx"].holder, cluster.leases["pbx"].epoch) == ("b", 2), (
        "no renewal of what is over"
    )


async def test_two_that_ask_at_once_do_not_both_get_it(leases: LeaseRows, url: str) -> None:
    others = lease_rows(url)
    try:
        for _ in range(20):
            got = await asyncio.gather(leases.acquire("pbx", "a", TTL_S), others.acquire("pbx", "b", TTL_S))
            [epoch] = [e for e in got if e is not None]
            await leases.release("pbx", "a" if got[0] else "b", epoch)
    finally:
        await others.close()


async def test_a_renewal_makes_it_last_and_counts_on_the_databases_clock(leases: LeaseRows) -> None:
    await leases.acquire("pbx", "a", 1.0)
    cluster = await leases.round(A, {"pbx": 1}, TTL_S)
    assert 1.0 < cluster.leases["pbx"].left_s <= TTL_S
    assert cluster.holder_of("pbx") == replace(cluster.controllers["a"])


async def test_what_is_given_back_is_free_at_once_and_only_its_holder_gives_it_back(
    leases: LeaseRows,
) -> None:
    await leases.acquire("pbx", "a", TTL_S)
    await leases.release("pbx", "b", 1)
    await leases.release("pbx", "a", 7)
    assert not (await leases.look()).leases["pbx"].free
    await leases.release("pbx", "a", 1)
    lease = (await leases.look()).leases["pbx"]
    assert (lease.free, lease.released) == (True, True)
    assert await leases.acquire("pbx", "b", TTL_S) == 2


async def test_everybody_sees_who_lives_and_who_has_signed_off(leases: LeaseRows) -> None:
    await leases.round(A, {}, TTL_S)
    cluster = await leases.round(B, {}, TTL_S)
    assert {n: (c.alive, c.prefers) for n, c in cluster.controllers.items()} == {
        "a": (True, ()), "b": (True, ("pbx",)),
    }  # fmt: skip
    await leases.sign_off("a")
    assert set((await leases.look()).controllers) == {"b"}


async def test_a_save_under_an_epoch_that_is_over_writes_nothing(
    leases: LeaseRows, database: Database, catalog: SqlCatalog
) -> None:
    await leases.acquire("pbx", "a", TTL_S)
    call = talking()
    await catalog.save("pbx", [call], {}, epoch=1)
    await let_run_out(database)
    await leases.acquire("pbx", "b", TTL_S)
    call.ended_at = call.started_at + timedelta(seconds=9)
    with pytest.raises(Fenced):
        await catalog.save("pbx", [call], {}, epoch=1)
    assert [c.call_id for c in await catalog.open_calls("pbx")] == [call.call_id]
    await catalog.save("pbx", [call], {}, epoch=2)
    assert await catalog.open_calls("pbx") == []


async def test_a_save_under_way_keeps_no_renewal_waiting_and_counts_before_the_next_epoch(
    leases: LeaseRows, database: Database
) -> None:
    await leases.acquire("pbx", "a", TTL_S)
    async with database.writing() as connection:
        await fenced(connection, "pbx", 1)
        await leases.round(A, {"pbx": 1}, 0.05)  # within its time limit, so it did not wait
        await asyncio.sleep(0.1)
        taking = asyncio.create_task(leases.acquire("pbx", "b", TTL_S))
        await asyncio.sleep(0.2)
        assert not taking.done(), "whoever takes over reads what this save writes"
    assert await taking == 2


async def taken(leases: LeaseRows, holder: str) -> int | None:
    """Asked for again and again, as the controllers do, each time for as long as they wait."""
    for _ in range(40):
        try:
            epoch = await leases.acquire("pbx", holder, TTL_S)
        except Exception:
            continue
        if epoch is not None:
            return epoch
    return None


async def test_a_holder_that_is_frozen_in_the_middle_of_a_renewal_keeps_nobody_out(
    url: str, leases: LeaseRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen, holding, woken = lease_rows(url), asyncio.Event(), asyncio.Event()

    async def freeze(_connection: object) -> None:
        holding.set()
        await woken.wait()

    assert await frozen.acquire("pbx", "a", 0.05) == 1
    monkeypatch.setattr(leases_module, "_look", freeze)
    renewal = asyncio.create_task(frozen.round(A, {"pbx": 1}, 0.05))
    try:
        await holding.wait()
        assert await taken(leases, "b") == 2
        woken.set()
        with pytest.raises(DBAPIError):
            await renewal
    finally:
        renewal.cancel()
        await asyncio.gather(renewal, return_exceptions=True)
        await frozen.close()


async def test_a_holder_that_is_frozen_in_the_middle_of_a_save_keeps_nobody_out(
    leases: LeaseRows, database: Database
) -> None:
    await leases.acquire("pbx", "a", 0.05)
    connection = await database.engine.connect()
    try:
        await connection.begin()
        await fenced(connection, "pbx", 1)
        assert await taken(leases, "b") == 2
        # What asyncpg calls it depends on when it hears that the server has hung up.
        with pytest.raises(DBAPIError):
            await connection.execute(text("SELECT 1"))
    finally:
        await connection.invalidate()
        await connection.close()


async def test_what_ended_unsaved_is_bequeathed_once_and_never_over_what_somebody_has_taken_over(
    catalog: SqlCatalog, leases: LeaseRows
) -> None:
    call = talking()
    call.ended_at = call.started_at + timedelta(seconds=9)
    assert await catalog.bequeath("pbx", [call]) == 1
    call.ended_at = call.started_at + timedelta(seconds=99)
    assert await catalog.bequeath("pbx", [call]) == 0
    # Whoever took over has found its legs in the switch, as a call of its own.
    again = talking()
    again.call_id, again.ended_at = "another-id", call.ended_at
    again.recordings.clear()
    assert await catalog.bequeath("pbx", [again]) == 0
