"""Rules of the system, of a trunk, for a direction and for a share of the calls, each on real calls.

Several calls are up at once, so that it takes no longer than one.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Any

from controller.demo.phone import Dialog

from .parties import decisions, ms_of, outside
from .system import TONES, TRUNK_A, System, until

#: The trunk, as each switch calls it.
TRUNK = {"asterisk": "trunk", "freeswitch": "external"}
NUMBERS = {"102": "+15550000102", "103": "+15550000103", "104": "+15550000104"}


async def calls(system: System, *pairs: tuple[str, str]) -> list[dict[str, Any]]:
    """These calls at the same time, half a second each: their CDRs. ``("103", "outside")`` goes outside."""
    up: list[tuple[Dialog, str]] = []

    async def call(caller: str, callee: str) -> tuple[Dialog, str]:
        if callee == "outside":
            dialog = await system.phone(caller).dial(NUMBERS[caller])
            await outside(system, NUMBERS[caller], TRUNK_A)
            await dialog.answered()
        else:
            dialog = await system.phone(caller).call(callee)
            await system.phone(callee).next_call()
        return dialog, await system.call_id(callee if caller == "outside" else caller)

    up = list(await asyncio.gather(*(call(*pair) for pair in pairs)))
    await asyncio.sleep(0.5)
    await asyncio.gather(*(dialog.bye() for dialog, _ in up))
    return list(await asyncio.gather(*(system.cdr(call_id) for _, call_id in up)))


def said(cdrs: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Of each call: the rule that decided, and how many recordings there are."""
    return [(decisions(cdr)["acme.test"], len(cdr["recordings"])) for cdr in cdrs]


async def put(system: System, path: str, body: dict[str, Any]) -> None:
    answer = await system.controller.api("PUT", path, body)
    assert answer.status < 300, answer


async def test_the_system_s_rule_and_a_trunk_s(system: System) -> None:
    trunk = f"/settings/system/trunks/{TRUNK[system.kind]}"
    three = (("outside", "102"), ("103", "outside"), ("104", "101"))
    await system.put_policy("acme.test", "101", False)
    try:
        await put(system, trunk, {"audio": "on"})
        cdrs = await calls(system, *three)
        # The most general rule that says the same is named: the tenant's "off" comes before the users'.
        assert said(cdrs) == [("trunk.on", 1), ("trunk.on", 1), ("tenant.off", 0)]
        [recording] = await system.recordings(cdrs[0]["row"]["call_id"])
        ms = await ms_of(system, recording, TRUNK_A, TONES["102"])
        assert min(ms.values()) > 250, ms
        await put(system, "/settings/system", {"audio": "on", "record_external": False})
        await put(system, trunk, {"audio": "forbid"})
        assert said(await calls(system, *three)) == [
            ("trunk.forbid", 0),
            ("trunk.forbid", 0),
            ("system.on", 1),
        ]
    finally:
        await system.controller.api("DELETE", trunk)
    await put(system, "/settings/system", {"audio": "forbid", "record_external": False})
    await system.put_tenant("acme.test", "require")
    assert said(await calls(system, *three)) == [("system.forbid", 0)] * 3


async def test_a_rule_for_one_direction(system: System) -> None:
    ways = {"102": "inbound", "103": "outbound", "104": "internal"}
    for user, way in ways.items():
        await system.put_policy("acme.test", user, True, directions=[way])
    await system.put_policy("acme.test", "101", False)
    fitting = await calls(system, ("outside", "102"), ("103", "outside"), ("104", "101"))
    assert said(fitting) == [("user.on", 1)] * 3
    others = await calls(system, ("102", "outside"), ("outside", "103"), ("outside", "104"))
    assert said(others) == [("tenant.off", 0)] * 3
    inside = await calls(system, ("102", "103"))
    assert said(inside) == [("tenant.off", 0)], "an internal call is neither inbound nor outbound"


async def test_a_share_of_the_calls_is_who_the_hash_says(system: System) -> None:
    """None, all, and a share on each side of where the call's id puts it (docs/reference/policy.md)."""
    await system.put_policy("acme.test", "102", True, sample_percent=0)
    a, _ = await system.call("102", "103")
    call_id = await system.call_id("102")
    text = f"{call_id}\nuser\nacme.test\n102\n".encode()
    point = int.from_bytes(sha256(text).digest()[:8], "big") / 2**64 * 100

    async def is_recorded(percent: float, *, yes: bool) -> None:
        await system.put_policy("acme.test", "102", True, sample_percent=percent)

        async def so() -> bool:
            states = [r["state"] for c in await system.live(user="102") for r in c["recordings"]]
            return ("recording" in states) is yes

        await until(so, f"with {percent} %, and the call at {point}, recorded is {yes}")

    await asyncio.sleep(0.3)
    await is_recorded(0, yes=False)
    await is_recorded(point * 0.99, yes=False)
    assert not [r for c in await system.live(user="102") for r in c["recordings"]], "not yet a packet of it"
    await is_recorded(min(point * 1.01, 100), yes=True)
    await asyncio.sleep(0.4)
    await is_recorded(point * 0.99, yes=False)
    await is_recorded(100, yes=True)
    await a.bye()
    cdr = await system.cdr(call_id)
    assert decisions(cdr)["acme.test"] == "user.on"
    assert cdr["recordings"]
