"""Query parameters that several lists share."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic import AwareDatetime

from ...core.direction import Direction
from ...core.formats import Format
from ...engine.listing import Order, Stand
from ...engine.reading import Recorded, RecordingFilter
from .. import free_search
from ..free_search import as_tag, with_words

#: 292 years; what is longer does not fit the database's integers.
MAX_MS = 2**53

plain = free_search.plain

_AT = "ISO 8601 with an offset, such as 2026-11-22T09:00:00Z."


async def _where(
    party: Annotated[
        str, Query(max_length=200, description="A part of any number, name or user in the call.")
    ] = "",
    since: Annotated[AwareDatetime | None, Query(description=f"Begun at this time or later. {_AT}")] = None,
    until: Annotated[AwareDatetime | None, Query(description=f"Begun before this time. {_AT}")] = None,
    direction: Annotated[Direction | None, Query(description="Who called whom.")] = None,
    min_ms: Annotated[int | None, Query(ge=0, le=MAX_MS, description="At least so long.")] = None,
    max_ms: Annotated[int | None, Query(ge=0, le=MAX_MS, description="Shorter than this.")] = None,
    kind: Annotated[Literal["audio", "video"] | None, Query(description="Sound or picture.")] = None,
    call_id: Annotated[str | None, Query(max_length=64, description="Only of this call.")] = None,
) -> RecordingFilter:
    return RecordingFilter(
        plain(party), since, until, direction, min_ms, max_ms, kind, plain(call_id) if call_id else None
    )


async def _calls_where(
    where: Annotated[RecordingFilter, Depends(_where)],
    recorded: Annotated[
        Recorded | None,
        Query(description="Whether there is a recording; `missing`: there should be one, and is none."),
    ] = None,
    why: Annotated[
        str, Query(max_length=60, description="The code of a decision's rule, such as `queue.forbid`.")
    ] = "",
    switch: Annotated[str, Query(max_length=200, description="The switch's name.")] = "",
) -> RecordingFilter:
    return replace(where, recorded=recorded, rule=plain(why), switch=plain(switch))


CallsWhere = Annotated[RecordingFilter, Depends(_calls_where)]
Where = Annotated[RecordingFilter, Depends(_where)]


async def _listed(
    where: Where,
    q: Annotated[
        str,
        Query(
            max_length=500,
            description="Free words: each in a party, a number in any way of writing it, a tag, a note or "
            '(with the permission `listen`) in what was said; `"a phrase"`; and pairs such as `tag:vip`, '
            "`user:101`, `is:paused`, `longer:5m`.",
        ),
    ] = "",
    number: Annotated[
        str,
        Query(max_length=60, description="A part of a number: `+49 30 1234`, `0049301234`."),
    ] = "",
    user: Annotated[str, Query(max_length=200, description="A user who took part.")] = "",
    queue: Annotated[str, Query(max_length=200, description="A queue that the call came through.")] = "",
    group: Annotated[str, Query(max_length=200, description="A ring group that the call came through.")] = "",
    tag: Annotated[str, Query(max_length=100, description="With this tag.")] = "",
    held: Annotated[bool | None, Query(description="Under a legal hold, or not.")] = None,
    paused: Annotated[bool | None, Query(description="With a pause in it, or without.")] = None,
    format: Annotated[Format | Literal["mp4", ""], Query(description="Kept in this format.")] = "",
    state: Annotated[Stand | None, Query(description="How it is.")] = None,
    sort: Annotated[Order, Query(description="In which order; a page's key is good for one order.")] = (
        Order.NEWEST
    ),
) -> RecordingFilter:
    where = replace(
        where, number=plain(number, 60), user=plain(user), queue=plain(queue), group=plain(group),
        tag=as_tag(tag), held=held, paused=paused, format=str(format), stand=state, order=sort,
    )  # fmt: skip
    return with_words(where, plain(q, 500), UTC)


ListWhere = Annotated[RecordingFilter, Depends(_listed)]
Limit = Annotated[int, Query(ge=1, le=200, description="So many at most.")]
Before = Annotated[
    str | None, Query(max_length=500, description="The `next` of the page before; none for the first page.")
]
