"""What a call came through, by FreeSWITCH's events: queues, groups, receptionists and rules.

The dialplan says it in channel variables (docs/reference/routes.md); mod_callcenter and mod_fifo
tell of their queues by themselves. A value may hold anything: it is cut, and only ever compared.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from ...core.rules import PolicyScope, Route
from .events import Event

#: channel variable → what it names. ``cc_queue`` is mod_callcenter's own.
VARIABLES = {
    "variable_tapeline_inbound_rule": PolicyScope.INBOUND_RULE,
    "variable_tapeline_outbound_rule": PolicyScope.OUTBOUND_RULE,
    "variable_tapeline_queue": PolicyScope.QUEUE,
    "variable_tapeline_ring_group": PolicyScope.RING_GROUP,
    "variable_tapeline_receptionist": PolicyScope.RECEPTIONIST,
    "variable_cc_queue": PolicyScope.QUEUE,
    "variable_tapeline_fifo": PolicyScope.QUEUE,
}
#: mod_fifo leaves nothing on the caller's leg, so its queue is noted there by us (`to_note`).
NOTE = "tapeline_fifo"
_NOTABLE = re.compile(r"[A-Za-z0-9_.@-]{1,128}")
#: Longer names are cut, as all text is, and so many of them are kept of one variable.
MAX_NAME = 256
MAX_NAMES = 16

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")

#: How FreeSWITCH writes a variable of several values (the application `push`).
_ARRAY, _BETWEEN = "ARRAY::", "|:"

#: mod_callcenter's and mod_fifo's actions by which a caller enters a queue.
_CALLCENTER = ("member-queue-start", "member-queue-resume")
_FIFO = ("push",)


def routes_of(event: Event, tenants: Collection[str]) -> tuple[Route, ...]:
    """The routes that the leg's own variables name, each once."""
    found: dict[Route, None] = {}
    for variable, scope in VARIABLES.items():
        text = event.get(variable)
        if text:
            for name in _values(text):
                found |= dict.fromkeys(route(scope, name, tenants))
    return tuple(found)


def queue_entered(event: Event, tenants: Collection[str]) -> tuple[str, tuple[Route, ...]] | None:
    """(the caller's leg, the queue) of an event that says that a caller has entered one."""
    if event.get("Event-Subclass") == "callcenter::info" and event.get("CC-Action") in _CALLCENTER:
        leg_id, name = event.get("CC-Member-Session-UUID", ""), event.get("CC-Queue", "")
    elif event.get("Event-Subclass") == "fifo::info" and event.get("FIFO-Action") in _FIFO:
        leg_id, name = event.get("Unique-ID", ""), event.get("FIFO-Name", "")
    else:
        return None
    found = route(PolicyScope.QUEUE, name, tenants)
    return (leg_id, found) if leg_id and found else None


def to_note(event: Event) -> tuple[str, str] | None:
    """(leg, queue) that must be written on the leg to be known after a reconnection; None for a name
    that a command could not carry."""
    if event.get("Event-Subclass") != "fifo::info" or event.get("FIFO-Action") not in _FIFO:
        return None
    leg_id, name = event.get("Unique-ID", ""), event.get("FIFO-Name", "")
    return (leg_id, name) if leg_id and _NOTABLE.fullmatch(name) else None


def route(scope: PolicyScope, text: str, tenants: Collection[str]) -> tuple[Route, ...]:
    """``name@domain`` or ``name``. The domain is believed where it is a tenant's; ``default`` and
    the like, which queues are often called by, are nobody's."""
    name, _, domain = _CONTROL.sub(" ", text).strip()[:MAX_NAME].partition("@")
    name = name.strip()
    return (Route(scope, name, domain if domain in tenants else None),) if name else ()


def _values(text: str) -> list[str]:
    if text.startswith(_ARRAY):
        return text.removeprefix(_ARRAY).split(_BETWEEN, MAX_NAMES)[:MAX_NAMES]
    return [text]
