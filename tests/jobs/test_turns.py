"""Whose turn it is: fair between tenants, limited, claimed once, tried again, given back (both databases)."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from controller.core.media_kinds import Kind
from controller.engine.jobs import Candidate, Lane, Limits, Node, Outcome, Phase
from controller.engine.people import Scope
from controller.jobs.workers import Workers

from .world import World, now, running, until


def node(name: str, *switches: str, beats: int = 1) -> Node:
    return Node(name, f"at {name}", 1, beats, switches or ("fs",), now(), now())


async def found(world: World, lane: Lane = Lane.SOUND, *switches: str, orphans: bool = False) -> list[str]:
    listed = await world.catalog.candidates(lane, switches or ("fs",), 100, orphans=orphans)
    return [c.recording_id for c in listed]


async def test_tenants_take_turns_whatever_one_of_them_floods(world: World) -> None:
    for n in range(5):
        await world.record(f"flood{n}", tenant="red.example", late_s=n)
    await world.record("small1", tenant="blue.example", late_s=100)
    await world.record("small2", tenant="blue.example", late_s=101)
    assert await found(world) == [
        "flood0", "small1", "flood1", "small2", "flood2", "flood3", "flood4",
    ]  # fmt: skip


async def test_a_tenants_limit_holds_over_all_nodes_and_anothers_work_goes_on(world: World) -> None:
    for n in range(4):
        await world.record(f"red{n}", tenant="red.example", late_s=n)
    await world.record("blue0", tenant="blue.example", late_s=9)
    limits = Limits(2, {"blue.example": 1})
    listed = await world.catalog.candidates(Lane.SOUND, ["fs"], 100)
    one, two = await asyncio.gather(*(world.catalog.claim(name, listed, limits, 10) for name in ("n1", "n2")))
    assert sorted(c.recording_id for c in [*one, *two]) == ["blue0", "red0", "red1"]
    done = next(c for c in [*one, *two] if c.recording_id == "red0")
    holder = "n1" if done in one else "n2"
    assert await world.catalog.settle(holder, done, Outcome())
    again = await world.catalog.claim("n3", listed, limits, 10)
    assert [c.recording_id for c in again] == ["red0"]  # still due here: nobody has stored it


async def test_nobody_claims_twice_and_a_buried_nodes_end_counts_no_more(world: World) -> None:
    await world.record("r1")
    [candidate] = await world.catalog.candidates(Lane.SOUND, ["fs"], 10)
    await world.catalog.beat(node("n1"))
    [job] = await world.catalog.claim("n1", [candidate], Limits(), 1)
    assert await world.catalog.claim("n2", [candidate], Limits(), 1) == []
    assert await world.catalog.bury(node("n1", beats=7)) == 0, "it has beaten since"
    assert await world.catalog.bury(node("n1")) == 1
    [taken] = await world.catalog.claim("n2", [candidate], Limits(), 1)
    assert (taken.run, taken.again) == (job.run, True)
    assert not await world.catalog.settle("n1", job, Outcome())
    assert await world.catalog.settle("n2", taken, Outcome("no"), next_at=now() + timedelta(hours=1))
    assert await found(world) == []


async def test_what_kills_its_workers_rests_before_it_kills_the_next(world: World) -> None:
    await world.record("r1")
    for life in range(2):
        [candidate] = await world.catalog.candidates(Lane.SOUND, ["fs"], 10)
        await world.catalog.beat(node(f"n{life}"))
        assert await world.catalog.claim(f"n{life}", [candidate], Limits(), 1)
        assert await world.catalog.bury(node(f"n{life}")) == 1
    assert await found(world) == [], "the second death in a row"
    await world.catalog.hurry(["fs"])
    assert await found(world) == ["r1"]


async def test_only_who_sees_the_spool_takes_it_and_somebody_complains_of_orphans(world: World) -> None:
    await world.record("here")
    await world.record("there", switch="oslo")
    assert await found(world, Lane.SOUND, "fs") == ["here"]
    assert await found(world, Lane.SOUND, "fs", orphans=True) == ["here", "there"]
    await world.catalog.beat(node("n2", "oslo"))
    assert await found(world, Lane.SOUND, "fs", orphans=True) == ["here"]


async def test_films_and_sound_have_lanes_of_their_own(world: World) -> None:
    await world.record("film", None, kind=Kind.VIDEO)
    await world.record("sound")
    assert await found(world, Lane.SOUND) == ["sound"]
    assert await found(world, Lane.FILM) == ["film"]
    [candidate] = await world.catalog.candidates(Lane.FILM, ["fs"], 10)
    assert candidate == Candidate("film", "acme.example", Kind.VIDEO, Phase.FILES)


async def test_a_failure_is_tried_again_and_told_and_the_reason_gone_it_succeeds(world: World) -> None:
    await world.record("r1", None)
    await world.record("bad", switch="nobody")
    async with running(world.workers()):
        await until(lambda: is_state(world, "bad", "failed", "retrying"))
        await until(lambda: tried(world, "bad", 2), "it is tried again")
        await until(lambda: is_state(world, "r1", "empty", "done"))


async def test_a_reopened_recording_gets_a_new_run(world: World) -> None:
    await world.record("r1")
    async with running(world.workers()) as workers:
        await until(lambda: is_state(world, "r1", "available", "done"))
        assert await world.catalog.reopen("r1", "a file came late")
        assert (await world.state("r1"))[1] == "waiting"
        workers.poke()
        await until(lambda: is_state(world, "r1", "available", "done"))
    assert await tried(world, "r1", 0)
    assert (await runs_of(world, "r1")) == 2


async def test_what_was_done_long_ago_is_forgotten_and_the_recording_stays(world: World) -> None:
    await world.record("r1")
    async with running(world.workers(keep=timedelta(seconds=-60))) as workers:
        await until(lambda: is_state(world, "r1", "available", "done"))
        await until(lambda: forgotten(workers))
        assert await world.state("r1") == ("", "")
        assert [f.role for f in await world.catalog.files("r1")] == ["rendition", "segment"]


async def forgotten(workers: Workers) -> bool:
    return (await workers.tidy())[1] >= 1


async def is_state(world: World, recording_id: str, *states: str) -> bool:
    return await world.state(recording_id) == states


async def tried(world: World, recording_id: str, times: int) -> bool:
    job = await world.catalog.job(Scope(None), recording_id)
    return job is not None and job.tries >= times


async def runs_of(world: World, recording_id: str) -> int:
    job = await world.catalog.job(Scope(None), recording_id)
    assert job is not None
    return job.run
