"""The history of a call's decisions: what was decided about each of its conversations, and since when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from .media_kinds import Kind
from .policy import Decision


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision about one conversation, for one tenant and kind; it stands until the next one about it.

    ``bridge_id`` is the conversation, ``legs`` who was in it at that moment. Both are empty where an
    earlier version did not keep them.
    """

    at: datetime
    bridge_id: str
    tenant: str
    kind: Kind
    legs: tuple[str, ...]
    decision: Decision


def standing(history: Sequence[Decided], bridge_id: str, tenant: str, kind: Kind) -> Decision | None:
    """What stands about this conversation now."""
    for entry in reversed(history):
        if entry.bridge_id == bridge_id and entry.tenant == tenant and entry.kind is kind:
            return entry.decision
    return None


def latest(history: Iterable[Decided]) -> dict[tuple[str, Kind], Decision]:
    """What was decided last for each tenant and kind, whichever conversation it was about."""
    return {(entry.tenant, entry.kind): entry.decision for entry in history}
