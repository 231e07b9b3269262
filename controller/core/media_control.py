"""Media-control bodies: what an app may put into a SIP MESSAGE (mission.md 6–8).

Out of dialog, ``application/x-media-control+json``::

    {"operation": "pause-audio-recording", "session_id": "…"}

with ``"reply": true`` where the app wants to be told what came of it (see `result`).

In dialog, ``application/x-media-control``: the bare operation. Phones get the Content-Length
wrong and add line ends, NULs and a byte-order mark, so those are forgiven; nothing else is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from .errors import InvalidMediaControl
from .media_kinds import MESSAGE_OPERATIONS, Operation

JSON_TYPE = "application/x-media-control+json"
TEXT_TYPE = "application/x-media-control"

#: Longer bodies are not read: the longest request is under 200 bytes.
MAX_BODY = 4096
MAX_SESSION_ID = 256

_BLANK = " \t\r\n\0\ufeff"


@dataclass(frozen=True, slots=True)
class MediaControl:
    """``session_id`` is None where the dialog itself says which call is meant; ``reply``: the app
    wants the result back in a MESSAGE of its own."""

    operation: Operation
    session_id: str | None
    reply: bool = False


def is_media_control(content_type: str) -> bool:
    return _media_type(content_type) in (JSON_TYPE, TEXT_TYPE)


def parse(content_type: str, body: str, *, in_dialog: bool) -> MediaControl:
    """Read a body. Raises InvalidMediaControl, whose text says what is wrong with it.

    Either type is understood either way, but outside a dialog a session id is required.
    """
    media_type = _media_type(content_type)
    if media_type not in (JSON_TYPE, TEXT_TYPE):
        raise InvalidMediaControl(f"content type {media_type[:80]!r} is not media control")
    if len(body) > MAX_BODY:
        raise InvalidMediaControl(f"the body has {len(body)} characters; {MAX_BODY} are the most")
    text = body.strip(_BLANK)
    control = _from_json(text) if media_type == JSON_TYPE else MediaControl(_operation(text), None)
    if control.session_id is None and not in_dialog:
        raise InvalidMediaControl("session_id is missing and the MESSAGE is not in a dialog")
    return control


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _from_json(text: str) -> MediaControl:
    try:
        # raw_decode: a body longer than its JSON is what a wrong Content-Length looks like when
        # the next thing in the datagram is blank; anything else after it is refused below.
        value, end = json.JSONDecoder(object_pairs_hook=_no_duplicates).raw_decode(text)
    except InvalidMediaControl:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidMediaControl(f"the body is not JSON: {type(error).__name__}") from error
    if text[end:].strip(_BLANK):
        raise InvalidMediaControl("there is more after the JSON object")
    if not isinstance(value, dict):
        raise InvalidMediaControl("the body is not a JSON object")
    unknown = sorted(set(value) - {"operation", "session_id", "reply"})
    if unknown:
        raise InvalidMediaControl(f"unknown member {unknown[0][:40]!r}")
    session_id = value.get("session_id")
    if session_id is not None:
        if not isinstance(session_id, str) or not session_id.strip():
            raise InvalidMediaControl("session_id is not a text")
        if len(session_id) > MAX_SESSION_ID:
            raise InvalidMediaControl("session_id is too long")
        session_id = session_id.strip()
    reply = value.get("reply", False)
    if not isinstance(reply, bool):
        raise InvalidMediaControl("reply is neither true nor false")
    operation = value.get("operation")
    if not isinstance(operation, str):
        raise InvalidMediaControl("operation is missing or not a text")
    return MediaControl(_operation(operation.strip(_BLANK)), session_id, reply)


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    seen = dict(pairs)
    if len(seen) != len(pairs):
        raise InvalidMediaControl("a member is given twice")
    return seen


def _operation(text: str) -> Operation:
    operation = MESSAGE_OPERATIONS.get(text)
    if operation is None:
        raise InvalidMediaControl(f"unknown operation {text[:40]!r}")
    return operation


def result(operation: str, session_id: str, *, accepted: bool, reason: str) -> str:
    """The body of the MESSAGE that tells the app what came of its request."""
    return json.dumps(
        {
            "operation": operation,
            "session_id": session_id,
            "result": "ok" if accepted else "refused",
            "reason": reason,
        }
    )
