"""The users that a FreeSWITCH knows, by its own directory (engine.ports.Directory).

`list_users` is not what it seems on 1.10.12: it gives a user without a name the one before it, and
leaves out users beside a domain's groups. So the directory itself is read, and `list_users`
only counts where a program serves it (mod_xml_curl and the like), and there without names.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable

from ...config import FreeSwitchConfig
from ...engine.ports import DirectoryUnreadable, DirectoryUser
from . import xml_answers
from .opening import open_event_socket
from .replies import ConnectionLost

#: A directory of ten thousand users takes its time.
TIMEOUT_S = 30.0
MAX_TEXT = 256
#: A user's own variable for the name that others see.
NAME = "effective_caller_id_name"


class FreeSwitchDirectory:
    """engine.ports.Directory over a connection of its own."""

    def __init__(self, config: FreeSwitchConfig) -> None:
        self._config = config

    async def users(self) -> list[DirectoryUser]:
        """Raises DirectoryUnreadable, ConfigError."""
        config = self._config
        try:
            socket = await open_event_socket(config)
            try:
                found = by_xml(await socket.send("api xml_locate directory", TIMEOUT_S))
                if not found:
                    found = by_list(await socket.send("api list_users", TIMEOUT_S))
            finally:
                await socket.close()
        except (ConnectionLost, TimeoutError) as error:
            reason = str(error) or "it does not answer"
            raise DirectoryUnreadable(f"switch {config.name}: {reason}; try `tapeline doctor`") from error
        return sorted(found, key=lambda u: (u.tenant, u.user))


def by_xml(text: str) -> list[DirectoryUser]:
    """The users of every domain, wherever in it they are; none for what is not a directory."""
    directory = xml_answers.read(text)
    return _each_once(
        DirectoryUser(_cut(domain.get("name")), _cut(user.get("id")), _name(user))
        for domain in directory.iter("domain")
        for user in domain.iter("user")
        if user.get("type") != "pointer"  # a group's mention of a user that is elsewhere
    )


def by_list(text: str) -> list[DirectoryUser]:
    """The users of `list_users`: a line each, userid|context|domain|…; its names are not to be trusted."""
    head, *lines = text.strip().splitlines() or [""]
    if not head.startswith("userid|context|domain|"):
        return []
    rows = (line.split("|") for line in lines)
    return _each_once(DirectoryUser(_cut(row[2]), _cut(row[0])) for row in rows if len(row) > 3)


def _name(user: ET.Element) -> str:
    values = (v.get("value") for v in user.iterfind("variables/variable") if v.get("name") == NAME)
    return _cut(next(values, ""))


def _cut(text: str | None) -> str:
    return (text or "").strip()[:MAX_TEXT]


def _each_once(users: Iterable[DirectoryUser]) -> list[DirectoryUser]:
    found: dict[tuple[str, str], DirectoryUser] = {}
    for one in users:
        if one.tenant and one.user:
            found.setdefault((one.tenant, one.user), one)
    return list(found.values())
