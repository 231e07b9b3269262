"""Which buttons a live call has for whom. What they ask may still be refused; that is then said."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.media_kinds import Kind
from ..core.policy import is_forbidden
from ..core.rules import PolicyRule
from ..engine.ports import LiveCall, LiveRecording
from .language import N_

ENDED = ("ended", "failed")


@dataclass(frozen=True, slots=True)
class Button:
    operation: str
    text: str
    icon: str
    primary: bool = False


def buttons(call: LiveCall, rule: PolicyRule | None) -> list[Button]:
    """``rule``: the user's own, whose mode says what the user may; None for an administrator."""
    going = [r for r in call.recordings if r.state not in ENDED]
    found = []
    if any(r.paused for r in going):
        found.append(Button("resume-recording", N_("Resume"), "record", True))
    if any(not r.paused for r in going) and (rule is None or rule.mode.may_pause):
        found.append(Button("pause-recording", N_("Pause"), "pause"))
    if len({r.kind for r in going}) > 1:
        for kind in Kind:
            found += _of_one(kind, [r for r in going if r.kind == kind], rule)
    may_start = rule is None or rule.mode.may_start_and_stop
    if may_start and any(keepable(r) for r in going):
        found.append(Button("start-recording", N_("Keep"), "keep", True))
    if may_start and not going:
        found.append(Button("start-recording", N_("Start recording"), "record"))
    if any(_may_stop(r, rule) for r in going):
        found.append(Button("stop-recording", N_("Stop"), "stop"))
    return found


def _of_one(kind: Kind, going: list[LiveRecording], rule: PolicyRule | None) -> list[Button]:
    """Picture and sound apart, where both are recorded. (A film alone pauses with its sound.)"""
    found = []
    if any(r.paused for r in going):
        text = N_("Resume video") if kind is Kind.VIDEO else N_("Resume audio")
        found.append(Button(f"resume-{kind}-recording", text, "record"))
    if any(not r.paused for r in going) and (rule is None or rule.mode.may_pause):
        text = N_("Pause video") if kind is Kind.VIDEO else N_("Pause audio")
        found.append(Button(f"pause-{kind}-recording", text, "pause"))
    return found


def keepable(recording: LiveRecording) -> bool:
    """What was taken back because it is forbidden cannot be kept."""
    return recording.provisional and not is_forbidden(recording.rule)


def _may_stop(recording: LiveRecording, rule: PolicyRule | None) -> bool:
    """As core.control: nobody stops what is required, a user only what the user alone wants."""
    if recording.rule.endswith(".require"):
        return False
    if rule is None:
        return True
    return rule.mode.may_start_and_stop and (recording.provisional or recording.rule == "requested")
