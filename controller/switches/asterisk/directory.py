"""The users that an Asterisk knows, by its PJSIP endpoints (engine.ports.Directory)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...config import AsteriskConfig
from ...engine.ports import DirectoryUnreadable, DirectoryUser
from .channels import MAX_TEXT, Channel, party
from .connection import AmiConnection, ConnectionLost
from .headers import Headers, text
from .opening import open_ami

TIMEOUT_S = 10.0
#: ``"Ann" <101>``, ``Ann <101>``, ``101``.
_CALLER_ID = re.compile(r'\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^<"]*?))\s*(?:<[^>]*>)?\s*')


class AsteriskDirectory:
    """engine.ports.Directory over a connection of its own."""

    def __init__(self, config: AsteriskConfig) -> None:
        self._config = config

    async def users(self) -> list[DirectoryUser]:
        """The internal endpoints, as the parties of calls are told (see `channels.party`): by the
        variables that pjsip.conf sets. What the dialplan sets is not seen here.

        Raises DirectoryUnreadable, ConfigError.
        """
        config = self._config
        try:
            ami = await open_ami(config, lambda events: None)
            try:
                return users_of(config, await _endpoints(ami))
            finally:
                await ami.close()
        except (ConnectionLost, TimeoutError) as error:
            reason = str(error) or "it does not answer"
            raise DirectoryUnreadable(f"switch {config.name}: {reason}; try `tapeline doctor`") from error


async def _endpoints(ami: AmiConnection) -> list[Headers]:
    found = []
    for row in await ami.listing("PJSIPShowEndpoints", TIMEOUT_S):
        name = text(row, "ObjectName")
        try:
            # It comes with the passwords of the endpoint, which nobody keeps or logs.
            details = await ami.listing("PJSIPShowEndpoint", TIMEOUT_S, Endpoint=name)
        except ConnectionLost:
            if ami.closed.done():
                raise
            continue  # taken out of the configuration since the list was made
        found += [d for d in details if text(d, "Event") == "EndpointDetail"]
    return found


def users_of(config: AsteriskConfig, endpoints: Iterable[Headers]) -> list[DirectoryUser]:
    """Each user once; of several endpoints of one user the first with a name gives it."""
    found: dict[tuple[str, str], DirectoryUser] = {}
    for endpoint in endpoints:
        channel = Channel("", f"PJSIP/{text(endpoint, 'ObjectName')}-")
        who = party(config, channel, {"ChanVariable": text(endpoint, "SetVar").split(",")})
        if not who.internal or not who.tenant or not who.user:
            continue
        one = DirectoryUser(who.tenant, who.user, caller_name(text(endpoint, "Callerid")))
        known = found.setdefault((who.tenant, who.user), one)
        if not known.name:
            found[who.tenant, who.user] = one
    return [found[key] for key in sorted(found)]


def caller_name(caller_id: str) -> str:
    """The name in an endpoint's ``callerid``; "" if it is unset or a number alone."""
    match = _CALLER_ID.fullmatch(caller_id)
    if match is None or caller_id == "<unknown>":
        return ""
    name = re.sub(r"\\(.)", r"\1", match["quoted"] if match["quoted"] is not None else match["bare"])
    return "" if "<" not in caller_id and name.isdigit() else name.strip()[:MAX_TEXT]
