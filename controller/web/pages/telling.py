"""The call's journey in whole sentences, and where the rules that decided are to be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from ...core.policy import Cause
from ...core.rules import ROUTE_SCOPES
from ...engine.reading import CallDetail, DecisionRow, LegRow, PartyRow
from .causes import cause
from .journey import Ruler
from .words import address, duration, shown, who

_TELL = {
    "calling": "calls",
    "called": "is rung",
    "answered": "answers",
    "talking": "joins the conversation",
    "left": "leaves the conversation",
    "held": "is put on hold",
    "unheld": "is taken off hold",
    "hung up": "ends",
    "capture": "is captured",
}
_VERDICTS = {
    "record": "{} is to be recorded",
    "provisional": "{} is to be recorded, and kept only if it is started",
    "leave": "{} is not to be recorded",
}

#: Of a name in a link; Explain's form takes 253.
_LONGEST = 128


@dataclass(frozen=True, slots=True)
class Told:
    """A line: when, how far into the call (``ms``), who, what, and the link to hear it."""

    at: datetime
    after: str
    party: PartyRow | None
    what: str
    detail: str
    leg_id: str
    href: str


@dataclass(frozen=True, slots=True)
class Link:
    text: str
    href: str


def told(detail: CallDetail, ruler: Ruler) -> list[Told]:
    parties = {leg.leg_id: leg for leg in detail.legs}
    found = []
    for j in detail.journey:
        leg = parties.get(j.leg_id or "")
        what, more = _TELL.get(j.what, shown(j.what)), shown(j.detail, 300)
        if j.what == "hung up":
            more = cause(j.detail)
        elif j.what == "calling" and leg and leg.dialled:
            more = f"dials {shown(leg.dialled, 60)}"
        after = duration(ruler.ms(j.at))
        found.append(
            Told(j.at, after, leg.party if leg else None, what, more, j.leg_id or "", ruler.href(j.at))
        )
    return sorted(found + _decided(detail, ruler), key=lambda line: line.at)


def _decided(detail: CallDetail, ruler: Ruler) -> list[Told]:
    """What was decided in the course of the call, and about whom."""
    names = {leg.leg_id: who(leg.party) for leg in detail.legs}
    several = len({d.tenant for d in detail.decided}) > 1
    found = []
    for d in detail.decided:
        if d.at is None or d.rule == Cause.NOT_VIDEO:
            continue  # of every call without video; it is among the reasons all the same
        people = ", ".join(shown(names[leg], 60) for leg in d.legs if leg in names)
        about = [
            shown(d.reason, 600),
            people and f"between {people}",
            several and f"for {shown(d.tenant, 60)}",
        ]
        what = _VERDICTS.get(d.verdict, "{}: " + d.verdict).format(d.kind)
        more = " · ".join(part for part in about if part)
        found.append(Told(d.at, duration(ruler.ms(d.at)), None, what, more, "", ""))
    return found


def rule_links(decision: DecisionRow, legs: Sequence[LegRow]) -> list[Link]:
    """The pages on which the rule that decided is set; none where no rule did."""
    scope, dot, _ = decision.rule.partition(".")
    tenant = decision.tenant
    if not dot:
        system = decision.rule.startswith("external_")
        return [Link("Settings › General", "/advanced/general")] if system else []
    if scope == "tenant":
        return [Link(f"Options of {shown(tenant, 60)}", f"/company/options?tenant={address(tenant)}")]
    if scope == "system":
        return [Link("Settings › General", "/advanced/general")]
    if scope == "user":
        users = dict.fromkeys(
            leg.party.user
            for leg in legs
            if leg.party.user and leg.party.side == "internal" and leg.party.tenant == tenant
        )
        named = [u for u in users if f"user {u} " in f"{decision.reason} "] or list(users)
        return [Link(f"User {shown(u, 40)}", f"/users/{address(tenant)}/{address(u)}") for u in named]
    routes = dict.fromkeys(r for leg in legs for r in leg.routes if r.scope == scope)
    return [
        Link(
            f"Rule of {scope.replace('_', ' ')} {shown(r.name, 60)}",
            "/rules/edit?" + urlencode({"scope": r.scope, "tenant": r.tenant or "", "name": r.name}),
        )
        for r in routes
        if r.scope in ROUTE_SCOPES
    ]


def explain_link(detail: CallDetail, tenant: str) -> str:
    """Explain's form, filled in with this call; "" where there are not two to explain."""
    parties = detail.row.parties
    first = next((p for p in parties if p.calling), None)
    second = next((p for p in parties if p is not first), None)
    if first is None or second is None:
        return ""
    fields = {"tenant": tenant, "caller": _as_typed(first, tenant), "callee": _as_typed(second, tenant)}
    fields |= {str(r.scope): r.name for leg in detail.legs for r in leg.routes if r.scope in ROUTE_SCOPES}
    if any(r.kind == "video" for r in detail.recordings):
        fields["video"] = "on"
    if any(len(text) > _LONGEST for text in fields.values()):
        return ""  # a stranger's number of thousands of characters has no place in a link
    return "/explain?" + urlencode({**fields, "call_id": detail.row.call_id})


def _as_typed(party: PartyRow, tenant: str) -> str:
    inside = party.side == "internal" and party.tenant == tenant
    return (party.user if inside else party.number) or party.number or who(party)
