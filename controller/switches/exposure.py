"""Whether others could read, or write, what is said to a switch: neither loopback, nor TLS, nor a tunnel."""

from __future__ import annotations

from ipaddress import ip_address

from ..config import AsteriskConfig, FreeSwitchConfig
from ..engine.ports import Check


def exposed(config: FreeSwitchConfig | AsteriskConfig) -> str:
    """Why the control connection lies open; empty if it does not."""
    if config.trusted_network or (isinstance(config, AsteriskConfig) and config.tls):
        return ""
    try:
        local = ip_address(config.host).is_loopback
    except ValueError:
        local = config.host == "localhost" or config.host.endswith(".localhost")
    if local:
        return ""
    what = "AMI" if isinstance(config, AsteriskConfig) else "the event socket"
    return (
        f"{what} at {config.host} is spoken to in the clear over a network: whoever is on the way can read "
        "who calls whom, and control the switch"
    )


def mend_of(config: FreeSwitchConfig | AsteriskConfig) -> str:
    return (
        "put both on one machine, or a tunnel between them whose end is 127.0.0.1 (docs/how-to/tunnel.md)"
        f"{', or set tls' if isinstance(config, AsteriskConfig) else ''}; "
        "if nobody else is on that network, set trusted_network"
    )


def exposure_check(config: FreeSwitchConfig | AsteriskConfig) -> Check:
    why = exposed(config)
    found = why or "on loopback, encrypted, or on a network that is said to be trusted"
    return Check("control connection", not why, found, mend_of(config) if why else "")
