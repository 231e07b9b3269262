"""FreeSWITCH carrying on alone: mod_hash holds what dialplan/freeswitch/alone.xml reads and writes.

Realm ``tapeline``: ``until`` (the dialplan waits for the controller until then, by FreeSWITCH's own clock),
``recheck``, ``spool``, ``profile:<trunk profile>``, ``generation``, and ``<generation>:<user>@<tenant>`` for
each row of `core.standby.table`. Realm ``tapelinenote``: a note for each capture that was begun, by its
recording's id. mod_hash keeps it in memory: a FreeSWITCH that was restarted knows nothing until we tell it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from urllib.parse import unquote

from ...config import FreeSwitchConfig
from ...core import facts as f
from ...core.alone import LeftBehind
from ...engine.ports import StandbyRefused
from ..standby_keys import AT_ONCE, speakable
from ..standby_notes import Notes, begun
from . import verbs
from .parties import party_of
from .routes import routes_of

REALM, NOTES = "tapeline", "tapelinenote"
_PLAIN = re.compile(r"[A-Za-z0-9_.=@*:+/-]{1,400}")

#: The fields of a leg's note, in the dialplan's order; the first is its id.
_FIELDS = (
    "variable_direction",
    "variable_user_name",
    "variable_domain_name",
    "variable_dialed_user",
    "variable_dialed_domain",
    "Channel-Presence-ID",
    "variable_sofia_profile_name",
    "variable_sip_gateway_name",
    "variable_sip_redirect_count",
    "variable_tapeline_tenant",
    "Caller-Caller-ID-Number",
    "Caller-Caller-ID-Name",
    "Caller-Destination-Number",
    "Caller-Callee-ID-Number",
    "Caller-Callee-ID-Name",
    "variable_tapeline_inbound_rule",
    "variable_tapeline_outbound_rule",
    "variable_tapeline_queue",
    "variable_tapeline_ring_group",
    "variable_tapeline_receptionist",
    "variable_cc_queue",
    "variable_tapeline_fifo",
)
_UNSET = "_undef_"


class FreeSwitchStandby(Notes):
    """``api`` gives one command's answer; ``look_again`` reports a snapshot. See `engine.ports.Standby`."""

    def __init__(
        self,
        config: FreeSwitchConfig,
        api: Callable[[str], Awaitable[str]],
        new_id: Callable[[], str],
        look_again: Callable[[], Awaitable[None]],
    ) -> None:
        self.after_s = config.standby_after_s
        super().__init__(look_again)
        self._config, self._api, self._new_id = config, api, new_id
        self._generation = ""

    async def replace(self, table: Mapping[tuple[str, str], str]) -> None:
        before = await self._keys()
        generation = self._new_id()
        settings = {
            "spool": str(self._config.seen_by_switch),
            "recheck": str(self.after_s + 1),
            **{f"profile:{profile}": "trunk" for profile in self._config.trunk_profiles},
        }
        rows = {f"{generation}:{user}@{tenant}": row for tenant, user, row in speakable(table)}
        await self._insert({**settings, **rows})
        await self._insert({"generation": generation})
        self._generation = generation
        await self._delete(before - set(settings) - {"generation", "until"})

    async def change(self, rows: Mapping[tuple[str, str], str | None]) -> None:
        keyed = {f"{self._generation}:{user}@{tenant}": row for tenant, user, row in speakable(rows)}
        await self._insert({key: row for key, row in keyed.items() if row is not None})
        await self._delete(key for key, row in keyed.items() if row is None)

    async def renew(self) -> None:
        answer = (await self._api("strepoch")).strip()
        if not answer.isdigit():
            raise StandbyRefused(f"FreeSWITCH does not tell its time: {answer[:100]}")
        await self._insert({"until": str(int(answer) + self.after_s)})

    async def withdraw(self) -> None:
        await self._delete(await self._keys())

    # ── the notes ─────────────────────────────────────────────────────────────────────────

    async def _notes(self) -> dict[str, str]:
        return await self._dump(NOTES)

    async def _forget(self, recording_ids: Iterable[str]) -> None:
        await self._delete(recording_ids, NOTES)

    def _note(self, recording_id: str, text: str) -> LeftBehind | None:
        parts, width = [unquote(each) for each in text.split("|")], len(_FIELDS) + 1
        if len(parts) != 3 + 2 * width:
            return None
        epoch, leg_id, path, *rest = parts
        opened = begun(recording_id, path, epoch)
        if opened is None:
            return None
        capture_id, at = opened
        legs = {
            each[0]: dict(zip(_FIELDS, ("" if x == _UNSET else x for x in each[1:]), strict=True))
            for each in (rest[:width], rest[width:])
        }
        if leg_id not in legs or len(legs) != 2:
            return None
        bridge = ":".join(legs)
        caller, _ = legs
        seen = f.CaptureSeen(capture_id, leg_id, path, False, f.CaptureNote(at, alone=True))
        return LeftBehind(
            seen, at, {each: self._leg(each, event, at, bridge, caller) for each, event in legs.items()}
        )

    def _leg(
        self, leg_id: str, event: dict[str, str], at: datetime, bridge: str, caller: str
    ) -> tuple[f.LegFact, ...]:
        party = party_of(self._config, event)
        tenants = {party.tenant} if party.tenant else set()
        started = f.LegStarted(
            leg_id,
            at,
            party,
            calling=event["variable_direction"] != "outbound",
            origin=None if leg_id == caller else caller,
            dialled=event["Caller-Destination-Number"],
            addressable=verbs.speakable(leg_id),
            routes=routes_of(event, tenants),
        )
        return started, f.LegAnswered(leg_id, at), f.BridgeEntered(leg_id, bridge, at)

    # ── mod_hash ──────────────────────────────────────────────────────────────────────────

    async def _keys(self) -> set[str]:
        return set(await self._dump(REALM))

    async def _dump(self, realm: str) -> dict[str, str]:
        """key → value of one realm: lines of ``D/<realm>_<key>/<value>``, other realms' among them."""
        answer = await self._answered(f"hash_dump db {realm}")
        start = f"D/{realm}_"
        lines = (line.removeprefix(start) for line in answer.splitlines() if line.startswith(start))
        return {key: value for key, _, value in (line.partition("/") for line in lines)}

    async def _insert(self, values: Mapping[str, str], realm: str = REALM) -> None:
        await self._all(
            f"hash insert/{realm}/{key}/{value}" for key, value in values.items() if _PLAIN.fullmatch(value)
        )

    async def _delete(self, keys: Iterable[str], realm: str = REALM) -> None:
        await self._all(f"hash delete/{realm}/{key}" for key in keys)

    async def _all(self, commands: Iterable[str]) -> None:
        lines = list(commands)
        for start in range(0, len(lines), AT_ONCE):
            await asyncio.gather(*(self._answered(line) for line in lines[start : start + AT_ONCE]))

    async def _answered(self, command: str) -> str:
        answer = await self._api(command)
        if "command not found" in answer.lower():
            raise StandbyRefused(
                "FreeSWITCH cannot carry on alone, since mod_hash is not loaded: load it, or set "
                f"switches.{self._config.name}.standby_after_s = 0"
            )
        return answer
