"""What a recording must be like to be in a filtered list. Whatever is not shown is not found either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, or_, select, text, true

from ..core.retention import Hold
from ..core.rules import PolicyScope
from ..engine.listing import Stand
from ..engine.media_ports import INTERRUPTED, SILENT, FileRole, MediaState
from ..engine.reading import RecordingFilter
from . import tables as t
from .columns import folded, has, loose, name_key
from .gate import Gate
from .searching import digits, number_variants, party_terms
from .terms import said_in

_r, _l, _f, _p = t.recordings.c, t.legs.c, t.files.c, t.pauses.c
_tag, _note, _held, _hold = t.tags.c, t.notes.c, t.held_recordings.c, t.legal_holds.c
_M = MediaState


def conditions(
    gate: Gate, where: RecordingFilter, standing: Sequence[Hold], *, sqlite: bool
) -> list[ColumnElement[bool]]:
    """All that is of recordings alone; ``standing``: the holds in force of the scope's tenants."""
    found: list[ColumnElement[bool]] = []
    if where.number.strip():
        found.append(number_in(where.number))
    if where.user:
        found.append(_of_user(gate, where.user))
    found += [_came_by(gate, _r.call_id, scope, name) for scope, name in ways_asked(where)]
    if where.tag:
        # One by one, down the list: what is rare is narrowed before (rarities.py).
        tagged = select(_tag.recording_id).where(
            _tag.recording_id == _r.recording_id, _tag.tag == where.tag, gate.tenant(_tag.tenant)
        )
        found.append(has(tagged))
    if where.held is not None:
        covering = [_covered(hold) for hold in standing if hold.standing]
        # Without one that covers by itself there are no more than those that are named.
        named = _named_by_a_hold() if covering or not where.held else _r.recording_id.in_(_named())
        held = or_(named, *covering)
        found.append(held if where.held else ~held)
    if where.paused is not None:
        paused = has(select(_p.pause_id).where(_p.recording_id == _r.recording_id))
        found.append(paused if where.paused else ~paused)
    if where.format:
        whole = [str(FileRole.RENDITION), str(FileRole.ENCODED)]
        formats = select(_f.recording_id).where(
            _f.recording_id == _r.recording_id, _f.role.in_(whole), _f.format == where.format
        )
        found.append(has(formats))
    if where.stand is not None:
        found.append(_stands(where.stand))
    found += [_found(gate, word, where.spoken, sqlite=sqlite) for word in where.words]
    return found


def party_in(gate: Gate, call_id: ColumnElement[Any], party: str) -> ColumnElement[bool]:
    """What is not shown must not be found either: else one could ask for it letter by letter."""
    terms = party_terms(party)
    if not terms:
        return false()
    whole = or_(*(_l.search.contains(term, autoescape=True) for term in terms))
    by_number = or_(*(_l.search_number.contains(term, autoescape=True) for term in terms))
    fits = or_(and_(gate.leg_whole(), whole), by_number)
    return has(select(_l.call_id).where(_l.call_id == call_id, fits))


def number_in(number: str) -> ColumnElement[bool]:
    variants = number_variants(number)
    if not variants:
        return false()
    fits = or_(*(_l.search_number.contains(v, autoescape=True) for v in variants))
    return has(select(_l.call_id).where(_l.call_id == _r.call_id, fits))


def tags_like(word: str) -> Select[Any]:
    """Recordings with a tag that begins like this."""
    wanted = folded(word)
    return select(_tag.recording_id).where(_tag.tag.startswith(wanted, autoescape=True))


def notes_with(word: str) -> Select[Any]:
    return select(_note.recording_id).where(_note.search.contains(loose(word), autoescape=True))


def _found(gate: Gate, word: str, spoken: bool, *, sqlite: bool) -> ColumnElement[bool]:
    places = [
        party_in(gate, _r.call_id, word),
        has(tags_like(word).where(_tag.recording_id == _r.recording_id)),
        has(notes_with(word).where(_note.recording_id == _r.recording_id)),
    ]
    if spoken:
        quoted = '"' + word.replace('"', " ") + '"'
        said = said_in(_r.recording_id, quoted if " " in word else word, sqlite=sqlite)
        places.append(and_(_r.provisional.is_(False), said))
    return or_(*places)


def conditions_of_calls(
    gate: Gate, call_id: ColumnElement[Any], where: RecordingFilter
) -> list[ColumnElement[bool]]:
    """What a list of calls has of the recordings' filters: user, queue, ring group, tag."""
    found: list[ColumnElement[bool]] = []
    if where.user and not gate.by_user:
        v = t.call_views.alias("of_user").c
        mine = select(v.call_id).where(
            v.call_id == call_id, v.user == name_key(where.user), gate.tenant(v.tenant)
        )
        found.append(has(mine))
    for scope, name in ways_asked(where):
        found.append(_came_by(gate, call_id, scope, name))
    if where.tag:
        r = t.recordings.alias("tagged")
        tagged = (
            select(_tag.recording_id)
            .join(r, r.c.recording_id == _tag.recording_id)
            .where(
                r.c.call_id == call_id,
                _tag.tag == where.tag,
                gate.tenant(_tag.tenant),
                r.c.deleted_at.is_(None),
            )
        )
        found.append(tagged.exists())
    return found


def ways_asked(where: RecordingFilter) -> list[tuple[PolicyScope, str]]:
    named = ((PolicyScope.QUEUE, where.queue), (PolicyScope.RING_GROUP, where.group))
    return [(scope, name) for scope, name in named if name]


def _of_user(gate: Gate, user: str) -> ColumnElement[bool]:
    v = t.call_views.alias("of_user").c
    mine = select(v.call_id).where(
        v.call_id == _r.call_id, v.tenant == _r.tenant, v.user == name_key(user), gate.tenant(v.tenant)
    )
    return has(mine)


def _came_by(gate: Gate, call_id: ColumnElement[Any], scope: PolicyScope, name: str) -> ColumnElement[bool]:
    c = t.call_routes.c
    ways = select(c.call_id).where(
        c.call_id == call_id, c.scope == str(scope), c.name == name_key(name), gate.tenant(c.tenant)
    )
    return has(ways)


def _named() -> Select[Any]:
    """What the holds in force name."""
    return (
        select(_held.recording_id)
        .join(t.legal_holds, _hold.hold_id == _held.hold_id)
        .where(_hold.lifted_at.is_(None))
    )


def _named_by_a_hold() -> ColumnElement[bool]:
    return _named().where(_held.recording_id == _r.recording_id).exists()


def _covered(hold: Hold) -> ColumnElement[bool]:
    """As core.retention.covering says it; of numbers rather too many than too few."""
    fits = [_r.tenant == hold.tenant]
    if hold.since is not None:
        fits.append(or_(_r.ended_at.is_(None), _r.ended_at >= hold.since))
    if hold.until is not None:
        fits.append(_r.started_at < hold.until)
    if hold.person:
        by = [and_(_l.user == hold.person, _l.tenant == hold.tenant), _l.number == hold.person]
        if len(digits(hold.person)) > 5:
            by += [_l.search_number.contains(v, autoescape=True) for v in number_variants(hold.person)]
        fits.append(select(_l.call_id).where(_l.call_id == _r.call_id, or_(*by)).exists())
    return and_(*fits)


def _stands(stand: Stand) -> ColumnElement[bool]:
    state, ended = _r.media_state, _r.ended_at.is_not(None)
    kept = _r.provisional.is_(False)
    # Written out, as the index of what has something to complain of has it.
    remark = _r.media_error != text("''")
    silent = and_(remark, _r.media_error.contains(SILENT, autoescape=True))
    interrupted = and_(remark, _r.media_error.contains(INTERRUPTED, autoescape=True))
    return {
        Stand.RUNNING: _r.ended_at.is_(None),
        Stand.AVAILABLE: and_(state == str(_M.AVAILABLE), kept),
        Stand.WORKING: and_(ended, kept, state.in_([str(_M.SPOOLED), str(_M.STORED)])),
        # By the remarks' index, not by the state's, which nearly all have.
        Stand.SILENT: and_(state.concat("") == str(_M.AVAILABLE), silent),
        Stand.INTERRUPTED: and_(kept, interrupted),
        Stand.EMPTY: and_(state == str(_M.EMPTY), kept),
        Stand.FAILED: state == str(_M.FAILED),
        Stand.NOT_KEPT: and_(ended, _r.provisional.is_(True)),
    }.get(stand, true())
