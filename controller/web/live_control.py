"""Asking the engine for a pause, a resume, a start or a stop, and saying honestly what came of it."""

from __future__ import annotations

import structlog
from pydantic import BaseModel, Field

from ..core.media_kinds import Operation
from ..core.requests import Actor, Means, NameTarget, Refusal, SystemActor, TenantActor, UserActor
from ..engine.ports import CaptureReport, ControlReport, LiveCall
from ..engine.reading import Account, Role
from .changes import note
from .live_view import all_visible
from .problems import Problem
from .services import Services

log = structlog.get_logger(__name__)

#: Whoever may not control a call does not learn that it exists.
_STATUS = {
    Refusal.NO_SUCH_CALL: 404,
    Refusal.NOT_YOUR_CALL: 404,
    Refusal.EXTERNAL_PARTY: 403,
    Refusal.FORBIDDEN_BY_POLICY: 403,
    Refusal.FORBIDDEN_BY_MODE: 403,
    Refusal.WRONG_ADDRESS: 403,
    Refusal.NOT_RECORDED: 409,
    Refusal.NOTHING_TO_RESUME: 409,
    Refusal.NOT_BRIDGED: 409,
    Refusal.AMBIGUOUS: 409,
    Refusal.UNKNOWN_CODE: 409,
    Refusal.UNSUPPORTED: 409,
}

#: A capture in one of these has been told and has not answered yet.
_UNSETTLED = frozenset({"requested", "masking", "unmasking", "closing"})


class CaptureView(BaseModel):
    recording_id: str
    capture_id: str
    kind: str
    state: str = Field(description="The capture's state once the switch had answered.", examples=["paused"])


class ControlView(BaseModel):
    """What was done. ``confirmed`` false (status 202): the switch has not answered within two
    seconds; the request stands and is carried out as soon as it does."""

    request_id: str
    operation: str
    call_id: str
    reason: str = Field(description="What was done, in words.", examples=["paused"])
    confirmed: bool
    captures: list[CaptureView]


def actor_of(account: Account) -> Actor:
    match account.role:
        case Role.SYSTEM:
            return SystemActor(account.login)
        case Role.TENANT | Role.SUPERVISOR | Role.COMPLIANCE:
            assert account.tenant is not None
            return TenantActor(account.tenant, account.login)
        case Role.USER:
            assert account.tenant is not None
            assert account.extension is not None
            return UserActor(account.tenant, account.extension)


async def carry_out(
    services: Services, account: Account, name: str, operation: Operation, means: Means, address: str
) -> ControlView:
    """Do it. Raises Problem with the refusal's status and words, SwitchDown without a switch."""
    if not name or len(name) > 256 or not name.isprintable():
        raise Problem(404, "There is no such call.")
    if account.role is Role.SUPERVISOR and not _of_the_team(services, account, name):
        raise Problem(404, "There is no such call.")
    seen, up = _own_recordings(services, account), services.control.live_calls()
    report = await services.control.control(operation, NameTarget(name), actor_of(account), means)
    outcome = report.outcome
    subject, action = outcome.call_id or name, "control" if outcome.accepted else "control refused"
    for tenant in _concerned(account, up, outcome.call_id or name):
        detail = f"{operation}: {outcome.reason}"
        try:
            await note(services, account, action, subject, detail, address, tenant)
        except Exception:
            # It is done, and in the call's own journal. To answer that it failed would be a lie.
            log.exception("audit.not_written", account=account.login, action=action, subject=subject)
    if not outcome.accepted:
        raise _refused(report)
    seen |= _own_recordings(services, account)
    captures = [c for c in report.captures if account.role is Role.SYSTEM or c.recording_id in seen]
    return ControlView(
        request_id=outcome.request_id,
        operation=str(operation),
        call_id=outcome.call_id or "",
        reason=outcome.reason,
        confirmed=all(_settled(operation, c) for c in report.captures),
        captures=[CaptureView.model_validate(c, from_attributes=True) for c in captures],
    )


def _refused(report: ControlReport) -> Problem:
    outcome = report.outcome
    status = _STATUS[outcome.refusal] if outcome.refusal else 409
    if status == 404:
        return Problem(404, "There is no such call.")
    return Problem(status, f"{outcome.reason[:1].upper()}{outcome.reason[1:]}.")


def _settled(operation: Operation, capture: CaptureReport) -> bool:
    if capture.state in _UNSETTLED:
        return False
    # A pause after which something still records has not been carried out, whatever was said.
    return not (operation.verb == "pause" and capture.state == "recording")


def _of_the_team(services: Services, account: Account, name: str) -> bool:
    """The engine knows tenants and users, not teams. Whoever sees only some calls names one of them, or
    one of its legs."""
    calls = all_visible(services.control.live_calls(), account.scope)
    return any(name == c.call_id or any(p.leg_id and name == p.leg_id for p in c.parties) for c in calls)


def _concerned(account: Account, up: list[LiveCall], name: str) -> list[str | None]:
    """In whose audits it belongs. The system administrator controls the recordings of every tenant in
    the call, and each of them reads it; of a call that nobody knows, it is the system's own line."""
    if account.tenant is not None:
        return [account.tenant]
    for call in up:
        if name == call.call_id or any(p.leg_id and name == p.leg_id for p in call.parties):
            whose = {r.tenant for r in call.recordings} or set(call.tenants)
            return [*sorted(whose)] or [None]
    return [None]


def _own_recordings(services: Services, account: Account) -> set[str]:
    calls = all_visible(services.control.live_calls(), account.scope)
    return {r.recording_id for c in calls for r in c.recordings}
