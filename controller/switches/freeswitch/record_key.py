"""A desk phone's Record key: SIP INFO with ``Record: on`` or ``Record: off``, as far as sofia tells of it.

Its RECV_INFO event leaves the header and the channel's variables out (sofia.c, 1.10.12), and without a
``record-template`` the phone gets 488. With the template of freeswitch-conf/sip_profiles/internal.xml
each *on* leaves a new name of a file in ``sofia_record_file``, which cannot be opened, so that
FreeSWITCH records nothing of its own; the variable is asked for then. An *off* changes nothing: it is
an INFO without a body after an *on*. Before any *on* it is one only if the leg has `READY` from the
directory: whoever sets that says that this phone sends no INFO without a body for anything else.
"""

from __future__ import annotations

import re

from ...core.media_kinds import BOTH, Operation, Verb
from .events import Event

ON, OFF = Operation(Verb.START, BOTH), Operation(Verb.STOP, BOTH)

#: The name that our template makes; another template is the operator's, and not our key.
_OURS = re.compile(r".*/tapeline-[0-9a-f-]{36}\.key")
VARIABLE = "sofia_record_file"
#: The value with which no key has been pressed yet; without any, sofia answers an *off* 488 and says nothing.
READY = re.compile(r".*/tapeline-00000000-0000-0000-0000-000000000000\.key")


def may_be_the_key(event: Event) -> bool:
    return (
        event.get("Event-Name") == "RECV_INFO"
        and bool(event.get("Unique-ID"))
        and not event.get("SIP-Content-Type")
        and not event.get("_body")
    )


class RecordKeys:
    """Knows what each leg's last *on* has left behind."""

    def __init__(self) -> None:
        self._left: dict[str, str] = {}

    def seen(self, event: Event) -> None:
        """What a live leg carries when it is met again (``uuid_dump``): an *on* of before."""
        leg_id, name = event.get("Unique-ID", ""), event.get(f"variable_{VARIABLE}", "")
        if leg_id and _OURS.fullmatch(name):
            self._left[leg_id] = name

    def pressed(self, leg_id: str, name: str) -> Operation | None:
        """What an INFO without a body asks for, with what ``sofia_record_file`` holds after it."""
        if not _OURS.fullmatch(name):
            return None
        if self._left.get(leg_id) != name and not READY.fullmatch(name):
            self._left[leg_id] = name
            return ON
        return OFF

    def forget(self, leg_id: str) -> None:
        self._left.pop(leg_id, None)
