"""What a person, a phone or a script asks for, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .media_kinds import Operation


class Means(StrEnum):
    """How a request reached us; kept in the journal of every pause. ``limit``: the tenant's
    longest pause was over."""

    FEATURE_CODE = "feature_code"
    MESSAGE = "message"
    MESSAGE_IN_DIALOG = "message_in_dialog"
    API = "api"
    PAGE = "page"
    RECORD_KEY = "record_key"
    LIMIT = "limit"
    BUS = "bus"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class LegActor:
    """Whoever speaks on this leg (a code dialled, a MESSAGE in the dialog)."""

    leg_id: str


@dataclass(frozen=True, slots=True)
class UserActor:
    """A user whom the switch (digest) or the web (session, token) has authenticated.

    ``address`` is where the request came from, when it has to match the user's own leg because
    the switch does not tell which credentials were used (FreeSWITCH, MESSAGE out of dialog).
    """

    tenant: str
    user: str
    address: str | None = None


@dataclass(frozen=True, slots=True)
class TenantActor:
    """Somebody who may control every call of one tenant; ``name`` is for the journal."""

    tenant: str
    name: str


@dataclass(frozen=True, slots=True)
class SystemActor:
    """The operator's own scripts on the bus, the system administrator, ourselves."""

    name: str


Actor = LegActor | UserActor | TenantActor | SystemActor


@dataclass(frozen=True, slots=True)
class LegTarget:
    """The call that this leg is in; for a code dialled as a call of its own, the held one."""

    leg_id: str


@dataclass(frozen=True, slots=True)
class NameTarget:
    """A call by any of its names: our call id, a leg's id, a SIP Call-ID, an X-Session-Id."""

    name: str


Target = LegTarget | NameTarget


@dataclass(frozen=True, slots=True)
class DialledCode:
    """A code dialled as a call of its own; what it means is for the tenant's settings to say."""

    code: str


@dataclass(frozen=True, slots=True)
class ControlRequest:
    """``reply``: the asker wants the result back by the way that it came (a MESSAGE's)."""

    request_id: str
    at: datetime
    operation: Operation | DialledCode
    target: Target
    actor: Actor
    means: Means
    reply: bool = False


class Refusal(StrEnum):
    """Why a request changed nothing. The text is what people read."""

    NO_SUCH_CALL = "no such call"
    NOT_YOUR_CALL = "the call is not the requester's own"
    EXTERNAL_PARTY = "an external party may not control the recording"
    NOT_RECORDED = "the call is not being recorded"
    NOTHING_TO_RESUME = "the recording is not paused"
    FORBIDDEN_BY_POLICY = "the recording policy forbids it"
    FORBIDDEN_BY_MODE = "the user's recording mode does not allow it"
    UNKNOWN_CODE = "the code means nothing to this tenant"
    NOT_BRIDGED = "the call has nobody to talk to yet"
    AMBIGUOUS = "several calls fit; say which one"
    WRONG_ADDRESS = "the request did not come from the address of the user's own leg"
    UNSUPPORTED = "this switch cannot record video"


@dataclass(frozen=True, slots=True)
class ControlOutcome:
    """What was decided about a request. ``capture_ids`` are those that it will change; ``answer``:
    whoever asked by MESSAGE is to be told (see `options.Answers`)."""

    request_id: str
    accepted: bool
    reason: str
    refusal: Refusal | None = None
    call_id: str | None = None
    recording_ids: tuple[str, ...] = ()
    capture_ids: tuple[str, ...] = ()
    answer: bool = False
