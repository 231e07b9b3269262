"""Calls that should have been recorded, and are not: the one place that says which these are.

The policy decided to record one of the call's conversations, or would have and the switch cannot, and did
not decide otherwise about the same people afterwards; the call has ended; and there is no recording of that
tenant and kind that can be heard: none at all, nothing captured, only silence, or its
media has failed (so far). What was deleted, was destroyed as its mode demands or is still being stored is
not missing.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, case, literal, or_, select

from ..core.policy import Cause, Verdict
from ..engine.media_ports import SILENT, MediaState
from ..engine.reading import Recorded
from . import tables as t
from .gate import Gate

_d, _r = t.decisions.c, t.recordings.c
#: Made once: each has a copy of every column, in cycles that only the garbage collector frees.
_EARLIER, _ANEW = t.decisions.alias("earlier"), t.decisions.alias("anew")


def should_be(d: Any) -> ColumnElement[bool]:
    """Of a decision (the columns of `decisions` or of an alias of it): it stood, and it was to record."""
    a = _ANEW.c
    anew = select(literal(1)).where(
        a.call_id == d.call_id, a.tenant == d.tenant, a.kind == d.kind, a.bridge_id == d.bridge_id,
        a.legs == d.legs, a.position > d.position,
    )  # fmt: skip
    return and_(or_(d.verdict == str(Verdict.RECORD), d.rule == str(Cause.UNSUPPORTED)), ~anew.exists())


def unheard() -> ColumnElement[bool]:
    """Of a recording: there is nothing to hear, and that was nobody's wish."""
    bad = or_(
        _r.media_state.in_([str(MediaState.EMPTY), str(MediaState.FAILED)]), _r.media_error.contains(SILENT)
    )
    return and_(_r.ended_at.is_not(None), _r.deleted_at.is_(None), _r.provisional.is_(False), bad)


def missing() -> ColumnElement[bool]:
    """Of a decision whose call is `calls` in the same statement; true of one for each tenant and kind."""
    e = _EARLIER.c
    earlier = select(literal(1)).where(
        e.call_id == _d.call_id, e.tenant == _d.tenant, e.kind == _d.kind, e.position < _d.position,
        should_be(e),
    )  # fmt: skip
    heard = select(literal(1)).where(
        _r.call_id == _d.call_id, _r.tenant == _d.tenant, _r.kind == _d.kind, ~unheard()
    )
    return and_(t.calls.c.ended_at.is_not(None), should_be(_d), ~heard.exists(), ~earlier.exists())


def why_missing() -> ColumnElement[str]:
    """Of a missing decision, outer-joined with its recording: a code for engine.reports.Missing."""
    return case(
        (_d.rule == str(Cause.UNSUPPORTED), "unsupported"),
        (_r.recording_id.is_(None), "none"),
        (_r.media_state == str(MediaState.EMPTY), "empty"),
        (_r.media_state == str(MediaState.FAILED), "failed"),
        else_="silent",
    )


def recorded_is(gate: Gate, call_id: ColumnElement[str], wanted: Recorded) -> ColumnElement[bool]:
    """Of a call, in a statement that selects from `calls`."""
    if wanted is Recorded.MISSING:
        return select(literal(1)).where(_d.call_id == call_id, gate.tenant(_d.tenant), missing()).exists()
    there = select(literal(1)).where(_r.call_id == call_id, gate.recordings()).exists()
    return there if wanted is Recorded.YES else ~there


def decided_by(gate: Gate, call_id: ColumnElement[str], rule: str) -> ColumnElement[bool]:
    return select(literal(1)).where(_d.call_id == call_id, gate.tenant(_d.tenant), _d.rule == rule).exists()
