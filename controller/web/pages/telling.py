"""The call's journey in whole sentences, and where the rules that decided are to be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from ...core.policy import Cause
from ...core.rules import ROUTE_SCOPES
from ...engine.reading import CallDetail, DecisionRow, LegRow, PartyRow
from ..language import N_, _, tr
from .causes import cause
from .journey import Ruler
from .words import address, duration, shown, who, words

_TELL = {
    "calling": N_("calls"),
    "called": N_("is rung"),
    "answered": N_("answers"),
    "talking": N_("joins the conversation"),
    "left": N_("leaves the conversation"),
    "held": N_("is put on hold"),
    "unheld": N_("is taken off hold"),
    "hung up": N_("ends"),
    "capture": N_("is captured"),
}
_VERDICTS = {
    "record": N_("%(kind)s is to be recorded"),
    "provisional": N_("%(kind)s is to be recorded, and kept only if it is started"),
    "leave": N_("%(kind)s is not to be recorded"),
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
        what, more = tr(_TELL.get(j.what, shown(j.what))), shown(tr(j.detail), 300)
        if j.what == "capture":
            kind, colon, why = j.detail.partition(": ")
            more = shown(f"{tr(kind)}{colon}{tr(why)}", 300)
        elif j.what == "hung up":
            more = tr(cause(j.detail))
        elif j.what == "calling" and leg and leg.dialled:
            more = _("dials %(number)s", number=shown(leg.dialled, 60))
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
            shown(tr(d.reason), 600),
            people and _("between %(people)s", people=people),
            several and _("for %(tenant)s", tenant=shown(d.tenant, 60)),
        ]
        what = _(_VERDICTS.get(d.verdict, "%(kind)s: " + d.verdict.replace("%", "%%")), kind=tr(d.kind))
        more = " · ".join(part for part in about if part)
        found.append(Told(d.at, duration(ruler.ms(d.at)), None, what, more, "", ""))
    return found


def rule_links(decision: DecisionRow, legs: Sequence[LegRow]) -> list[Link]:
    """The pages on which the rule that decided is set; none where no rule did."""
    scope, dot, _saying = decision.rule.partition(".")
    tenant = decision.tenant
    if not dot:
        system = decision.rule.startswith("external_")
        return [Link(N_("Settings › General"), "/advanced/general")] if system else []
    if scope == "tenant":
        return [
            Link(
                _("Options of %(tenant)s", tenant=shown(tenant, 60)),
                f"/company/options?tenant={address(tenant)}",
            )
        ]
    if scope == "system":
        return [Link(N_("Settings › General"), "/advanced/general")]
    if scope == "user":
        users = dict.fromkeys(
            leg.party.user
            for leg in legs
            if leg.party.user and leg.party.side == "internal" and leg.party.tenant == tenant
        )
        named = [u for u in users if f"user {u} " in f"{decision.reason} "] or list(users)
        return [
            Link(_("User %(user)s", user=shown(u, 40)), f"/users/{address(tenant)}/{address(u)}")
            for u in named
        ]
    routes = dict.fromkeys(r for leg in legs for r in leg.routes if r.scope == scope)
    return [
        Link(
            _("Rule of %(what)s %(name)s", what=tr(words(scope)), name=shown(r.name, 60)),
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
