"""The one search box: what is typed, as a filter. Whatever is no known pair is a word to be found."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

from ..core.direction import Direction
from ..engine.listing import Stand, taken_apart
from ..engine.reading import RecordingFilter

_SPAN = re.compile(r"(\d{1,6})(s|m|h)?", re.IGNORECASE)
_UNIT_MS = {"s": 1000, "m": 60_000, "h": 3_600_000}


def plain(text: str, most: int = 200) -> str:
    """A search text without what no database stores (NUL and the other control characters)."""
    return "".join(c for c in text if c.isprintable() or c == " ").strip()[:most]


def as_tag(text: str) -> str:
    """A tag as it is kept (core.annotations), without its rules: what is none is found nowhere."""
    return " ".join(unicodedata.normalize("NFKC", plain(text, 100)).casefold().split())


def with_words(where: RecordingFilter, typed: str, zone: tzinfo) -> RecordingFilter:
    """The filter, narrowed by what was typed; times are in the reader's zone. What stands in the filter
    already wins."""
    asked = taken_apart(typed)
    words = list(asked.words)
    for key, value in asked.pairs.items():
        changed = _pair(where, key, value, zone)
        if changed is None:
            words.append(value)
        else:
            where = changed
    return replace(where, words=(*where.words, *words))


def _pair(where: RecordingFilter, key: str, value: str, zone: tzinfo) -> RecordingFilter | None:
    if key in ("party", "number", "user", "queue", "group", "text"):
        changes: dict[str, Any] = {key: getattr(where, key) or value}
        return replace(where, **changes)
    if key == "tag":
        return replace(where, tag=where.tag or as_tag(value))
    if key == "format":
        return replace(where, format=where.format or value.lower())
    if key == "direction":
        return replace(where, direction=where.direction or _direction(value)) if _direction(value) else None
    if key in ("longer", "shorter"):
        return _lasting(where, key, value)
    if key in ("since", "until"):
        at = day(value, zone, end=key == "until")
        times: dict[str, Any] = {key: getattr(where, key) or at}
        return replace(where, **times) if at else None
    return _being(where, value.lower().replace("-", "_"))


def _being(where: RecordingFilter, value: str) -> RecordingFilter | None:
    if value in ("held", "hold"):
        return replace(where, held=True)
    if value == "paused":
        return replace(where, paused=True)
    if value in ("audio", "video"):
        return replace(where, kind=value)
    if value in set(Stand):
        return replace(where, stand=Stand(value))
    return replace(where, direction=_direction(value)) if _direction(value) else None


def _direction(value: str) -> Direction | None:
    short = {"in": "inbound", "out": "outbound"}.get(value.lower(), value.lower())
    return Direction(short) if short in set(Direction) else None


def _lasting(where: RecordingFilter, key: str, value: str) -> RecordingFilter | None:
    """``5m``, ``90`` or ``90s``, ``1h``."""
    found = _SPAN.fullmatch(value)
    if found is None:
        return None
    ms = int(found[1]) * _UNIT_MS[(found[2] or "s").lower()]
    return replace(where, min_ms=ms) if key == "longer" else replace(where, max_ms=ms)


def day(text: str, zone: tzinfo, *, end: bool = False) -> datetime | None:
    """A day or a time in the zone; None for what is none. The day in *until* belongs to what is shown."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            if end and len(text) == len("2026-11-22"):
                at += timedelta(days=1)
            at = at.replace(tzinfo=zone)
        at.timestamp()
    except (ValueError, OverflowError):
        return None
    return at
