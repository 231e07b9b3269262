"""A job in people's words: what is done to a recording now, and what will happen to it next."""

from __future__ import annotations

from datetime import datetime

from ..core.media_kinds import Kind
from ..engine.jobs import Job, JobState, Phase

#: What each step does. A step without words of its own is told by its name.
STEPS = {
    "store": "collecting and checking its files",
    "render": "joining its files",
    "peaks": "drawing its waveform",
    "encode": "encoding it",
    "transcribe": "transcribing it",
    "seal": "encrypting its files",
}


def doing(step: str) -> str:
    return STEPS.get(step, step.replace("_", " ") or "beginning")


def what_next(job: Job, now: datetime) -> str:
    """One sentence: what is done, or what will happen and when."""
    playable = job.phase is Phase.FINISHING
    match job.state:
        case JobState.RUNNING:
            return f"A worker is {doing(job.step)}."
        case JobState.RETRYING:
            when = _when(job.next_at, now)
            tail = "It can be played meanwhile." if playable else "Its files are kept until it succeeds."
            return f"It is tried again {when}. {tail}"
        case JobState.WAITING if playable:
            return "It can be played; its finishing waits for its turn."
        case JobState.WAITING if job.next_at is not None and job.next_at > now:
            return f"Its worker was lost; it goes on {_when(job.next_at, now)}."
        case JobState.WAITING:
            what = "film" if job.kind is Kind.VIDEO else "files"
            return f"Its {what} will be collected when it is its turn."
        case JobState.FAILED:
            return "It can be played, but its finishing was given up: retry when the cause is gone."
        case JobState.CANCELLED:
            return "Its finishing was cancelled. Retry does it after all."
        case _:
            return "Nothing more is to be done."


def _when(at: datetime | None, now: datetime) -> str:
    seconds = 0 if at is None else round((at - now).total_seconds())
    if seconds <= 0:
        return "at once"
    if seconds < 120:
        return f"in {seconds} s"
    return f"in {round(seconds / 60)} min"
