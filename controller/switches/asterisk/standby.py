"""Asterisk carrying on alone: AstDB and one global variable, read by dialplan/asterisk/extensions.conf.

``TAPELINE_UNTIL`` (global): so long the dialplan waits for the controller, by Asterisk's own clock. AstDB's
family ``tapeline``: ``spool``, ``trunk/<endpoint>``, ``tenant``, ``generation``, and
``<generation>/<tenant>/<user>`` for each row of `core.standby.table`. Family ``tapelinenote``: a note for
each capture that was begun. AstDB outlives Asterisk; the global does not: one that was restarted is alone.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime

from ...config import AsteriskConfig
from ...core import facts as f
from ...core.alone import LeftBehind
from ...engine.ports import StandbyRefused, SwitchDown
from ..standby_keys import AT_ONCE, speakable
from ..standby_notes import Notes, begun
from .channels import Channel, party
from .connection import AmiConnection, ConnectionLost
from .headers import Headers, text, timestamp
from .routes import ROUTE_VARIABLES, TENANT_VARIABLE, routes_of

FAMILY, NOTES, UNTIL = "tapeline", "tapelinenote", "TAPELINE_UNTIL"
_ENDPOINT = re.compile(r"[A-Za-z0-9_.+-]{1,64}")
#: A line of ``database show``; Asterisk fills keys up with spaces.
_LINE = re.compile(r"/(?P<family>[^/]+)/(?P<key>\S+)\s*: ?(?P<value>.*)")

#: A leg's note, in the dialplan's order, each in BASE64 with a = before it.
_SAID = ("REC_SIDE", "REC_TENANT", "REC_USER")
_WIDTH = 2 + len(_SAID) + 2 + len(ROUTE_VARIABLES) + 1
_ROUTES = (
    "REC_QUEUE",
    "REC_RING_GROUP",
    "REC_RECEPTIONIST",
    "REC_INBOUND_RULE",
    "REC_OUTBOUND_RULE",
    TENANT_VARIABLE,
)


class AsteriskStandby(Notes):
    """``connection`` gives the live one, or None; ``look_again`` reports a snapshot. See
    `engine.ports.Standby`."""

    def __init__(
        self,
        config: AsteriskConfig,
        connection: Callable[[], AmiConnection | None],
        new_id: Callable[[], str],
        look_again: Callable[[], Awaitable[None]],
    ) -> None:
        self.after_s = config.standby_after_s
        super().__init__(look_again)
        self._config, self._connection, self._new_id = config, connection, new_id
        self._timeout_s = config.command_timeout_ms / 1000
        self._generation = ""

    async def replace(self, table: Mapping[tuple[str, str], str]) -> None:
        before = {key.partition("/")[0] for key in await self._show(FAMILY)}
        generation = self._new_id()
        settings = {"spool": str(self._config.seen_by_switch)}
        settings |= {f"trunk/{name}": "1" for name in self._config.trunks if _ENDPOINT.fullmatch(name)}
        if self._config.default_tenant:
            settings["tenant"] = self._config.default_tenant
        if "trunk" in before:
            await self._delete_tree("trunk")
        await self._put(
            {**settings, **{f"{generation}/{tenant}/{user}": row for tenant, user, row in speakable(table)}}
        )
        await self._put({"generation": generation})
        self._generation = generation
        for old in before - {"spool", "trunk", "tenant", "generation"}:
            await self._delete_tree(old)
        if "tenant" in before and "tenant" not in settings:
            await self._delete(["tenant"])

    async def change(self, rows: Mapping[tuple[str, str], str | None]) -> None:
        keyed = {f"{self._generation}/{tenant}/{user}": row for tenant, user, row in speakable(rows)}
        await self._put({key: row for key, row in keyed.items() if row is not None})
        await self._delete(key for key, row in keyed.items() if row is None)

    async def renew(self) -> None:
        at = timestamp(await self._action("Ping"), datetime.now(UTC))
        until = str(int(at.timestamp()) + self.after_s)
        await self._action("Setvar", Variable=UNTIL, Value=until)

    async def withdraw(self) -> None:
        if await self._show(FAMILY):
            await self._delete_tree("")

    # ── the notes ─────────────────────────────────────────────────────────────────────────

    async def _notes(self) -> dict[str, str]:
        return await self._show(NOTES)

    async def _forget(self, recording_ids: Iterable[str]) -> None:
        await self._delete(recording_ids, NOTES)

    def _note(self, recording_id: str, line: str) -> LeftBehind | None:
        epoch, _, rest = line.partition("|")
        path, _, rest = rest.partition("|")
        opened = begun(recording_id, path, epoch)
        # Whoever called by a Dial without our first option has no note: then there is only who answered.
        fields = rest.split("|")
        if opened is None or len(fields) not in (2 * _WIDTH, _WIDTH + 1):
            return None
        try:
            said = [base64.b64decode(each).decode("utf-8", "replace").removeprefix("=") for each in fields]
        except (ValueError, binascii.Error):
            return None
        capture_id, at = opened
        callee = said[-_WIDTH:]
        caller = said[:_WIDTH] if len(said) == 2 * _WIDTH else []
        bridge = f"alone-{recording_id}"
        legs = {}
        if caller:
            legs[caller[0]] = self._leg(caller, at, bridge, None)
        legs[callee[0]] = self._leg(callee, at, bridge, caller[0] if caller else None)
        seen = f.CaptureSeen(capture_id, callee[0], path, False, f.CaptureNote(at, alone=True))
        return LeftBehind(seen, at, legs)

    def _leg(self, said: list[str], at: datetime, bridge: str, origin: str | None) -> tuple[f.LegFact, ...]:
        leg_id, name = said[0], said[1]
        values = dict(zip(_SAID, said[2:5], strict=True)) | dict(zip(_ROUTES, said[7:], strict=True))
        headers: Headers = {
            "ChanVariable": [f"{variable}={value}" for variable, value in values.items()],
            "CallerIDNum": said[5],
            "CallerIDName": said[6],
        }
        channel = Channel(leg_id, name)
        who = party(self._config, channel, headers)
        started = f.LegStarted(
            leg_id,
            at,
            who,
            calling=origin is None,
            origin=origin,
            recordable=channel.recordable,
            routes=routes_of(who, headers),
        )
        return started, f.LegAnswered(leg_id, at), f.BridgeEntered(leg_id, bridge, at)

    # ── AstDB ─────────────────────────────────────────────────────────────────────────────

    async def _show(self, family: str) -> dict[str, str]:
        """key → value of one family."""
        try:
            lines = await self._ami().command(f"database show {family}", self._timeout_s)
        except ConnectionLost as error:
            raise SwitchDown(str(error)) from error
        found = (_LINE.fullmatch(line.strip()) for line in lines)
        return {m["key"]: m["value"].strip() for m in found if m and m["family"] == family}

    async def _put(self, values: Mapping[str, str], family: str = FAMILY) -> None:
        await self._all(
            ("DBPut", {"Family": family, "Key": key, "Val": value}) for key, value in values.items()
        )

    async def _delete(self, keys: Iterable[str], family: str = FAMILY) -> None:
        await self._all(("DBDel", {"Family": family, "Key": key}) for key in keys)

    async def _delete_tree(self, key: str) -> None:
        await self._action("DBDelTree", Family=FAMILY, **({"Key": key} if key else {}))

    async def _all(self, actions: Iterable[tuple[str, dict[str, str]]]) -> None:
        todo = list(actions)
        for start in range(0, len(todo), AT_ONCE):
            answers = await asyncio.gather(
                *(self._action(name, **headers) for name, headers in todo[start : start + AT_ONCE])
            )
            for (name, headers), answer in zip(todo[start : start + AT_ONCE], answers, strict=True):
                if name == "DBPut" and text(answer, "Response") != "Success":
                    raise StandbyRefused(
                        f"Asterisk cannot carry on alone: it refused to store {headers['Key'][:60]}: "
                        f"{text(answer, 'Message')[:100]}; the account needs write=system"
                    )

    async def _action(self, name: str, **headers: str) -> Headers:
        try:
            return await self._ami().action(name, self._timeout_s, **headers)
        except ConnectionLost as error:
            raise SwitchDown(str(error)) from error

    def _ami(self) -> AmiConnection:
        found = self._connection()
        if found is None:
            raise SwitchDown(f"{self._config.name} is not connected")
        return found
