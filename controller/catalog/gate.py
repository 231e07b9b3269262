"""The one gate to a tenant's data: which rows a scope covers, and what is shown of them.

Every query passes through here. What is not expressly allowed is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, false, or_, select, true

from ..core.parties import Side
from ..core.rules import Route
from ..engine.reading import PartyRow, Scope
from . import tables as t
from .columns import name_key
from .rebuilding import routes_of
from .views import TEAM_SCOPES

#: Instead of whoever of another tenant (or of the system) has done something.
SOMEBODY_ELSE = "somebody else"

# What a tenant is told of a call that another tenant takes part in: what its own and the outside
# parties did. Captures and requests are left out, they tell whom the other tenant records and why.
_NEUTRAL_EVENTS = frozenset({"calling", "called", "answered", "talking", "left", "held", "unheld", "hung up"})
_NEUTRAL_ACTORS = frozenset({"", "unknown", "external party", "end of call", "end of recording"})


@dataclass(frozen=True, slots=True)
class CallsSeen:
    """Where to select calls from: one row a call, with the scope's view of when and which way."""

    source: FromClause
    started_at: ColumnElement[Any]
    call_id: ColumnElement[Any]
    direction: ColumnElement[Any]
    condition: ColumnElement[bool]


class Gate:
    """What one scope may see. A scope that makes no sense sees nothing."""

    def __init__(self, scope: Scope) -> None:
        self._tenant = None if scope.tenant is None else name_key(scope.tenant)
        self._user = None if scope.user is None else name_key(scope.user)
        self._team = scope.team
        self._nothing = (
            self._tenant == ""
            or self._user == ""
            or (self._tenant is None and (scope.user is not None or scope.team is not None))
        )
        self._everything = scope == Scope(None)

    # ── which rows ────────────────────────────────────────────────────────────────────────

    def calls(self, user: str = "") -> CallsSeen:
        """Calls in which the tenant has a leg, or a recording; for a user, a leg of its own; for a
        team, a leg of one of its users, or a way through one of its queues or ring groups.

        With ``user`` only those that this user of the tenant takes part in, where the scope has a tenant and
        is not itself a user's: a user's calls have an index of their own."""
        c, v = t.calls.c, t.call_views.c
        if self._everything:
            return CallsSeen(t.calls, c.started_at, c.call_id, c.direction, true())
        mine = and_(v.tenant == self._tenant, v.user == (self._user or name_key(user)))
        if self._team is not None:
            mine = and_(mine, self._of_team(v.call_id))
        return CallsSeen(
            t.call_views.join(t.calls, c.call_id == v.call_id),
            v.started_at,
            v.call_id,
            v.direction,
            false() if self._nothing else mine,
        )

    @property
    def by_user(self) -> bool:
        """Whether `calls` with a user gives that user's alone."""
        return self._tenant is not None and self._user is None

    def recordings(self) -> ColumnElement[bool]:
        """The tenant's own recordings; for a user or a team, those of the calls that it sees."""
        r = t.recordings.c
        if self._everything:
            return true()
        if self._nothing:
            return false()
        if self._team is not None:
            own = r.tenant == self._tenant
            return and_(own, self._of_team(r.call_id), false() if self._user is not None else true())
        if self._user is None:
            return r.tenant == self._tenant
        v = t.call_views.c
        mine = select(v.call_id).where(v.tenant == self._tenant, v.user == self._user)
        return and_(r.tenant == self._tenant, r.call_id.in_(mine))

    def tenant(self, tenant: ColumnElement[Any]) -> ColumnElement[bool]:
        """Rows of the tenant that any of its people may see."""
        if self._everything:
            return true()
        return false() if self._nothing else tenant == self._tenant

    def user(self, tenant: ColumnElement[Any], user: ColumnElement[Any]) -> ColumnElement[bool]:
        """Rows about a user: all of the tenant's for its administrator, the own one for a user,
        its users' for a team."""
        covered = self.tenant(tenant)
        if self._team is not None:
            return and_(covered, user.in_(sorted(self._team.users)))
        return covered if self._user is None else and_(covered, user == self._user)

    def administered(self, tenant: ColumnElement[Any]) -> ColumnElement[bool]:
        """Rows that are an administrator's business only."""
        return self.tenant(tenant) if self._user is None and self._team is None else false()

    def _of_team(self, call_id: ColumnElement[Any]) -> ColumnElement[bool]:
        """By correlated EXISTS: a page of a long list looks at no more calls than it shows or skips."""
        assert self._team is not None
        v, c = t.call_views.alias("of_team").c, t.call_routes.c
        users = sorted(self._team.users - {""})
        ways = [
            and_(c.scope == str(scope), c.name.in_(sorted(names)))
            for scope, names in zip(TEAM_SCOPES, (self._team.queues, self._team.ring_groups), strict=True)
            if names
        ]
        by_user = select(v.call_id).where(v.call_id == call_id, v.tenant == self._tenant, v.user.in_(users))
        by_way = select(c.call_id).where(c.call_id == call_id, c.tenant == self._tenant, or_(false(), *ways))
        return or_(by_user.exists(), by_way.exists())

    def leg_whole(self) -> ColumnElement[bool]:
        """The legs that are shown with name and user (see `shows`)."""
        if self._everything:
            return true()
        return or_(t.legs.c.tenant.is_(None), t.legs.c.tenant == self._tenant)

    # ── what is shown of them ─────────────────────────────────────────────────────────────

    def shows(self, leg: Any) -> bool:
        """Whether a leg is shown whole: the tenant's own, or an outside party of nobody's."""
        return self._everything or leg.tenant is None or leg.tenant == self._tenant

    def party(self, leg: Any) -> PartyRow:
        """Another tenant's party is somebody outside with a number, nothing more."""
        if self.shows(leg):
            return PartyRow(leg.side, leg.tenant, leg.user, leg.number, leg.name, leg.calling, leg.seat)
        return PartyRow(str(Side.EXTERNAL), None, None, leg.number, "", leg.calling, leg.seat)

    def routes(self, leg: Any) -> tuple[Route, ...]:
        """What a leg came through, but for what is another tenant's."""
        mine = (None, self._tenant)
        return tuple(r for r in routes_of(leg) if self._everything or r.tenant in mine)

    def journey(self, events: Sequence[Any], legs: Sequence[Any]) -> list[tuple[Any, str]]:
        """The events that are shown, each with as much of its detail as is."""
        if not self.shared(legs):
            return [(event, event.detail) for event in events]
        shown = {leg.leg_id for leg in legs if self.shows(leg)}
        return [
            (event, event.detail if event.what == "hung up" else "")
            for event in events
            if event.leg_id in shown and event.what in _NEUTRAL_EVENTS
        ]

    def shared(self, legs: Sequence[Any]) -> bool:
        """Whether another tenant takes part in the call."""
        return any(not self.shows(leg) for leg in legs)

    def actor(self, who: str, *, shared: bool) -> str:
        """Who asked for a pause: in a shared call only the tenant's own users are named."""
        if not shared or who in _NEUTRAL_ACTORS:
            return who
        user, at, tenant = who.partition("@")
        return who if user and at and tenant == self._tenant else SOMEBODY_ELSE
