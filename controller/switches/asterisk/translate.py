"""AMI events as facts and requests. No I/O, no clock but the events' own.

Which event says what was seen on Asterisk 22.10 (tests/captures/asterisk). Values that start with
a caller's text (names, numbers) are only ever passed on as a party's number and name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from ...config import AsteriskConfig
from ...core import facts as f
from ...core.errors import InvalidMediaControl
from ...core.media_control import parse
from ...core.media_kinds import OPERATIONS, Operation
from ...core.parties import Party, Side
from ...core.requests import (
    ControlRequest,
    DialledCode,
    LegActor,
    LegTarget,
    Means,
    NameTarget,
    SystemActor,
    UserActor,
)
from ...core.rules import Route
from .channels import HOLDING, MAX_TEXT, Channel, is_calling, is_guess, is_leg, is_up, who
from .headers import Headers, text, timestamp
from .messages import RefusedInput, decoded, sip_message
from .routes import joined_queue, routes_of

_CODE = re.compile(r"[*#][0-9]{1,6}")
#: What a desk phone's Record key says → the verb that core understands by it (see permission.py).
_KEYS = {"on": OPERATIONS["start-recording"], "off": OPERATIONS["stop-recording"]}


class Translator:
    """Knows what one event does not say: a channel's name, its party so far, its SIP Call-ID."""

    def __init__(
        self, config: AsteriskConfig, new_id: Callable[[], str], now: Callable[[], datetime]
    ) -> None:
        self._config = config
        self._new_id = new_id
        self._now = now
        self.channels: dict[str, Channel] = {}

    # ── facts ─────────────────────────────────────────────────────────────────────────────

    def facts(self, event: Headers) -> list[f.LegFact]:
        """What happened, in order; nothing for events that say nothing new."""
        name = text(event, "Event")
        at = timestamp(event, self._now())
        if name == "DialEnd":
            return self._dial_end(event, at)
        if not is_leg(event):
            return []
        leg_id = text(event, "Uniqueid")
        if name == "Newchannel":
            return [self._started(event, at)]
        if name == "Rename":
            if leg_id in self.channels:
                self.channels[leg_id].name = text(event, "Newname")
            return []
        if name == "Hangup":
            self.channels.pop(leg_id, None)
            return [f.LegHungUp(leg_id, at, text(event, "Cause-txt")[:MAX_TEXT])]
        channel = self.channels.get(leg_id)
        if channel is None:
            # Its Newchannel was lost or it hung up already; only the snapshot may bring it back.
            return []
        found: list[f.LegFact] = list(self._identified(channel, event, at))
        said = routes_of(channel.party, event)
        if name == "QueueCallerJoin":
            said += joined_queue(channel.party, event)
        found += self.route(channel, said, at)
        match name:
            case "Newstate" if is_up(event):
                found.append(f.LegAnswered(leg_id, at))
            case "BridgeEnter":
                if is_up(event):  # who is in a bridge and up has answered, even if Newstate was lost
                    found.append(f.LegAnswered(leg_id, at))
                if text(event, "BridgeTechnology") != HOLDING:
                    found.append(f.BridgeEntered(leg_id, text(event, "BridgeUniqueid"), at))
            case "BridgeLeave":
                found.append(f.BridgeLeft(leg_id, text(event, "BridgeUniqueid"), at))
            case "Hold":
                channel.held = True
                found.append(f.LegHeld(leg_id, at))
            case "Unhold":
                channel.held = False
                found.append(f.LegUnheld(leg_id, at))
        return found

    def name_leg(
        self, leg_id: str, at: datetime, call_id: str, session_id: str = ""
    ) -> f.LegIdentified | None:
        """Take note of a leg's SIP Call-ID and X-Session-Id, which no event carries."""
        channel = self.channels.get(leg_id)
        aliases = tuple(a for a in (call_id.strip(), session_id.strip()) if a and len(a) <= MAX_TEXT)
        if channel is None or not aliases:
            return None
        channel.call_id = call_id.strip()
        return f.LegIdentified(leg_id, at, aliases=aliases)

    def route(self, channel: Channel, said: Iterable[Route], at: datetime) -> list[f.LegFact]:
        """Take note of what a channel came through. The half-legs that were made for it stand for
        it in the bridge with whoever answers, so they came through it as well."""
        found: list[f.LegFact] = []
        new = tuple(r for r in dict.fromkeys(said) if r not in channel.routes)
        if not new:
            return found
        channel.routes += new
        found.append(f.LegRouted(channel.leg_id, at, new))
        for half in self.channels.values():
            if not half.recordable and half.linked == channel.leg_id:
                found += self.route(half, new, at)
        return found

    def snapshot(
        self, rows: Iterable[Headers], at: datetime, holding: Collection[str] = ()
    ) -> dict[str, tuple[f.LegFact, ...]]:
        """Every live leg by CoreShowChannels, and what would have led to its state.

        ``holding`` are the bridges in which nobody hears another.
        """
        before, self.channels = self.channels, {}
        legs: dict[str, tuple[f.LegFact, ...]] = {}
        eldest: dict[str, str] = {}  # Linkedid → the first of its channels that is still there
        for row in sorted((r for r in rows if is_leg(r)), key=lambda r: _began(r, at)):
            leg_id, linked = text(row, "Uniqueid"), text(row, "Linkedid")
            origin = eldest.setdefault(linked, leg_id)
            was = before.get(leg_id)
            facts: list[f.LegFact] = [self._started(row, _began(row, at), origin=origin, before=was)]
            if is_up(row):
                facts.append(f.LegAnswered(leg_id, at))
            if text(row, "BridgeId") and text(row, "BridgeId") not in holding:
                facts.append(f.BridgeEntered(leg_id, text(row, "BridgeId"), at))
            if was is not None and was.held:  # what was known stays known, see holds.py
                self.channels[leg_id].held = True
                facts.append(f.LegHeld(leg_id, at))
            legs[leg_id] = tuple(facts)
        return legs

    def _started(
        self, event: Headers, at: datetime, *, origin: str | None = None, before: Channel | None = None
    ) -> f.LegStarted:
        leg_id = text(event, "Uniqueid")
        channel = self.channels[leg_id] = Channel(leg_id, text(event, "Channel"))
        if before is not None:
            channel.party, channel.side = before.party, before.side
        channel.party = who(self._config, channel, event)
        calling = channel.calling = is_calling(event)
        if origin is not None and not calling and not channel.party.internal:
            # In a snapshot nothing tells whose name this is, see is_guess(): rather none than a wrong one.
            channel.guessed_name = channel.party.name
            channel.party = replace(channel.party, name=before.party.name if before else "")
        channel.linked = text(event, "Linkedid")
        eldest = self.channels.get(channel.linked)
        routes = routes_of(channel.party, event)
        if eldest is not None and not channel.recordable:
            routes += eldest.routes
        channel.routes = tuple(dict.fromkeys((*(before.routes if before else ()), *routes)))
        origin = origin or channel.linked
        dialled = text(event, "Exten")[:MAX_TEXT] if calling else channel.party.number
        return f.LegStarted(
            leg_id,
            at,
            channel.party,
            calling=calling,
            origin=origin if origin and origin != leg_id else None,
            dialled="" if dialled == "s" else dialled,
            recordable=channel.recordable,
            routes=channel.routes,
            pipe=channel.pipe,
        )

    def _identified(
        self, channel: Channel, event: Headers, at: datetime, prefix: str = ""
    ) -> list[f.LegIdentified]:
        """The party, if this event knows it better. The variables come just after Newchannel."""
        now = who(self._config, channel, event, prefix)
        if is_guess(channel, event, prefix):
            channel.guessed_name = now.name if now.name != channel.party.name else ""
        if now.name and now.name == channel.guessed_name:
            now = replace(now, name=channel.party.name)
        if not now.number and channel.party.number:  # an event between may not have it yet
            now = Party(now.side, now.tenant, now.user, channel.party.number, channel.party.name, now.trunk)
        if now == channel.party:
            return []
        channel.party = now
        return [f.LegIdentified(channel.leg_id, at, party=now)]

    def _dial_end(self, event: Headers, at: datetime) -> list[f.LegFact]:
        leg_id = text(event, "DestUniqueid")
        channel = self.channels.get(leg_id)
        if channel is None:
            return []
        found: list[f.LegFact] = list(self._identified(channel, event, at, "Dest"))
        if text(event, "DialStatus") == "ANSWER":
            found.append(f.LegAnswered(leg_id, at))
        return found

    # ── requests ──────────────────────────────────────────────────────────────────────────

    def request(self, event: Headers) -> ControlRequest | None:
        """What somebody asks for; None if the event is no request. Raises RefusedInput."""
        if text(event, "Event") != "UserEvent":
            return None
        at = timestamp(event, self._now())
        match text(event, "UserEvent"):
            case "TapelineFeature":
                # Whether whoever is on that leg may do this is for the core to say.
                leg_id = text(event, "Uniqueid")
                asked, means = _dialled(event, leg_id)
                return ControlRequest(self._new_id(), at, asked, LegTarget(leg_id), LegActor(leg_id), means)
            case "TapelineMessage":
                return self._sip_message(event, at)
            case "TapelineRequest":
                return self._bus(event, at)
        return None

    def _sip_message(self, event: Headers, at: datetime) -> ControlRequest:
        message = sip_message(event)
        try:
            control = parse(message.content_type, message.body, in_dialog=bool(message.call_id))
        except InvalidMediaControl as error:
            raise RefusedInput(str(error), message.endpoint) from error
        own = [c for c in self.channels.values() if c.endpoint == message.endpoint]
        if not message.call_id:
            actor = next((c.party for c in own if c.party.side is Side.INTERNAL), None)
            if actor is None or actor.tenant is None or actor.user is None:
                raise RefusedInput("the sender is in no call as an internal party", message.endpoint)
            assert control.session_id is not None  # parse() wants it out of dialog
            return ControlRequest(
                self._new_id(), at, control.operation, NameTarget(control.session_id),
                UserActor(actor.tenant, actor.user), Means.MESSAGE, control.reply,
            )  # fmt: skip
        # The Call-ID alone names the leg; that it is one of the sender's own legs is what counts,
        # since the sender chose the header and only the digest proves who that is.
        leg = next((c for c in own if c.call_id == message.call_id), None)
        if leg is None:
            raise RefusedInput("the MESSAGE is in no dialog of the sender's", message.endpoint)
        return ControlRequest(
            self._new_id(), at, control.operation,
            NameTarget(control.session_id) if control.session_id else LegTarget(leg.leg_id),
            LegActor(leg.leg_id), Means.MESSAGE_IN_DIALOG, control.reply,
        )  # fmt: skip

    def _bus(self, event: Headers, at: datetime) -> ControlRequest:
        encoded = text(event, "Encoding") == "base64"
        operation = _operation(
            decoded(event, "Operation") if encoded else text(event, "Operation"), "the bus"
        )
        session_id = text(event, "Session-Id").strip()
        leg_id = text(event, "Leg-Id").strip() or text(event, "Uniqueid")
        if not session_id and not leg_id:
            raise RefusedInput("neither Session-Id nor Leg-Id says which call", "the bus")
        return ControlRequest(
            self._new_id(), at, operation,
            NameTarget(session_id) if session_id else LegTarget(leg_id), SystemActor("bus"), Means.BUS,
        )  # fmt: skip


def _dialled(event: Headers, who: str) -> tuple[Operation | DialledCode, Means]:
    """A code, the Record key, or (from a dialplan of one's own) an operation."""
    code, key = text(event, "Code"), text(event, "Key")
    if code:
        if not _CODE.fullmatch(code):
            raise RefusedInput(f"unknown operation {code[:40]!r}", who)
        return DialledCode(code), Means.FEATURE_CODE
    if key:
        if key not in _KEYS:
            raise RefusedInput(f"unknown operation {key[:40]!r}", who)
        return _KEYS[key], Means.RECORD_KEY
    return _operation(text(event, "Operation"), who), Means.FEATURE_CODE


def _operation(name: str, who: str) -> Operation:
    operation = OPERATIONS.get(name.strip())
    if operation is None:
        raise RefusedInput(f"unknown operation {name[:40]!r}", who)
    return operation


def _began(row: Headers, at: datetime) -> datetime:
    """When a channel began, by CoreShowChannels' Duration (HH:MM:SS)."""
    parts = text(row, "Duration").split(":")
    if len(parts) != 3 or not all(p.isascii() and p.isdigit() and len(p) < 7 for p in parts):
        return at
    hours, minutes, seconds = map(int, parts)
    return at - timedelta(hours=hours, minutes=minutes, seconds=seconds)
