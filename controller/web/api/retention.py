"""/api/v1: retention rules with their previews, legal holds, the erasure of one person."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, Field

from ...core.annotations import tag_of
from ...core.retention import MOST_DAYS, MOST_NAME, RetentionRule, RuleScope
from ...engine.erasing import Erasure
from ...engine.outlook import Outlook
from ...engine.reading import Scope
from ...engine.retention import HoldRow, Stand, digest_of
from ..access import address_of, known_id
from ..permits import Eraser, Holder, PolicyChanger, PolicyReader
from ..problems import Problem, not_found
from ..retention_desk import desk_of, outlook_of, word_fits, word_for
from ..services import Parts
from .listing import Listed, cut, moment
from .params import Before, Limit
from .settings import OwnTenant
from .settings_bodies import Body

router = APIRouter(tags=["retention"])

Days = Annotated[int, Field(ge=0, le=MOST_DAYS)]


class RetentionBody(Body):
    scope: RuleScope = Field(RuleScope.TENANT, description="What the rule is about.")
    name: str = Field("", max_length=MOST_NAME, description="The queue's, user's or tag's name.")
    keep_days: Days = Field(0, description="Keep at least so many days; 0: says nothing.")
    keep_forever: bool = Field(False, description="Keep for ever.")
    delete_after_days: Days = Field(0, description="Delete after so many days; 0: says nothing.")
    accept: bool = Field(False, description="Whoever sends it has seen what it deletes at once.")

    def rule(self, tenant: str) -> RetentionRule:
        """Raises InvalidPolicy."""
        name = tag_of(self.name) if self.scope is RuleScope.TAG else self.name.strip()
        return RetentionRule(
            tenant, self.scope, name, self.keep_days, self.keep_forever, self.delete_after_days
        )


class RetentionView(BaseModel):
    rules: list[RetentionRule]
    digest: str = Field(description="Of the rules as they are; a confirmation names it.")
    stand: Stand = Field(description="`waiting`: what would be deleted waits for a confirmation.")
    outlook: Outlook = Field(description="What goes now and in the next 7 days.")


@router.get("/tenants/{tenant}/retention", summary="A tenant's retention rules and what they will do")
async def get_retention(parts: Parts, me: PolicyReader, tenant: OwnTenant) -> RetentionView:
    desk = desk_of(parts)
    rules = await desk.retention_rules(Scope(tenant))
    return RetentionView(
        rules=rules, digest=digest_of(rules), stand=await desk.stand(tenant),
        outlook=await outlook_of(parts, tenant),
    )  # fmt: skip


@router.post("/tenants/{tenant}/retention/preview", summary="What a rule would do, before it is saved")
async def preview_retention(
    parts: Parts, me: PolicyReader, tenant: OwnTenant, body: RetentionBody
) -> Outlook:
    return await outlook_of(parts, tenant, body.rule(tenant))


@router.put("/tenants/{tenant}/retention", status_code=204, summary="Make or replace a retention rule")
async def put_retention(
    request: Request, parts: Parts, me: PolicyChanger, tenant: OwnTenant, body: RetentionBody
) -> None:
    await desk_of(parts).set_retention_rule(
        body.rule(tenant), me.login, address_of(request), accept=body.accept
    )


@router.delete("/tenants/{tenant}/retention", status_code=204, summary="Remove a retention rule")
async def delete_retention(
    request: Request, parts: Parts, me: PolicyChanger, tenant: OwnTenant,
    scope: Annotated[RuleScope, Query()] = RuleScope.TENANT,
    name: Annotated[str, Query(max_length=MOST_NAME)] = "",
) -> None:  # fmt: skip
    if not await desk_of(parts).remove_retention_rule(
        Scope(tenant), scope, tenant, name, me.login, address_of(request)
    ):
        raise not_found("rule")


class ConfirmBody(Body):
    digest: str = Field(max_length=64, description="`stand.waiting`, as it was shown.")


@router.post(
    "/tenants/{tenant}/retention/confirm", status_code=204, summary="Let changed rules delete what they would"
)
async def confirm_retention(
    request: Request, parts: Parts, me: PolicyChanger, tenant: OwnTenant, body: ConfirmBody
) -> None:
    if not await desk_of(parts).confirm_retention(tenant, body.digest, me.login, address_of(request)):
        raise Problem(409, "That is not what waits for a confirmation.")
    parts.poke_retention()


# ── legal holds ───────────────────────────────────────────────────────────────────────────────


class HoldBody(Body):
    name: str = Field(max_length=200)
    reason: str = Field(max_length=1000)
    person: str = Field("", max_length=200, description="A user's extension or a number; new ones too.")
    since: AwareDatetime | None = Field(None, description="Calls that were not over before this.")
    until: AwareDatetime | None = Field(None, description="Calls begun before this.")


class HoldPage(Listed[HoldRow]):
    """The latest first."""


@router.get("/holds", summary="Legal holds, the latest first")
async def get_holds(
    parts: Parts, me: Holder, lifted: Annotated[bool, Query(description="Lifted ones too.")] = False,
    limit: Limit = 50, before: Before = None,
) -> HoldPage:  # fmt: skip
    found = await desk_of(parts).holds(me.scope, lifted=lifted)
    page, more = cut(found, lambda h: (moment(h.created_at), h.hold_id), limit, before, backwards=True)
    return HoldPage(items=page, next=more)


@router.get("/holds/{hold_id}", summary="One legal hold, lifted or not")
async def get_hold(parts: Parts, me: Holder, hold_id: str) -> HoldRow:
    known = known_id(hold_id, "legal hold")
    for hold in await desk_of(parts).holds(me.scope, lifted=True):
        if hold.hold_id == known:
            return hold
    raise not_found("legal hold")


@router.post("/tenants/{tenant}/holds", status_code=201, summary="Put a legal hold")
async def post_hold(request: Request, parts: Parts, me: Holder, tenant: OwnTenant, body: HoldBody) -> HoldRow:
    made = HoldRow(
        parts.new_id(), tenant, body.name, body.reason, body.person, body.since, body.until, parts.now(),
        me.login,
    )  # fmt: skip
    await desk_of(parts).put_hold(made, address_of(request))
    return made


@router.post("/holds/{hold_id}/lift", status_code=204, summary="Lift a legal hold")
async def lift_hold(
    request: Request, parts: Parts, me: Holder, hold_id: str,
    why: Annotated[str, Query(max_length=1000, description="Why, for the audit.")] = "no longer needed",
) -> None:  # fmt: skip
    known = known_id(hold_id, "legal hold")
    if not await desk_of(parts).lift_hold(me.scope, known, me.login, why, address_of(request)):
        raise not_found("legal hold")


@router.put("/holds/{hold_id}/recordings/{recording_id}", status_code=204, summary="Hold a recording")
async def hold_recording(request: Request, parts: Parts, me: Holder, hold_id: str, recording_id: str) -> None:
    desk, held, known = desk_of(parts), known_id(hold_id, "legal hold"), known_id(recording_id, "recording")
    if held not in {h.hold_id for h in await desk.holds(me.scope)}:
        raise not_found("legal hold")
    refused = await desk.hold_recordings(me.scope, held, [known], me.login, address_of(request))
    if why := refused.get(known):
        if why.startswith("there is no"):
            raise not_found("recording")
        raise Problem(409, f"The recording cannot be held: {why}.")


@router.delete(
    "/holds/{hold_id}/recordings/{recording_id}", status_code=204, summary="Take a recording off a legal hold"
)
async def unhold_recording(
    request: Request, parts: Parts, me: Holder, hold_id: str, recording_id: str
) -> None:
    held, known = known_id(hold_id, "legal hold"), known_id(recording_id, "recording")
    if not await desk_of(parts).unhold_recording(me.scope, held, known, me.login, address_of(request)):
        raise not_found("legal hold")


# ── erasure ───────────────────────────────────────────────────────────────────────────────────


class ErasureBody(Body):
    person: str = Field(max_length=253, description="A user's extension, or a whole number.")
    why: str = Field("on request", max_length=500, description="For the audit; do not name the person.")
    over_minimum: bool = Field(False, description="Also what a rule keeps at least; never what is held.")
    word: str = Field("", max_length=200, description="The preview's `word`; without it nothing is erased.")


class ErasureView(BaseModel):
    erasure: Erasure
    erased: bool
    word: str = Field(description="Send it back within 15 minutes to erase exactly this; empty once it is.")


@router.post(
    "/tenants/{tenant}/erasure", summary="Erase one person's recordings: first a preview, then the deed"
)
async def erase(
    request: Request, parts: Parts, me: Eraser, tenant: OwnTenant, body: ErasureBody
) -> ErasureView:
    """Without `word` nothing is changed. 409 if what would go is no longer what the preview has shown."""
    desk, keep = desk_of(parts), not body.over_minimum
    found = await desk.erasure_of(tenant, body.person, keep=keep)
    if not body.word:
        return ErasureView(erasure=found, erased=False, word=word_for(parts, me, found, parts.now()))
    if not word_fits(parts, me, found, body.word):
        raise Problem(409, "The preview is too old, or what would go has changed: look at it again.")
    result = await desk.erase_soon(
        Scope(tenant),
        found.ids,
        me.login,
        f"erasure: {body.why}",
        found.person,
        address_of(request),
        keep=keep,
    )
    found.refused |= result.refused
    found.going = [one for one in found.going if one.recording_id in set(result.done)]
    parts.poke_retention()
    return ErasureView(erasure=found, erased=True, word="")
