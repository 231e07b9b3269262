"""The calls of the demo as a table, and the settings under which it is right."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .speech import speech


class Side(StrEnum):
    CALLER = "caller"
    CALLEE = "callee"


class Way(StrEnum):
    """How a pause is asked for."""

    CODE = "feature code"
    MESSAGE = "SIP MESSAGE"
    DIALOG = "SIP MESSAGE in the dialog"


@dataclass(frozen=True, slots=True)
class Pause:
    """All times of steps are ms from the answer."""

    by: Side
    way: Way
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Hold:
    by: Side
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """A blind one. The call goes on for ``then_ms`` with whoever is at ``to``."""

    by: Side
    to: str
    from_ms: int
    then_ms: int


Step = Pause | Hold | Transfer


@dataclass(frozen=True, slots=True)
class DemoCall:
    """``caller`` and ``callee`` are extensions, or numbers with a + that live behind the trunk.

    ``start_ms`` from the round's beginning, ``talk_ms`` from the answer. ``recorded`` is what
    the settings below make of it.
    """

    title: str
    caller: str
    callee: str
    talk_ms: int
    steps: tuple[Step, ...] = ()
    start_ms: int = 0
    caller_name: str = ""
    recorded: bool = True


#: The settings under which ``recorded`` is right: these users want audio, this tenant forces it,
#: user 103 does not want it, and calls between external numbers are not recorded.
RECORDED_USERS = (("acme.test", "101"), ("acme.test", "102"), ("acme.test", "104"))
FORCED_TENANTS = ("other.test",)

#: Pauses begin so long before the card number and end so long after it. Dialling *48 takes half a
#: second by itself.
_BEFORE_CARD_MS, _AFTER_CARD_MS = 900, 150
_CARD = speech.card_turn()
_CARD_PAUSE = (_CARD.from_ms - _BEFORE_CARD_MS, _CARD.to_ms + _AFTER_CARD_MS)
_WHOLE = speech.duration_ms() - 300

#: Everybody has one call at a time, so they can all run at once.
CALLS = (
    DemoCall(
        "a colleague's card, paused by *48 and *49", "101", "102", _WHOLE,
        (Pause(Side.CALLER, Way.CODE, *_CARD_PAUSE),),
    ),
    DemoCall(
        "a customer calls, the app pauses by SIP MESSAGE", "+441632960111", "104", _WHOLE,
        (Pause(Side.CALLEE, Way.MESSAGE, *_CARD_PAUSE),), caller_name="Grace Hopper", start_ms=300,
    ),
    DemoCall(
        "a call to a customer, paused by MESSAGE in the dialog", "201", "+441632960222", _WHOLE,
        (Pause(Side.CALLER, Way.DIALOG, *_CARD_PAUSE),), start_ms=600,
    ),
    DemoCall(
        "a user whose calls are not recorded", "103", "+441632960333", 6_000,
        start_ms=900, recorded=False,
    ),
    DemoCall(
        "transferred to an outside number: the recording ends there", "202", "+441632960444", 7_000,
        (Transfer(Side.CALLER, "+441632960555", 7_000, 4_000),), start_ms=1_200,
    ),
    DemoCall(
        "a call with a hold", "202", "+441632960666", 12_000,
        (Hold(Side.CALLER, 4_000, 7_000),), start_ms=15_500,
    ),
)  # fmt: skip
