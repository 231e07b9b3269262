"""Names of tenants, users and rules as a form or an address brings them, checked."""

from __future__ import annotations

import re

from ...engine.reading import Account
from ..access import own_tenant
from ..api.settings_bodies import NAME, TENANT, USER
from ..language import N_
from ..problems import Problem

TENANT_FAULT = N_("A tenant has a name without blanks, slashes or @.")
USER_FAULT = N_("An extension has no blanks, slashes or @, and 128 characters at the most.")
NAME_FAULT = N_("A name of up to 200 characters, without control characters.")


def is_tenant(text: str) -> bool:
    return bool(re.fullmatch(TENANT, text))


def is_user(text: str) -> bool:
    return bool(re.fullmatch(USER, text))


def is_name(text: str) -> bool:
    return bool(re.fullmatch(NAME, text))


def tenant_for(me: Account, text: str) -> str:
    """The tenant that is meant, the administrator's own where none is named. Raises 404 for another's."""
    tenant = text.strip() or (me.tenant or "")
    if not is_tenant(tenant):
        raise Problem(422, TENANT_FAULT)
    return own_tenant(me, tenant)
