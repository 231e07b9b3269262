"""Legs that are over without a word: their Hangup did not come, or could not be read. A call would be live
for ever, its recording never complete."""

from __future__ import annotations

from .connection import AmiConnection
from .headers import text
from .resync import variable
from .translate import Translator

#: The channels are listed once in so many signs of life.
_SELDOM = 6


class EndedUnheard:
    """Looks for them, of one connection."""

    def __init__(self, translator: Translator) -> None:
        self._translator = translator
        self._suspects: frozenset[str] = frozenset()
        self._looks = 0

    async def look(self, ami: AmiConnection, timeout_s: float) -> list[str]:
        """Ids of legs of which the switch has no channel, now and at the last look: a Hangup may be on its
        way. Raises ConnectionLost, TimeoutError."""
        self._looks += 1
        if not self._suspects and self._looks % _SELDOM:
            return []
        known = {channel.leg_id: channel.name for channel in self._translator.channels.values()}
        listed = {text(row, "Channel") for row in await ami.listing("CoreShowChannels", timeout_s)}
        missing = [
            leg_id
            for leg_id, name in known.items()
            if name not in listed and await self._over(ami, leg_id, timeout_s)
        ]
        over = [leg_id for leg_id in missing if leg_id in self._suspects]
        self._suspects = frozenset(missing) - frozenset(over)
        return over

    async def _over(self, ami: AmiConnection, leg_id: str, timeout_s: float) -> bool:
        """Not only missing in a list, in which others' texts stand as well."""
        channel = self._translator.channels.get(leg_id)
        return channel is not None and await variable(ami, channel.name, "UNIQUEID", timeout_s) != leg_id
