"""Asks other controllers. Nothing takes longer than it may, and a controller that is away is no error."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from typing import Any, TypeVar

import httpx2
import structlog
from pydantic import TypeAdapter

from ..engine import tracing
from ..engine.keeper import PEER_S
from ..engine.leasing import Controller
from ..engine.peer_signing import sign
from ..engine.ports import ControlReport, SwitchDown
from . import wire

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: Whether a call is known there.
FITS_S = 1.0
#: There the switch is waited for (`switch_engine.SETTLE_S`).
CONTROL_S = 4.0
#: A disk there may be busy.
SPOOL_S = 3.0
#: Without a line for so long, the stream is cut.
SILENCE_S = 4.0


class PeerClient:
    """engine.keeper.Peers, and what `ClusterControl` asks."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        # No proxy of the environment: the others are on a network of ours.
        self._http = httpx2.AsyncClient(trust_env=False, limits=httpx2.Limits(max_keepalive_connections=16))

    async def close(self) -> None:
        await self._http.aclose()

    async def vouch(self, peer: Controller, switch: str) -> bool:
        return await self._asked(peer, wire.VOUCH, switch)

    async def acts(self, peer: Controller, switch: str) -> bool:
        return await self._asked(peer, wire.ACTS, switch)

    async def _asked(self, peer: Controller, path: str, switch: str) -> bool:
        body = wire.QUESTION.dump_json(wire.Question(switch))
        return await self._answer(peer, path, body, PEER_S, wire.YES_OR_NO) or False

    async def reload(self, peer: Controller) -> None:
        await self._post(peer, wire.RELOAD, b"{}", FITS_S)

    async def fits(self, peer: Controller, asked: wire.Asked) -> wire.Fit | None:
        """None: it does not answer."""
        return await self._answer(peer, wire.FITS, wire.ASKED.dump_json(asked), FITS_S, wire.FIT)

    async def control(self, peer: Controller, asked: wire.Asked) -> ControlReport:
        """Raises SwitchDown if it does not answer."""
        body = wire.ASKED.dump_json(asked)
        report = await self._answer(peer, wire.CONTROL, body, CONTROL_S, wire.REPORT)
        if report is None:
            raise SwitchDown(f"the controller {peer.label}, which has this call, does not answer")
        return report

    async def spool(self, peer: Controller, asked: wire.SpoolQuestion) -> wire.SpoolAnswer | None:
        """None: it does not answer."""
        body = wire.SPOOL_QUESTION.dump_json(asked)
        return await self._answer(peer, wire.SPOOL, body, SPOOL_S, wire.SPOOL_ANSWER)

    async def _answer(
        self, peer: Controller, path: str, body: bytes, within_s: float, kind: TypeAdapter[T]
    ) -> T | None:
        """None: it does not answer, or as another version would."""
        answer = await self._post(peer, path, body, within_s)
        try:
            return None if answer is None else kind.validate_json(answer)
        except ValueError as error:
            log.warning("controllers.not_understood", peer=peer.label, what=path, why=str(error)[:200])
            return None

    async def _post(self, peer: Controller, path: str, body: bytes, within_s: float) -> bytes | None:
        if not peer.address:
            return None
        try:
            answer = await self._http.post(
                peer.address + path, content=body, headers=self._headers(peer, path, body), timeout=within_s
            )
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            log.info("controllers.unanswered", peer=peer.label, what=path, why=str(error) or "in time")
            return None
        if answer.status_code != 200:
            log.warning("controllers.refused", peer=peer.label, what=path, why=answer.text[:200])
            return None
        return answer.content

    async def live(self, peer: Controller) -> AsyncGenerator[wire.Told]:
        """Ends when the stream does, for whatever reason."""
        timeout: Any = httpx2.Timeout(FITS_S, read=SILENCE_S)
        headers = self._headers(peer, wire.LIVE, b"")
        try:
            async with self._http.stream(
                "POST", peer.address + wire.LIVE, headers=headers, timeout=timeout
            ) as answer:
                if answer.status_code != 200:
                    text = (await answer.aread())[:200].decode(errors="replace")
                    log.warning("controllers.refused", peer=peer.label, what=wire.LIVE, why=text)
                    return
                async for line in answer.aiter_lines():
                    yield wire.TOLD.validate_json(line)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            log.info("controllers.unanswered", peer=peer.label, what=wire.LIVE, why=str(error)[:200])

    def _headers(self, peer: Controller, path: str, body: bytes) -> dict[str, str]:
        signed = sign(self._key, peer.name + path, body, time.time())
        return {**tracing.outgoing(), **signed, "content-type": "application/json"}
