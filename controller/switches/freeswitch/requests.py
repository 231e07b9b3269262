"""FreeSWITCH's events as requests: MESSAGEs, codes, the Record key, the operator's own scripts."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from ...config import FreeSwitchConfig
from ...core.errors import InvalidMediaControl
from ...core.media_control import is_media_control, parse
from ...core.media_kinds import OPERATIONS, Operation
from ...core.requests import (
    ControlRequest,
    DialledCode,
    LegActor,
    LegTarget,
    Means,
    NameTarget,
    SystemActor,
    UserActor,
)
from .answers import Askers
from .events import MAX_TEXT, Event, timestamp
from .record_key import RecordKeys

#: The names of the events that `Requests.read` wants to see.
ARE_REQUESTS = frozenset({"RECV_MESSAGE", "CUSTOM", "CHANNEL_HANGUP_COMPLETE"})

_CODE = re.compile(r"[*#][0-9]{1,6}")


class RefusedInput(Exception):
    """A request that could not even be read; ``reason`` is for the log, ``who`` from the event."""

    def __init__(self, reason: str, who: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.who = who


class Requests:
    """Reads them. Whether the asker may, is for the core to say."""

    def __init__(
        self, config: FreeSwitchConfig, new_id: Callable[[], str], now: Callable[[], datetime]
    ) -> None:
        self._config = config
        self._new_id = new_id
        self._now = now
        self.askers = Askers()
        self.keys = RecordKeys()

    def read(self, event: Event) -> ControlRequest | None:
        """A control request, if the event is one. Raises RefusedInput if it is a broken one."""
        name, subclass = event.get("Event-Name"), event.get("Event-Subclass")
        if name == "RECV_MESSAGE" and is_media_control(event.get("type", "")):
            request = self._message(event)
            self.askers.remember(request, event)
            return request
        if name == "CUSTOM" and subclass == "tapeline::feature":
            return self._feature(event)
        if name == "CUSTOM" and subclass == "tapeline::request":
            return self._bus(event)
        if name == "CHANNEL_HANGUP_COMPLETE":
            self.keys.forget(event.get("Unique-ID", ""))
        return None

    def _message(self, event: Event) -> ControlRequest:
        leg_id = event.get("Unique-ID", "")
        who = f"{event.get('from_user', '')}@{event.get('from_host', '')}"[:MAX_TEXT]
        try:
            control = parse(event.get("type", ""), event.get("_body", ""), in_dialog=bool(leg_id))
        except InvalidMediaControl as error:
            raise RefusedInput(str(error), who) from error
        if event.get("sip_profile", "") in self._config.trunk_profiles and not leg_id:
            raise RefusedInput("a MESSAGE from the trunk's side", who)
        at = timestamp(event, self._now())
        name = NameTarget(control.session_id) if control.session_id is not None else None
        if leg_id:
            return ControlRequest(
                self._new_id(),
                at,
                control.operation,
                name or LegTarget(leg_id),
                LegActor(leg_id),
                Means.MESSAGE_IN_DIALOG,
                control.reply,
            )
        assert name is not None  # parse() asks for it out of dialog
        address = event.get("from_sip_ip", "") if self._config.message_address_check else None
        actor = UserActor(event.get("from_host", ""), event.get("from_user", ""), address)
        return ControlRequest(
            self._new_id(), at, control.operation, name, actor, Means.MESSAGE, control.reply
        )

    def _feature(self, event: Event) -> ControlRequest:
        """A code: inside a call as it was bound (the operation), or dialled as a call of its own."""
        leg_id, code = event.get("Unique-ID", ""), event.get("Code", "")
        operation: Operation | DialledCode | None = OPERATIONS.get(event.get("Operation", ""))
        if operation is None and _CODE.fullmatch(code):
            operation = DialledCode(code)
        if operation is None or not leg_id:
            raise RefusedInput("a feature code without a meaning", leg_id)
        return self._of_leg(event, operation, Means.FEATURE_CODE)

    def record_key(self, event: Event, file: str) -> ControlRequest | None:
        """An INFO that may be the Record key's, with the leg's ``sofia_record_file`` as it is after it."""
        operation = self.keys.pressed(event.get("Unique-ID", ""), file)
        return self._of_leg(event, operation, Means.RECORD_KEY) if operation else None

    def _of_leg(self, event: Event, operation: Operation | DialledCode, means: Means) -> ControlRequest:
        leg_id, at = event.get("Unique-ID", ""), timestamp(event, self._now())
        return ControlRequest(self._new_id(), at, operation, LegTarget(leg_id), LegActor(leg_id), means)

    def _bus(self, event: Event) -> ControlRequest:
        name = event.get("Session-Id") or event.get("Session-ID") or event.get("Unique-ID", "")
        operation = OPERATIONS.get(event.get("Operation", ""))
        if operation is None:
            raise RefusedInput(f"unknown operation {event.get('Operation', '')[:40]!r}", "bus")
        if not name:
            raise RefusedInput("neither Session-Id nor Unique-ID", "bus")
        request_id = event.get("Request-ID", "")
        if not (request_id.isascii() and request_id.isalnum() and len(request_id) <= 64):
            request_id = self._new_id()
        return ControlRequest(
            request_id,
            timestamp(event, self._now()),
            operation,
            NameTarget(name[:MAX_TEXT]),
            SystemActor("switch bus"),
            Means.BUS,
        )
