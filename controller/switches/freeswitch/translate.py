"""FreeSWITCH's events as facts and requests. No I/O, no clock but the events' own.

An event is a dict of header → value, as `frames.decode_event` gives it. Which headers say what
was seen on FreeSWITCH 1.10.12 (tests/captures/freeswitch). Values that start with a caller's text
(names, numbers) are only ever passed on as a party's number and name.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ...config import FreeSwitchConfig
from ...core import facts as f
from ...core.parties import Party
from ...core.recording import NOT_WRITTEN, parse_segment_path
from ...core.requests import ControlRequest
from ...core.rules import PolicyScope, Route
from .events import MAX_TEXT, Event, since_1970, timestamp
from .parties import direction, party_of, sent_on
from .requests import Requests
from .routes import queue_entered, routes_of
from .verbs import speakable
from .video import has_video

#: What a caller comes through on the way in; an outbound rule is the called leg's own.
INWARD = frozenset(PolicyScope) - {PolicyScope.OUTBOUND_RULE}


class Translator:
    """Knows the few things that one event does not say: who was in which bridge, what was said of a
    leg's routes, and whose domains there are."""

    def __init__(
        self,
        config: FreeSwitchConfig,
        new_id: Callable[[], str],
        now: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._now = now
        self.requests = Requests(config, new_id, now)
        self.spool = str(config.seen_by_switch).rstrip("/") + "/"
        self._bridge_of: dict[str, str] = {}
        self._routes: dict[str, tuple[Route, ...]] = {}
        self._tenants = set(config.tenant_of_gateway.values())
        self._by_name: dict[str, Callable[[Event, datetime], list[f.Fact]]] = {
            "CHANNEL_CREATE": self._created,
            "CHANNEL_ANSWER": self._answered,
            "CHANNEL_BRIDGE": self._bridged,
            "CHANNEL_UNBRIDGE": self._unbridged,
            "CHANNEL_HOLD": lambda e, at: [f.LegHeld(e.get("Unique-ID", ""), at)],
            "CHANNEL_UNHOLD": lambda e, at: [f.LegUnheld(e.get("Unique-ID", ""), at)],
            "CHANNEL_HANGUP_COMPLETE": self._hung_up,
            "RECORD_STOP": self._record_stopped,
            "CUSTOM": self._custom,
        }
        self._without_leg = (self._record_stopped, self._custom)

    # ── events to facts ───────────────────────────────────────────────────────────────────

    def facts(self, event: Event) -> list[f.Fact]:
        """What an event tells; nothing for those that tell nothing."""
        translate = self._by_name.get(event.get("Event-Name", ""))
        if translate is None or (not event.get("Unique-ID") and translate not in self._without_leg):
            return []
        return translate(event, timestamp(event, self._now()))

    def leg_from_dump(self, event: Event, room: str = "") -> list[f.LegFact]:
        """A live channel (``uuid_dump``) as the facts that would have led to its state; ``room``: the
        unique id of the conference that it is in."""
        self.requests.keys.seen(event)
        leg_id = event.get("Unique-ID", "")
        at = since_1970(event.get("Caller-Channel-Created-Time", ""), self._now())
        found: list[f.LegFact] = [self._leg_started(event, at)]
        if event.get("Answer-State") == "answered":
            found.append(f.LegAnswered(leg_id, self._now()))
        peer = event.get("variable_bridge_uuid", "")
        if room:
            self._bridge_of[leg_id] = conference_bridge(room)
            found.append(f.BridgeEntered(leg_id, conference_bridge(room), self._now()))
        elif peer and event.get("Channel-State") in (
            "CS_EXECUTE",
            "CS_EXCHANGE_MEDIA",
            "CS_HIBERNATE",
            "CS_SOFT_EXECUTE",
        ):
            bridge = self._bridge_id(leg_id, peer, event)
            self._bridge_of[leg_id] = bridge
            found.append(f.BridgeEntered(leg_id, bridge, self._now()))
        found.append(
            f.LegHeld(leg_id, self._now())
            if event.get("Channel-Call-State") == "HELD"
            else f.LegUnheld(leg_id, self._now())
        )
        return found

    def leg_unasked(self, event: Event) -> list[f.LegFact]:
        """A live channel that no command can name, of which nothing but its row in the list is known
        (see `resync`); whom it talks to, the other one has told."""
        found, leg_id = self.leg_from_dump(event), event.get("Unique-ID", "")
        for bridge in tuple(self._bridge_of.values()):
            if bridge.startswith(f"{leg_id}:") or bridge.endswith(f":{leg_id}"):
                return [*found, f.BridgeEntered(leg_id, bridge, self._now())]
        return found

    def partner_of(self, leg_id: str) -> str:
        """The other leg of its bridge; "" if it is in none, or in a conference."""
        bridge = self._bridge_of.get(leg_id, "")
        if bridge.startswith(f"{leg_id}:"):
            return bridge.removeprefix(f"{leg_id}:")
        return bridge.removesuffix(f":{leg_id}") if bridge.endswith(f":{leg_id}") else ""

    def party(self, event: Event) -> Party:
        return party_of(self._config, event)

    def _leg_started(self, event: Event, at: datetime) -> f.LegStarted:
        leg_id = event.get("Unique-ID", "")
        party = self.party(event)
        if party.tenant:
            self._tenants.add(party.tenant)
        self._routes[leg_id] = routes = routes_of(event, self._tenants)
        return f.LegStarted(
            leg_id,
            at,
            party,
            calling=direction(event) != "outbound",
            origin=_origin(event),
            aliases=_aliases(event),
            dialled=_dialled(event),
            address=_address(event),
            video=has_video(event),
            recordable=event.get("Channel-Name", "").startswith("sofia/"),
            addressable=speakable(leg_id),
            routes=routes,
        )

    def _created(self, event: Event, at: datetime) -> list[f.Fact]:
        started = self._leg_started(event, at)
        found: list[f.Fact] = []
        origin = started.origin
        if origin is not None and not started.calling and origin in self._bridge_of:
            # A leg that has another one called for it is no longer talking in its old bridge.
            # FreeSWITCH says so itself only some 80 ms later, and until then the new party's
            # early media would be heard in the old conversation's recording.
            found.append(f.BridgeLeft(origin, self._bridge_of.pop(origin), at))
        found.append(started)
        if origin is not None and not started.calling:
            # What was exported to the called leg, its caller came through. Before a pickup this is
            # all that is heard of it: the caller's own events bring no variables until a bridge.
            found += self._routed(origin, tuple(r for r in started.routes if r.scope in INWARD), at)
        return found

    def _routed(self, leg_id: str, routes: tuple[Route, ...], at: datetime) -> list[f.Fact]:
        """What is new of a leg's routes. It must be told before a bridge is: a rule may forbid."""
        known = self._routes.get(leg_id)
        new = tuple(r for r in routes if known is not None and r not in known)
        if known is None or not new:
            return []
        self._routes[leg_id] = known + new
        return [f.LegRouted(leg_id, at, new)]

    def _identified(self, event: Event, at: datetime) -> list[f.Fact]:
        leg_id = event.get("Unique-ID", "")
        return [
            f.LegIdentified(
                leg_id,
                at,
                self.party(event),
                _aliases(event),
                _origin(event),
                _address(event),
                replaced=direction(event) == "outbound" and sent_on(event),
            ),
            *self._routed(leg_id, routes_of(event, self._tenants), at),
            f.LegVideoChanged(leg_id, at, has_video(event)),
        ]

    def _answered(self, event: Event, at: datetime) -> list[f.Fact]:
        return [*self._identified(event, at), f.LegAnswered(event.get("Unique-ID", ""), at)]

    def _bridged(self, event: Event, at: datetime) -> list[f.Fact]:
        a, b = event.get("Bridge-A-Unique-ID", ""), event.get("Bridge-B-Unique-ID", "")
        if not a or not b:
            return []
        bridge = f"{a}:{b}"
        self._bridge_of[a] = self._bridge_of[b] = bridge
        found = self._identified(event, at) if event.get("Unique-ID") in (a, b) else []
        return [*found, f.BridgeEntered(a, bridge, at), f.BridgeEntered(b, bridge, at)]

    def _unbridged(self, event: Event, at: datetime) -> list[f.Fact]:
        a, b = event.get("Bridge-A-Unique-ID", ""), event.get("Bridge-B-Unique-ID", "")
        bridge = f"{a}:{b}"
        for leg_id in (a, b):
            if self._bridge_of.get(leg_id) == bridge:
                del self._bridge_of[leg_id]
        return [f.BridgeLeft(a, bridge, at), f.BridgeLeft(b, bridge, at)]

    def _hung_up(self, event: Event, at: datetime) -> list[f.Fact]:
        leg_id = event.get("Unique-ID", "")
        self._bridge_of.pop(leg_id, None)
        self._routes.pop(leg_id, None)
        return [f.LegHungUp(leg_id, at, event.get("Hangup-Cause", "")[:64])]

    def _record_stopped(self, event: Event, at: datetime) -> list[f.Fact]:
        capture_id = self.capture_id(event.get("Record-File-Path", ""))
        if capture_id is None:
            return []
        found: list[f.Fact] = []
        leg_id = event.get("Unique-ID", "")
        if event.get("Answer-State") == "hangup" and leg_id in self._bridge_of:
            # The capture ended because its leg is going: FreeSWITCH says so before it says that the
            # leg has left its bridge, and a capture opened in between would get no file.
            found.append(f.BridgeLeft(leg_id, self._bridge_of.pop(leg_id), at))
        cause = event.get("Record-Completion-Cause", "")[:64]
        # Its word for a write that failed: a full disk, say. The capture has gone on even so.
        cause = NOT_WRITTEN if cause == "uri-failure" else cause
        return [*found, f.CaptureClosed(capture_id, at, cause)]

    def _custom(self, event: Event, at: datetime) -> list[f.Fact]:
        entered = queue_entered(event, self._tenants)
        if entered is not None:
            # The event carries all that the dialplan has set on the caller's leg until now as well.
            leg_id, queue = entered
            own = routes_of(event, self._tenants) if event.get("Unique-ID") == leg_id else ()
            return self._routed(leg_id, (*own, *queue), at)
        if event.get("Event-Subclass") == "conference::maintenance":
            return self._conference(event, at)
        return []

    def _conference(self, event: Event, at: datetime) -> list[f.Fact]:
        """A room is a bridge of many. Who listens only, or is muted, is in it all the same. Its events
        bring no variables, so they say nothing of who somebody is."""
        leg_id, room = event.get("Unique-ID", ""), event.get("Conference-Unique-ID", "")
        if not leg_id or not room:
            return []
        bridge = conference_bridge(room)
        if event.get("Action") == "add-member":
            self._bridge_of[leg_id] = bridge
            return [f.BridgeEntered(leg_id, bridge, at)]
        if event.get("Action") == "del-member":
            if self._bridge_of.get(leg_id) == bridge:
                del self._bridge_of[leg_id]
            return [f.BridgeLeft(leg_id, bridge, at)]
        return []

    def capture_id(self, path: str) -> str | None:
        """Which capture a file on the switch belongs to; None for other people's recordings."""
        if not path.startswith(self.spool):
            return None
        parsed = parse_segment_path(path.removeprefix(self.spool))
        return parsed.capture_id if parsed else None

    def _bridge_id(self, leg_id: str, peer: str, event: Event) -> str:
        for known in (self._bridge_of.get(leg_id), self._bridge_of.get(peer)):
            if known in (f"{leg_id}:{peer}", f"{peer}:{leg_id}"):
                return known
        return f"{peer}:{leg_id}" if direction(event) == "outbound" else f"{leg_id}:{peer}"

    def request(self, event: Event) -> ControlRequest | None:
        """A control request, if the event is one. Raises RefusedInput if it is a broken one."""
        return self.requests.read(event)


def conference_bridge(room: str) -> str:
    """The bridge that a conference is, by its unique id."""
    return f"conference:{room}"


def _dialled(event: Event) -> str:
    # On a called leg FreeSWITCH keeps the plus sign as it stands in a URI. Nothing else is decoded:
    # the rest of the number may be a stranger's text.
    return event.get("Caller-Destination-Number", "").replace("%2B", "+")[:MAX_TEXT]


def _origin(event: Event) -> str | None:
    leg_id = event.get("Unique-ID", "")
    if event.get("Other-Type") == "originator":
        return event.get("Other-Leg-Unique-ID") or None
    member = event.get("variable_cc_member_session_uuid", "")
    if member and member != leg_id and event.get("variable_cc_side") == "agent":
        return member  # mod_callcenter calls its agents by itself, for whoever waits
    call_uuid = event.get("Channel-Call-UUID", "")
    return call_uuid if call_uuid and call_uuid != leg_id else None


def _aliases(event: Event) -> tuple[str, ...]:
    names = (
        event.get("variable_sip_call_id", ""),
        event.get("variable_sip_h_X-Session-Id", ""),
        event.get("variable_sip_rh_X-Session-Id", ""),
    )
    found = [name[:MAX_TEXT] for name in names if name]
    return tuple(found if len(found) < 2 else dict.fromkeys(found))


def _address(event: Event) -> str | None:
    # Not Caller-Network-Addr: on a called leg that is the caller's.
    return event.get("variable_sip_network_ip") or None
