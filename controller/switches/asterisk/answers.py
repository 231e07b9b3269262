"""Who asked for what, and the answer back by the same way: the bus, or a SIP MESSAGE."""

from __future__ import annotations

import base64
import re
from collections import OrderedDict
from dataclasses import dataclass

from ...core.media_control import JSON_TYPE, result
from ...core.requests import ControlOutcome, ControlRequest, Means, NameTarget
from .connection import AmiConnection
from .headers import Headers, text
from .messages import sip_message

#: Requests whose answer is still to come.
MAX_ASKED = 1000

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
#: What may stand in ``pjsip:ENDPOINT``: nothing that would make an address of it.
_ENDPOINT = re.compile(r"[A-Za-z0-9_.+-]{1,80}")


@dataclass(frozen=True, slots=True)
class Asked:
    """``theirs``: the requester's own name for a request on the bus. ``endpoint``: whose digest
    came with a MESSAGE, "" for the bus."""

    theirs: str = ""
    endpoint: str = ""
    operation: str = ""
    session_id: str = ""


class Answers:
    """Remembers the latest requests; what is older than that gets no answer."""

    def __init__(self) -> None:
        self._asked: OrderedDict[str, Asked] = OrderedDict()

    def note(self, request: ControlRequest, event: Headers) -> None:
        """Remember who asks by this event. Only a request that was read without a fault comes here."""
        if request.means is Means.BUS:
            theirs = text(event, "Request-Id")
            # "-": the requester gave no name by which it would know the answer.
            self._keep(request.request_id, Asked(theirs if _REQUEST_ID.fullmatch(theirs) else "-"))
        elif request.means in (Means.MESSAGE, Means.MESSAGE_IN_DIALOG):
            message, target = sip_message(event), request.target
            if _ENDPOINT.fullmatch(message.endpoint):
                session_id = target.name if isinstance(target, NameTarget) else message.call_id
                self._keep(
                    request.request_id,
                    Asked(endpoint=message.endpoint, operation=str(request.operation), session_id=session_id),
                )

    def take(self, request_id: str) -> Asked | None:
        return self._asked.pop(request_id, None)

    def _keep(self, request_id: str, asked: Asked) -> None:
        self._asked[request_id] = asked
        while len(self._asked) > MAX_ASKED:
            self._asked.popitem(last=False)


async def send_result(ami: AmiConnection, asked: Asked, outcome: ControlOutcome, timeout_s: float) -> str:
    """Tell the phone that asked, at the contact by which it has registered. Asterisk's objection, or "".

    Raises ConnectionLost, TimeoutError.
    """
    body = result(asked.operation, asked.session_id, accepted=outcome.accepted, reason=outcome.reason)
    answer = await ami.action(
        "MessageSend", timeout_s,
        Destination=f"pjsip:{asked.endpoint}", To=f"pjsip:{asked.endpoint}",
        From="<sip:tapeline@tapeline.invalid>",
        Base64Body=base64.b64encode(body.encode()).decode(), Variable=f"Content-Type={JSON_TYPE}",
    )  # fmt: skip
    return "" if text(answer, "Response") == "Success" else text(answer, "Message")[:200] or "refused"
