"""Who is on a leg, by what the switch says of it. Pure.

Values that start with a caller's text (names, numbers) are only ever passed on as a party's number and name.
"""

from __future__ import annotations

import re

from ...config import FreeSwitchConfig
from ...core.parties import UNKNOWN, Party, Side
from .events import MAX_TEXT, Event

_URI_USER = re.compile(r"sips?:([^@;>]*)@")


def party_of(config: FreeSwitchConfig, event: Event) -> Party:
    """Who is on this leg. Trunk first: an extension forwarded to a mobile is external."""
    outbound = direction(event) == "outbound"
    profile = event.get("variable_sofia_profile_name") or event.get("variable_sip_profile_name", "")
    gateway = event.get("variable_sip_gateway_name") or event.get("variable_sip_gateway", "")
    if outbound:
        number = event.get("Caller-Callee-ID-Number") or event.get("Caller-Destination-Number", "")
        name = event.get("Caller-Callee-ID-Name", "")
        if event.get("Caller-Transfer-Source"):
            # A transfer makes the called leg a caller: the callee is now the next party, and
            # the leg's own number has become the caller's.
            number = event.get("Caller-Caller-ID-Number") or number
            name = event.get("Caller-Caller-ID-Name", "")
        name = "" if name == "Outbound Call" else name
    else:
        number = event.get("Caller-Caller-ID-Number", "")
        name = event.get("Caller-Caller-ID-Name", "")
    number, name = number[:MAX_TEXT], name[:MAX_TEXT]
    if outbound and sent_on(event):
        return Party(UNKNOWN.side, None, None, _sent_to(event), "", profile or None)
    trunks = config.trunk_gateways
    if profile in config.trunk_profiles or (gateway and (not trunks or gateway in trunks)):
        trunk_tenant = event.get("variable_tapeline_tenant") or config.tenant_of_gateway.get(gateway)
        return Party(Side.EXTERNAL, trunk_tenant or None, None, number, name, gateway or profile)
    # On the calling leg only the digest's own variables count: it also carries dialed_user,
    # which is the other party. On a called leg it is the other way round.
    # A transfer makes the called leg a caller and overwrites its dialed_user with the next
    # party; the presence id, which the directory's dial string sets, stays its own.
    presence_user, _, presence_domain = event.get("Channel-Presence-ID", "").partition("@")
    if outbound and presence_user and presence_domain:
        user, tenant = presence_user, presence_domain
    elif outbound:
        user, tenant = event.get("variable_dialed_user", ""), event.get("variable_dialed_domain", "")
    else:
        user, tenant = event.get("variable_user_name", ""), event.get("variable_domain_name", "")
    if not user or not tenant:
        return Party(UNKNOWN.side, None, None, number, name, profile or None)
    # The number is the one that signed in, not the one that the phone wrote into From.
    return Party(Side.INTERNAL, tenant, user, user, name)


def direction(event: Event) -> str:
    return event.get("variable_direction") or event.get("Call-Direction", "")


def sent_on(event: Event) -> bool:
    """Whether the phone that was called answered 3xx with an address that is not the switch's own.

    FreeSWITCH calls that one on the same leg, whose presence id stays the user's (1.10.12). Whoever answers
    has not signed in. The count is on the leg itself only, the address on its caller's as well.
    """
    return bool(event.get("variable_sip_redirect_count"))


def _sent_to(event: Event) -> str:
    found = _URI_USER.search(event.get("variable_sip_redirected_to", ""))
    return found[1].replace("%2B", "+")[:MAX_TEXT] if found else ""
