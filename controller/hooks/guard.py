"""Where a webhook may go: a public address, unless the operator's configuration names the network.

The address is resolved here, every answer is looked at, and the request goes to the one that was looked
at: a name that points elsewhere the second time it is asked for (DNS rebinding) leads nowhere.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from ..core.errors import TapelineError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_URL = 2000
RESOLVE_S = 5
_NAT64 = IPv6Network("64:ff9b::/96")


class NotAllowed(TapelineError):
    """Nothing is sent there; the text says why, and is shown to whoever set the webhook up."""


@dataclass(frozen=True, slots=True)
class Target:
    """``url`` names the address instead of the host; ``host`` is what the Host header and TLS say."""

    url: str
    host: str
    name: str


def check(url: str) -> tuple[str, int]:
    """(host, port) of an address that could be one. Raises NotAllowed."""
    if len(url) > MAX_URL or not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
        raise NotAllowed(f"an address is at most {MAX_URL} printable ASCII characters without blanks")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise NotAllowed("this is no address") from error
    if parts.scheme not in ("http", "https"):
        raise NotAllowed("the address must begin with https:// or http://")
    if parts.username is not None or parts.password is not None:
        raise NotAllowed("the address may hold no user name or password: everybody here would see it")
    if parts.fragment or not parts.hostname or "\\" in url or port == 0:
        raise NotAllowed("this is no address")
    return parts.hostname, port or (443 if parts.scheme == "https" else 80)


class Guard:
    """``networks``: which addresses are allowed although they are not public."""

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = tuple(networks)

    async def target(self, url: str) -> Target:
        """Resolve and look. Raises NotAllowed, also if the name has no address now."""
        host, port = check(url)
        addresses = await _resolve(host, port)
        for address in addresses:
            if not self.allowed(address):
                raise NotAllowed(
                    f"{host} is at an address that is not public; the operator can allow its network "
                    "in [webhooks] allow_networks"
                )
        parts = urlsplit(url)
        first = addresses[0]
        shown = f"[{first}]" if first.version == 6 else str(first)
        named = f"[{host}]" if ":" in host else host
        default = (parts.scheme, port) in (("http", 80), ("https", 443))
        return Target(
            parts._replace(netloc=f"{shown}:{port}").geturl(), named if default else f"{named}:{port}", host
        )

    def allowed(self, address: Address) -> bool:
        inner = _inner(address)
        if any(a in network for network in self._networks for a in (address, inner)
               if a.version == network.version):  # fmt: skip
            return True
        return all(a.is_global and not a.is_multicast for a in (address, inner))


def _inner(address: Address) -> Address:
    """The IPv4 address that some IPv6 ones stand for."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)


async def _resolve(host: str, port: int) -> list[Address]:
    try:
        async with asyncio.timeout(RESOLVE_S):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError) as error:
        raise NotAllowed(f"{host} has no address") from error
    # A zone ("fe80::1%eth0") is of no use here and link-local anyway.
    return [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
