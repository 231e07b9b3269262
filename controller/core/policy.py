"""Whether a conversation is recorded: system, tenant and user policy (mission.md 2–4).

The rules, per tenant and kind:

1. Between external parties only, nothing is recorded unless the system says
   *Record the call between external numbers*.
2. A video recording needs a video call.
3. The tenant's *Enable extension … recording* forces it for all its users.
4. Otherwise the user's own *Record … Calls* decides; one user who wants it is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .media_kinds import Kind
from .parties import Party


@dataclass(frozen=True, slots=True)
class Switches:
    """The two check boxes of a tenant or of a user."""

    audio: bool = False
    video: bool = False

    def of(self, kind: Kind) -> bool:
        return self.audio if kind is Kind.AUDIO else self.video


OFF = Switches()


@dataclass(frozen=True, slots=True)
class Policy:
    """All settings that decide, as they stand now. Replaced whole, never changed in place."""

    record_external: bool = False
    tenants: Mapping[str, Switches] = field(default_factory=dict)
    users: Mapping[tuple[str, str], Switches] = field(default_factory=dict)


class Verdict(StrEnum):
    RECORD = "record"
    LEAVE = "leave"


class Rule(StrEnum):
    """The rule that decided; the code is stable, the sentence is in ``Decision.reason``."""

    REQUESTED = "requested"
    STOPPED = "stopped_on_request"
    TENANT_FORCES = "tenant_forces"
    USER_WANTS = "user_wants"
    NOBODY_WANTS = "nobody_wants"
    EXTERNAL_ONLY = "external_only"
    EXTERNAL_CONTINUED = "external_continued"
    NOT_VIDEO = "not_a_video_call"
    UNSUPPORTED = "unsupported_by_switch"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and why, for one tenant and kind."""

    verdict: Verdict
    rule: Rule
    reason: str

    @property
    def record(self) -> bool:
        return self.verdict is Verdict.RECORD


def decide(
    policy: Policy,
    kind: Kind,
    tenant: str,
    parties: Iterable[Party],
    *,
    video_call: bool,
    already_recorded: bool = False,
    requested: bool = False,
    stopped: bool = False,
) -> Decision:
    """What the policy says about these parties' conversation, for one tenant.

    ``already_recorded``: the call has a recording of this tenant and kind, which a transfer
    continues where the parties that caused it have left. ``requested`` and ``stopped``: somebody
    who may has asked for a start or a stop. Never raises; always gives a reason.
    """
    parties = tuple(parties)
    if stopped:
        return Decision(Verdict.LEAVE, Rule.STOPPED, "stopped on request")
    if not any(p.internal for p in parties) and not policy.record_external:
        return Decision(
            Verdict.LEAVE,
            Rule.EXTERNAL_ONLY,
            "only external parties are in the conversation and calls between external numbers "
            "are not recorded",
        )
    if kind is Kind.VIDEO and not video_call:
        return Decision(Verdict.LEAVE, Rule.NOT_VIDEO, "not a video call")
    if requested:
        return Decision(Verdict.RECORD, Rule.REQUESTED, "started on request")
    if policy.tenants.get(tenant, OFF).of(kind):
        return Decision(
            Verdict.RECORD, Rule.TENANT_FORCES, f"tenant {tenant} has every extension's {kind} recorded"
        )
    users = sorted({p.user for p in parties if p.internal and p.tenant == tenant and p.user})
    for user in users:
        if policy.users.get((tenant, user), OFF).of(kind):
            return Decision(
                Verdict.RECORD, Rule.USER_WANTS, f"user {user} of {tenant} has {kind} calls recorded"
            )
    if already_recorded and not any(p.internal for p in parties):
        return Decision(
            Verdict.RECORD,
            Rule.EXTERNAL_CONTINUED,
            "recorded before the transfer, and calls between external numbers are recorded",
        )
    who = (
        f"user {', '.join(users)} has {kind} recording off"
        if users
        else (f"nobody in the conversation has {kind} recording on")
    )
    return Decision(Verdict.LEAVE, Rule.NOBODY_WANTS, f"tenant {tenant} does not force it and {who}")
