"""What is done to a recording once it can be played: named tasks, each of which may be repeated at will."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable


class FinishingTask(Protocol):
    """One thing to be done to every available recording, or to find done or not wanted."""

    name: str

    async def run(self, recording_id: str, progress: Callable[[float], None]) -> str:
        """Do it; a second time changes nothing. ``progress`` takes 0 to 1 now and then, from any thread.

        Answers a remark for people, "" mostly ("no encoder for AMR: kept as WAV"). Raises MediaError or
        OSError for what is worth another try; the recording itself stays as it was.
        """


@runtime_checkable
class Stoppable(Protocol):
    """A task that has something at work which would be waited for at the exit."""

    def stop(self) -> None:
        """Let it give up, from the event loop; `run` may be called again."""
