"""SIP MESSAGEs as the dialplan hands them on: who sent it, in which dialog, what it says. No I/O."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from .headers import Headers, text


class RefusedInput(Exception):
    """A request that could not even be read; ``reason`` is for the log, ``who`` from the event."""

    def __init__(self, reason: str, who: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.who = who[:80]


@dataclass(frozen=True, slots=True)
class SipMessage:
    """``endpoint`` is the one whose digest Asterisk has checked. ``call_id`` "" out of dialog."""

    endpoint: str
    content_type: str
    body: str
    call_id: str


# RFC 3261 25.1: auth-param is a token, an equals sign, and a token or a quoted string.
_PARAMETER = re.compile(r'\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))\s*(?:,|$)', re.DOTALL)
_FROM_URI = re.compile(r"<\s*sips?:([^@>;]+)@[^>]*>|^\s*sips?:([^@>;\s]+)@", re.IGNORECASE)


def decoded(headers: Headers, name: str) -> str:
    """A header that the dialplan has put through BASE64_ENCODE. Raises RefusedInput."""
    try:
        return base64.b64decode(text(headers, name), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError) as error:
        raise RefusedInput(f"{name} is not whole base64") from error


def sip_message(headers: Headers) -> SipMessage:
    """Read a UserEvent TapelineMessage. Raises RefusedInput.

    Asterisk takes the endpoint from the user in the From header and checks the digest against
    that endpoint's own auth section. Only where the user in From and the username of the one
    Authorization header agree is it certain which endpoint that was.
    """
    sender = from_user(decoded(headers, "From"))
    user = digest_username(decoded(headers, "Authorization"))
    if not user:
        raise RefusedInput("the MESSAGE was not authenticated", sender)
    if user != sender:
        raise RefusedInput("the user in From is not the one who was authenticated", user)
    call_id = decoded(headers, "Dialog").partition(";")[0].strip()
    call_id = "" if call_id == "-" else call_id
    return SipMessage(user, decoded(headers, "Content-Type"), decoded(headers, "Body"), call_id)


def from_user(value: str) -> str:
    """The user part of a From header's URI; "" if there is none that is plain."""
    # From the right: a display name may hold a URI of its own between its quotes.
    start = value.rfind("<")
    match = _FROM_URI.search(value[start:] if start >= 0 else value)
    return (match[1] or match[2] or "").strip() if match else ""


def digest_username(value: str) -> str:
    """The username of a Digest Authorization header; "" unless there is exactly one."""
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        return ""
    found: list[str] = []
    position = 0
    while position < len(rest):
        match = _PARAMETER.match(rest, position)
        if match is None:
            return ""
        if match[1].lower() == "username":
            found.append(re.sub(r"\\(.)", r"\1", match[2] if match[2] is not None else match[3]))
        position = match.end()
    return found[0] if len(found) == 1 else ""
