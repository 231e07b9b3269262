"""Control latency, measured in the audio: from a pause's last packet to the first silent sample.

The caller asks (MESSAGE, *48), the callee says a sound in which time can be read (numbered.py). The
last sample of it before the silence tells which packet was the last to be recorded; the packet after
it is the first that is not heard in the file, and the phone's own log says when it left. Both times
are of one clock in one process, and no delay of the switch has to be guessed or taken off.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from controller.demo.asterisk_lab import AsteriskLab
from controller.demo.freeswitch_lab import FreeSwitchLab
from controller.demo.lab import LabUnavailable
from controller.demo.phone import Dialog, Phone
from controller.demo.phone.message import uri_of, user_of

from .crowd import crowd
from .numbered import Located, numbered
from .result import Aim, Result, percentile
from .telephony import PAIRS, Lab, Recorder, call, recorded_by_controller, telephones

#: Of each kind and switch, over the pairs: at least a hundred.
REQUESTS = 102
#: So many other calls are up, recorded and full of sound, in the second half.
CROWD = 200
#: Who calls whom while the crowd, which is the last pair's, is there.
BESIDE_CROWD = PAIRS[:2]
AIM_MS = 40
#: Between two requests, at random so that every moment of the 20 ms frame is met.
GAP_S = (0.25, 0.35)
#: Before the first request: a switch under load needs a moment until sound flows both ways.
SETTLE_S = 1.0

Ask = Callable[[Phone, Dialog, str], Awaitable[float]]


async def by_message(phone: Phone, dialog: Dialog, verb: str) -> float:
    """Returns when the request's last packet left (after the 401, with credentials)."""
    body = json.dumps({"operation": f"{verb}-audio-recording", "session_id": dialog.session_id})
    reply = await phone.message(user_of(uri_of(dialog.remote)), body, "application/x-media-control+json")
    if reply.status != 202:
        raise RuntimeError(f"MESSAGE was answered {reply.status}")
    return reply.sent_at


async def by_code(phone: Phone, dialog: Dialog, verb: str) -> float:
    return await dialog.send_digits({"pause": "*48", "resume": "*49"}[verb])


MEANS: dict[str, Ask] = {"SIP MESSAGE": by_message, "*48": by_code}


@dataclass(slots=True)
class Taken:
    """All in ms. ``relay``: from one phone to the other through the switch."""

    pauses: list[float]
    resumes: list[float]
    relay: list[float]
    unmatched: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    """A call that is over. ``asked``: when each pause's and resume's last packet left."""

    call_id: str
    caller: Dialog
    callee: Dialog
    asked: list[tuple[float, float]]


def run() -> Result:
    return _run("control_latency", "Control latency: last packet of the request to first silent sample", 0)


def run_crowded() -> Result:
    return _run("control_latency_crowded", f"Control latency with {CROWD} other calls up", CROWD)


def _run(name: str, title: str, others: int) -> Result:
    result = Result(name, title)
    for make in (AsteriskLab, FreeSwitchLab):
        try:
            lab = make()
        except LabUnavailable as error:
            result.notes.append(f"{make.kind}: not measured here: {error}")
            result.aims.append(Aim(f"{make.kind}: p99", f"≤ {AIM_MS} ms", "not measured here", None))
            continue
        asyncio.run(_switch(lab, result, others))
    return result


async def _switch(lab: Lab, result: Result, others: int) -> None:
    pairs = BESIDE_CROWD if others else PAIRS
    made: dict[str, list[Made]] = {}
    async with lab, recorded_by_controller(lab) as recorder, telephones(lab, pairs) as phones:
        async with crowd(lab, PAIRS[-1], others) as up:
            if others:
                result.notes.append(f"{lab.kind}: {up} other calls were up")
            for number, (means, ask) in enumerate(MEANS.items()):
                for i, (_, callee) in enumerate(pairs):
                    phones[callee].source = numbered(10 * number + i)
                each = REQUESTS // len(pairs)
                calls = [_one_call(recorder, phones, *pair, ask, each) for pair in pairs]
                made[means] = await asyncio.gather(*calls)
        # Compared when every call is over: it takes whole seconds of this process's only thread, in which the
        # phones of a call that still runs would send nothing. And beside a crowd that fills the machine, the
        # niced worker has no time for the files.
        for means, calls_made in made.items():
            taken = Taken([], [], [])
            for one_call in calls_made:
                audio = await recorder.audio(one_call.call_id)
                one = _compare(Located(audio, one_call.callee.rtp), one_call.asked, one_call.caller)
                taken.pauses += one.pauses
                taken.resumes += one.resumes
                taken.relay += one.relay
                taken.unmatched += one.unmatched
            _report(result, lab.kind, means, taken)


def _report(result: Result, switch: str, means: str, taken: Taken) -> None:
    if not taken.pauses:
        result.notes.append(f"{switch}, {means}: of {taken.unmatched} pauses none was found in the sound")
        result.aims.append(Aim(f"{switch}, {means}: p99", f"≤ {AIM_MS} ms", "no pause found", False))
        return
    p99 = percentile(taken.pauses, 0.99)
    result.rows.append(
        {
            "switch": switch,
            "asked by": means,
            "pauses": len(taken.pauses),
            "p50 ms": round(percentile(taken.pauses, 0.5), 1),
            "p99 ms": round(p99, 1),
            "max ms": round(max(taken.pauses), 1),
            "resume p50 ms": round(percentile(taken.resumes, 0.5), 1),
            "resume p99 ms": round(percentile(taken.resumes, 0.99), 1),
            "phone to phone p50 ms": round(percentile(taken.relay, 0.5), 1),
            "no pause found": taken.unmatched,
        }
    )
    met = p99 <= AIM_MS and not taken.unmatched
    result.aims.append(Aim(f"{switch}, {means}: p99", f"≤ {AIM_MS} ms", f"{p99:.1f} ms", met))


async def _one_call(
    recorder: Recorder, phones: dict[str, Phone], caller: str, callee: str, ask: Ask, requests: int
) -> Made:
    a, b = await call(phones, caller, callee)
    call_id = await recorder.call_id(caller)
    await asyncio.sleep(SETTLE_S)
    asked: list[tuple[float, float]] = []
    for _ in range(requests):
        await asyncio.sleep(random.uniform(*GAP_S))
        paused = await ask(phones[caller], a, "pause")
        await asyncio.sleep(random.uniform(*GAP_S))
        asked.append((paused, await ask(phones[caller], a, "resume")))
    await asyncio.sleep(0.5)
    await a.bye()
    return Made(call_id, a, b, asked)


def _compare(located: Located, asked: list[tuple[float, float]], caller: Dialog) -> Taken:
    taken = Taken([], [], [])
    edges = [(a, b) for a, b in located.silences() if a is not None and b is not None]
    for paused, resumed in asked:
        # The pause that lies over the middle of what was asked for.
        middle = (paused + resumed) / 2
        edge = next((e for e in edges if e[0] < middle < e[1]), None)
        if edge is None:
            taken.unmatched += 1
            continue
        taken.pauses.append((edge[0] - paused) * 1000)
        taken.resumes.append((edge[1] - resumed) * 1000)
    for heard in caller.rtp.heard:
        left = located.left_of(heard.payload)
        if left is not None:
            taken.relay.append((heard.at - left) * 1000)
    return taken
