"""How the controller is, for /healthz and /readyz: every part that has something to say."""

from __future__ import annotations

import asyncio

from .engine.engine import Engine
from .engine.ports import LinkState
from .engine.reading import Health
from .jobs.workers import Workers
from .media.mover import Mover
from .media.retainer import Retainer
from .media.seal_task import SealBacklog
from .media.watermark import Watermark
from .proof.sealer import Sealer


async def health_of(
    engine: Engine,
    workers: Workers,
    mover: Mover,
    sealing: SealBacklog,
    watermark: Watermark,
    sealer: Sealer,
    retainer: Retainer,
) -> Health:
    parts = {
        f"switch {s.name}": str(s.state) + (f": {s.error}" if s.error else "") for s in engine.switches()
    }
    parts |= {
        f"catalog behind on {e.switch.name}": f"{e.saver.waiting} calls"
        for e in engine.engines
        if e.saver.waiting > 1000
    }
    fine = all(s.state is LinkState.UP for s in engine.switches())
    fine = fine and not any(k.startswith("catalog") for k in parts)
    levels = await asyncio.to_thread(watermark.look)
    parts |= {f"disk of {level.place}": level.text for level in levels}
    # A store that is away is told and no reason to be taken out of service: files are kept here.
    parts |= {f"store {name}": f"away: {outage.error}" for name, outage in mover.outages.items()}
    parts |= {
        f"sealing {name}": f"{waiting.files} files lie plain: {waiting.error}"
        for name, waiting in sealing.waiting.items()
    }
    if workers.error:
        parts["work on recordings"] = workers.error
    if sealer.error:
        parts["proof"] = f"not sealed: {sealer.error}"
    if retainer.stuck:
        why = next(iter(retainer.stuck.values()))
        parts["deletion"] = f"{len(retainer.stuck)} deleted recordings are not gone yet: {why}"
    return Health(fine and not any(level.critical for level in levels), parts)
