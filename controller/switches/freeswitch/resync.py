"""What is true on a FreeSWITCH at this moment, asked after every (re)connection."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import orjson

from ...core import facts as f
from . import verbs
from .frames import decode_event
from .translate import Translator

Api = Callable[[str], Awaitable[str]]


async def take_snapshot(api: Api, translator: Translator, now: Callable[[], datetime]) -> f.SwitchSnapshot:
    """Every live leg and every capture of ours. Raises what ``api`` raises."""
    at = now()
    legs: dict[str, tuple[f.LegFact, ...]] = {}
    captures: list[f.CaptureSeen] = []
    for leg_id in await _channels(api):
        event = decode_event((await api(f"uuid_dump {verbs.leg(leg_id)} json")).encode())
        if event is None or event.get("Unique-ID") != leg_id:
            continue  # hung up meanwhile
        legs[leg_id] = tuple(translator.leg_from_dump(event))
        for path in _recorded_files(await api(f"uuid_buglist {verbs.leg(leg_id)}")):
            capture_id = translator.capture_id(path)
            if capture_id is not None:
                masked = event.get(f"variable_{verbs.mask_variable(capture_id)}") == "true"
                if masked:
                    # A note may have outlived its mask by a crash between the two: now it is true.
                    await api(verbs.record(leg_id, "mask", path))
                relative = path.removeprefix(translator.spool)
                captures.append(f.CaptureSeen(capture_id, leg_id, relative, masked))
    return f.SwitchSnapshot(at, legs, tuple(captures))


async def _channels(api: Api) -> list[str]:
    text = await api("show channels as json")
    try:
        answer: Any = orjson.loads(text.encode("utf-8", "replace"))
    except orjson.JSONDecodeError:
        answer = {}
    rows = answer.get("rows", []) if isinstance(answer, dict) else []
    return [row["uuid"] for row in rows if isinstance(row, dict) and row.get("uuid")]


def _recorded_files(text: str) -> list[str]:
    """The files that a channel is recorded into, from ``uuid_buglist``'s XML."""
    try:
        root = ET.fromstring(text)  # noqa: S314 - the switch's own words about its own bugs
    except ET.ParseError:
        return []
    return [
        (bug.findtext("target") or "").strip()
        for bug in root.iter("media-bug")
        if (bug.findtext("function") or "").strip() == "session_record"
    ]
