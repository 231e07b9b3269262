"""What is fuzzed: bytes in, and nothing out but errors that are ours.

Each target reads what strangers send, as the product does, and holds its answer to what must be true of any.
Whatever else it raises is a defect.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from urllib.parse import parse_qsl

from controller.catalog.paging import decode, decode_number
from controller.core.media_control import InvalidMediaControl, parse
from controller.demo.phone.digest import Credentials, answer
from controller.demo.phone.message import Message, PhoneError, tag_of, uri_of, user_of
from controller.engine.reading import RecordingFilter
from controller.media.errors import MediaError
from controller.media.mp4 import complete, hollow
from controller.media.wav import inspect_stream
from controller.proof.canonical import dumps, loads
from controller.proof.errors import NotCanonical
from controller.switches.asterisk.connection import _plain, _Protocol
from controller.switches.asterisk.messages import RefusedInput, sip_message
from controller.switches.freeswitch.frames import BadFrame, FrameReader, decode_event
from controller.web.free_search import with_words

Target = Callable[[bytes], None]


def esl(data: bytes) -> None:
    """Fed in pieces, as TCP does; the frames are the same as of the whole."""
    step = 1 + (data[0] if data else 0)
    found = []
    for pieces in ([data], [data[i : i + step] for i in range(0, len(data), step)]):
        reader, frames = FrameReader(), []
        try:
            for piece in pieces:
                reader.feed(piece)
                for frame in reader:  # one by one: those before a bad one count
                    frames.append(frame)
        except BadFrame:
            frames.append("bad")
        found.append(frames)
        for frame in frames:
            event = decode_event(frame.body) if not isinstance(frame, str) else None
            assert event is None or not any(type(v) is list for v in event.values())
    assert found[0] == found[1]


def ami(data: bytes) -> None:
    told: list[object] = []
    protocol = _Protocol(told.append, lambda: None)
    protocol.connection_made(None)
    protocol.factory = _Listener(told)
    protocol.encoding = "utf8"
    half = len(data) // 2
    for piece in (data[:half], data[half:], b"\r\n\r\n"):
        protocol.data_received(piece)
    for headers in told:
        assert isinstance(headers, str) or all(type(v) in (str, list) for v in headers.values())


class _Listener:
    """What panoramisk tells its manager, as AmiConnection takes it."""

    forgetable_actions: tuple[str, ...] = ()
    awaiting_actions: tuple[str, ...] = ()

    def __init__(self, told: list[object]) -> None:
        self._told = told

    def dispatch(self, message: object) -> None:
        self._told.append(_plain(message))

    def connection_lost(self, why: object) -> None:
        self._told.append("lost")


def media_control(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    kind, _, body = text.partition("\n")
    for content_type in (kind, "application/x-media-control+json", "application/x-media-control"):
        try:
            control = parse(content_type, body, in_dialog=len(data) % 2 == 0)
        except InvalidMediaControl as error:
            _holds(len(str(error)) < 500)
        else:
            assert control.session_id is None or len(control.session_id) <= 256


def sip_over_ami(data: bytes) -> None:
    names = ("From", "Authorization", "Content-Type", "Body", "Dialog")
    lines = data.split(b"\n")
    raw = {n: v.decode("utf-8", "replace") for n, v in zip(names, lines, strict=False)}
    encoded = {n: base64.b64encode(v).decode() for n, v in zip(names, lines, strict=False)}
    for headers in (raw, encoded):
        try:
            message = sip_message(headers)
        except RefusedInput as error:
            _holds(bool(error.reason))
        else:
            assert message.endpoint


def wav(data: bytes) -> None:
    try:
        info = inspect_stream(io.BytesIO(data), len(data), "x.wav")
    except MediaError:
        return
    assert info.frames >= 0
    assert info.sample_rate > 0


#: MP4 readers take a path; a file in memory costs least.
_FILE = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path("/tmp")


def mp4(data: bytes) -> None:
    path = _FILE / f"tapeline-fuzz-{os.getpid()}.mp4"
    path.write_bytes(data)
    try:
        complete(path)
        hollow(path)
    except MediaError:
        pass
    finally:
        path.unlink()


def sip(data: bytes) -> None:
    try:
        message = Message.parse(data)
    except PhoneError:
        return
    for name in ("From", "To", "Contact"):
        header = message.get(name) or ""
        tag_of(header)
        user_of(uri_of(header))
    try:
        answer(message, "MESSAGE", "sip:x@y", Credentials("101", "pw"))
    except PhoneError:
        pass


def query(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for _, value in parse_qsl(text, keep_blank_values=True, max_num_fields=None)[:20]:
        with_words(RecordingFilter(), value[:400], UTC)
    with_words(RecordingFilter(), text[:400], UTC)
    for read in (decode, lambda key: decode_number(key, "duration")):
        try:
            read(text)
        except ValueError:
            pass


def chain(data: bytes) -> None:
    """Entries of an evidence bundle, which come from whoever hands it over."""
    try:
        value = loads(data)
    except NotCanonical:
        return
    assert dumps(value) == data


def _holds(what: bool) -> None:
    assert what


TARGETS: dict[str, Target] = {
    "esl": esl, "ami": ami, "media_control": media_control, "sip_over_ami": sip_over_ami,
    "wav": wav, "mp4": mp4, "sip": sip, "query": query, "chain": chain,
}  # fmt: skip
