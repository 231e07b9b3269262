"""What the parties hear of a recording: announcements, the beep, the tones of a pause."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from .calls import Call, Leg
from .captures import CaptureState
from .commands import PlaySound, Sound
from .effects import Effects
from .media_kinds import Kind
from .options import Hears, TenantOptions
from .policy import Policy
from .recording import Recording

#: An announcement of which nothing more is heard is taken for over. Recording begins without it:
#: a sound file that is missing must not cost recordings, and the journey says what happened.
ANNOUNCEMENT_LIMIT = timedelta(seconds=30)
#: Due by any clock.
AT_ONCE = datetime.min.replace(tzinfo=UTC)


def announced(
    call: Call, tenant: str, options: TenantOptions, legs: Sequence[Leg], at: datetime, effects: Effects
) -> bool:
    """Play the tenant's announcement to those who have not heard it; True once all of them have."""
    if options.announce_to is Hears.NOBODY:
        return True
    heard = True
    for leg in legs:
        inside = leg.party.internal and leg.party.tenant == tenant
        if not leg.commanded or (inside and options.announce_to is Hears.EXTERNAL):
            continue
        if tenant not in leg.announced:
            leg.announced[tenant] = at
            effects.command(call, PlaySound(leg.leg_id, Sound.ANNOUNCEMENT, options.announcement, tenant))
        since = leg.announced[tenant]
        if since is not None and abs(at - since) < ANNOUNCEMENT_LIMIT:  # the clock may be set back
            heard = False
    return heard


def pause_tone(call: Call, recording: Recording, policy: Policy, sound: Sound, effects: Effects) -> None:
    """Tell the parties that a pause has taken effect or is over; once, however many captures."""
    going = [r for r in call.recordings if r.ended_at is None and policy.options_of(r.tenant).pause_tone]
    if going and going[0] is recording:
        _play(call, recording, sound, effects)


def beep(call: Call, policy: Policy, at: datetime, effects: Effects) -> None:
    """The periodic beep of every recording that is going on and not paused."""
    for recording in call.recordings:
        due = next_beep_at(recording, policy)
        set_back = recording.beeped_at is not None and at < recording.beeped_at
        if due is not None and (due <= at or set_back):
            recording.beeped_at = at
            _play(call, recording, Sound.BEEP, effects)


def next_beep_at(recording: Recording, policy: Policy) -> datetime | None:
    """None while there is to be none."""
    every, running = policy.options_of(recording.tenant).beep_every_s, recording.running
    if (
        not every
        or recording.kind is not Kind.AUDIO
        or running is None
        or running.state is not CaptureState.RECORDING
    ):
        return None
    if recording.beeped_at is None:
        return AT_ONCE
    return recording.beeped_at + timedelta(seconds=every)


def _play(call: Call, recording: Recording, sound: Sound, effects: Effects) -> None:
    if not recording.segments:
        return
    for leg in call.bridges().get(recording.segments[-1].bridge_id, ()):
        if leg.commanded and not leg.held:
            effects.command(call, PlaySound(leg.leg_id, sound))


def pause_marks(recording: Recording) -> tuple[int, int]:
    """How many pauses have taken effect, and how many are audibly over."""
    return (
        sum(p.masked_at is not None for p in recording.pauses),
        sum(p.unmasked_at is not None for p in recording.pauses),
    )
