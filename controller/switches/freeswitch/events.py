"""What all readers of FreeSWITCH's events share: an event's type, its time, the longest text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

Event = Mapping[str, str]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Longer numbers and names are cut: nothing real is, and the catalog must not be flooded.
MAX_TEXT = 256


def timestamp(event: Event, otherwise: datetime) -> datetime:
    """The switch's own time of an event (microseconds since 1970)."""
    return since_1970(event.get("Event-Date-Timestamp", ""), otherwise)


def since_1970(text: str, otherwise: datetime) -> datetime:
    if text.isascii() and text.isdigit() and len(text) <= 17:
        return _EPOCH + timedelta(microseconds=int(text))
    return otherwise
