"""The spoken conversation of the demo: two tracks of equal length, and who says what when."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..phone.sound import RATE, Samples, Source, decode

_HERE = Path(__file__).parent

AGENT = "agent"
CUSTOMER = "customer"

#: The mark of the turn in which the card number is spoken.
CARD = "card"


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker says without stopping; ms from the beginning of either track."""

    speaker: str
    mark: str
    text: str
    from_ms: int
    to_ms: int


@cache
def turns() -> tuple[Turn, ...]:
    return tuple(Turn(**turn) for turn in json.loads((_HERE / "turns.json").read_text(encoding="utf-8")))


def card_turn() -> Turn:
    return next(t for t in turns() if t.mark == CARD)


def load(speaker: str) -> Samples:
    """One speaker's track at 8 kHz: speech, and faint noise while the other one speaks."""
    return decode(_read(speaker))


def source(speaker: str) -> Source:
    """The same for a phone, round and round. No sample of it is digital silence."""
    return Source(speaker, _read(speaker))


def duration_ms() -> int:
    return len(_read(AGENT)) * 1000 // RATE


@cache
def _read(speaker: str) -> bytes:
    if speaker not in (AGENT, CUSTOMER):
        raise ValueError(f"nobody is called {speaker!r}")
    return (_HERE / f"{speaker}.ul").read_bytes()
