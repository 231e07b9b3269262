"""Which queue, group, receptionist or rule a channel came through: variables and app_queue. No I/O.

The variables are set by the operator's dialplan (docs/reference/routes.md), possibly from something
that a caller chose: they are names to be looked up among the rules and nothing else.
"""

from __future__ import annotations

from ...core.parties import Party
from ...core.rules import PolicyScope, Route
from .channels import MAX_TEXT
from .headers import Headers, text, variables

QUEUE_VARIABLE = "REC_QUEUE"
#: Channel variable → what it names. ``channelvars`` of manager.conf puts them on every event.
ROUTE_VARIABLES = {
    QUEUE_VARIABLE: PolicyScope.QUEUE,
    "REC_RING_GROUP": PolicyScope.RING_GROUP,
    "REC_RECEPTIONIST": PolicyScope.RECEPTIONIST,
    "REC_INBOUND_RULE": PolicyScope.INBOUND_RULE,
    "REC_OUTBOUND_RULE": PolicyScope.OUTBOUND_RULE,
}
#: Whose they are, where the dialplan says it.
TENANT_VARIABLE = "REC_ROUTE_TENANT"


def routes_of(party: Party, headers: Headers) -> tuple[Route, ...]:
    """The routes that an event about a channel names, by its variables and its application."""
    said = variables(headers)
    if text(headers, "Event") == "VarSet":  # its variables may be those of before
        said = {**said, text(headers, "Variable"): text(headers, "Value")}
    tenant = _tenant(party, said)
    found = [
        Route(scope, name, tenant)
        for variable, scope in ROUTE_VARIABLES.items()
        if (name := said.get(variable, "").strip()[:MAX_TEXT])
    ]
    queue = queue_in(text(headers, "Application"), text(headers, "ApplicationData"))
    if queue:
        found.append(Route(PolicyScope.QUEUE, queue, tenant))
    return tuple(dict.fromkeys(found))


def joined_queue(party: Party, headers: Headers) -> tuple[Route, ...]:
    """Of app_queue's QueueCallerJoin."""
    name = text(headers, "Queue").strip()[:MAX_TEXT]
    return (Route(PolicyScope.QUEUE, name, _tenant(party, variables(headers))),) if name else ()


def queue_in(application: str, data: str) -> str:
    """The queue that a channel waits or talks in, by the application that it runs."""
    return data.partition(",")[0].strip()[:MAX_TEXT] if application.lower() == "queue" else ""


def _tenant(party: Party, said: dict[str, str]) -> str | None:
    """Whose the routes are. A number's tenant, which the dialplan gave to an outside caller, is
    theirs; that of an internal caller need not be, who may call another tenant's queue."""
    own = said.get(TENANT_VARIABLE, "").strip()
    return own or (None if party.internal else party.tenant)
