"""The whole truth about an Asterisk after a (re)connection: channels, bridges, monitors, masks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import PurePath

from ...core import facts as f
from ...core.rules import Route
from ..notes import read_note
from .channels import HOLDING, Channel, with_own_variables
from .connection import AmiConnection, ConnectionLost
from .headers import Headers, text, timestamp, variables
from .holds import find_holders
from .routes import QUEUE_VARIABLE, ROUTE_VARIABLES, TENANT_VARIABLE, queue_in, routes_of
from .translate import Translator
from .verbs import Monitor, kept_variable, mask_variable, monitors, note_variable

#: So many questions are under way at once; each takes about a millisecond.
AT_ONCE = 32
#: A capture of one side alone is known by the segment's path all the same.
_SIDE = re.compile(r"\.(rx|tx)\.wav$")
_UPTIME = re.compile(r"System uptime: (\d{1,10})")
#: What ``channelvars`` of manager.conf must name.
VARIABLES = ("REC_SIDE", "REC_TENANT", "REC_USER", *ROUTE_VARIABLES, TENANT_VARIABLE)


async def take_snapshot(
    ami: AmiConnection,
    translator: Translator,
    now: Callable[[], datetime],
    timeout_s: float,
    spool: PurePath,
) -> tuple[f.SwitchSnapshot, dict[str, str]]:
    """The snapshot, and the MixMonitor id of each capture in it.

    Its ``at`` is the switch's own clock just before the channels were listed: an event with an
    older time stamp is contained in it. Raises ConnectionLost, TimeoutError.
    """
    at = timestamp(await ami.action("Ping", timeout_s), now())
    bridges = await ami.listing("BridgeList", timeout_s)
    holding = {text(b, "BridgeUniqueid") for b in bridges if text(b, "BridgeTechnology") == HOLDING}
    rows = await ami.listing("CoreShowChannels", timeout_s)
    gate = asyncio.Semaphore(AT_ONCE)
    strange = [row for row in rows if text(row, "Uniqueid") not in translator.channels]
    endpoints = {Channel("", text(row, "Channel")).endpoint for row in strange}
    own = await _endpoints(ami, endpoints, gate, timeout_s)
    rows = [with_own_variables(r, own.get(Channel("", text(r, "Channel")).endpoint, {})) for r in rows]
    legs = translator.snapshot(rows, at, holding)
    seen: list[f.CaptureSeen] = []
    ids: dict[str, str] = {}

    async def ask(channel: Channel) -> None:
        async with gate:
            named = await names_of(ami, translator, channel, now, timeout_s)
            if named is not None:
                legs[channel.leg_id] += (named,)
            for monitor in monitors(await ami.command(f"mixmonitor list {channel.name}", timeout_s)):
                capture = await _seen(ami, channel, monitor, timeout_s, spool)
                if capture is not None:
                    seen.append(capture)
                    ids[capture.capture_id] = monitor.monitor_id

    async with asyncio.TaskGroup() as group:
        for channel in translator.channels.values():
            if channel.recordable:
                group.create_task(ask(channel))
    for leg_id in await find_holders(ami, translator.channels, legs, gate, timeout_s):
        if not translator.channels[leg_id].held:
            translator.channels[leg_id].held = True
            legs[leg_id] += (f.LegHeld(leg_id, at),)
    booted_at = await _booted_at(ami, at, timeout_s)
    return f.SwitchSnapshot(at, legs, tuple(seen), booted_at=booted_at), ids


async def _booted_at(ami: AmiConnection, at: datetime, timeout_s: float) -> datetime | None:
    """Since when the process has been running, on its own clock. It tells whole seconds only: rather one too
    early, so that nothing that has begun since counts as dead."""
    for line in await ami.command("core show uptime seconds", timeout_s):
        uptime = _UPTIME.fullmatch(line.strip())
        if uptime is not None:
            return at - timedelta(seconds=int(uptime[1]) + 1)
    return None


async def _endpoints(
    ami: AmiConnection, endpoints: set[str], gate: asyncio.Semaphore, timeout_s: float
) -> dict[str, dict[str, str]]:
    """endpoint → the variables that pjsip.conf gives to its channels; those of a channel may have
    been mixed with another's."""
    found: dict[str, dict[str, str]] = {}

    async def ask(endpoint: str) -> None:
        async with gate:
            try:
                details = await ami.listing("PJSIPShowEndpoint", timeout_s, Endpoint=endpoint)
            except ConnectionLost:
                if ami.closed.done():
                    raise
                return  # no endpoint of PJSIP's
        said = next((text(d, "SetVar") for d in details if text(d, "Event") == "EndpointDetail"), "")
        found[endpoint] = variables({"ChanVariable": said.split(",")})

    async with asyncio.TaskGroup() as group:
        for endpoint in endpoints - {""}:
            group.create_task(ask(endpoint))
    return found


async def names_of(
    ami: AmiConnection,
    translator: Translator,
    channel: Channel,
    now: Callable[[], datetime],
    timeout_s: float,
) -> f.LegIdentified | None:
    """A channel's other names, the SIP Call-ID and the X-Session-Id of its INVITE."""
    if channel.technology != "PJSIP":
        return None
    call_id = await variable(ami, channel.name, "CHANNEL(pjsip,call-id)", timeout_s)
    session_id = ""
    if channel.calling:  # only an INVITE that came in has headers to be read
        session_id = await variable(ami, channel.name, "PJSIP_HEADER(read,X-Session-Id)", timeout_s)
    return translator.name_leg(channel.leg_id, now(), call_id, session_id)


async def variable(ami: AmiConnection, channel: str, name: str, timeout_s: float) -> str:
    """A channel variable or function; "" if it is not set or the channel is gone."""
    answer: Headers = await ami.action("Getvar", timeout_s, Channel=channel, Variable=name)
    return text(answer, "Value") if text(answer, "Response") == "Success" else ""


async def system_name(ami: AmiConnection, timeout_s: float) -> str:
    """The ``systemname`` of asterisk.conf, "" if it has none."""
    for line in await ami.command("core show settings", timeout_s):
        label, colon, value = line.partition(":")
        if colon and label.strip() == "System name":
            return value.strip()
    return ""


async def channel_event(ami: AmiConnection, channel: str, timeout_s: float) -> Headers | None:
    """A Newchannel event as it should have come, put together from single questions about a channel.

    Its number is left out: it is what has broken the event. None if the channel is gone.
    """
    unique_id = await variable(ami, channel, "UNIQUEID", timeout_s)
    if not unique_id:
        return None
    said = [f"{v}={await variable(ami, channel, v, timeout_s)}" for v in VARIABLES]
    state = await variable(ami, channel, "CHANNEL(state)", timeout_s)
    return {
        "Event": "Newchannel",
        "SystemName": await system_name(ami, timeout_s),
        "Channel": channel,
        "Exten": await variable(ami, channel, "EXTEN", timeout_s),
        "ChannelState": {"Ring": "4", "Up": "6"}.get(state, "0"),
        "Uniqueid": unique_id,
        "Linkedid": await variable(ami, channel, "CHANNEL(linkedid)", timeout_s) or unique_id,
        "ChanVariable": said,
        "Application": await variable(ami, channel, "CHANNEL(appname)", timeout_s),
        "ApplicationData": await variable(ami, channel, "CHANNEL(appdata)", timeout_s),
    }


async def routes_now(ami: AmiConnection, channel: Channel, timeout_s: float) -> tuple[Route, ...]:
    """What a channel came through, by single questions; the queue that it is in is noted on it."""
    application = await variable(ami, channel.name, "CHANNEL(appname)", timeout_s)
    data = await variable(ami, channel.name, "CHANNEL(appdata)", timeout_s)
    said = [f"{v}={await variable(ami, channel.name, v, timeout_s)}" for v in VARIABLES]
    queue = queue_in(application, data)
    if queue and f"{QUEUE_VARIABLE}={queue}" not in said:
        await ami.action("Setvar", timeout_s, Channel=channel.name, Variable=QUEUE_VARIABLE, Value=queue)
    row: Headers = {"ChanVariable": said, "Application": application, "ApplicationData": data}
    return routes_of(channel.party, row)


async def _seen(
    ami: AmiConnection, channel: Channel, monitor: Monitor, timeout_s: float, spool: PurePath
) -> f.CaptureSeen | None:
    capture_id = monitor.capture_id
    file = PurePath(monitor.file)
    if capture_id is None or not file.is_relative_to(spool):
        return None  # somebody else's monitor
    noted = await variable(ami, channel.name, mask_variable(capture_id), timeout_s)
    if noted == "1":
        # The note is written after the mask and taken back after the unmask, so at worst it is
        # on although the monitor hears: set the mask again rather than believe the note.
        await ami.action(
            "MixMonitorMute", timeout_s, Channel=channel.name, Direction="both", State="1",
            MixMonitorID=monitor.monitor_id,
        )  # fmt: skip
    path = _SIDE.sub(".wav", str(file.relative_to(spool)))
    left = await variable(ami, channel.name, note_variable(capture_id), timeout_s)
    kept = await variable(ami, channel.name, kept_variable(capture_id), timeout_s)
    note = read_note(left, kept=kept == "1")
    return f.CaptureSeen(capture_id, channel.leg_id, path, masked=noted == "1", note=note)
