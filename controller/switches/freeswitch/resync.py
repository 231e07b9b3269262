"""What is true on a FreeSWITCH at this moment, asked after every (re)connection."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from ...core import facts as f
from ..notes import read_note
from . import verbs
from .frames import decode_event
from .translate import Translator

Api = Callable[[str], Awaitable[str]]
Row = dict[str, Any]

_UPTIME = re.compile(r"[0-9]{1,13}")
_SESSIONS = re.compile(r"^(\d+) session\(s\) - peak", re.MULTILINE)
_RECORDED = re.compile(r"<function>session_record</function>\s*<target>([^<\n]*)</target>")
CATCH_UP_S = 0.1
CATCH_UP_ATTEMPTS = 20


async def take_snapshot(
    api: Api, translator: Translator, now: Callable[[], datetime], known: Iterable[str] = ()
) -> f.SwitchSnapshot:
    """Every live leg and every capture of ours. Raises what ``api`` raises.

    ``known`` legs are asked for by themselves: one that the list leaves out has not hung up by that.
    """
    at = now()
    booted_at = _booted_at(at, await api("uptime ms"))
    legs: dict[str, tuple[f.LegFact, ...]] = {}
    captures: list[f.CaptureSeen] = []
    rooms = _rooms(await api("conference json_list"))
    listed = await _channels(api)
    peers = await _unsaid_peers(api, listed)
    for leg_id in filter(verbs.speakable, dict.fromkeys([*listed, *known])):
        event = decode_event((await api(f"uuid_dump {verbs.leg(leg_id)} json")).encode())
        if event is None or event.get("Unique-ID") != leg_id:
            continue  # hung up meanwhile
        if leg_id in peers:
            event["variable_bridge_uuid"] = peers[leg_id]
        legs[leg_id] = tuple(translator.leg_from_dump(event, rooms.get(leg_id, "")))
        for path in _recorded_files(await api(f"uuid_buglist {verbs.leg(leg_id)}")):
            capture_id = translator.capture_id(path)
            if capture_id is not None:
                masked = event.get(f"variable_{verbs.mask_variable(capture_id)}") == "true"
                if masked:
                    # A note may have outlived its mask by a crash between the two: now it is true.
                    await api(verbs.record(leg_id, "mask", path))
                relative = path.removeprefix(translator.spool)
                note = read_note(
                    event.get(f"variable_{verbs.note_variable(capture_id)}", ""),
                    kept=event.get(f"variable_{verbs.kept_variable(capture_id)}") == "true",
                )
                captures.append(f.CaptureSeen(capture_id, leg_id, relative, masked, note))
    for leg_id, row in listed.items():
        if not verbs.speakable(leg_id):
            # It is up, and whoever it talks to is recorded on the other leg: that much must stay true.
            legs[leg_id] = tuple(translator.leg_unasked(_as_event(row)))
    return f.SwitchSnapshot(at, legs, tuple(captures), booted_at=booted_at)


def _booted_at(at: datetime, uptime_ms: str) -> datetime | None:
    """Since when the process has been running, on our clock."""
    uptime = uptime_ms.strip()
    return at - timedelta(milliseconds=int(uptime)) if _UPTIME.fullmatch(uptime) else None


async def _channels(api: Api) -> dict[str, Row]:
    """Every channel by its id. FreeSWITCH lists them from a database that lags behind by up to a second
    (seen on 1.10.12), while the number of sessions is the core's own: wait until they agree."""
    rows = await _listed(api)
    for _ in range(CATCH_UP_ATTEMPTS):
        sessions = _SESSIONS.search(await api("status"))
        if sessions is None or len(rows) >= int(sessions[1]):
            break
        await asyncio.sleep(CATCH_UP_S)
        rows = await _listed(api)
    return rows


async def _listed(api: Api) -> dict[str, Row]:
    return {row["uuid"]: row for row in await _rows(api, "channels") if row.get("uuid")}


async def _rows(api: Api, what: str) -> list[Row]:
    text = await api(f"show {what} as json")
    try:
        answer: Any = orjson.loads(text.encode("utf-8", "replace"))
    except orjson.JSONDecodeError:
        answer = {}
    rows = answer.get("rows", []) if isinstance(answer, dict) else []
    return [row for row in rows if isinstance(row, dict)]


async def _unsaid_peers(api: Api, listed: Mapping[str, Row]) -> dict[str, str]:
    """leg → whom it talks to, of those that talk to a leg which no command can name. A caller may have put
    ``${…}`` into that one's id, and FreeSWITCH gives no variable such a value: its other leg's
    ``bridge_uuid`` is not there (switch_channel_set_variable_var_check, seen on 1.10.12)."""
    if all(map(verbs.speakable, listed)):
        return {}
    pairs = [(str(row.get("uuid", "")), str(row.get("b_uuid", ""))) for row in await _rows(api, "calls")]
    both = [*pairs, *((b, a) for a, b in pairs)]
    return {a: b for a, b in both if verbs.speakable(a) and b in listed and not verbs.speakable(b)}


def _as_event(row: Row) -> dict[str, str]:
    """As much of ``uuid_dump`` as a row of the list has: no variables, so not who has signed in."""
    name = str(row.get("name", ""))
    return {
        "Unique-ID": str(row["uuid"]),
        "Channel-Name": name,
        "Call-Direction": str(row.get("direction", "")),
        "Answer-State": "answered" if row.get("callstate") in ("ACTIVE", "HELD") else "",
        "Channel-Call-State": str(row.get("callstate", "")),
        "Channel-Call-UUID": str(row.get("call_uuid", "")),
        "Channel-Presence-ID": str(row.get("presence_id", "")),
        "Caller-Caller-ID-Number": str(row.get("cid_num", "")),
        "Caller-Caller-ID-Name": str(row.get("cid_name", "")),
        "Caller-Destination-Number": str(row.get("dest", "")),
        "variable_sofia_profile_name": name.split("/")[1] if name.startswith("sofia/") else "",
    }


def _rooms(text: str) -> dict[str, str]:
    """leg → the unique id of the conference that it is in. Without mod_conference there is none."""
    try:
        answer: Any = orjson.loads(text.encode("utf-8", "replace"))
    except orjson.JSONDecodeError:
        return {}
    rooms = [room for room in answer if isinstance(room, dict)] if isinstance(answer, list) else []
    return {
        str(member.get("uuid")): str(room.get("conference_uuid"))
        for room in rooms
        for member in room.get("members", ())
        if isinstance(member, dict) and member.get("uuid") and room.get("conference_uuid")
    }


def _recorded_files(text: str) -> list[str]:
    """The files that a channel is recorded into, from ``uuid_buglist``. It looks like XML and is none where
    something else on the channel has a target with an ``&`` in it: FreeSWITCH writes that as it is, and no
    capture of ours may count as lost for that."""
    return [file.strip() for file in _RECORDED.findall(text)]
