"""Event-socket frames: bytes in, frames out. No socket and no clock in here.

A frame is header lines, a blank line and, if Content-Length says so, that many bytes of body.
The format is FreeSWITCH's (mod_event_socket); events are asked for as JSON, because the plain
form cannot be read safely: a caller's display name may hold an encoded line end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from ...core.errors import TapelineError

#: A header block longer than this is not FreeSWITCH speaking.
MAX_HEADERS = 64 * 1024
#: The longest body that is accepted. `show channels` of 10,000 calls is about 8 MB.
MAX_BODY = 64 * 1024 * 1024
#: How FreeSWITCH heads an event, word for word: nearly all frames are events, and this is the quick
#: way to read them. Seven digits cannot be more than MAX_BODY.
_EVENT_HEAD = re.compile(rb"Content-Length: ([0-9]{1,7})\nContent-Type: text/event-json")


class BadFrame(TapelineError):
    """The peer does not speak the event-socket protocol; the connection is of no more use."""


class Frame(NamedTuple):
    """``body`` is empty where there was none."""

    content_type: str
    reply_text: str
    body: bytes


class FrameReader:
    """Feed it what arrives, in pieces of any size; iterate the frames that are complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._start = 0
        self._head: tuple[str, str, int] | None = None

    def feed(self, data: bytes) -> None:
        if self._start:
            del self._buffer[: self._start]
            self._start = 0
        self._buffer += data

    @property
    def pending(self) -> int:
        """Bytes that do not make a frame yet."""
        return len(self._buffer) - self._start

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        """The next complete frame. Raises BadFrame for what can never become one."""
        buffer = self._buffer
        while self._head is None:
            end = buffer.find(b"\n\n", self._start)
            if end < 0:
                if self.pending > MAX_HEADERS:
                    raise BadFrame("header block too long")
                raise StopIteration
            block = bytes(buffer[self._start : end])
            self._start = end + 2
            if block.strip():  # a stray blank line is nothing
                self._head = _head(block)
        content_type, reply_text, length = self._head
        stop = self._start + length
        if stop > len(buffer):
            raise StopIteration
        # Through a view: a slice of the buffer itself would be copied twice.
        with memoryview(buffer) as view:
            body = bytes(view[self._start : stop])
        self._start = stop
        self._head = None
        return Frame(content_type, reply_text, body)


def _head(block: bytes) -> tuple[str, str, int]:
    event = _EVENT_HEAD.fullmatch(block)
    if event:
        return "text/event-json", "", int(event[1])
    content_type = reply_text = ""
    length = 0
    for line in block.decode("utf-8", "replace").split("\n"):
        key, colon, value = line.partition(":")
        if not colon:
            continue
        value = value.strip()
        match key.strip().lower():
            case "content-type":
                content_type = value
            case "reply-text":
                reply_text = value
            case "content-length":
                # The number of digits first: int() itself raises for thousands of them.
                plain = value.isascii() and value.isdigit() and len(value) <= 12
                if not plain or int(value) > MAX_BODY:
                    raise BadFrame(f"content length {value[:20]!r}")
                length = int(value)
    return content_type, reply_text, length


def decode_event(body: bytes) -> dict[str, str] | None:
    """A JSON event as header → value; None for what is no event.

    FreeSWITCH passes on whatever bytes a caller sent: invalid UTF-8 is replaced, never fatal. It writes
    nothing but texts and arrays of them (switch_event_serialize_json_obj, 1.10.12); an array (a header
    given several times) becomes its first value.
    """
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            event = json.loads(body.decode("utf-8", "replace"), strict=False, object_pairs_hook=_plain)
        except (ValueError, RecursionError):
            return None
    if not isinstance(event, dict):
        return None
    if b"[" in body:
        _take_first(event, body)
    return event


def _take_first(event: dict[str, Any], body: bytes) -> None:
    """Arrays become their first value. They are looked for in the text: to ask each of the 200 values
    what it is takes nearly half as long as to parse them all."""
    at = body.find(b"[")
    while at > 0:
        if body[at - 2 : at] == b'":':
            key = body[body.rfind(b'"', 0, at - 2) + 1 : at - 2].decode("utf-8", "replace")
            # Otherwise there is something escaped in the name, or it only looks like an array.
            keys = [key] if isinstance(event.get(key), list) else list(event)
            for each in keys:
                value = event[each]
                if isinstance(value, list):
                    event[each] = str(value[0]) if value else ""
        at = body.find(b"[", at + 1)


def _plain(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Without half characters (an escaped lone surrogate), which no database and no log can hold."""
    return {
        key.encode("utf-8", "replace").decode(): (
            value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        )
        for key, value in pairs
    }
