"""A spool on another machine: the controller there is asked, which may do nothing but collect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from ..engine.leasing import Controller
from ..engine.spool_eyes import SpoolLook
from .client import PeerClient
from .wire import SpoolAnswer, SpoolQuestion


class DistantSpool:
    """An engine.spool_eyes.SpoolEyes. ``machine`` is what `spool_on` calls it, ``others`` who are asked."""

    def __init__(
        self, switch: str, machine: str, client: PeerClient, others: Callable[[], Sequence[Controller]]
    ) -> None:
        self._switch = switch
        self._machine = machine
        self._client = client
        self._others = others

    async def look(self, paths: Sequence[str]) -> SpoolLook:
        answer = await self._ask(SpoolQuestion(self._switch, tuple(paths)))
        if answer.look is None:
            raise OSError(answer.why)
        return answer.look

    async def written_at(self, path: str) -> datetime | None:
        return (await self._ask(SpoolQuestion(self._switch, written=path))).written_at

    async def _ask(self, question: SpoolQuestion) -> SpoolAnswer:
        """The first answer of one that can say. Raises OSError."""
        why = f"no controller runs on {self._machine}"
        # What its controllers are called may be another name (jobs.node): those that have this one first.
        for peer in sorted(self._others(), key=lambda c: c.label != self._machine):
            answer = await self._client.spool(peer, question)
            if answer is not None and not answer.why:
                return answer
            if peer.label == self._machine:
                why = answer.why if answer else f"the controller on {self._machine} does not answer"
        raise OSError(why)
