"""What one reader of the live stream is told of the strips: of the calls that it sees, and what is new."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from ..engine.levels import ELSEWHERE, STEPS_A_SECOND, Strip, Strips
from ..engine.ports import LiveCall

#: A recording in one of these has no capture, or none that the switch has confirmed.
_NOT_YET = frozenset({"requested", "waiting", "ended", "failed", "closed"})


class LevelTeller:
    """One reader's."""

    def __init__(self) -> None:
        #: Which strip of each recording it was told last, by its number, or why there is none.
        self._told: dict[str, int | str] = {}

    def tell(self, calls: Iterable[LiveCall], strips: Strips, at: float) -> str:
        """The event's JSON, as docs/reference/live-levels.md has it; "" where there is nothing to see.
        ``calls``: as the reader may see them, of no other is anything told. ``at``: seconds since 1970."""
        before, self._told = self._told, {}
        views: dict[str, dict[str, Any]] = {}
        for call in calls:
            for recording in call.recordings:
                if recording.kind != "audio" or recording.state in _NOT_YET:
                    continue
                one, known = recording.recording_id, before.get(recording.recording_id)
                strip = strips.get(one)
                if strip is None or strip.why:
                    # One that has begun since the look is not elsewhere: the next look has it.
                    why = strip.why if strip else "" if known is None else ELSEWHERE
                    self._told[one] = why
                    if why and known != why:
                        views[one] = {"why": why}
                    continue
                self._told[one] = strip.number
                if known != strip.number and strip.lanes:
                    views[one] = _view(call, strip, known)
        if not self._told:
            return ""
        return orjson.dumps({"at": round(at * STEPS_A_SECOND, 1), "strips": views}).decode()


def _view(call: LiveCall, strip: Strip, known: int | str | None) -> dict[str, Any]:
    lanes = strip.lanes
    if known == strip.number - 1:
        lanes = tuple(lane[-strip.fresh :] for lane in lanes)
    apart = len(lanes) > 1 or strip.own_voice_only
    party = next((n for n, p in enumerate(call.parties) if p.leg_id and p.leg_id == strip.leg_id), None)
    newest = round(strip.newest * STEPS_A_SECOND, 1)
    return {"party": party if apart else None, "end": strip.end, "newest": newest, "lanes": lanes}
