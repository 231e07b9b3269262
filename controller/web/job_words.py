"""A job in people's words: what is done to a recording now, and what will happen to it next."""

from __future__ import annotations

from datetime import datetime

from ..core.media_kinds import Kind
from ..engine.jobs import Job, JobState, Phase
from .language import N_, _

#: What each step does. A step without words of its own is told by its name.
STEPS = {
    "store": N_("collecting and checking its files"),
    "render": N_("joining its files"),
    "peaks": N_("drawing its waveform"),
    "encode": N_("encoding it"),
    "transcribe": N_("transcribing it"),
    "seal": N_("encrypting its files"),
}


def doing(step: str) -> str:
    return STEPS.get(step, step.replace("_", " ") or N_("beginning"))


def what_next(job: Job, now: datetime) -> str:
    """One sentence: what is done, or what will happen and when."""
    playable = job.phase is Phase.FINISHING
    match job.state:
        case JobState.RUNNING:
            return _("A worker is %(what)s.", what=_(doing(job.step)))
        case JobState.RETRYING:
            when = _when(job.next_at, now)
            if playable:
                return _("It is tried again %(when)s. It can be played meanwhile.", when=when)
            return _("It is tried again %(when)s. Its files are kept until it succeeds.", when=when)
        case JobState.WAITING if playable:
            return _("It can be played; its finishing waits for its turn.")
        case JobState.WAITING if job.next_at is not None and job.next_at > now:
            return _("Its worker was lost; it goes on %(when)s.", when=_when(job.next_at, now))
        case JobState.WAITING if job.kind is Kind.VIDEO:
            return _("Its film will be collected when it is its turn.")
        case JobState.WAITING:
            return _("Its files will be collected when it is its turn.")
        case JobState.FAILED:
            return _("It can be played, but its finishing was given up: retry when the cause is gone.")
        case JobState.CANCELLED:
            return _("Its finishing was cancelled. Retry does it after all.")
        case _state:
            return _("Nothing more is to be done.")


def _when(at: datetime | None, now: datetime) -> str:
    seconds = 0 if at is None else round((at - now).total_seconds())
    if seconds <= 0:
        return _("at once")
    if seconds < 120:
        return _("in %(seconds)s s", seconds=seconds)
    return _("in %(minutes)s min", minutes=round(seconds / 60))
