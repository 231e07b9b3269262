"""Everything about who may come in and what they did, in one (engine.reading.AccountStore)."""

from __future__ import annotations

from .accounts import Accounts
from .audit import Audit
from .factors import Factors
from .groups import Groups
from .sessions import Sessions
from .shares import Shares


class People(Accounts, Audit, Sessions, Factors, Groups, Shares):
    """PeopleStore, SessionStore, TokenStore, FactorStore, IdentityStore and GroupStore; and ShareStore."""
