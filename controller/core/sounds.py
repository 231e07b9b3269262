"""What the parties hear of a recording: announcements, the beep, the tones of a pause."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from .calls import Call, JourneyEntry, Leg
from .captures import CaptureState
from .commands import PlaySound, Sound
from .effects import Effects
from .facts import AnnouncementPlayed
from .media_kinds import Kind
from .options import Hears, TenantOptions
from .own_sounds import Played
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


def announcement_played(
    call: Call, leg: Leg, fact: AnnouncementPlayed, policy: Policy, effects: Effects
) -> bool:
    """It is over, or could not be played; False if none was to be."""
    since = leg.announced.get(fact.tenant)
    if since is None:
        return False
    leg.announced[fact.tenant] = None
    effects.touch(call)
    what = "announcement played" if not fact.error else "announcement failed"
    call.journey.append(JourneyEntry(fact.at, what, leg.leg_id, fact.error))
    if fact.error:
        effects.announce(call, None, "warning", leg.leg_id, Reason="the announcement could not be played")
    else:
        file = policy.options_of(fact.tenant).announcement
        played = Played(since, Sound.ANNOUNCEMENT, (leg.leg_id,), max(since, fact.at), file)
        _keep(call, policy, played, fact.tenant)
    return True


def pause_tone(
    call: Call, recording: Recording, policy: Policy, sound: Sound, at: datetime, effects: Effects
) -> None:
    """Tell the parties that a pause has taken effect or is over; once, however many captures."""
    going = [r for r in call.recordings if r.ended_at is None and policy.options_of(r.tenant).pause_tone]
    if going and going[0] is recording:
        _play(call, recording, policy, sound, at, effects)


def beep(call: Call, policy: Policy, at: datetime, effects: Effects) -> None:
    """The periodic beep of every recording that is going on and not paused."""
    for recording in call.recordings:
        due = next_beep_at(recording, policy)
        set_back = recording.beeped_at is not None and at < recording.beeped_at
        if due is not None and (due <= at or set_back):
            recording.beeped_at = at
            _play(call, recording, policy, Sound.BEEP, at, effects)


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


def _play(
    call: Call, recording: Recording, policy: Policy, sound: Sound, at: datetime, effects: Effects
) -> None:
    if not recording.segments:
        return
    hearers = []
    for leg in call.bridges().get(recording.segments[-1].bridge_id, ()):
        if leg.commanded and not leg.held:
            effects.command(call, PlaySound(leg.leg_id, sound))
            hearers.append(leg.leg_id)
    if hearers:
        _keep(call, policy, Played(at, sound, tuple(hearers)))


def _keep(call: Call, policy: Policy, played: Played, tenant: str | None = None) -> None:
    """Note it for the file of every recording of the conversation whose tenant wants it there; an
    announcement only for its own ``tenant``'s: only that one is silent meanwhile."""
    for recording in call.recordings:
        wants = recording.ended_at is None and recording.kind is Kind.AUDIO
        if not wants or not policy.options_of(recording.tenant).sounds_in_recording:
            continue
        if tenant in (None, recording.tenant) and _heard_in(call, recording, played.legs):
            recording.sounds.append(played)


def _heard_in(call: Call, recording: Recording, legs: Sequence[str]) -> bool:
    """Whether one of the legs is in the conversation that it records now, or is about to."""
    running = recording.running
    here = call.bridges().get(running.bridge_id, ()) if running else call.live_legs
    return any(leg.leg_id in legs for leg in here)


def pause_marks(recording: Recording) -> tuple[int, int]:
    """How many pauses have taken effect, and how many are audibly over."""
    return (
        sum(p.masked_at is not None for p in recording.pauses),
        sum(p.unmasked_at is not None for p in recording.pauses),
    )
