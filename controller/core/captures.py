"""The capture machine: one capture by the switch, on one leg, into one file.

    requested → recording ⇄ paused → ended | failed

with a state of its own for every command that is under way, so that at most one command per
capture is outstanding and its answer can be told from a stale one. The table is the whole truth;
what is not in it changes nothing.
"""

from __future__ import annotations

from enum import StrEnum

from .errors import IllegalTransition


class CaptureState(StrEnum):
    REQUESTED = "requested"  # open sent
    RECORDING = "recording"
    MASKING = "masking"  # mask sent
    PAUSED = "paused"
    UNMASKING = "unmasking"  # unmask sent
    CLOSING = "closing"  # close sent
    ENDED = "ended"
    FAILED = "failed"  # never opened

    @property
    def final(self) -> bool:
        return self in (CaptureState.ENDED, CaptureState.FAILED)

    @property
    def settled(self) -> bool:
        """No command is under way: the next one may be sent."""
        return self in (CaptureState.RECORDING, CaptureState.PAUSED)


class CaptureEvent(StrEnum):
    # what we ask
    MASK = "mask"
    UNMASK = "unmask"
    CLOSE = "close"
    # what the switch says
    OPENED = "opened"
    REFUSED = "refused"
    MASKED = "masked"
    MASK_REFUSED = "mask_refused"
    UNMASKED = "unmasked"
    UNMASK_REFUSED = "unmask_refused"
    CLOSE_REFUSED = "close_refused"
    CLOSED = "closed"


_S, _E = CaptureState, CaptureEvent

TRANSITIONS: dict[tuple[CaptureState, CaptureEvent], CaptureState] = {
    (_S.REQUESTED, _E.OPENED): _S.RECORDING,
    (_S.REQUESTED, _E.REFUSED): _S.FAILED,
    (_S.REQUESTED, _E.CLOSED): _S.ENDED,
    (_S.REQUESTED, _E.CLOSE): _S.CLOSING,
    (_S.RECORDING, _E.MASK): _S.MASKING,
    (_S.RECORDING, _E.CLOSE): _S.CLOSING,
    (_S.RECORDING, _E.CLOSED): _S.ENDED,
    (_S.MASKING, _E.MASKED): _S.PAUSED,
    # A capture that cannot be silenced may not go on: back to recording, and the caller closes it.
    (_S.MASKING, _E.MASK_REFUSED): _S.RECORDING,
    (_S.MASKING, _E.CLOSE): _S.CLOSING,
    (_S.MASKING, _E.CLOSED): _S.ENDED,
    (_S.PAUSED, _E.UNMASK): _S.UNMASKING,
    (_S.PAUSED, _E.CLOSE): _S.CLOSING,
    (_S.PAUSED, _E.CLOSED): _S.ENDED,
    (_S.UNMASKING, _E.UNMASKED): _S.RECORDING,
    (_S.UNMASKING, _E.UNMASK_REFUSED): _S.PAUSED,
    (_S.UNMASKING, _E.CLOSE): _S.CLOSING,
    (_S.UNMASKING, _E.CLOSED): _S.ENDED,
    # The answer to an open whose close is already on the way still tells when it began.
    (_S.CLOSING, _E.OPENED): _S.CLOSING,
    (_S.CLOSING, _E.CLOSED): _S.ENDED,
    (_S.CLOSING, _E.CLOSE): _S.CLOSING,
    # An open that was refused while its close was on the way has no file either.
    (_S.CLOSING, _E.REFUSED): _S.FAILED,
    (_S.CLOSING, _E.CLOSE_REFUSED): _S.CLOSING,
}


def advance(state: CaptureState, event: CaptureEvent) -> CaptureState:
    """The next state. Raises IllegalTransition for what the table does not hold."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"{event} means nothing to a capture that is {state}") from None
