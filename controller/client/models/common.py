"""The API's answers: common. Drawn by ``python -m tests.client.draw_models``: do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from .base import Model


class DeletionRow(Model):
    """How a recording was deleted. `state` is an engine.erasing.DeletionState value; in the trash it can
    be restored until `purge_at`. `error`: why its files are not gone yet, though they should be."""

    at: datetime
    by: str
    why: str
    purge_at: datetime
    state: str
    error: str | None = None


Direction = Literal["inbound", "outbound", "internal", "external"]


class PartyRow(Model):
    """`seat`: the party's channel in a stereo recording, `left` or `right`; "" without one."""

    side: str
    tenant: str | None
    user: str | None
    number: str
    name: str
    calling: bool
    seat: str | None = None


class TextHit(Model):
    """Where a searched text was said: `before`, `match` and `behind` together are the snippet."""

    at_ms: int
    speaker: str
    before: str
    match: str
    behind: str


class RecordingRow(Model):
    """A recording as the list shows it. `media_state` is an engine.ports.MediaState value.
    `provisional`: nobody has started it (yet); at its end its audio is destroyed. `deletion`: it is in
    the trash, or there is nothing of it but this trace. `hits`: where in it the text was said that was
    asked for."""

    recording_id: str
    call_id: str
    tenant: str
    kind: str
    direction: Direction
    started_at: datetime
    ended_at: datetime | None
    duration_ms: int
    media_state: str
    reason: str
    parties: list[PartyRow]
    pauses: int
    error: str | None = None
    provisional: bool | None = None
    deletion: DeletionRow | None = None
    hits: list[TextHit] | None = None
    size: int | None = None
    format: str | None = None
    tags: list[str] | None = None
    notes: int | None = None
    holds: list[str] | None = None


class Fault(Model):
    where: str
    problem: str


class ProblemBody(Model):
    """What every error looks like."""

    type: str | None = None
    title: str
    status: int
    detail: str
    errors: list[Fault] | None = None
