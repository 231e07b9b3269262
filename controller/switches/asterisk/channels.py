"""What is known of each channel, and which party that makes it. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ...config import AsteriskConfig
from ...core.parties import UNKNOWN, Party, Side
from ...core.rules import Route
from .headers import Headers, known, text, variables

#: Longer numbers and names are cut: nothing real is, and the catalog must not be flooded.
MAX_TEXT = 256

#: Channels that are nobody's: the switch's own helpers for messages, announcements, spying.
_HELPERS = frozenset(
    {"Message", "Surrogate", "CBAnn", "CBRec", "Announcer", "Recorder", "Snoop", "AsyncGoto", "Bridge",
     "ConfBridgeRecorder", "MulticastRTP", "UnicastRTP"}
)  # fmt: skip
_UP, _RING, _DOWN = "6", "4", "0"

#: Our own helper's two halves, ``Local/s@tapeline-say-0000001f;2``: see ear.py.
_EAR = re.compile(r"Local/[^/]*@tapeline-say-[0-9a-f]+;[12]")
#: Whoever is in such a bridge hears music, not the others: a parking lot, a waiting room.
HOLDING = "holding_bridge"


@dataclass(slots=True)
class Channel:
    """One live channel. ``call_id`` is its SIP Call-ID once that has been asked.

    ``guessed_name`` is what Dial put down as the name of whoever it calls, see `Translator`.
    ``linked`` is the Linkedid that it began with: the channel on whose behalf it was made.
    ``side`` is the first REC_SIDE that was seen of it, see `who`.
    """

    leg_id: str
    name: str
    party: Party = UNKNOWN
    calling: bool = False
    held: bool = False
    call_id: str = ""
    guessed_name: str = ""
    linked: str = ""
    side: str = ""
    routes: tuple[Route, ...] = ()
    video: bool = False

    @property
    def technology(self) -> str:
        return self.name.partition("/")[0]

    @property
    def recordable(self) -> bool:
        """Not a half-leg: a monitor on Local/ would keep it in the call for good."""
        return self.technology != "Local"

    @property
    def pipe(self) -> str:
        """Of a half-leg, what its other half is called as well: ``Local/102@inside-0000001f``."""
        return "" if self.recordable else self.name.rpartition(";")[0]

    @property
    def endpoint(self) -> str:
        """``101`` of ``PJSIP/101-0000001f``; "" for channels without an endpoint of ours."""
        if not self.recordable:
            return ""
        return self.name.partition("/")[2].rpartition("-")[0]


def is_leg(headers: Headers) -> bool:
    """Whether a channel event is about somebody's leg rather than a helper of the switch."""
    name = text(headers, "Channel")
    if not text(headers, "Uniqueid") or "/" not in name or _EAR.fullmatch(name):
        return False
    return name.partition("/")[0] not in _HELPERS


def is_up(headers: Headers) -> bool:
    return text(headers, "ChannelState") == _UP


def is_guess(channel: Channel, headers: Headers, prefix: str = "") -> bool:
    """Whether the caller's id in this event is Dial's own guess at whom it calls.

    A channel to a trunk has none of its own. Until it rings Dial fills in the number dialled and,
    after a blind transfer, the name of whoever the waiting party talked to before: the user who
    transferred the call, not the outside party that is called now (seen on Asterisk 22).
    """
    return not channel.calling and text(headers, f"{prefix}ChannelState") == _DOWN


def is_calling(headers: Headers) -> bool:
    """A channel begins as Ring when it calls the switch, as Down when the switch calls it."""
    application = text(headers, "Application")
    return text(headers, "ChannelState") == _RING or (is_up(headers) and application != "AppDial")


def party(config: AsteriskConfig, channel: Channel, headers: Headers, prefix: str = "") -> Party:
    """Who is on the channel, by its endpoint and the variables that pjsip.conf gave it.

    Side, tenant and user come from the switch's own configuration only (set_var, or the
    dialplan); number and name are whatever the caller says.
    """
    said = variables(headers, prefix)
    endpoint = channel.endpoint
    side = said.get("REC_SIDE", "").strip().lower()
    own_tenant = said.get("REC_TENANT", "").strip() or None
    tenant = own_tenant or config.default_tenant
    number = known(headers, f"{prefix}CallerIDNum")[:MAX_TEXT]
    name = known(headers, f"{prefix}CallerIDName")[:MAX_TEXT]
    outside = endpoint in config.trunks or side == Side.EXTERNAL
    if not channel.recordable or outside or tenant is None or (side and side != Side.INTERNAL):
        return Party(Side.EXTERNAL, own_tenant, None, number, name, endpoint or None)
    return Party(Side.INTERNAL, tenant, said.get("REC_USER", "").strip() or endpoint, number, name)


def who(config: AsteriskConfig, channel: Channel, headers: Headers, prefix: str = "") -> Party:
    """The party as this event tells it, but never another one than was known of this channel.

    Where Asterisk lets one channel take another's place (a pickup, a transfer to somebody who still
    rings), name and Uniqueid go with the party and the variables of both are mixed: a trunk's channel
    then says that it is the user's (seen on Asterisk 22). What counts is what it said at first.
    """
    now, was = party(config, channel, headers, prefix), channel.party
    side = variables(headers, prefix).get("REC_SIDE", "").strip().lower()
    if channel.side and (was.internal or side != channel.side):
        now = Party(was.side, was.tenant, was.user, now.number, now.name, was.trunk)
    channel.side = channel.side or side
    return now


def with_own_variables(row: Headers, own: Mapping[str, str]) -> Headers:
    """A row of CoreShowChannels with the endpoint's own words for who is on it, see `who`."""
    side = own.get("REC_SIDE", "").strip()
    if not side:
        return row
    mine = ("REC_SIDE", "REC_USER", *(("REC_TENANT",) if side.lower() == Side.INTERNAL else ()))
    said = {**variables(row), **{name: own.get(name, "") for name in mine}}
    return {**row, "ChanVariable": [f"{name}={value}" for name, value in said.items()]}
