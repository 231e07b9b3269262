"""Who holds whom, found out after a (re)connection: Asterisk says it of the party that is held only.

A channel cannot be asked whether it holds. But PJSIP calls an endpoint "on hold" when every channel
of it hears the music (chan_pjsip's device state, seen on Asterisk 22: 101 holds, 102 is ONHOLD). The
one that holds is then the other one in the bridge.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping

from ...core import facts as f
from .channels import Channel
from .connection import AmiConnection
from .headers import text


async def find_holders(
    ami: AmiConnection,
    channels: Mapping[str, Channel],
    legs: Mapping[str, tuple[f.LegFact, ...]],
    gate: asyncio.Semaphore,
    timeout_s: float,
) -> set[str]:
    """The legs that hold the other one of their bridge. One question an endpoint.

    What cannot be told is left out: bridges of more than two, and an endpoint (a trunk, mostly) that
    is in another conversation as well.
    """
    across = _across(channels, legs)
    endpoints: dict[str, list[str]] = defaultdict(list)
    for leg_id in across:
        endpoints[channels[leg_id].endpoint].append(leg_id)
    found: set[str] = set()

    async def ask(endpoint: str, held: list[str]) -> None:
        async with gate:
            answer = await ami.action(
                "Getvar", timeout_s,
                Channel=channels[held[0]].name, Variable=f"DEVICE_STATE(PJSIP/{endpoint})",
            )  # fmt: skip
        if text(answer, "Value") == "ONHOLD":
            found.update(across[leg_id] for leg_id in held)

    async with asyncio.TaskGroup() as group:
        for endpoint, held in endpoints.items():
            group.create_task(ask(endpoint, held))
    return found


def _across(channels: Mapping[str, Channel], legs: Mapping[str, tuple[f.LegFact, ...]]) -> dict[str, str]:
    """leg → the other one, in bridges of two legs with endpoints of their own."""
    bridges: dict[str, list[str]] = defaultdict(list)
    for leg_id, facts in legs.items():
        for fact in facts:
            if isinstance(fact, f.BridgeEntered):
                bridges[fact.bridge_id].append(leg_id)
    across: dict[str, str] = {}
    for inside in bridges.values():
        if len(inside) == 2 and all(channels[leg_id].technology == "PJSIP" for leg_id in inside):
            one, other = inside
            across |= {one: other, other: one}
    return across
