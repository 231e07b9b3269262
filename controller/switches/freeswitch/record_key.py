"""A desk phone's Record key: SIP INFO with ``Record: on`` or ``Record: off``, as far as sofia tells of it.

Its RECV_INFO event leaves the header out (sofia.c, 1.10.12), and without a ``record-template`` the
phone gets 488 and no more. With the template of freeswitch-conf/sip_profiles/internal.xml each *on*
leaves a new name of a file in ``sofia_record_file``, which cannot be opened, so that FreeSWITCH records
nothing of its own. An *off* changes nothing: it is what comes without a body after an *on*.
"""

from __future__ import annotations

import re

from ...core.media_kinds import BOTH, Operation, Verb
from .events import Event

ON, OFF = Operation(Verb.START, BOTH), Operation(Verb.STOP, BOTH)

#: The name that our template makes; another template is the operator's, and not our key.
_OURS = re.compile(r".*/tapeline-[0-9a-f-]{36}\.key")
_VARIABLE = "variable_sofia_record_file"


class RecordKeys:
    """Knows what each leg's last *on* has left behind."""

    def __init__(self) -> None:
        self._left: dict[str, str] = {}

    def seen(self, event: Event) -> None:
        """What a live leg carries when it is met again (``uuid_dump``): an *on* of before."""
        leg_id, name = event.get("Unique-ID", ""), event.get(_VARIABLE, "")
        if leg_id and _OURS.fullmatch(name):
            self._left[leg_id] = name

    def pressed(self, event: Event) -> Operation | None:
        """What an INFO asks for, if it comes from the key."""
        leg_id, name = event.get("Unique-ID", ""), event.get(_VARIABLE, "")
        if not leg_id or not _OURS.fullmatch(name):
            return None
        if self._left.get(leg_id) != name:
            self._left[leg_id] = name
            return ON
        return None if event.get("SIP-Content-Type") or event.get("_body") else OFF

    def forget(self, leg_id: str) -> None:
        self._left.pop(leg_id, None)
