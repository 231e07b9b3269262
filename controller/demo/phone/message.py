"""SIP messages: bytes to ``Message`` and back, and the request that a phone builds (RFC 3261).

Text is UTF-8 with surrogate escapes, so any bytes come in and go out unchanged: tests send hostile
names on purpose. Nothing that is sent is checked or escaped here.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...core.errors import TapelineError

#: RFC 3261 section 7.3.3 and later RFCs: the one-letter names of headers.
_COMPACT = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length",
    "c": "content-type", "k": "supported", "s": "subject", "r": "refer-to", "b": "referred-by",
    "o": "event", "u": "allow-events", "x": "session-expires", "e": "content-encoding",
}  # fmt: skip

#: RFC 3261 section 8.1.1.7: a branch begins with this.
_MAGIC = "z9hG4bK"


class PhoneError(TapelineError):
    """A scripted phone could not do what it was asked."""


class MalformedMessage(PhoneError):
    """What came is not SIP."""


def token(length: int = 12) -> str:
    """A random text for tags, branches and Call-IDs."""
    return secrets.token_hex((length + 1) // 2)[:length]


def new_branch() -> str:
    return _MAGIC + token(16)


@dataclass(frozen=True, slots=True)
class Message:
    """A request or a response as it came. Header names are lower case and written out."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: str = ""
    at: float = 0.0  # time.time() of its arrival

    @classmethod
    def parse(cls, data: bytes, at: float = 0.0) -> Message:
        """Raises MalformedMessage."""
        head, _, rest = data.partition(b"\r\n\r\n")
        lines = head.decode("utf-8", "surrogateescape").split("\r\n")
        headers: list[tuple[str, str]] = []
        for line in lines[1:]:
            if line[:1] in (" ", "\t") and headers:  # a folded line goes on with the one before
                name, value = headers[-1]
                headers[-1] = (name, f"{value} {line.strip()}")
                continue
            name, colon, value = line.partition(":")
            if colon:
                key = name.strip().lower()
                headers.append((_COMPACT.get(key, key), value.strip()))
        message = cls(lines[0], tuple(headers), "", at)
        if len(lines[0].split(" ")) < 3 or "SIP/2.0" not in lines[0]:
            raise MalformedMessage(f"no SIP start line: {lines[0][:80]!r}")
        if not message.is_request and not re.fullmatch("[1-6][0-9]{2}", lines[0].split(" ")[1]):
            raise MalformedMessage(f"no status: {lines[0][:80]!r}")
        for needed in ("via", "from", "to", "call-id", "cseq"):
            if not message.get(needed):
                raise MalformedMessage(f"no {needed} header")
        # RFC 3261 8.1.1.5: below 2**31. Python reads no number of thousands of digits.
        if not re.match(r"[0-9]{1,10}\s+\S+", message.get("cseq")):
            raise MalformedMessage("no CSeq number and method")
        length = message.get("content-length")
        if re.fullmatch("[0-9]{1,9}", length):
            rest = rest[: int(length)]
        return replace(message, body=rest.decode("utf-8", "surrogateescape"))

    @property
    def is_request(self) -> bool:
        return not self.start.startswith("SIP/2.0 ")

    @property
    def method(self) -> str:
        """The request's method; for a response, that of the request it answers."""
        return self.start.split(" ")[0] if self.is_request else self.get("cseq").split()[1]

    @property
    def uri(self) -> str:
        return self.start.split(" ")[1] if self.is_request else ""

    @property
    def status(self) -> int:
        return 0 if self.is_request else int(self.start.split(" ")[1])

    @property
    def reason(self) -> str:
        return "" if self.is_request else self.start.split(" ", 2)[2]

    @property
    def cseq(self) -> int:
        return int(self.get("cseq").split()[0])

    @property
    def branch(self) -> str:
        found = re.search(r";\s*branch=([^;,\s]+)", self.get("via"))
        return found.group(1) if found else ""

    def get(self, name: str, default: str = "") -> str:
        """The first header of that name."""
        name = name.lower()
        return next((v for n, v in self.headers if n == name), default)

    def all(self, name: str) -> list[str]:
        name = name.lower()
        return [v for n, v in self.headers if n == name]

    def routes(self) -> list[str]:
        """The Record-Route entries in order, whether one a line or several."""
        return [part.strip() for line in self.all("record-route") for part in re.split(r",(?=\s*<)", line)]


def tag_of(header: str) -> str:
    """The tag of a From or To; empty if it has none."""
    found = re.search(r";\s*tag=([^;,\s>]+)", header.rpartition(">")[2] if ">" in header else header)
    return found.group(1) if found else ""


def uri_of(header: str) -> str:
    """The address in a From, To or Contact. The display name may hold anything but ``<``."""
    found = re.search(r"<([^<>]*)>\s*(?:;[^<>]*)?$", header)
    return found.group(1) if found else header.partition(";")[0].strip()


def user_of(uri: str) -> str:
    """The user part of a sip: address, empty if there is none."""
    rest = uri.partition(":")[2]
    return rest.rpartition("@")[0].partition(";")[0] if "@" in rest else ""


@dataclass(frozen=True, slots=True)
class Request:
    """A request to be sent. ``extra`` are whole header lines, put in as they are."""

    method: str
    uri: str
    sent_by: str
    from_: str
    to: str
    call_id: str
    cseq: int
    contact: str
    branch: str
    routes: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    content_type: str = ""
    body: str = ""
    content_length: int | None = None  # None: the right one

    def encode(self) -> bytes:
        body = self.body.encode("utf-8", "surrogateescape")
        lines = [
            *self._head(self.method),
            f"Contact: {self.contact}",
            "Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, MESSAGE, OPTIONS, INFO, UPDATE",
            "Supported: replaces",
            "User-Agent: Tapeline demo phone",
            *self.extra,
        ]
        if self.content_type:
            lines.append(f"Content-Type: {self.content_type}")
        length = len(body) if self.content_length is None else self.content_length
        lines.append(f"Content-Length: {length}")
        return _joined(lines) + body

    def again(self, cseq: int, *extra: str) -> Request:
        """The same request as a new transaction, with credentials for instance."""
        return replace(self, cseq=cseq, branch=new_branch(), extra=(*self.extra, *extra))

    def cancel(self) -> bytes:
        """The CANCEL of this INVITE (RFC 3261 section 9.1: same branch, no To tag)."""
        return _joined([*self._head("CANCEL"), "Content-Length: 0"])

    def ack(self, response: Message) -> bytes:
        """The ACK to a final response other than 2xx (section 17.1.1.3: same branch)."""
        return _joined([*replace(self, to=response.get("to"))._head("ACK"), "Content-Length: 0"])

    def _head(self, method: str) -> list[str]:
        return [
            f"{method} {self.uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.sent_by};rport;branch={self.branch}",
            *(f"Route: {route}" for route in self.routes),
            "Max-Forwards: 70",
            f"From: {self.from_}",
            f"To: {self.to}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.cseq} {method}",
        ]


def response(
    request: Message,
    status: int,
    reason: str,
    *,
    tag: str = "",
    contact: str = "",
    extra: Sequence[str] = (),
    content_type: str = "",
    body: str = "",
) -> bytes:
    """The response to a request that came."""
    to = request.get("to")
    if tag and not tag_of(to):
        to += f";tag={tag}"
    payload = body.encode("utf-8", "surrogateescape")
    lines = [
        f"SIP/2.0 {status} {reason}",
        *(f"Via: {via}" for via in request.all("via")),
        *(f"Record-Route: {route}" for route in request.all("record-route")),
        f"From: {request.get('from')}",
        f"To: {to}",
        f"Call-ID: {request.get('call-id')}",
        f"CSeq: {request.get('cseq')}",
        "User-Agent: Tapeline demo phone",
        *([f"Contact: {contact}", "Supported: replaces"] if contact else []),
        *extra,
        *([f"Content-Type: {content_type}"] if content_type else []),
        f"Content-Length: {len(payload)}",
    ]
    return _joined(lines) + payload


def _joined(lines: Sequence[str]) -> bytes:
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")
