"""Who asked by SIP MESSAGE, and the MESSAGE that tells them what came of it.

The answer goes to the very address that the request came from and to no other: FreeSWITCH does not
tell whose credentials a MESSAGE had (docs/decisions/0008), so the name in From may be somebody
else's, who must not get answers to what they never asked.
"""

from __future__ import annotations

import ipaddress
import re
from collections import OrderedDict
from dataclasses import dataclass

from ...core.media_control import JSON_TYPE, result
from ...core.requests import ControlOutcome, ControlRequest, NameTarget
from .events import MAX_TEXT, Event

#: So many askers are remembered; an answer is due within seconds.
REMEMBERED = 1000

_USER = re.compile(r"[A-Za-z0-9_.+*#-]{1,64}")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}")
_PROFILE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Asker:
    """``user`` and ``domain`` are what the phone calls itself; ``ip`` and ``port`` where it is."""

    profile: str
    user: str
    domain: str
    ip: str
    port: int
    operation: str
    session_id: str


class Askers:
    """Request id → who is to be told. The oldest are forgotten."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Asker] = OrderedDict()

    def remember(self, request: ControlRequest, event: Event) -> None:
        asker = _asker(request, event)
        if asker is None:
            return
        self._known[request.request_id] = asker
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def take(self, request_id: str) -> Asker | None:
        return self._known.pop(request_id, None)


def _asker(request: ControlRequest, event: Event) -> Asker | None:
    """None for whom nothing can be sent to: a value that is not what it should be goes nowhere."""
    user, domain = event.get("from_user", ""), event.get("from_host", "")
    profile, port = event.get("sip_profile", ""), event.get("from_sip_port", "")
    if not (_USER.fullmatch(user) and _HOST.fullmatch(domain) and _PROFILE.fullmatch(profile)):
        return None
    try:
        address = ipaddress.ip_address(event.get("from_sip_ip", "").strip("[]"))
    except ValueError:
        return None
    if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        return None
    ip = f"[{address}]" if address.version == 6 else str(address)
    target = request.target
    session_id = target.name if isinstance(target, NameTarget) else _session_id(event)
    return Asker(profile, user, domain, ip, int(port[:6]), str(request.operation), session_id[:MAX_TEXT])


def _session_id(event: Event) -> str:
    return event.get("variable_sip_rh_X-Session-Id") or event.get("variable_sip_h_X-Session-Id", "")


def answer(asker: Asker, outcome: ControlOutcome) -> tuple[str, str]:
    """(headers, body) of the event by which mod_sms sends a MESSAGE to an address."""
    me = f"tapeline@{asker.domain}"
    lines = [
        "sendevent CUSTOM",
        "Event-Subclass: SMS::SEND_MESSAGE",
        "proto: sip",
        "dest_proto: sip",
        f"from: {me}",
        f"from_full: <sip:{me}>",
        f"to: {asker.profile}/sip:{asker.user}@{asker.ip}:{asker.port}",
        f"type: {JSON_TYPE}",
    ]
    body = result(asker.operation, asker.session_id, accepted=outcome.accepted, reason=outcome.reason)
    return "\n".join(lines), body


def on_the_bus(outcome: ControlOutcome) -> tuple[tuple[str, str], ...]:
    """Name and value of each header of the answer to whoever asked by an event."""
    return (
        ("Action", "answer"),
        ("Request-ID", outcome.request_id),
        ("Accepted", "true" if outcome.accepted else "false"),
        ("Reason", outcome.reason),
        ("Call-ID", outcome.call_id or "-"),
    )
