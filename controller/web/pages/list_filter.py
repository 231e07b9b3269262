"""The filters of the recordings list as they stand in its address, and the chips that show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from urllib.parse import urlencode

from ...core.direction import Direction
from ...core.formats import Format
from ...engine.listing import Order, Stand
from ...engine.reading import RecordingFilter
from ..free_search import as_tag, plain, with_words
from ..language import N_, _, tr
from .filters import DIRECTIONS, DURATIONS, duration_of, moment

KEYS = (
    "q", "party", "number", "user", "queue", "group", "tag", "when", "since", "until", "direction",
    "duration", "kind", "format", "paused", "hold", "state", "text", "sort",
)  # fmt: skip

WHEN = {
    "today": N_("Today"),
    "yesterday": N_("Yesterday"),
    "7d": N_("The last 7 days"),
    "30d": N_("The last 30 days"),
    "month": N_("This month"),
    "last-month": N_("Last month"),
}
STATES = {
    Stand.AVAILABLE: N_("Can be played"),
    Stand.RUNNING: N_("Recording now"),
    Stand.WORKING: N_("Being stored"),
    Stand.SILENT: N_("Silent"),
    Stand.INTERRUPTED: N_("Interrupted"),
    Stand.EMPTY: N_("Nothing captured"),
    Stand.FAILED: N_("Failed"),
    Stand.NOT_KEPT: N_("Not kept"),
}
ORDERS = {
    Order.NEWEST: N_("Newest first"),
    Order.OLDEST: N_("Oldest first"),
    Order.LONGEST: N_("Longest first"),
    Order.SHORTEST: N_("Shortest first"),
    Order.LARGEST: N_("Largest first"),
    Order.SMALLEST: N_("Smallest first"),
}
FORMATS = {**{str(f): f.upper() for f in Format}, "mp4": N_("MP4 video")}
YES_NO = {"yes": N_("Yes"), "no": N_("No")}

#: What may be done to a recording or to many: its name in the form, its words, its sign, who may.
ACTIONS = (
    ("tag", N_("Tag"), "keep", "annotate"),
    ("untag", N_("Untag"), "cut", "annotate"),
    ("note", N_("Note"), "book", "annotate"),
    ("hold", N_("Legal hold"), "shield", "hold"),
    ("trash", N_("Delete"), "bin", "delete"),
)

_CHIPS = {
    "q": N_("Search"),
    "party": N_("Party"),
    "number": N_("Number"),
    "user": N_("User"),
    "queue": N_("Queue"),
    "group": N_("Ring group"),
    "tag": N_("Tag"),
    "when": N_("When"),
    "since": N_("From"),
    "until": N_("To"),
    "direction": N_("Direction"),
    "duration": N_("Duration"),
    "kind": N_("Kind"),
    "format": N_("Format"),
    "paused": N_("Paused"),
    "hold": N_("Legal hold"),
    "state": N_("State"),
    "text": N_("Said"),
}
_CHOICES: dict[str, Mapping[str, str]] = {
    "when": WHEN,
    "direction": dict(DIRECTIONS),
    "duration": dict(DURATIONS),
    "format": FORMATS,
    "paused": YES_NO,
    "hold": YES_NO,
    "state": {str(k): v for k, v in STATES.items()},
    "kind": {"audio": N_("Audio"), "video": N_("Video")},
    "sort": {str(k): v for k, v in ORDERS.items()},
}


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter in force, and the list without it."""

    label: str
    text: str
    without: str


@dataclass(slots=True)
class ListFilter:
    values: dict[str, str]
    where: RecordingFilter
    before: str | None
    faults: list[str] = field(default_factory=list)

    @property
    def active(self) -> bool:
        return any(value for key, value in self.values.items() if key != "sort")

    @property
    def in_panel(self) -> int:
        """How many filters beside the search box."""
        return sum(bool(value) for key, value in self.values.items() if key not in ("q", "sort"))

    @property
    def durations(self) -> list[tuple[str, str]]:
        own = self.values["duration"]
        known = [value for value, _ in DURATIONS]
        return list(DURATIONS) + ([] if own in known else [(own, f"{own} s")])

    @property
    def chips(self) -> list[Chip]:
        return [
            Chip(_CHIPS[key], _chosen(key, value), self.query(**{key: None}))
            for key, value in self.values.items()
            if value and key in _CHIPS
        ]

    def query(self, **more: str | None) -> str:
        """The address's query with these changes; empty values are left out."""
        merged = {**self.values, **more}
        return urlencode({k: v for k, v in merged.items() if v})


def read(query: Mapping[str, str], zone: tzinfo, now: datetime, *, spoken: bool) -> ListFilter:
    """What cannot be read is left out and said. ``spoken``: what was said may be searched."""
    faults: list[str] = []
    values = {key: plain(query.get(key, ""), 500 if key in ("q", "text") else 200) for key in KEYS}
    for key, choices in _CHOICES.items():
        if key != "duration" and values[key] and values[key] not in choices:
            name = tr(_CHIPS.get(key, N_("Order")))
            faults.append(
                _("“%(value)s” is none of the choices of “%(name)s”.", value=values[key][:40], name=name)
            )
            values[key] = ""
    if not spoken:
        values["text"] = ""
    since, until = moment(values["since"], zone, faults), moment(values["until"], zone, faults, end=True)
    if values["when"]:
        first, last = _when(values["when"], now.astimezone(zone))
        since, until = since or first, until or last
    least, most = duration_of(values, faults)
    where = RecordingFilter(
        values["party"], since, until, Direction(values["direction"]) if values["direction"] else None, least,
        most, values["kind"] or None, text=values["text"],
    )  # fmt: skip
    where = replace(
        where, number=values["number"], user=values["user"], queue=values["queue"], group=values["group"],
        tag=as_tag(values["tag"]), format=values["format"], held=_yes(values["hold"]),
        paused=_yes(values["paused"]), stand=Stand(values["state"]) if values["state"] else None,
        spoken=spoken, order=Order(values["sort"] or Order.NEWEST),
    )  # fmt: skip
    where = with_words(where, values["q"], zone)
    if not spoken:
        where = replace(where, text="")
    return ListFilter(values, where, query.get("before", "")[:500] or None, faults)


def _chosen(key: str, value: str) -> str:
    """What was chosen in words; what was typed stays as it is."""
    choices = _CHOICES.get(key, {})
    return tr(choices[value]) if value in choices else value


def _yes(value: str) -> bool | None:
    return None if not value else value == "yes"


def _when(value: str, now: datetime) -> tuple[datetime, datetime | None]:
    """In the reader's own zone: a day begins at its midnight."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    month = today.replace(day=1)
    return {
        "today": (today, None),
        "yesterday": (today - timedelta(days=1), today),
        "7d": (today - timedelta(days=6), None),
        "30d": (today - timedelta(days=29), None),
        "month": (month, None),
        "last-month": ((month - timedelta(days=1)).replace(day=1), month),
    }[value]
