"""Desired against observed: what should be captured now, and the commands that make it so.

A start, a transfer, a reconnection, a policy change and a lost reply all end here, in the same
code. It holds no state of its own and may be run at any time: with nothing to do it does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from .calls import Call, JourneyEntry
from .captures import CaptureEvent, CaptureState, advance
from .commands import CloseCapture, Layout, MaskCapture, OpenCapture, UnmaskCapture
from .effects import Effects
from .media_kinds import BOTH, Kind
from .options import Channels, GapStyle, PauseStyle, TenantOptions
from .policy import Policy
from .recording import Pause, Recording, Segment, segment_path
from .seats import layout_for
from .sounds import announced
from .wanting import Wanted, wanted

#: So often a refused open or close is tried again at once; after that, at each tick.
EAGER_ATTEMPTS = 3
#: And then an open so often.
OPEN_AGAIN = timedelta(seconds=5)


def paused(call: Call, kind: Kind) -> bool:
    """A pause is the whole call's: every capture of that kind keeps silent, whoever's it is."""
    return any(r.open_pause for r in call.recordings if r.kind is kind)


def silenced(call: Call, kind: Kind) -> bool:
    """Whether a capture of this kind may hold no sound now: one of video has sound in it as well, and
    what is paused in the audio may not be heard in any file of the call."""
    return paused(call, kind) or paused(call, Kind.AUDIO)


def reconcile(
    call: Call,
    policy: Policy,
    at: datetime,
    new_id: Callable[[], str],
    effects: Effects,
    *,
    video_supported: bool = True,
    hold_stops_capture: bool = False,
    no_room: bool = False,
) -> None:
    """Send what is missing between the captures that run and those that should. ``no_room``: the switch can
    write none, so none is opened; that there should be one is noted all the same."""
    _spread_pauses(call, at, new_id)
    matched: set[str] = set()
    missing: set[int] = set()
    wants = wanted(call, policy, at, video_supported=video_supported, hold_stops_capture=hold_stops_capture)
    told: list[bool] = []  # whether everybody in it has heard that it is recorded
    hushed: set[str] = set()
    for number, want in enumerate(wants):
        options = policy.options_of(want.tenant)
        told.append(announced(call, want.tenant, options, want.legs, at, effects))
        segment = _serving(call, want)
        if segment is None:
            missing.add(number)
        else:
            matched.add(segment.capture_id)
            if not told[number]:
                hushed.add(segment.capture_id)
    for recording in call.recordings:
        segment = recording.running
        if segment is None:
            continue
        if segment.capture_id in matched and not segment.blind:
            hush = segment.capture_id in hushed
            if hush and segment.state is CaptureState.RECORDING and not silenced(call, segment.kind):
                call.journey.append(JourneyEntry(at, "silent for the announcement", None, str(segment.kind)))
            _follow_pause(call, segment, recording.cut_pauses, effects, hush=hush)
        else:
            _close(call, segment, effects)
    for number, want in enumerate(wants):
        options = policy.options_of(want.tenant)
        if number in missing and not silenced(call, want.kind):
            into = _ensure_recording(call, want, options, at, new_id)
            if into is not None and told[number] and not no_room:
                _open(call, into, want, options.channels, at, effects)


def _spread_pauses(call: Call, at: datetime, new_id: Callable[[], str]) -> None:
    """A recording that a merge brings into a paused call is paused with it, and its journal says so."""
    if not any(recording.open_pause for recording in call.recordings):
        return
    for kind in BOTH:
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


def _follow_pause(call: Call, segment: Segment, cut: bool, effects: Effects, *, hush: bool) -> None:
    """``hush``: somebody who has joined is still being told; nothing of that one may be recorded before."""
    target = (segment.capture_id, segment.leg_id, segment.path)
    silent = silenced(call, segment.kind)
    if segment.kind is Kind.VIDEO and (hush or paused(call, Kind.VIDEO)):
        # A masked .mp4 goes on showing the picture (seen on FreeSWITCH 1.10): a video pause
        # ends the segment, and the resume opens the next.
        if segment.state.settled:
            _close(call, segment, effects)
    elif (silent or hush) and segment.state is CaptureState.RECORDING:
        if cut and silent and segment.kind is Kind.AUDIO:
            _close(call, segment, effects)
        else:
            # Of a video, whose picture goes on, it is the sound alone that is paused here.
            segment.state = advance(segment.state, CaptureEvent.MASK)
            effects.command(call, MaskCapture(*target))
    elif not (silent or hush) and segment.state is CaptureState.PAUSED:
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
    call: Call, want: Wanted, options: TenantOptions, at: datetime, new_id: Callable[[], str]
) -> Recording | None:
    """The recording that this conversation goes into, a new one if need be; None if it must wait."""
    recording = _recording_for(call, want)
    if recording is None:
        decision = want.decision
        recording = Recording(
            new_id(), call.call_id, want.tenant, want.kind, decision.rule, decision.reason, at,
            provisional=want.provisional, cut_pauses=options.pause_style is PauseStyle.CUT,
            cut_gaps=options.gap_style is GapStyle.CUT,
        )  # fmt: skip
        call.recordings.append(recording)
    elif recording.running is not None and not recording.running.close_attempts:
        return None  # its last capture is being closed; the answer brings us back here
    elif (again := open_again_at(recording)) is not None and again - OPEN_AGAIN <= at < again:
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
        OpenCapture(
            segment.capture_id,
            leg.leg_id,
            segment.path,
            want.kind,
            want.own_voice_only,
            layout,
            want.provisional,
        ),
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


def open_again_at(recording: Recording) -> datetime | None:
    """A capture that keeps being refused is tried again every five seconds, not in a tight loop. None if it
    is not."""
    if _refused_in_a_row(recording) < EAGER_ATTEMPTS:
        return None
    return recording.segments[-1].requested_at + OPEN_AGAIN
