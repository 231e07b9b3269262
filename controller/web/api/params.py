"""Query parameters that several lists share."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic import AwareDatetime

from ...core.direction import Direction
from ...engine.reading import Recorded, RecordingFilter

#: 292 years; what is longer does not fit the database's integers.
MAX_MS = 2**53

_AT = "ISO 8601 with an offset, such as 2026-11-22T09:00:00Z."


def plain(text: str, most: int = 200) -> str:
    """A search text without what no database stores (NUL and the other control characters)."""
    return "".join(c for c in text if c.isprintable() or c == " ").strip()[:most]


def _where(
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


def _calls_where(
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
Limit = Annotated[int, Query(ge=1, le=200, description="So many at most.")]
Before = Annotated[
    str | None, Query(max_length=500, description="The `next` of the page before; none for the first page.")
]
