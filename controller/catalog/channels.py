"""Who is heard on which channel of a stereo recording, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.commands import Layout
from ..engine.reading import PartyRow
from .gate import Gate


@dataclass(frozen=True, slots=True)
class Sides:
    """The parties on the left and on the right of one capture; none on a silent channel."""

    left: tuple[str, ...]
    right: tuple[str, ...]

    @property
    def texts(self) -> tuple[str, str]:
        return ", ".join(self.left), ", ".join(self.right)


def sides_of(gate: Gate, segment: Any, legs: Sequence[Any]) -> Sides | None:
    """From a segment's row and its call's legs; None for a capture with one channel."""
    if segment.layout == str(Layout.MONO):
        return None
    names = {leg.leg_id: called(gate.party(leg)) for leg in legs}
    own = (names.get(segment.leg_id, called(None)),)
    far = () if segment.own_voice_only else tuple(names[leg] for leg in segment.far if leg in names)
    return Sides(own, far) if segment.layout == str(Layout.OWN_LEFT) else Sides(far, own)


def alone_on(gate: Gate, segment: Any, legs: Sequence[Any]) -> str:
    """The one who alone can be heard in a capture with one channel; "" if there are more."""
    if not segment.own_voice_only:
        return ""
    return next((called(gate.party(leg)) for leg in legs if leg.leg_id == segment.leg_id), "")


def in_turns(captures: Iterable[Sides | None]) -> tuple[str, str] | None:
    """Those who are on each channel of the whole recording, in the order of their first capture."""
    stereo = [sides for sides in captures if sides is not None]
    if not stereo:
        return None
    left = dict.fromkeys(name for sides in stereo for name in sides.left)
    right = dict.fromkeys(name for sides in stereo for name in sides.right)
    return ", ".join(left), ", ".join(right)


def called(party: PartyRow | None) -> str:
    """``101 (Ann)``, ``+4930123``: the user or the number, and the name if it says more."""
    if party is None:
        return "unknown"
    who = party.user or party.number or "unknown"
    return f"{who} ({party.name})" if party.name and party.name != who else who
