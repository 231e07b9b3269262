"""Which AMI events are Asterisk's own, and which a caller has written into them. No I/O.

Asterisk 22.10 writes a caller's number into events as it came, line ends and all
(``From: <sip:1%0D%0A%0D%0AEvent:…@…>``), so whoever calls can cut an event in two and append others
of their own. What they cannot know is the ``systemname`` of asterisk.conf: it stands at the head of
every event and at the beginning of every Uniqueid. It is the seal by which the genuine are told.
"""

from __future__ import annotations

from dataclasses import dataclass

from .headers import Headers, text

#: The first header that may hold a stranger's text. Those before it are Asterisk's own.
_FIRST_STRANGE = "CallerIDNum"
_MANY = ("ChanVariable", "DestChanVariable")


@dataclass(frozen=True, slots=True)
class Damaged:
    """A genuine event that a number's line ends have cut, of a channel that is not known yet."""

    channel: str


class Seal:
    """Feed it every event. Without a system name nothing can be told and everything passes."""

    def __init__(self) -> None:
        self.system_name = ""
        self._ids: dict[str, str] = {}
        self._said: dict[str, str | list[str]] = {}

    def know(self, channel: str, unique_id: str) -> None:
        self._ids[channel] = unique_id

    def check(self, event: Headers) -> Headers | Damaged | None:
        """The event as far as it is Asterisk's own; None if it is forged."""
        if not self.system_name:
            return event
        if event.get("SystemName") != self.system_name:
            return None
        channel = text(event, "Channel")
        if not channel:
            return event
        if not self._damaged(event):
            self._follow(event, channel)
            return event
        part: dict[str, str | list[str]] = {}
        for key in event:
            if key == _FIRST_STRANGE:
                break
            part[key] = text(event, key)
        known = self._ids.get(channel)
        if known is None:
            return Damaged(channel)
        if text(part, "Event") == "Newchannel":
            return None  # told already, by the answers to our questions
        part["Uniqueid"] = known
        if channel in self._said:
            part["ChanVariable"] = self._said[channel]
        self._follow(part, channel)
        return part

    def _damaged(self, event: Headers) -> bool:
        for key, value in event.items():
            if isinstance(value, list) and key not in _MANY:
                return True
            if key in ("Uniqueid", "Linkedid", "DestUniqueid", "DestLinkedid") and not self._own(value):
                return True
        for key in _MANY:
            values = event.get(key, [])
            names = [v.partition("=")[0] for v in ([values] if isinstance(values, str) else values)]
            if len(names) != len(set(names)):
                return True
        return not text(event, "Uniqueid")

    def _own(self, value: str | list[str]) -> bool:
        return isinstance(value, str) and value.startswith(self.system_name + "-")

    def _follow(self, event: Headers, channel: str) -> None:
        name = text(event, "Event")
        unique_id = text(event, "Uniqueid")
        if name in ("Hangup", "Rename"):
            self._ids.pop(channel, None)
            said = self._said.pop(channel, None)
            if name == "Hangup":
                return
            channel = text(event, "Newname")
        else:
            said = event.get("ChanVariable")
        self._ids[channel] = unique_id
        if said is not None:
            self._said[channel] = said
