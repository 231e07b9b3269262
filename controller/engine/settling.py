"""What became of a request: it is answered once the switch has said what it did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..core.captures import CaptureState as _S
from ..core.desk import Desk
from .ports import CaptureReport, ControlReport

#: How long the answer to a request waits for the switch.
SETTLE_S = 2.0

_RESTING = {str(s) for s in (_S.RECORDING, _S.PAUSED, _S.ENDED, _S.FAILED)}


class Settling:
    """``desk`` gives the one that has the calls now."""

    def __init__(self, desk: Callable[[], Desk]) -> None:
        self._desk = desk
        self._changes: set[asyncio.Future[None]] = set()

    def changed(self) -> None:
        """Something is another than before: whoever waits looks again."""
        for change in self._changes:
            if not change.done():
                change.set_result(None)

    async def settled(self, report: ControlReport) -> bool:
        """Wait until the switch has answered what the request led to; False if it takes too long."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SETTLE_S
        while not all(c.state in _RESTING for c in self.captures(report)):
            left = deadline - loop.time()
            if left <= 0:
                return False
            change: asyncio.Future[None] = loop.create_future()
            self._changes.add(change)
            await asyncio.wait({change}, timeout=left)
            self._changes.discard(change)
        return True

    def captures(self, report: ControlReport) -> tuple[CaptureReport, ...]:
        """The captures that the request was about, as they are now."""
        call = self._desk().book.calls.get(report.outcome.call_id or "")
        if call is None:
            return ()
        return tuple(
            CaptureReport(r.recording_id, r.segments[-1].capture_id, str(r.kind), str(r.segments[-1].state))
            for r in call.recordings
            if r.recording_id in report.outcome.recording_ids and r.segments
        )
