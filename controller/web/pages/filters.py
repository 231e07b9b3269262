"""The lists' filters as they stand in a page's address. What cannot be read is left out and said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from urllib.parse import urlencode

from ...core.direction import Direction
from ...engine.reading import RecordingFilter
from ..api.params import plain
from ..language import N_

#: Choices of the duration list: the value in the address (seconds from-to) and its words.
DURATIONS = (
    ("", N_("Any duration")),
    ("0-10", N_("Up to 10 s")),
    ("10-60", N_("10 s to 1 min")),
    ("60-300", N_("1 to 5 min")),
    ("300-1800", N_("5 to 30 min")),
    ("1800-", N_("Over 30 min")),
)

DIRECTIONS = (
    ("", N_("Any direction")),
    ("inbound", N_("Inbound")),
    ("outbound", N_("Outbound")),
    ("internal", N_("Internal")),
    ("external", N_("External")),
)


@dataclass(slots=True)
class ListFilter:
    """``values`` is what the form shows again, ``where`` what the catalog is asked."""

    values: dict[str, str]
    where: RecordingFilter
    before: str | None
    faults: list[str] = field(default_factory=list)

    @property
    def active(self) -> bool:
        return any(self.values.values())

    @property
    def durations(self) -> list[tuple[str, str]]:
        """The choices, with the address's own one among them if it is another."""
        known = [value for value, _ in DURATIONS]
        own = self.values["duration"]
        return list(DURATIONS) + ([] if own in known else [(own, f"{own} s")])

    def query(self, **more: str | None) -> str:
        """The address's query with these changes; empty values are left out."""
        merged = {**self.values, **more}
        return urlencode({k: v for k, v in merged.items() if v})


def read(query: Mapping[str, str], zone: tzinfo, *, spoken: bool = False) -> ListFilter:
    """``spoken``: the list can be searched for what was said."""
    faults: list[str] = []
    values = {k: plain(query.get(k, "")) for k in ("party", "since", "until", "direction", "duration")}
    if spoken:
        values["text"] = plain(query.get("text", ""), 500)
    since = moment(values["since"], zone, faults)
    until = moment(values["until"], zone, faults, end=True)
    direction = None
    if values["direction"]:
        try:
            direction = Direction(values["direction"])
        except ValueError:
            faults.append("That direction is not known.")
            values["direction"] = ""
    least, most = duration_of(values, faults)
    where = RecordingFilter(values["party"], since, until, direction, least, most)
    if values.get("text"):
        where = replace(where, text=values["text"])
    return ListFilter(values, where, query.get("before", "")[:500] or None, faults)


def moment(text: str, zone: tzinfo, faults: list[str], *, end: bool = False) -> datetime | None:
    """A day or a time in the reader's zone. The day in *until* belongs to what is shown."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            if end and len(text) == len("2026-11-22"):
                at += timedelta(days=1)
            at = at.replace(tzinfo=zone)
        at.timestamp()
    except (ValueError, OverflowError):
        faults.append(f"“{text[:40]}” is not a day or time; use 2026-11-22.")
        return None
    return at


def duration_of(values: dict[str, str], faults: list[str]) -> tuple[int | None, int | None]:
    """From and to in ms; what cannot be read is taken out of the values."""
    text = values["duration"]
    least, dash, most = text.partition("-")
    if not text:
        return None, None
    if not dash or not all(p == "" or (p.isascii() and p.isdigit() and len(p) < 8) for p in (least, most)):
        faults.append("The duration is given in seconds, from-to, such as 60-300.")
        values["duration"] = ""
        return None, None
    return (int(least) * 1000 if least else None), (int(most) * 1000 if most else None)
