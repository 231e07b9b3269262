"""Our own sounds that are to be mixed into recordings, from their rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.commands import Sound
from ..core.own_sounds import Played
from ..core.seats import LEFT, RIGHT
from ..engine.media_ports import HeardSound
from . import tables as t
from .writing import chunks

_SEATS = {LEFT: 0, RIGHT: 1}
_o = t.own_sounds.c


def played(row: Any) -> Played:
    return Played(row.at, Sound(row.sound), tuple(row.legs), row.until, row.file)


async def announcements_of(connection: AsyncConnection, recording_id: str) -> list[Played]:
    """Those alone that have words, and that a recording may begin with."""
    query = select(t.own_sounds).where(
        _o.recording_id == recording_id, _o.sound == str(Sound.ANNOUNCEMENT)
    )  # fmt: skip
    return [played(row) for row in await connection.execute(query.order_by(_o.position))]


async def heard_sounds(connection: AsyncConnection, recordings: Sequence[Any]) -> dict[str, list[HeardSound]]:
    """recording id → all of its sounds, with the channels of whoever has heard them."""
    found: dict[str, list[Played]] = defaultdict(list)
    for ids in chunks([row.recording_id for row in recordings]):
        query = select(t.own_sounds).where(_o.recording_id.in_(ids)).order_by(_o.position)
        for row in await connection.execute(query):
            found[row.recording_id].append(played(row))
    calls = sorted({row.call_id for row in recordings if row.recording_id in found})
    seats: dict[str, int] = {}
    legs = t.legs.c
    for some in chunks(calls):
        query = select(legs.leg_id, legs.seat).where(legs.call_id.in_(some), legs.seat.in_(list(_SEATS)))
        seats |= {row.leg_id: _SEATS[row.seat] for row in await connection.execute(query)}
    return {
        recording_id: [HeardSound(p, frozenset(seats[x] for x in p.legs if x in seats)) for p in mine]
        for recording_id, mine in found.items()
    }
