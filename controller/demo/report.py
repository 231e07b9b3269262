"""What a round of the demo came to: the catalog asked, the recordings heard, everything in one report."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from .running import RunningController, items
from .scenario import PlayedCall
from .verdict import FoundPause, judge

#: So long a recording may take from the call's end to `available`.
PATIENCE_S = 60.0

#: The controller's clock is ours; this is for a call that the round's first packet began.
_MARGIN = timedelta(seconds=1)

_FINAL = ("available", "empty")


@dataclass(slots=True)
class CallReport:
    """One call: what was expected, what the catalog says, what is to be heard."""

    played: PlayedCall
    call_id: str = ""
    why: str = ""
    ended: bool = False
    unnamed: list[str] = field(default_factory=list)  # who took part and is not in the CDR
    recordings: list[dict[str, Any]] = field(default_factory=list)  # details as the API gives them
    pauses: list[FoundPause] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        return f"{self.played.call.caller} → {self.played.call.callee}"

    @property
    def recorded(self) -> bool:
        return bool(self.recordings)

    @property
    def duration_ms(self) -> int:
        return sum(r["recording"]["duration_ms"] for r in self.recordings)


@dataclass(slots=True)
class RoundReport:
    switch: str
    catalog: str
    calls: list[CallReport] = field(default_factory=list)
    stray: list[str] = field(default_factory=list)  # problems that belong to no call of ours

    @property
    def phones_late_ms(self) -> int:
        """How late the phones' latest packet left in this round."""
        return max((c.played.phones_late_ms for c in self.calls), default=0)

    @property
    def problems(self) -> list[str]:
        return [f"{c.title}: {p}" for c in self.calls for p in c.problems] + self.stray

    def as_json(self) -> dict[str, Any]:
        """Calls, recordings, pauses and problems; times as datetimes."""
        return {
            "ok": not self.problems,
            "switch": self.switch,
            "catalog": self.catalog,
            "calls": [_call(c) for c in self.calls],
            "recordings": [r["recording"] | {"title": c.title} for c in self.calls for r in c.recordings],
            "pauses": [
                {"call_id": c.call_id, "title": c.title, **asdict(p), "late_ms": p.late_ms}
                for c in self.calls
                for p in c.pauses
            ],
            "problems": self.problems,
        }


def _call(report: CallReport) -> dict[str, Any]:
    played = report.played
    return {
        "call_id": report.call_id,
        "title": played.call.title,
        "caller": played.call.caller,
        "callee": played.call.callee,
        "answered_at": played.answered_at,
        "ended_at": played.ended_at,
        "sip_call_ids": played.sip_call_ids,
        "expected": played.recorded,
        "recorded": report.recorded,
        "why": report.why,
        "duration_ms": report.duration_ms,
        "holds": played.holds,
        "phones_late_ms": played.phones_late_ms,
        "external_only_from": played.external_only_from,
        "problems": report.problems,
    }


async def examine(
    controller: RunningController,
    switch: str,
    played: Sequence[PlayedCall],
    since: datetime,
    folder: Path,
    patience_s: float = PATIENCE_S,
) -> RoundReport:
    """Wait until every recording of a round is in the catalog, and listen to each.

    ``since``: when the round began. The audio is downloaded into ``folder``.
    """
    report = RoundReport(switch, controller.url, [CallReport(p) for p in played])
    rows = await _settled(controller, report, since - _MARGIN, patience_s)
    for call in report.calls:
        if call.played.failure:
            call.problems.append(f"the call failed: {call.played.failure}")
        if not call.call_id:
            call.problems.append("the call is not in the catalog")
        elif not call.ended:
            call.problems.append("the catalog does not know that the call has ended")
        if call.call_id and call.unnamed and not call.played.failure:
            call.problems.append(f"the CDR does not name {', '.join(call.unnamed)}")
        await _listen(controller, call, folder)
    ours = {call.call_id for call in report.calls}
    report.stray += [
        f"unexpected recording {row['recording_id']} of a call that nobody made"
        for row in rows
        if row["call_id"] not in ours
    ]
    return report


async def _settled(
    controller: RunningController, report: RoundReport, since: datetime, patience_s: float
) -> list[dict[str, Any]]:
    """Fill the calls in from the catalog; returns the rows of all the round's recordings."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while True:
        calls = await _all(controller, "calls", since)
        rows = await _all(controller, "recordings", since)
        for call in report.calls:
            await _fill(controller, call, calls)
        done = all(c.played.failure or (c.ended and _complete(c)) for c in report.calls)
        late = asyncio.get_running_loop().time() > deadline
        if late or (done and all(r["media_state"] in _FINAL for r in rows)):
            return rows
        await asyncio.sleep(0.2)


def _complete(call: CallReport) -> bool:
    final = all(r["recording"]["media_state"] in _FINAL for r in call.recordings)
    return final and (call.recorded or not call.played.recorded)


async def _all(controller: RunningController, what: str, since: datetime) -> list[dict[str, Any]]:
    stamp = since.isoformat().replace("+00:00", "Z")
    answer = await controller.api("GET", f"/{what}?limit=200&since={stamp}")
    return items(answer.body) if answer.status == 200 else []


async def _fill(controller: RunningController, call: CallReport, rows: list[dict[str, Any]]) -> None:
    row = next((r for r in rows if _is(call.played, r["parties"])), None)
    if row is None:
        return
    call.call_id = row["call_id"]
    answer = await controller.api("GET", f"/calls/{call.call_id}")
    if answer.status != 200:
        return
    call.ended = answer.body["row"]["ended_at"] is not None
    call.unnamed = [n for n in call.played.parties if n not in _names(answer.body["row"]["parties"])]
    details = [
        await controller.api("GET", f"/recordings/{r['recording_id']}") for r in answer.body["recordings"]
    ]
    call.recordings = [d.body for d in details if d.status == 200]
    decided = [d["reason"] for d in answer.body["decisions"] if d["kind"] == "audio"]
    call.why = next((r["recording"]["reason"] for r in call.recordings), decided[0] if decided else "")


def _is(played: PlayedCall, parties: list[dict[str, Any]]) -> bool:
    """Everybody calls and is called once in a round, so two numbers name a call."""
    names = _names(parties)
    return names.get(played.call.caller) is True and any(n in names for n in played.parties[1:])


def _names(parties: list[dict[str, Any]]) -> dict[str, bool]:
    """number or user → whether it was calling"""
    return {(p["user"] or p["number"]): p["calling"] for p in parties}


async def _listen(controller: RunningController, call: CallReport, folder: Path) -> None:
    expected = call.played.recorded
    if expected and not call.recordings:
        call.problems.append("missing recording")
    if not expected and call.recordings:
        call.problems.append("unexpected recording: this call must not be recorded")
    if len(call.recordings) > 1:
        call.problems.append(f"{len(call.recordings)} recordings of one call")
    for detail in call.recordings:
        row = detail["recording"]
        if row["media_state"] != "available":
            call.problems.append(f"missing recording: it is {row['media_state']} {row['error']}".rstrip())
            continue
        answer = await controller.api("GET", f"/recordings/{row['recording_id']}/audio")
        if answer.status != 200:
            call.problems.append(f"the recording cannot be fetched: HTTP {answer.status}")
            continue
        path = folder / f"{row['recording_id']}.wav"
        path.write_bytes(answer.raw)
        if expected:
            verdict = await asyncio.to_thread(judge, path, call.played)
            call.pauses += verdict.pauses
            call.problems += verdict.problems
            if len(detail["pauses"]) != len(call.played.pauses):
                call.problems.append(
                    f"the catalog has {len(detail['pauses'])} pauses instead of {len(call.played.pauses)}"
                )
        path.unlink()
