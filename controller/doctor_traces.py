"""What `tapeline doctor` finds of traces: whether the collector takes them, and who could read its secret."""

from __future__ import annotations

import asyncio
import stat
from ipaddress import ip_address
from urllib.parse import urlsplit

from .config import Config, ConfigError
from .config.traces import TracesConfig
from .engine.ports import Check
from .traces.collector import Away, NotTaken
from .traces.sending import NoTracer, try_out

#: A post has an end of its own; looking up the name of its host has none.
LONGEST_S = 10.0


async def examine_traces(config: Config) -> list[Check]:
    return [await _collector(config), *_secret(config.traces)]


async def _collector(config: Config) -> Check:
    """An export of nothing sent, as every other will be."""
    lost = "until it takes traces, they are lost; nothing else is"
    try:
        async with asyncio.timeout(LONGEST_S):
            await asyncio.to_thread(try_out, config)
    except NoTracer as error:
        return Check("collector", False, str(error), error.mend)
    except (ConfigError, Away, NotTaken) as error:
        return Check("collector", False, str(error), lost)
    except TimeoutError:
        return Check("collector", False, "nothing came back within ten seconds", lost)
    return Check("collector", True, "takes traces")


def _secret(traces: TracesConfig) -> list[Check]:
    """Of the headers: a token, as a rule."""
    file = traces.headers_file
    if file is None or not file.exists():
        return []
    checks = []
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o007:
        found = f"{file} may be read or changed by everybody on this machine (mode {mode:04o})"
        mend = "chmod 600 it; if somebody may have read it, have the collector's token changed"
        checks.append(Check("headers file", False, found, mend))
    parts = urlsplit(traces.endpoint)
    if parts.scheme == "http" and not _on_this_machine(parts.hostname or ""):
        found = "the headers of traces.headers_file go over the network as plain text"
        checks.append(Check("headers", False, found, "use https, or a collector on this machine"))
    return checks


def _on_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
