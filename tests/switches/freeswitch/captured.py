"""The captured event-socket streams as bytes, frames and events."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from controller.config import FreeSwitchConfig
from controller.switches.freeswitch.connection import Event
from controller.switches.freeswitch.frames import Frame, FrameReader, decode_event
from controller.switches.freeswitch.translate import Translator

CAPTURES = Path(__file__).parents[2] / "captures" / "freeswitch"
LATER = datetime(2030, 1, 1, tzinfo=UTC)
NAMES = sorted(p.name.removesuffix(".json.esl.gz") for p in CAPTURES.glob("*.json.esl.gz"))


def capture_bytes(name: str, form: str = "json") -> bytes:
    """The raw bytes as FreeSWITCH sent them: ``form`` json or plain."""
    (path,) = CAPTURES.glob(f"{name}*.{form}.esl.gz")
    return gzip.decompress(path.read_bytes())


def frames(data: bytes) -> list[Frame]:
    reader = FrameReader()
    reader.feed(data)
    found = list(reader)
    assert reader.pending == 0, "a capture ends with a whole frame"
    return found


def events(name: str) -> Iterator[Event]:
    for frame in frames(capture_bytes(name)):
        if frame.content_type == "text/event-json":
            event = decode_event(frame.body)
            assert event is not None
            yield event


def config(**settings: object) -> FreeSwitchConfig:
    return FreeSwitchConfig.model_validate(
        {"kind": "freeswitch", "name": "fs", "password": "right", "spool": "/srv/tapes/rec"} | settings
    )


def translator(**settings: object) -> Translator:
    ids = iter(range(1, 10**9))
    return Translator(config(**settings), lambda: f"Q{next(ids)}", lambda: LATER)
