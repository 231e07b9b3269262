"""What there is to hear of a recording, and what of it is not for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, case, exists, func, or_, select

from ..core.options import Redaction
from ..engine.media_ports import GIVEN_UP, FileRole, MediaState
from ..engine.reading import FileRow, Scope, Sound
from ..engine.sounds import trace_of
from ..engine.transcribing import Hidden
from . import tables as t
from .gate import Gate
from .policy_rows import options_of
from .writing import OnDatabase

_r, _x, _f, _c = t.recordings.c, t.transcripts.c, t.files.c, t.chosen_spans.c
# Under another name, since what is hidden asks for files of its own.
_mine = t.files.alias("mine")
_FILE = [_mine.c[f.name] for f in fields(FileRow)]


class Sounds(OnDatabase):
    """A part of engine.reading.CatalogReader."""

    async def sound_of(self, scope: Scope, recording_id: str, *, withheld: bool = False) -> Sound | None:
        found = await self._database.ask(_sound(scope), {"wanted": recording_id})
        if not found:
            return None
        row = found[0]
        files = tuple(file_row(x) for x in found if x.role is not None)
        hidden = hidden_of(row, files)
        sound = Sound(
            row.recording_id, row.tenant, row.kind, row.started_at, row.media_state, row.reason,
            trace_of(row.media_state, provisional=row.provisional, ended=row.ended_at is not None),
            files, hidden,
        )  # fmt: skip
        return sound if heard(row, withheld=withheld) else replace(sound, files=())


# Made once for each scope: to put it together takes longer than to carry it out.
@lru_cache(maxsize=1000)
def _sound(scope: Scope) -> Select[Any]:
    return (
        select(
            _r.recording_id, _r.tenant, _r.kind, _r.started_at, _r.ended_at, _r.provisional, _r.media_state,
            _r.reason, *wishes(), *_FILE,
        )
        .select_from(t.recordings.outerjoin(_mine, _mine.c.recording_id == _r.recording_id))
        .where(_r.recording_id == bindparam("wanted"), Gate(scope).recordings(), _r.deleted_at.is_(None))
        .order_by(_mine.c.role, _mine.c.number)
    )  # fmt: skip


def file_row(row: Any) -> FileRow:
    """From a row of `files`."""
    return FileRow(
        row.role, row.number, row.key, row.format, row.size, row.sha256, row.duration_ms, row.channels,
        row.sample_rate, row.repaired, row.note, row.store, row.sealing,
    )  # fmt: skip


def heard(row: Any, *, withheld: bool) -> bool:
    """Whether the files of this recording are for anybody's ears, or for those that may hear ``withheld``
    ones. What there still is of one that nobody has started is for nobody's."""
    return not row.provisional or (withheld and row.media_state == str(MediaState.WITHHELD))


def wishes() -> tuple[ColumnElement[Any], ...]:
    """To be selected with a recording: what `hidden_of` goes by."""
    transcript = _x.recording_id == _r.recording_id
    due = func.max(case((not_taken_out(), 1), else_=0))
    in_force = (_c.recording_id == _r.recording_id, _c.taken_back_at.is_(None))
    return (
        select(t.tenants.c.options).where(t.tenants.c.tenant == _r.tenant)
        .scalar_subquery().label("tenant_options"),
        select(due).where(*in_force).scalar_subquery().label("spans_due"),
        select(_x.source).where(transcript).scalar_subquery().label("listened_to"),
        select(_x.redaction).where(transcript).scalar_subquery().label("listened_for"),
    )  # fmt: skip


def hidden_of(row: Any, files: Sequence[Any]) -> Hidden:
    """What is to be kept from ordinary ears. In doubt it is: a wish without its result hides all."""
    redacted = any(f.role == FileRole.REDACTED for f in files)
    chosen = row.spans_due is not None
    if chosen:
        if row.spans_due or not redacted:
            return Hidden.NOT_YET
    elif redacted:
        return Hidden.DIGITS
    if options_of(row.tenant, row.tenant_options or {}).redact_digits is not Redaction.AUDIO:
        return Hidden.DIGITS if chosen else Hidden.NOTHING
    listened = row.listened_for == str(Redaction.AUDIO)
    # Made again, it is another sound; that its WAV is not kept changes nothing about what was found in it.
    same = all(f.sha256 == row.listened_to for f in files if f.role == FileRole.RENDITION)
    if not listened or not same:
        return Hidden.NOT_YET
    return Hidden.DIGITS if chosen else Hidden.NOTHING


def not_taken_out() -> ColumnElement[bool]:
    """Of a row of `chosen_spans`: the sound, as it is now, is not without it. That the WAV is not kept
    any more changes nothing about what was taken out of it."""
    newer = exists().where(
        _f.recording_id == _c.recording_id, _f.role == str(FileRole.RENDITION), _f.sha256 != _c.source,
        ~_f.note.startswith(GIVEN_UP, autoescape=True),
    )  # fmt: skip
    return or_(_c.source == "", newer)
