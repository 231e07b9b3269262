"""Who is in which bridge, by the switch's word."""

from __future__ import annotations

from collections import OrderedDict

from .calls import Leg

#: So many ended legs are remembered, to tell a late or repeated fact from a new call.
REMEMBERED_LEGS = 20_000


class Bridges:
    """Keeps each leg's ``bridge_id`` and the sets of legs in step."""

    def __init__(self) -> None:
        self._members: dict[str, set[str]] = {}

    def enter(self, leg: Leg, bridge_id: str) -> set[str]:
        """A leg is in one bridge at most: it leaves the one that it was in. Returns who is there already."""
        if leg.bridge_id != bridge_id:
            self.leave(leg)
        leg.bridge_id = bridge_id
        members = self._members.setdefault(bridge_id, set())
        members.add(leg.leg_id)
        return members - {leg.leg_id}

    def leave(self, leg: Leg) -> None:
        if leg.bridge_id is None:
            return
        members = self._members.get(leg.bridge_id)
        if members is not None:
            members.discard(leg.leg_id)
            if not members:
                del self._members[leg.bridge_id]
        leg.bridge_id = None


class EndedLegs:
    """The last ones that hung up."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()

    def add(self, leg_id: str) -> None:
        self._ids[leg_id] = None
        while len(self._ids) > REMEMBERED_LEGS:
            self._ids.popitem(last=False)

    def __contains__(self, leg_id: str) -> bool:
        return leg_id in self._ids
