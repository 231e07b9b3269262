"""The controller is dead, and calls that begin are recorded all the same, by what it had told the switch.
When it is back they end in the catalog like any other; what must not have been recorded is destroyed."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from controller.config import load
from controller.core.rules import Setting
from controller.demo.listen import presence
from controller.demo.phone import Dialog
from controller.engine.reading import UserSettings
from controller.working import open_catalog

from .system import TONES, TRUNK_A, System, until

ACME = "acme.test"


async def row(system: System, user: str, tenant: str = ACME) -> str:
    """What the switch has been told about a user, or about everybody of a tenant (``*``)."""
    if system.kind == "freeswitch":
        generation = (await system.lab.cli("hash select/tapeline/generation")).strip()
        found = await system.lab.cli(f"hash select/tapeline/{generation}:{user}@{tenant}")
        return str(found).strip()
    generation = await stored(system, "generation")
    return await stored(system, f"{generation}/{tenant}/{user}")


async def stored(system: System, key: str) -> str:
    """A value of Asterisk's own database."""
    found = re.search(r"Value: (\S*)", await system.lab.cli(f"database get tapeline {key}"))
    return found[1] if found else ""


async def told(system: System, **rows: str) -> None:
    """Wait until the switch knows these rows: ``told(system, u101="wwwwww")``."""

    async def there() -> bool:
        return all([await row(system, user.removeprefix("u")) == want for user, want in rows.items()])

    await until(there, f"the switch has been told {rows}")


async def alone(system: System) -> None:
    """Kill the controller, and wait until the switch does not count on it any more."""
    await system.controller.kill()
    await given_up(system)


async def given_up(system: System) -> None:
    async def alone() -> bool:
        if system.kind == "freeswitch":
            now = await system.lab.cli("strepoch")
            return int(now) > int(await system.lab.cli("hash select/tapeline/until"))
        # Asterisk is on this machine: its clock is ours.
        found = re.search(r"TAPELINE_UNTIL=(\d+)", await system.lab.cli("dialplan show globals"))
        return found is None or time.time() > int(found[1]) + 1

    await until(alone, "the switch counts on itself", 15)


def captured(system: System) -> set[str]:
    """The recordings of which there is sound in the spool."""
    return {file.name.partition(".")[0] for file in system.lab.spool.rglob("*.wav")}


async def new_capture(system: System, before: set[str]) -> str:
    """The recording that the switch has begun since."""

    async def there() -> bool:
        return len(captured(system) - before) == 1

    await until(there, "the switch records by itself")
    return next(iter(captured(system) - before))


async def final(system: System, recording_id: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def done() -> bool:
        answer = await system.controller.api("GET", f"/recordings/{recording_id}")
        if answer.status == 200:
            found.update(answer.body)
        return bool(found) and found["recording"]["media_state"] in ("available", "empty", "discarded")

    await until(done, f"{recording_id} is in its final state", 40)
    return found


async def heard(system: System, recording_id: str, *tones: int) -> dict[int, int]:
    """How long each tone is in a recording, in ms."""
    found = presence(await system.audio(recording_id), list(tones))
    return {tone: sum(span.duration_ms for span in spans) for tone, spans in found.items()}


@pytest_asyncio.fixture(loop_scope="session")
async def alive_again(system: System) -> AsyncIterator[None]:
    """Whatever a test did to the controller, the next one finds it running."""
    yield
    if not system.controller.running:
        await system.controller.start()


async def test_calls_go_on_being_recorded_and_come_into_the_catalog(
    system: System, alive_again: None
) -> None:
    """One rings when the controller dies and lasts until it is back; one is over by then; one is with a
    forbidden user; of one the switch cannot tell, since a ring group has a rule."""
    await system.put_policy(ACME, "104", "forbid")
    await system.put_rule(ACME, "ring_group", "another", "forbid")
    await told(system, u101="wwwnnn", u104="ffffff")
    system.phone("101").auto_answer = False
    goes_on = await system.phone("outside").dial("101")
    ringing = await system.phone("101").next_call()
    await alone(system)
    before = captured(system)
    over, _ = await system.call("101", "102")
    first = await new_capture(system, before)
    await asyncio.sleep(2.0)
    await over.bye()
    not_recorded = [await system.call("101", "104"), await group_call(system, "102")]
    await asyncio.sleep(1.0)
    assert captured(system) - before == {first}
    for call, _ in not_recorded:
        await call.bye()
    ringing.answer()
    await goes_on.answered()
    # A trunk's call comes through an inbound rule, so that of it, too, the switch cannot tell.
    await asyncio.sleep(1.0)
    assert captured(system) - before == {first}
    await goes_on.bye()
    before = captured(system)
    lasting, _ = await system.call("103", "102")
    await asyncio.sleep(0.5)
    assert captured(system) == before, "nobody wants it"
    await lasting.bye()
    system.phone("102").auto_answer = False
    lasting = await system.phone("101").dial("102")
    callee = await system.phone("102").next_call()
    callee.answer()
    await lasting.answered()
    second = await new_capture(system, before)
    await asyncio.sleep(1.0)
    await system.controller.start()
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(1.0)
    await lasting.bye()

    detail = await final(system, first)
    assert (detail["recording"]["media_state"], detail["rule"]) == ("available", "user.on")
    lengths = await heard(system, first, TONES["101"], TONES["102"])
    assert all(ms > 1500 for ms in lengths.values()), lengths
    cdr = (await system.controller.api("GET", f"/calls/{detail['recording']['call_id']}")).body
    parties = {(leg["party"]["user"], leg["party"]["number"]) for leg in cdr["legs"]}
    assert parties == {("101", "101"), ("102", "102")}, cdr["legs"]

    [detail] = await system.recordings(call_id)
    assert detail["recording"]["recording_id"] == second, "what the switch had begun has been taken over"
    lengths = await heard(system, second, TONES["101"], TONES["102"])
    assert all(ms > 1500 for ms in lengths.values()), lengths


async def group_call(system: System, who: str) -> tuple[Dialog, Dialog]:
    """From outside to the ring group of all, answered by this one alone."""
    others = {"101", "102", "103"} - {who}
    for phone in others:
        system.phone(phone).auto_answer = False
    system.phone(who).auto_answer = True
    return await system.call("outside", "7010", who)


async def test_what_was_forbidden_meanwhile_is_destroyed_and_what_was_not_known_is_kept(
    system: System, alive_again: None
) -> None:
    """One forbidden call is over when the controller comes back, and one is still up. The tenant wants
    recorded what the switch cannot tell."""
    await system.put_policy(ACME, "103", "on")
    await system.put_rule(ACME, "ring_group", "another", "forbid")
    await system.put_tenant(ACME, False, alone="record")
    await told(system, u101="wwwrrr", u103="wwwrrr")
    system.phone("102").auto_answer = False
    rings = await system.phone("101").dial("102")
    callee = await system.phone("102").next_call()
    await alone(system)
    async with open_catalog(load(system.controller.config_file, {})) as catalog:
        await catalog.set_user(UserSettings(ACME, "101", "", Setting.FORBID))
    before = captured(system)
    callee.answer()
    await rings.answered()
    first = await new_capture(system, before)
    await asyncio.sleep(0.5)
    await rings.bye()

    before = captured(system)
    unknown, _ = await group_call(system, "103")
    kept = await new_capture(system, before)
    await asyncio.sleep(1.5)
    await unknown.bye()

    before = captured(system)
    system.phone("102").auto_answer = True
    goes_on, _ = await system.call("101", "102")
    second = await new_capture(system, before)
    await system.controller.start()
    await system.call_id("101")
    await asyncio.sleep(1.0)
    await goes_on.bye()
    for recording_id in (first, second):
        detail = await final(system, recording_id)
        assert (detail["recording"]["media_state"], detail["rule"]) == ("discarded", "user.forbid")
        assert not list(system.lab.spool.rglob(f"{recording_id}*"))
    detail = await final(system, kept)
    assert (detail["recording"]["media_state"], detail["rule"]) == ("available", "user.on")
    lengths = await heard(system, kept, TONES["103"], TRUNK_A)
    assert all(ms > 900 for ms in lengths.values()), lengths


async def test_a_call_that_begins_before_the_death_is_noticed_is_recorded_from_then(
    system: System, alive_again: None
) -> None:
    if system.kind != "freeswitch":
        pytest.skip("Asterisk has nothing that looks once more")
    await told(system, u101="wwwwww")
    before = captured(system)
    await system.controller.kill()
    caller, _ = await system.call("101", "102")
    recorded = await new_capture(system, before)
    await asyncio.sleep(1.0)
    await caller.bye()
    await system.controller.start()
    assert (await final(system, recorded))["recording"]["media_state"] == "available"


async def test_where_the_controller_was_only_slow_there_is_one_recording(
    system: System, alive_again: None
) -> None:
    """Stopped for a while and going on, it begins as well as the switch: what is there twice is destroyed."""
    await told(system, u101="wwwwww")
    before = captured(system)
    system.controller.signal(signal.SIGSTOP)
    try:
        await given_up(system)
        caller, _ = await system.call("101", "102")
        extra = await new_capture(system, before)
    finally:
        system.controller.signal(signal.SIGCONT)
    call_id = await system.call_id("101")

    async def seen() -> bool:
        answer = await system.controller.api("GET", f"/recordings/{extra}")
        return bool(answer.status == 200)

    await until(seen, "the controller has found what the switch began", 20)
    await asyncio.sleep(1.0)
    await caller.bye()
    cdr = await system.cdr(call_id)
    details = [await final(system, each["recording_id"]) for each in cdr["recordings"]]
    states = sorted(d["recording"]["media_state"] for d in details)
    assert states in (["available"], ["available", "discarded"]), states
    [kept] = [d for d in details if d["recording"]["media_state"] == "available"]
    lengths = await heard(system, kept["recording"]["recording_id"], TONES["101"], TONES["102"])
    assert all(ms > 900 for ms in lengths.values()), lengths


async def test_a_pause_stays_on_whoever_the_call_goes_to(system: System, alive_again: None) -> None:
    """Nobody is there who could say that it is over, so nothing of what follows is recorded."""
    await told(system, u101="wwwwww")
    a, b = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    assert (await system.control(a.call_id, "pause-audio-recording")).status == 200
    await system.recording_up(call_id, "paused")
    await alone(system)
    before = captured(system)
    await b.transfer("103")
    await system.phone("103").next_call()
    await asyncio.sleep(1.5)
    assert captured(system) == before
    await a.bye()
    await system.controller.start()
    details = await system.recordings(call_id)
    for detail in details:
        if detail["recording"]["media_state"] == "available":
            lengths = await heard(system, detail["recording"]["recording_id"], TONES["103"])
            assert lengths == {TONES["103"]: 0}
