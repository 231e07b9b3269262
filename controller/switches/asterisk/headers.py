"""One AMI message as plain headers, and how to read them without trusting them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

#: A header that came more than once is a list, in the order of arrival.
Headers = Mapping[str, str | list[str]]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Asterisk's word for "nobody has set this".
_UNSET = "<unknown>"


def text(headers: Headers, name: str) -> str:
    """A header's value, the first if there are several, "" if there is none.

    The first one counts: Asterisk writes its own headers before those that a UserEvent adds.
    """
    value = headers.get(name, "")
    if isinstance(value, list):
        return value[0] if value else ""
    return value


def known(headers: Headers, name: str) -> str:
    """A header's value, with Asterisk's ``<unknown>`` read as nothing."""
    value = text(headers, name)
    return "" if value == _UNSET else value


def variables(headers: Headers, prefix: str = "") -> dict[str, str]:
    """The channel variables that manager.conf's ``channelvars`` puts on every channel event."""
    values = headers.get(f"{prefix}ChanVariable", [])
    found: dict[str, str] = {}
    for item in [values] if isinstance(values, str) else values:
        name, equals, value = item.partition("=")
        if equals:
            found.setdefault(name, value)
    return found


def timestamp(headers: Headers, otherwise: datetime) -> datetime:
    """The switch's own time of an event (``timestampevents=yes``), to the microsecond."""
    seconds, _, fraction = text(headers, "Timestamp").partition(".")
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 10):
        return otherwise
    fraction = fraction[:6]
    microseconds = int(fraction.ljust(6, "0")) if fraction.isascii() and fraction.isdigit() else 0
    return _EPOCH + timedelta(seconds=int(seconds), microseconds=microseconds)
