"""Which channel of a stereo recording a party is on: left is the one who called."""

from __future__ import annotations

from collections.abc import Sequence

from .calls import Leg
from .commands import Layout

LEFT, RIGHT = "left", "right"


def layout_for(anchor: Leg, legs: Sequence[Leg]) -> Layout:
    """How a capture on ``anchor`` must lay out its channels; gives every leg its seat.

    Through a transfer whoever stays keeps the seat, and the newcomer takes the other one: the
    eldest leg that has a seat decides. Where several are on the far side of the anchor they share
    a channel.
    """
    seated = [leg for leg in legs if leg.seat]
    if seated:
        first = min(seated, key=lambda leg: leg.started_at)
    else:
        first = next((leg for leg in legs if leg.calling), legs[0])
        first.seat = LEFT
    for leg in legs:
        if leg is not first:
            leg.seat = RIGHT if first.seat == LEFT else LEFT
    return Layout.OWN_LEFT if anchor.seat == LEFT else Layout.OWN_RIGHT
