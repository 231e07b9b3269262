"""What is rare in a tenant's list, as a filter asks for it: found by an index of its own, before the list is.

What is common is soon found by walking down the list; what is rare would have all of it walked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from ..engine.media_ports import FileRole
from ..engine.reading import RecordingFilter
from . import tables as t
from .columns import name_key
from .conditions import ways_asked
from .gate import Gate
from .ordering import LENGTH

_r, _f, _p, _tag, _w, _v = (
    x.c for x in (t.recordings, t.files, t.pauses, t.tags, t.call_routes, t.call_views)
)  # fmt: skip


def rare(gate: Gate, where: RecordingFilter) -> Iterator[tuple[ColumnElement[str], Select[Any]]]:
    """(a column of `recordings`, the only values of it that fit)."""
    for query in rare_calls(gate, where, of_recordings=True):
        yield _r.call_id, query
    if where.tag:
        yield (
            _r.recording_id,
            select(_tag.recording_id).where(_tag.tag == where.tag, gate.tenant(_tag.tenant)),
        )
    if where.format:
        roles = [str(FileRole.RENDITION), str(FileRole.ENCODED)]
        yield _r.recording_id, select(_f.recording_id).where(_f.format == where.format, _f.role.in_(roles))
    if where.paused:
        yield _r.recording_id, select(_p.recording_id)
    if where.min_ms is not None or where.max_ms is not None:
        lengths = select(_r.recording_id).where(gate.tenant(_r.tenant))
        if where.min_ms is not None:
            lengths = lengths.where(where.min_ms <= LENGTH)
        if where.max_ms is not None:
            lengths = lengths.where(where.max_ms > LENGTH)
        yield _r.recording_id, lengths


def rare_calls(gate: Gate, where: RecordingFilter, *, of_recordings: bool = False) -> Iterator[Select[Any]]:
    """The only calls that fit, by one filter each."""
    for scope, name in ways_asked(where):
        yield select(_w.call_id).where(
            gate.tenant(_w.tenant), _w.scope == str(scope), _w.name == name_key(name)
        )
    if where.user and (of_recordings or not gate.by_user):
        yield select(_v.call_id).where(gate.tenant(_v.tenant), _v.user == name_key(where.user))
    if where.tag and not of_recordings:
        yield (
            select(_r.call_id)
            .join(t.tags, _tag.recording_id == _r.recording_id)
            .where(_tag.tag == where.tag, gate.tenant(_tag.tenant))
        )
