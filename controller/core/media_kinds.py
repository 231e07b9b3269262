"""The two kinds of recording and what can be asked of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    AUDIO = "audio"
    VIDEO = "video"


class Verb(StrEnum):
    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Operation:
    """A verb upon some kinds; its text form is ``pause-audio-recording`` and the like."""

    verb: Verb
    kinds: tuple[Kind, ...]

    def __str__(self) -> str:
        if len(self.kinds) != 1:
            return f"{self.verb}-recording"
        return f"{self.verb}-{self.kinds[0]}-recording"


BOTH = (Kind.AUDIO, Kind.VIDEO)

#: Every operation by the name it has in a MESSAGE, on the bus and in the REST API.
#: The first four are the reference product's; start/stop and the forms without a kind are ours.
OPERATIONS: dict[str, Operation] = {
    str(operation): operation
    for verb in Verb
    for operation in (*(Operation(verb, (kind,)) for kind in Kind), Operation(verb, BOTH))
}

#: What a SIP MESSAGE may ask for (mission.md 8): the four of the reference product, no more.
MESSAGE_OPERATIONS: dict[str, Operation] = {
    str(o): o for o in (Operation(v, (k,)) for v in (Verb.PAUSE, Verb.RESUME) for k in Kind)
}
