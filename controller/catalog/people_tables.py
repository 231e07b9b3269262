"""The tables of policies and people: settings, tenants, users, accounts, tokens, the audit."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Float, ForeignKey, Integer
from sqlmodel import Field

from .columns import Name
from .rows import Row, json_, name_, table_of, text_, time_

# ── policies ──────────────────────────────────────────────────────────────────────────────────


class SystemSettingsTable(Row, table=True):
    """One row, number 1. ``revision`` goes up with every change of a setting, whoever's it is, so
    that a controller sees by one number that it has to read them again."""

    __tablename__ = "system_settings"
    number: int = Field(primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False})
    record_external: bool
    audio: str = text_()
    video: str = text_()
    directions: list[Any] = json_()
    revision: int = Field(sa_type=BigInteger)


class TenantTable(Row, table=True):
    """``folder`` is the tenant's folder in the spool (core.recording.tenant_folder). ``options`` holds
    those that are not the default (core.options)."""

    __tablename__ = "tenants"
    tenant: str = name_(primary_key=True)
    folder: str = text_(unique=True)
    audio: str = text_()
    video: str = text_()
    directions: list[Any] = json_()
    options: dict[str, Any] = json_()
    created_at: datetime = time_()


class UserTable(Row, table=True):
    __tablename__ = "users"
    tenant: str = Field(primary_key=True, sa_type=Name, sa_column_args=[ForeignKey("tenants.tenant")])
    user: str = name_(primary_key=True)
    name: str = text_()
    audio: str = text_()
    video: str = text_()
    directions: list[Any] = json_()
    mode: str = text_()
    sample_percent: float = Field(sa_type=Float)
    created_at: datetime = time_()


class RuleTable(Row, table=True):
    """The rules of trunks, queues, groups and so on (core.rules.ROUTE_SCOPES). ``tenant`` is empty
    for the system's trunks, so that it can be a part of the key."""

    __tablename__ = "rules"
    tenant: str = name_(primary_key=True)
    scope: str = text_(primary_key=True)
    name: str = name_(primary_key=True)
    audio: str = text_()
    video: str = text_()
    directions: list[Any] = json_()
    sample_percent: float = Field(sa_type=Float)


system_settings = table_of(SystemSettingsTable)
tenants = table_of(TenantTable)
users = table_of(UserTable)
rules = table_of(RuleTable)
