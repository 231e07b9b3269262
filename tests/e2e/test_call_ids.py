"""FreeSWITCH with `inbound-use-callid-as-uuid`: the caller chooses what a channel is called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from .parties import ms_of
from .system import TRUNK_A, System, until

pytestmark = [pytest.mark.freeswitch, pytest.mark.parametrize("running", ["freeswitch"], indirect=True)]

PROFILE = "conf/sip_profiles/external.xml"
SETTING = '<param name="inbound-use-callid-as-uuid" value="true"/>'


@pytest_asyncio.fixture(loop_scope="session")
async def strangers(system: System) -> AsyncIterator[System]:
    """The same system while calls from the trunk are called what their Call-ID says."""
    file = system.lab.folder / PROFILE
    shipped = file.read_text()

    async def use(text: str) -> None:
        file.write_text(text)
        await system.lab.cli("reloadxml")
        await system.lab.cli("sofia profile external rescan")

    await use(shipped.replace("<settings>", f"<settings>{SETTING}"))
    try:
        yield system
    finally:
        await use(shipped)


@pytest.mark.parametrize(
    ("call_id", "spoken_to"),
    [
        ("3c26~a(b)+!*:<c>/?[d]@[2001:db8::1]", True),
        # Longer than a buffer of FreeSWITCH's own, which `eval uuid:…` would write past.
        ("x" * 200 + "@far.example", True),
        ("it's-\\\"`id`%0A{x}@far.example", False),
        ("a${hostname}-${system(id)}-$${x}@far.example", False),
    ],
)
async def test_such_a_call_is_recorded_and_controlled(
    strangers: System, call_id: str, spoken_to: bool
) -> None:
    system = strangers
    a = await system.phone("outside").dial("101", call_id=call_id)
    await a.answered()
    b = await system.phone("101").next_call()
    ours = await system.call_id("101")
    await system.recording_up(ours)

    async def listed() -> bool:
        return call_id in await system.lab.cli("show channels as json")

    if "\\" not in call_id and "/" not in call_id:  # escaped in JSON
        await until(listed, "the channel is called what its caller said")
    await asyncio.sleep(0.5)
    await a.hold()  # each re-INVITE has the controller ask for the leg's video
    await a.unhold()
    await b.send_digits("*48")
    await system.recording_up(ours, "paused")
    await system.controller.kill()
    await system.controller.start()  # and finds its way by a snapshot
    await system.recording_up(ours, "paused")
    await b.send_digits("*49")
    await system.recording_up(ours)
    await asyncio.sleep(0.8)
    assert len((await system.live())[0]["parties"]) == 2
    await a.bye()
    [recording] = await system.recordings(ours)
    assert (await ms_of(system, recording, TRUNK_A))[TRUNK_A] > 700
    assert len(recording["segments"]) == 1, "the snapshot has taken nothing apart"
    assert (await system.cdr(ours))["row"]["direction"] == "inbound"
    told = [line for line in system.controller.log().splitlines() if "switch.unsafe" in line]
    assert bool(told) is not spoken_to
