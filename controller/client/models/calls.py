"""The API's answers: calls. Drawn by ``python -m tests.client.draw_models``: do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from .base import Model
from .common import Direction, PartyRow, RecordingRow


class CallRow(Model):
    """`recordings` counts those that there are, `not_kept` those of which only the trace is."""

    call_id: str
    switch: str
    direction: Direction
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    duration_ms: int
    parties: list[PartyRow]
    recordings: int
    not_kept: int | None = None


PolicyScope = Literal[
    "system",
    "tenant",
    "trunk",
    "inbound_rule",
    "outbound_rule",
    "queue",
    "ring_group",
    "receptionist",
    "user",
]


class Route(Model):
    """A queue, ring group, receptionist, trunk or rule that a leg came through. `tenant` is whose it is;
    None where the switch does not say: then the rule of whichever tenant the decision is made for
    counts."""

    scope: PolicyScope
    name: str
    tenant: str | None = None


class LegRow(Model):
    """`routes`: the queues, groups, rules and so on that it came through; of another tenant's none are
    shown."""

    leg_id: str
    party: PartyRow
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    cause: str
    dialled: str
    routes: list[Route] | None = None


class JourneyRow(Model):
    at: datetime
    what: str
    leg_id: str | None
    detail: str


class DecisionRow(Model):
    """`at`: since when it stood, `legs`: the ids of those of its conversation's legs that the scope may
    see. None and () where an earlier version did not keep them."""

    tenant: str
    kind: str
    verdict: str
    rule: str
    reason: str
    at: datetime | None = None
    legs: list[str] | None = None


class CallDetail(Model):
    """The CDR. Legs and decisions of other tenants are left out by the scope. `decided` is every change
    of a decision, in order of time; `decisions` of these the last one for each tenant and kind."""

    row: CallRow
    legs: list[LegRow]
    journey: list[JourneyRow]
    decisions: list[DecisionRow]
    recordings: list[RecordingRow]
    decided: list[DecisionRow] | None = None


class LiveParty(Model):
    leg_id: str
    side: str
    tenant: str | None
    user: str | None
    number: str
    name: str
    held: bool
    held_since: datetime | None = None


class LiveRecording(Model):
    """`state` is a CaptureState's value, or `waiting` between two segments. `provisional`: it is kept
    only if somebody starts it before the end. `rule` is the decision's. `paused_by`: who asked;
    `resumes_at`: when the longest pause that is allowed is over, None: it lasts until somebody ends
    it."""

    recording_id: str
    tenant: str
    kind: str
    state: str
    paused: bool
    paused_since: datetime | None
    reason: str
    provisional: bool | None = None
    rule: str | None = None
    paused_by: str | None = None
    resumes_at: datetime | None = None


class LiveCall(Model):
    """`routes`: the queues, groups, rules and so on that its legs came through."""

    call_id: str
    switch: str
    started_at: datetime
    answered_at: datetime | None
    parties: list[LiveParty]
    recordings: list[LiveRecording]
    tenants: list[str]
    routes: list[Route] | None = None


class LiveChange(Model):
    """The call as it is now; null when it has ended."""

    call_id: str
    call: LiveCall | None


class CaptureView(Model):
    recording_id: str
    capture_id: str
    kind: str
    state: str


class ControlView(Model):
    """What was done. `confirmed` false (status 202): the switch has not answered within two seconds; the
    request stands and is carried out as soon as it does."""

    request_id: str
    operation: str
    call_id: str
    reason: str
    confirmed: bool
    captures: list[CaptureView]
