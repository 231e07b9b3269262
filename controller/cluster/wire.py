"""What goes from controller to controller, as JSON and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from ..core.media_kinds import OPERATIONS, Operation
from ..core.requests import Actor, LegActor, Means, NameTarget, Refusal, SystemActor, TenantActor, UserActor
from ..engine.ports import ControlReport, LiveCall, LiveEvent, SwitchStatus
from ..engine.spool_eyes import SpoolLook

_ACTORS: dict[str, type[LegActor | UserActor | TenantActor | SystemActor]] = {
    "leg": LegActor, "user": UserActor, "tenant": TenantActor, "system": SystemActor,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to control a call, on its way to whoever has the call's switch. ``who`` says which kind of
    actor it is: their members alone do not."""

    operation: str
    name: str
    who: str
    actor: dict[str, Any]
    means: Means

    @classmethod
    def of(cls, operation: Operation, target: NameTarget, actor: Actor, means: Means) -> Asked:
        [who] = [name for name, kind in _ACTORS.items() if type(actor) is kind]
        members = {name: getattr(actor, name) for name in type(actor).__slots__}
        return cls(str(operation), target.name, who, members, means)

    def parts(self) -> tuple[Operation, NameTarget, Actor, Means]:
        """Raises ValueError for what no controller of this version asks."""
        try:
            actor = _ACTORS[self.who](**self.actor)
            return OPERATIONS[self.operation], NameTarget(self.name), actor, self.means
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a request of this version: {error}") from error


@dataclass(frozen=True, slots=True)
class Fit:
    """How many calls of one controller a request fits, and why none if none does."""

    calls: int
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """About a lease: ``switch``, and the answer is yes or no."""

    switch: str


@dataclass(frozen=True, slots=True)
class SpoolQuestion:
    """How much room the spool of ``switch`` has and how long the files ``paths`` are; or, if one is given,
    when ``written`` was last written."""

    switch: str
    paths: Sequence[str] = ()
    written: str = ""


@dataclass(frozen=True, slots=True)
class SpoolAnswer:
    """``why``: the spool is not on that machine, or cannot be seen."""

    look: SpoolLook | None = None
    written_at: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """One line of a controller's live stream: all that is up (``calls``), or one change, or neither, as a
    sign of life. The switches' states come with every line."""

    switches: tuple[SwitchStatus, ...]
    calls: tuple[LiveCall, ...] | None = None
    event: LiveEvent | None = None


ASKED = TypeAdapter(Asked)
FIT = TypeAdapter(Fit)
QUESTION = TypeAdapter(Question)
SPOOL_QUESTION = TypeAdapter(SpoolQuestion)
SPOOL_ANSWER = TypeAdapter(SpoolAnswer)
REPORT = TypeAdapter(ControlReport)
TOLD = TypeAdapter(Told)
YES_OR_NO = TypeAdapter(bool)

#: The paths of the questions.
FITS, CONTROL, VOUCH, ACTS, RELOAD, SPOOL, LIVE = (
    f"/peer/{name}" for name in ("fits", "control", "vouch", "acts", "reload", "spool", "live")
)
