"""The tables of how people come in: sessions, second factors, identities, groups."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, UniqueConstraint
from sqlmodel import Field

from .account_tables import accounts
from .rows import Row, name_, part_of, table_of, text_, time_


class SessionTable(Row, table=True):
    """``session_id`` is the SHA-256 of the cookie: what is read here opens nothing."""

    __tablename__ = "sessions"
    session_id: str = text_(primary_key=True)
    nonce: str = text_(unique=True)
    account_id: str = part_of(accounts.c.account_id, index=True)
    stage: str = text_()
    created_at: datetime = time_()
    last_used_at: datetime = time_()
    expires_at: datetime = time_()
    address: str = text_()
    device: str = text_()
    means: str = text_()


class SecondFactorTable(Row, table=True):
    __tablename__ = "second_factors"
    account_id: str = part_of(accounts.c.account_id, primary_key=True)
    sealed: str = text_()
    confirmed_at: datetime | None = time_()
    last_step: int = Field(sa_type=BigInteger)


class RecoveryCodeTable(Row, table=True):
    __tablename__ = "recovery_codes"
    account_id: str = part_of(accounts.c.account_id, primary_key=True)
    code_sha256: str = text_(primary_key=True)


class IdentityTable(Row, table=True):
    __tablename__ = "identities"
    issuer: str = name_(primary_key=True)
    subject: str = name_(primary_key=True)
    account_id: str = part_of(accounts.c.account_id, index=True)
    created_at: datetime = time_()


class GroupTable(Row, table=True):
    __tablename__ = "groups"
    __table_args__ = (UniqueConstraint("tenant", "name"),)
    group_id: str = text_(primary_key=True)
    tenant: str = name_()
    name: str = name_()


class GroupMemberTable(Row, table=True):
    __tablename__ = "group_members"
    group_id: str = part_of("groups.group_id", primary_key=True)
    kind: str = text_(primary_key=True)
    name: str = name_(primary_key=True)


class AccountGroupTable(Row, table=True):
    __tablename__ = "account_groups"
    account_id: str = part_of(accounts.c.account_id, primary_key=True)
    group_id: str = part_of("groups.group_id", primary_key=True, index=True)


sessions = table_of(SessionTable)
second_factors = table_of(SecondFactorTable)
recovery_codes = table_of(RecoveryCodeTable)
identities = table_of(IdentityTable)
groups = table_of(GroupTable)
group_members = table_of(GroupMemberTable)
account_groups = table_of(AccountGroupTable)
