"""Advanced Service: queues, ring groups, virtual receptionists as calls show them, each with its rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from ...core.rules import PolicyRule, PolicyScope, Setting
from ...engine.forecasting import PastCalls, Seen
from ...engine.reading import Account
from ..api.params import plain
from ..forecasts import seen_of
from ..permits import PolicyReader
from ..services import Parts
from . import choices
from .rendering import page

router = APIRouter()

Name = Annotated[str, Query(max_length=253)]


@dataclass(frozen=True, slots=True)
class Line:
    """A queue, say: seen in calls, ruled, or both."""

    scope: PolicyScope
    name: str
    tenant: str
    calls: int = 0
    recorded: int = 0
    audio: Setting = Setting.INHERIT
    video: Setting = Setting.INHERIT
    sample: float = 100.0
    ruled: bool = False
    of_system: bool = False

    @property
    def address(self) -> str:
        """Where its rule is edited, or made."""
        tenant = "" if self.of_system else self.tenant
        query = {"scope": self.scope.value, "tenant": tenant, "name": self.name}
        if not self.ruled:
            query["new"] = "1"
        return "/rules/edit?" + urlencode({k: v for k, v in query.items() if v})


def lines(seen: Iterable[Seen], rules: Iterable[PolicyRule], scopes: Iterable[PolicyScope]) -> list[Line]:
    """The busiest first, then those without calls by name."""
    wanted = frozenset(scopes)
    found = {
        (s.scope, s.tenant, s.name): Line(s.scope, s.name, s.tenant, s.calls, s.recorded)
        for s in seen
        if s.scope in wanted
    }
    for rule in rules:
        if rule.scope not in wanted:
            continue
        keys = [(rule.scope, rule.tenant, rule.name)]
        if rule.tenant is None:
            # The system's own trunk is what every tenant's calls come by.
            keys = [k for k in found if (k[0], k[2]) == (rule.scope, rule.name)] or keys
        for scope, tenant, name in keys:
            line = found.get((scope, tenant or "", name)) or Line(scope, name, tenant or "")
            found[scope, tenant or "", name] = replace(
                line, audio=rule.audio, video=rule.video, sample=rule.sample_percent, ruled=True,
                of_system=rule.tenant is None,
            )  # fmt: skip
    return sorted(found.values(), key=lambda line: (-line.calls, line.scope, line.name, line.tenant))


async def ways(parts: Parts, me: Account, scopes: Iterable[PolicyScope]) -> tuple[list[Line], PastCalls]:
    seen, past = await seen_of(parts, me.scope.tenant)
    return lines(seen, await parts.settings.rules(me.scope), scopes), past


async def _list(request: Request, parts: Parts, me: Account, scope: PolicyScope, q: str) -> Response:
    found, past = await ways(parts, me, [scope])
    wanted = plain(q).casefold()
    shown = [line for line in found if wanted in line.name.casefold()]
    return page(
        request, "services.html", lines=shown, total=len(found), past=past, q=plain(q), scope=scope,
        title=choices.SCOPES_MANY[scope], choices=choices,
    )  # fmt: skip


@router.get("/queues")
async def queues(request: Request, parts: Parts, me: PolicyReader, q: Name = "") -> Response:
    return await _list(request, parts, me, PolicyScope.QUEUE, q)


@router.get("/ring-groups")
async def ring_groups(request: Request, parts: Parts, me: PolicyReader, q: Name = "") -> Response:
    return await _list(request, parts, me, PolicyScope.RING_GROUP, q)


@router.get("/receptionists")
async def receptionists(request: Request, parts: Parts, me: PolicyReader, q: Name = "") -> Response:
    return await _list(request, parts, me, PolicyScope.RECEPTIONIST, q)
