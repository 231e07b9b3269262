"""/api/v1/explain: what would be recorded of a call that does not exist, and because of which rules."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from ...core.direction import Direction
from ...core.media_kinds import Kind
from ...core.policy import Verdict
from ...core.rules import PolicyScope, Setting
from ...core.voices import Saying
from ..access import own_tenant
from ..explaining import Answer, Explanation, May, Said, explain
from ..imagining import imagine, notes, stored_policy, video_promised
from ..permits import PolicyReader
from ..problems import Fault, Problem
from ..services import Parts
from .params import plain
from .settings_bodies import NAME, TENANT
from .settings_views import RuleView

router = APIRouter(tags=["rules"])


class SaidView(BaseModel):
    """A rule that is about the call. ``says`` is null where it says nothing, or where the call's
    direction is none of the rule's."""

    subject: str = Field(examples=["queue sales"])
    rule: RuleView
    setting: Setting
    direction_fits: bool
    says: Saying | None
    decided: bool

    @classmethod
    def of(cls, said: Said) -> SaidView:
        return cls(
            subject=said.subject, rule=RuleView.of(said.rule), setting=said.setting,
            direction_fits=said.direction_fits, says=said.says, decided=said.decided,
        )  # fmt: skip


class MayView(BaseModel):
    who: str
    pause: bool
    start: bool
    stop: bool

    @classmethod
    def of(cls, may: May) -> MayView:
        return cls.model_validate(may, from_attributes=True)


class DecisionView(BaseModel):
    verdict: Verdict
    rule: str = Field(description="The code of what decided.", examples=["tenant.on"])
    reason: str


class KindView(DecisionView):
    outside_sample: DecisionView | None = Field(
        description="Where a sample decides and no call_id was given: the decision for a call outside it."
    )
    rules: list[SaidView] = Field(description="Every rule about the call, the general ones first.")
    may: list[MayView] = Field(description="Who may pause, start and stop the recording.")

    @classmethod
    def of(cls, answer: Answer) -> KindView:
        decision, other = answer.decision, answer.otherwise
        return cls(
            verdict=decision.verdict, rule=decision.rule, reason=decision.reason,
            outside_sample=DecisionView.model_validate(other, from_attributes=True) if other else None,
            rules=[SaidView.of(s) for s in answer.said], may=[MayView.of(m) for m in answer.may],
        )  # fmt: skip


class ImaginedParty(BaseModel):
    number: str
    side: str = Field(description="internal: a user of the tenant; external: anybody else.")


class ExplainView(BaseModel):
    tenant: str
    direction: Direction
    caller: ImaginedParty
    callee: ImaginedParty
    notes: list[str] = Field(description="What the call names and the settings do not know.")
    answers: dict[Kind, KindView]

    @classmethod
    def of(cls, explanation: Explanation, notes: list[str]) -> ExplainView:
        caller, callee = (
            ImaginedParty(number=p.number, side=p.side)
            for p in (explanation.call.caller, explanation.call.callee)
        )
        return cls(
            tenant=explanation.call.tenant, direction=explanation.direction, caller=caller, callee=callee,
            notes=notes, answers={a.kind: KindView.of(a) for a in explanation.answers},
        )  # fmt: skip


_Party = Annotated[
    str,
    Query(
        min_length=1,
        max_length=200,
        description="A user of the tenant; anybody else is an outside number, unless it is `user:` and an "
        "extension that is not known yet.",
    ),
]


def _name(what: str) -> Any:
    return Query(max_length=200, pattern=f"^$|{NAME}", description=f"The {what} that it comes through.")


@router.get("/explain", summary="What would be recorded of an imagined call, and why")
async def get_explain(
    parts: Parts, me: PolicyReader,
    caller: _Party, callee: _Party,
    tenant: Annotated[
        str | None, Query(pattern=TENANT, description="For whose recordings; by default one's own.")
    ] = None,
    trunk: Annotated[str, _name("trunk")] = "",
    inbound_rule: Annotated[str, _name("inbound rule")] = "",
    outbound_rule: Annotated[str, _name("outbound rule")] = "",
    queue: Annotated[str, _name("queue")] = "",
    ring_group: Annotated[str, _name("ring group")] = "",
    receptionist: Annotated[str, _name("virtual receptionist")] = "",
    video: Annotated[bool, Query(description="Whether it is a video call.")] = False,
    call_id: Annotated[
        str, Query(max_length=64, description="A call's id, to learn whether it is in a sample.")
    ] = "",
    switch: Annotated[
        str,
        Query(max_length=100, description="The switch that it is on; an Asterisk records no video."),
    ] = "",
) -> ExplainView:  # fmt: skip
    if tenant is None and me.tenant is None:
        fault = Fault(where="query.tenant", problem="the system administrator has to name one")
        raise Problem(422, "For which tenant?", errors=[fault])
    wanted = own_tenant(me, tenant or me.tenant or "")
    through = {
        PolicyScope.TRUNK: trunk, PolicyScope.INBOUND_RULE: inbound_rule,
        PolicyScope.OUTBOUND_RULE: outbound_rule, PolicyScope.QUEUE: queue,
        PolicyScope.RING_GROUP: ring_group, PolicyScope.RECEPTIONIST: receptionist,
    }  # fmt: skip
    first, second = plain(caller), plain(callee)
    switches = parts.control.records_video()
    if switch and switch not in switches:
        fault = Fault(where="query.switch", problem=f"there are: {', '.join(switches) or 'none'}")
        raise Problem(422, "There is no such switch.", errors=[fault])
    able, doubt = video_promised(switches, switch)
    policy = await stored_policy(parts.settings, wanted, first, second)
    call = imagine(
        policy, wanted, first, second, through, video=video, call_id=plain(call_id), video_supported=able
    )
    return ExplainView.of(
        explain(policy, call), [*notes(policy, call), *([doubt] if video and doubt else [])]
    )
