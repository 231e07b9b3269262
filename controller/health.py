"""How the controller is, for /readyz, the alarms on every page and /api/v1/alarms: one list of them all."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from .core.roles import Permission
from .engine.alarms import Alarm, Severity, switch_alarms
from .engine.engine import Engine
from .engine.leasing import Cluster, Controller
from .engine.ports import Control, LinkState
from .engine.reading import Health
from .jobs.child import WorkerChild
from .media.retainer import Retainer
from .media.watermark import Level, Watermark
from .proof.sealer import Sealer

_W, _C = Severity.WARNING, Severity.CRITICAL


async def health_of(
    control: Control,
    cluster: Cluster,
    me: Controller,
    engine: Engine,
    workers: WorkerChild,
    watermark: Watermark,
    sealer: Sealer,
    retainer: Retainer,
    untraced: str,
) -> Health:
    switches = control.switches()
    alarms = [
        *switch_alarms(switches),
        *_controllers(engine, cluster, me),
        *_behind(engine),
        *_no_room(engine),
        *_unwatched(engine),
        *(_disk(level) for level in await asyncio.to_thread(watermark.look)),
        *_stores(workers),
        *_unsealed(workers),
        *_work(workers, sealer, retainer),
        *_clock(await asyncio.to_thread(retainer.doubt)),
        *_traces(untraced),
    ]
    parts = {f"switch {s.name}": str(s.state) + (f": {s.error}" if s.error else "") for s in switches}
    parts |= {a.part: a.detail for a in alarms if a.part not in parts}
    fine = all(s.state is LinkState.UP for s in switches)
    return Health(fine and not any(a.severity is _C for a in alarms), parts, tuple(alarms))


def _controllers(engine: Engine, cluster: Cluster, me: Controller) -> list[Alarm]:
    found = []
    if engine.keeper is not None and engine.keeper.error:
        found.append(
            Alarm(
                "controllers.away", _C, "This controller cannot renew what it has: the database is away.",
                engine.keeper.error,
                "See that the database is up and can be reached from here. Captures in the switches run on.",
                "/advanced/general", part="leases",
            )
        )  # fmt: skip
    strange = [c.label for c in cluster.controllers.values() if c.alive and c.key_mark != me.key_mark]
    if strange:
        names = ", ".join(sorted(strange))
        found.append(
            Alarm(
                "controllers.strange", _W, f"Controllers with another web.secret_file: {names}.",
                names,
                "Copy web.secret_file from one to the others and restart them; until then they cannot ask "
                "each other, and a session of one is none of the others.",
                "/advanced/general", part="controllers",
            )
        )  # fmt: skip
    return found


def _behind(engine: Engine) -> list[Alarm]:
    return [
        Alarm(
            "catalog.unwritten", _C, f"Calls of switch {e.switch.name} cannot be written to the database.",
            f"{e.saver.waiting} calls wait: {e.saver.error}",
            "See that the database is up and its disk has room. Recording goes on; do not restart the "
            "controller before, or what waits is lost.",
            part=f"catalog of {e.switch.name}",
        )
        for e in engine.engines
        if e.saver.error
    ] + [
        Alarm(
            "catalog.behind", _C, f"{e.saver.waiting} calls of switch {e.switch.name} are not written yet.",
            f"{e.saver.waiting} calls", "See that the database is up and quick enough; nothing is dropped.",
            part=f"catalog behind on {e.switch.name}",
        )
        for e in engine.engines
        if e.saver.waiting > 1000
    ]  # fmt: skip


def _no_room(engine: Engine) -> list[Alarm]:
    return [
        Alarm(
            "spool.full", _C, f"Nothing is recorded on switch {room.engine.switch.name}: its disk is full.",
            "the switch cannot write: its disk is full",
            "Make room on the disk of its spool, or raise its quota. What should be recorded is begun again "
            "then, by itself.",
            "/disk", Permission.OWN_ACCOUNT, f"spool of {room.engine.switch.name}",
        )
        for room in engine.rooms
        if room.full
    ]  # fmt: skip


def _unwatched(engine: Engine) -> list[Alarm]:
    unseen = [(room.engine.switch.name, room.unseen) for room in engine.rooms if room.unseen]
    return [
        Alarm(
            "spool.unwatched", _W, f"Nobody sees whether the spool of switch {name} has room.",
            f"not watched: {why}",
            "See that the spool's disk answers, and that a controller runs on the machine that spool_on "
            "names. Recording goes on, but a full disk is not noticed.",
            "/disk", part=f"room of {name}",
        )
        for name, why in unseen
    ]  # fmt: skip


def _disk(level: Level) -> Alarm:
    return Alarm(
        "disk.full" if level.critical else "disk.high", _C if level.critical else _W,
        f"The disk of {level.place} is {level.text}.", level.text,
        "Make room, or recordings cannot be written: shorten retention, or move recordings to another store.",
        "/disk", part=f"disk of {level.place}",
    )  # fmt: skip


def _stores(workers: WorkerChild) -> list[Alarm]:
    """A store that is away is told and no reason to be taken out of service: files are kept here."""
    return [
        Alarm(
            "store.away", _W, f"Store {name} does not answer; recordings wait on this machine's disk.",
            f"away: {why}",
            "See that its server or disk is up; tapeline doctor tries it. It goes on by itself.",
            "/jobs", part=f"store {name}",
        )
        for name, why in workers.away.items()
    ]  # fmt: skip


def _unsealed(workers: WorkerChild) -> list[Alarm]:
    return [
        Alarm(
            "sealing.unsealed", _W, f"{files} files that are to be sealed lie plain ({name}).",
            f"{files} files lie plain: {why}",
            "Put the key where [[sealing]] names it; tapeline doctor reads it. The rest happens by itself.",
            "/jobs", part=f"sealing {name}",
        )
        for name, (files, why) in workers.plain.items()
    ]  # fmt: skip


def _clock(doubt: timedelta) -> list[Alarm]:
    if not doubt:
        return []
    hours = round(abs(doubt) / timedelta(hours=1))
    return [
        Alarm(
            "clock.doubted", _W,
            "This machine's clock was set, or it was off for days: deletion does not go by it.",
            f"{hours} h ahead of what can be vouched for"
            if doubt > timedelta()
            else f"it is or was {hours} h behind what can be vouched for",
            "See whether the date is right; then say tapeline retention trust-clock. Recordings have the "
            "times of this clock.",
            part="clock",
        )
    ]  # fmt: skip


def _work(workers: WorkerChild, sealer: Sealer, retainer: Retainer) -> list[Alarm]:
    found = []
    if workers.error:
        found.append(
            Alarm(
                "jobs.away", _W, "The work on recordings stands still.", workers.error,
                "See that the database is up; the work goes on by itself.", "/jobs",
                part="work on recordings",
            )
        )  # fmt: skip
    if sealer.error:
        found.append(
            Alarm(
                "proof.unsealed", _W, "The chain of proof is not being sealed.",
                f"not sealed: {sealer.error}",
                "Put the signing key where [proof] names it; what is waiting is sealed then.", "/audit",
                part="proof",
            )
        )  # fmt: skip
    if retainer.stuck:
        why = next(iter(retainer.stuck.values()))
        number = len(retainer.stuck)
        found.append(
            Alarm(
                "deletion.stuck", _W, f"{number} deleted recordings are not gone yet.",
                f"{number} deleted recordings are not gone yet: {why}",
                "See that every store that holds them answers; it is tried again by itself.", "/trash",
                part="deletion",
            )
        )  # fmt: skip
    return found


def _traces(why: str) -> list[Alarm]:
    if not why:
        return []
    return [
        Alarm(
            "traces.off", _W, "There are no traces, though they are wanted.", why,
            "Mend what it names (tapeline doctor tries it), and restart the controller when that suits.",
            "/advanced/general", part="traces",
        )
    ]  # fmt: skip
