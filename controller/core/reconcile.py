"""Desired against observed: what should be captured now, and the commands that make it so.

A start, a transfer, a reconnection, a policy change and a lost reply all end here, in the same
code. It holds no state of its own and may be run at any time: with nothing to do it does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from .calls import Call, JourneyEntry, Leg
from .captures import CaptureEvent, CaptureState, advance
from .commands import CloseCapture, Layout, MaskCapture, OpenCapture, UnmaskCapture
from .decided import Decided, standing
from .effects import Effects
from .media_kinds import Kind
from .options import Channels, PauseStyle
from .policy import Cause, Decision, Policy, Verdict, decide
from .recording import Pause, Recording, Segment, segment_path
from .rules import Mode, Setting
from .seats import layout_for
from .sounds import announced

#: So often a refused open or close is tried again at once; after that, at each tick.
EAGER_ATTEMPTS = 3

#: The rank of a leg that is not the tenant's own (see `_anchor_rank`).
STRANGER = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """One conversation that must be captured for one tenant and kind."""

    bridge_id: str
    legs: tuple[Leg, ...]  # everybody in it
    anchors: tuple[Leg, ...]  # the legs that may carry the capture, all of the best rank there is
    own_voice_only: bool  # of the anchor: what it says, not what it hears
    tenant: str
    kind: Kind
    decision: Decision

    @property
    def provisional(self) -> bool:
        return self.decision.verdict is Verdict.PROVISIONAL


def paused(call: Call, kind: Kind) -> bool:
    """A pause is the whole call's: every capture of that kind keeps silent, whoever's it is."""
    return any(r.open_pause for r in call.recordings if r.kind is kind)


def silenced(call: Call, kind: Kind) -> bool:
    """Whether a capture of this kind may hold no sound now: one of video has sound in it as well, and
    what is paused in the audio may not be heard in any file of the call."""
    return paused(call, kind) or paused(call, Kind.AUDIO)


def wanted(
    call: Call, policy: Policy, at: datetime, *, video_supported: bool, hold_stops_capture: bool
) -> list[Wanted]:
    """What the policy wants captured now. Keeps every change of a decision, the negative ones too, in
    the call.

    ``hold_stops_capture``: on this switch a capture stands still while its own leg holds the other
    (FreeSWITCH), so it must be on a leg that does not; with everybody on hold there is nothing to hear.
    """
    found: list[Wanted] = []
    for bridge_id, legs in call.bridges().items():
        if len(legs) < 2:
            continue
        able = [leg for leg in legs if leg.commanded]
        for tenant in _tenants(call, legs):
            for kind in Kind:
                usable = [leg for leg in able if _may_carry(leg, kind, hold_stops_capture)]
                decision = _decision(call, policy, tenant, kind, legs, video_supported)
                _keep(call, Decided(at, bridge_id, tenant, kind, tuple(x.leg_id for x in legs), decision))
                if decision.record and usable:
                    ranks = {leg.leg_id: _anchor_rank(leg, policy, tenant, kind) for leg in able}
                    best = min(ranks[leg.leg_id] for leg in usable)
                    anchors = tuple(leg for leg in usable if ranks[leg.leg_id] == best)
                    # Everybody whose call this is holds. What the others say goes on being recorded,
                    # but on such a leg a transfer's next party could be heard before the stop.
                    alone = best == STRANGER and min(ranks.values()) < STRANGER
                    found.append(Wanted(bridge_id, tuple(legs), anchors, alone, tenant, kind, decision))
    return found


def _keep(call: Call, new: Decided) -> None:
    """By conversation: what is decided about one says nothing of another one in the same call."""
    if standing(call.decided, new.bridge_id, new.tenant, new.kind) != new.decision:
        call.decided.append(new)


def _may_carry(leg: Leg, kind: Kind, hold_stops_capture: bool) -> bool:
    """A capture of video on a leg without any would be one of sound only."""
    return not (hold_stops_capture and leg.held) and (kind is Kind.AUDIO or leg.video)


def _anchor_rank(leg: Leg, policy: Policy, tenant: str, kind: Kind) -> int:
    """Best is the leg because of which the call is recorded: whoever it talks to, that is wanted.

    When it leaves the conversation its capture ends by itself, at once; one on the other leg would
    have to be stopped, and would hear the next party until it is.
    """
    if not leg.party.internal or leg.party.tenant != tenant:
        return STRANGER
    rule = policy.user(tenant, leg.party.user)
    wants = rule is not None and rule.of(kind) in (Setting.ON, Setting.REQUIRE)
    return 0 if wants and rule is not None and rule.mode is not Mode.NEVER else 1


def _tenants(call: Call, legs: list[Leg]) -> list[str]:
    """Whose policy has a say: the tenants of the internal parties; without any, those of the
    numbers that the parties came in by and those whose recording the transfer continues."""
    inside = [leg.party.tenant for leg in legs if leg.party.internal and leg.party.tenant]
    if not inside:
        inside = [leg.party.tenant for leg in legs if leg.party.tenant]
        inside += [r.tenant for r in call.recordings]
    return list(dict.fromkeys(t for t in inside if t))


def _decision(
    call: Call, policy: Policy, tenant: str, kind: Kind, legs: list[Leg], video_supported: bool
) -> Decision:
    decision = decide(
        policy,
        kind,
        tenant,
        legs,
        call_id=call.call_id,
        video_call=any(leg.video for leg in legs),
        already_recorded=any(
            r.tenant == tenant and r.kind is kind and not r.provisional for r in call.recordings
        ),
        requested=(tenant, kind) in call.requested,
        stopped=(tenant, kind) in call.stopped,
    )
    if decision.record and kind is Kind.VIDEO and not video_supported:
        return Decision(
            Verdict.LEAVE, Cause.UNSUPPORTED, "not recorded because this switch cannot record video"
        )
    return decision


def reconcile(
    call: Call,
    policy: Policy,
    at: datetime,
    new_id: Callable[[], str],
    effects: Effects,
    *,
    video_supported: bool = True,
    hold_stops_capture: bool = False,
) -> None:
    """Send what is missing between the captures that run and those that should."""
    _spread_pauses(call, at, new_id)
    matched: set[str] = set()
    missing: set[int] = set()
    wants = wanted(call, policy, at, video_supported=video_supported, hold_stops_capture=hold_stops_capture)
    for number, want in enumerate(wants):
        segment = _serving(call, want)
        if segment is None:
            missing.add(number)
        else:
            matched.add(segment.capture_id)
    for recording in call.recordings:
        segment = recording.running
        if segment is None:
            continue
        if segment.capture_id in matched and not segment.blind:
            _follow_pause(call, segment, recording.cut_pauses, effects)
        else:
            _close(call, segment, effects)
    for number, want in enumerate(wants):
        options = policy.options_of(want.tenant)
        ready = announced(call, want.tenant, options, want.legs, at, effects)
        if number in missing and not silenced(call, want.kind):
            cut = options.pause_style is PauseStyle.CUT
            into = _ensure_recording(call, want, cut, at, new_id)
            if into is not None and (ready or options.announcement_in_file):
                _open(call, into, want, options.channels, at, effects)


def _spread_pauses(call: Call, at: datetime, new_id: Callable[[], str]) -> None:
    """A recording that a merge brings into a paused call is paused with it, and its journal says so."""
    for kind in Kind:
        going = [r for r in call.recordings if r.kind is kind and r.ended_at is None]
        pauses = [r.open_pause for r in going if r.open_pause]
        for recording in going:
            if pauses and recording.open_pause is None:
                pause = Pause(new_id(), kind, at, pauses[0].asked_by, pauses[0].means)
                if recording.running is None:
                    pause.masked_at = at
                recording.pauses.append(pause)


def _serving(call: Call, want: Wanted) -> Segment | None:
    legs = {leg.leg_id for leg in want.anchors}
    for recording in call.recordings:
        segment = recording.running
        if (
            segment is not None
            and recording.ended_at is None
            and _matches(recording, want)
            and segment.bridge_id == want.bridge_id
            and segment.leg_id in legs
            and segment.own_voice_only == want.own_voice_only
            and segment.state is not CaptureState.CLOSING
        ):
            return segment
    return None


def _follow_pause(call: Call, segment: Segment, cut: bool, effects: Effects) -> None:
    target = (segment.capture_id, segment.leg_id, segment.path)
    if segment.kind is Kind.VIDEO and paused(call, Kind.VIDEO):
        # A masked .mp4 goes on showing the picture (seen on FreeSWITCH 1.10): a video pause
        # ends the segment, and the resume opens the next.
        if segment.state.settled:
            _close(call, segment, effects)
    elif silenced(call, segment.kind) and segment.state is CaptureState.RECORDING:
        if cut and segment.kind is Kind.AUDIO:
            _close(call, segment, effects)
        else:
            # Of a video, whose picture goes on, it is the sound alone that is paused here.
            segment.state = advance(segment.state, CaptureEvent.MASK)
            effects.command(call, MaskCapture(*target))
    elif not silenced(call, segment.kind) and segment.state is CaptureState.PAUSED:
        segment.state = advance(segment.state, CaptureEvent.UNMASK)
        effects.command(call, UnmaskCapture(*target))


def _close(call: Call, segment: Segment, effects: Effects) -> None:
    if segment.state is CaptureState.CLOSING:
        return
    segment.state = advance(segment.state, CaptureEvent.CLOSE)
    effects.command(call, CloseCapture(segment.capture_id, segment.leg_id, segment.path))


def _matches(recording: Recording, want: Wanted) -> bool:
    """A conversation that is kept in any case does not go on in a recording that may be destroyed."""
    mine = (recording.tenant, recording.kind, recording.provisional)
    return mine == (want.tenant, want.kind, want.provisional)


def _ensure_recording(
    call: Call, want: Wanted, cut: bool, at: datetime, new_id: Callable[[], str]
) -> Recording | None:
    """The recording that this conversation goes into, a new one if need be; None if it must wait."""
    recording = _recording_for(call, want)
    if recording is None:
        decision = want.decision
        recording = Recording(
            new_id(), call.call_id, want.tenant, want.kind, decision.rule, decision.reason, at,
            provisional=want.provisional, cut_pauses=cut,
        )  # fmt: skip
        call.recordings.append(recording)
    elif recording.running is not None and not recording.running.close_attempts:
        return None  # its last capture is being closed; the answer brings us back here
    elif _refused_in_a_row(recording) >= EAGER_ATTEMPTS and not _due(recording, at):
        return None
    return recording


def _open(
    call: Call, recording: Recording, want: Wanted, channels: Channels, at: datetime, effects: Effects
) -> None:
    leg = want.anchors[0]
    layout = layout_for(leg, want.legs) if channels is Channels.STEREO else Layout.MONO
    number = recording.segments[-1].number + 1 if recording.segments else 1
    segment = Segment(
        f"{recording.recording_id}.{number}",
        number,
        leg.leg_id,
        want.bridge_id,
        segment_path(want.tenant, recording.recording_id, number, want.kind, recording.started_at),
        want.kind,
        at,
        own_voice_only=want.own_voice_only,
        layout=layout,
        far=tuple(other.leg_id for other in want.legs if other is not leg),
    )
    recording.segments.append(segment)
    call.journey.append(JourneyEntry(at, "capture", leg.leg_id, f"{want.kind}: {want.decision.reason}"))
    effects.command(
        call,
        OpenCapture(segment.capture_id, leg.leg_id, segment.path, want.kind, want.own_voice_only, layout),
    )


def _recording_for(call: Call, want: Wanted) -> Recording | None:
    """The recording that this conversation continues, unless another conversation is using it."""
    for recording in call.recordings:
        if (
            recording.ended_at is None
            and _matches(recording, want)
            and (recording.running is None or recording.running.state is CaptureState.CLOSING)
        ):
            return recording
    return None


def _refused_in_a_row(recording: Recording) -> int:
    count = 0
    for segment in reversed(recording.segments):
        if segment.state is not CaptureState.FAILED:
            break
        count += 1
    return count


def _due(recording: Recording, at: datetime) -> bool:
    """A capture that keeps being refused is tried again every five seconds, not in a tight loop."""
    return (at - recording.segments[-1].requested_at).total_seconds() >= 5
