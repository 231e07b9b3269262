"""How loud the running captures are: looked at once a second, while somebody watches and only then.

One look is for all who watch; what each of them may see of it is decided where it is shown. A strip tells
no content: how loud it was in each quarter of a second, of each party where they are recorded apart.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from ..core.calls import Call
from ..core.captures import CaptureState
from ..core.commands import Layout
from ..core.media_kinds import Kind

log = structlog.get_logger(__name__)

#: So often it is looked.
LOOK_S = 1.0
#: A strip's steps, and how many of them there are: half a minute.
STEPS_A_SECOND = 4
STEPS = 30 * STEPS_A_SECOND

#: Why there is no strip: the switch's files are on another machine, or what is there cannot be read.
ELSEWHERE, UNREADABLE = "elsewhere", "unreadable"


@dataclass(frozen=True, slots=True)
class LiveCapture:
    """An audio capture that runs. ``path`` is below the spool of ``switch``."""

    recording_id: str
    switch: str
    leg_id: str
    path: str
    layout: Layout
    own_voice_only: bool


@dataclass(frozen=True, slots=True)
class Strip:
    """The last half minute of a recording. ``lanes``: one letter a step, "0" for exact silence, "1" (-54 dB
    and less) to "z" (full scale), "-" where nothing was recorded; one lane for all that the leg said and
    heard together, two for its own voice and what it heard, one for its own voice with ``own_voice_only``.
    ``end`` is the step behind the last letter, counted from 1970; ``newest`` when its sound ended, in seconds
    since then (steps are laid as near to that as they can be). ``number`` counts how often the strip has
    changed; the last ``fresh`` letters are what changed then. ``why``: there are none, for this reason.
    """

    leg_id: str
    lanes: tuple[str, ...] = ()
    end: int = 0
    newest: float = 0.0
    number: int = 0
    fresh: int = 0
    own_voice_only: bool = False
    why: str = ""


Strips = Mapping[str, Strip]
#: Captures in, strips by recording out. Blocking.
Look = Callable[[Sequence[LiveCapture]], Strips]


def captures_of(switch: str, calls: Iterable[Call]) -> list[LiveCapture]:
    """The audio captures of these calls that the switch has confirmed."""
    return [
        LiveCapture(
            recording.recording_id, switch, one.leg_id, one.path, one.layout, one.own_voice_only
        )
        for call in calls
        for recording in call.recordings
        if (one := recording.running) and one.kind is Kind.AUDIO and one.state is not CaptureState.REQUESTED
    ]  # fmt: skip


class LiveLevels:
    """``captures``: those that run now; ``look`` reads them, in a thread."""

    def __init__(self, captures: Callable[[], Sequence[LiveCapture]], look: Look) -> None:
        self._captures, self._look = captures, look
        self._watchers: set[asyncio.Queue[Strips]] = set()
        self._looking: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[AsyncIterator[Strips]]:
        """What each look finds from now on; whoever is slow gets the newest. Every strip of every tenant is
        among it: nothing of it leaves without `web.live_levels`."""
        queue: asyncio.Queue[Strips] = asyncio.Queue(1)
        self._watchers.add(queue)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._run())

        async def strips() -> AsyncIterator[Strips]:
            while True:
                yield await queue.get()

        try:
            yield strips()
        finally:
            self._watchers.discard(queue)

    async def _run(self) -> None:
        """Until nobody watches any more."""
        while self._watchers:
            loop = asyncio.get_running_loop()
            began = loop.time()
            try:
                self._tell(await asyncio.to_thread(self._look, self._captures()))
            except Exception:
                # An error of ours: whatever a file can do is a strip's `why`. To tell of no strips would be a
                # reason that is not true; to end would leave those who watch without any for good.
                log.exception("levels.failed")
            # A disk that is slow is asked less often, not all the time.
            took = loop.time() - began
            await asyncio.sleep(max(LOOK_S - took, took))

    def _tell(self, strips: Strips) -> None:
        for queue in self._watchers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(strips)
