"""The event-socket frames of the ESL benchmark: the captured ones, plain and JSON side by side."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

from controller.switches.freeswitch.verbs import SUBSCRIPTION

CAPTURES = Path(__file__).resolve().parent.parent / "tests/captures/freeswitch"

#: 11 is left out: its hostile caller names end greenswitch's receiver, which would compare nothing.
_LEFT_OUT = "11-"

_SEQUENCE = re.compile(rb"\nEvent-Sequence: (\d+)\n")
_SEQUENCE_JSON = re.compile(rb'"Event-Sequence":"(\d+)"')

MIXES = ("subscribed", "unfiltered")


def _number(pattern: re.Pattern[bytes], event: bytes) -> bytes:
    found = pattern.search(event)
    assert found is not None
    return found[1]


def load(mix: str, form: str) -> list[bytes]:
    """The frames of a mix in one form (``plain`` or ``json``); both forms hold the same events."""
    frames: list[bytes] = []
    for path in sorted(CAPTURES.glob("*.json.esl.gz")):
        if path.name.startswith(_LEFT_OUT):
            continue
        others = _events(path.with_name(path.name.replace(".json.", ".plain.")))
        plain = {_number(_SEQUENCE, other): other for other in others}
        for event in _events(path):
            # The two captures were two connections to one switch: an event is told by its number.
            same = plain.get(_number(_SEQUENCE_JSON, event))
            if same is not None and (mix == "unfiltered" or _subscribed(event)):
                frames.append(event if form == "json" else same)
    return frames


def _events(path: Path) -> Iterator[bytes]:
    data, at = gzip.decompress(path.read_bytes()), 0
    while (end := data.find(b"\n\n", at)) >= 0:
        head = data[at:end]
        length = 0
        for line in head.split(b"\n"):
            if line.startswith(b"Content-Length:"):
                length = int(line.partition(b":")[2])
        stop = end + 2 + length
        if b"text/event-" in head:
            yield data[at:stop]
        at = stop


def _subscribed(frame: bytes) -> bool:
    """Whether the controller's own subscription lets this event (in JSON) through."""
    event = json.loads(frame.partition(b"\n\n")[2].decode("utf-8", "replace"), strict=False)
    wanted = SUBSCRIPTION.split()[2:]
    name = event["Event-Name"]
    if name != "CUSTOM":
        return name in wanted
    return event.get("Event-Subclass") in wanted
