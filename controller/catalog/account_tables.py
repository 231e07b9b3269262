"""The tables of who may come in: accounts, and the tokens of programs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, UniqueConstraint

from .rows import Row, json_, name_, part_of, table_of, text_, time_


class AccountTable(Row, table=True):
    """The checks keep an account from seeing more by a missing value (see reading.Account.scope)."""

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("login_key"),
        CheckConstraint("role = 'system_administrator' OR (tenant IS NOT NULL AND tenant <> '')", "tenant"),
        CheckConstraint("role <> 'user' OR (extension IS NOT NULL AND extension <> '')", "extension"),
    )
    account_id: str = text_(primary_key=True)
    login: str = text_()
    login_key: str = name_()
    role: str = text_()
    tenant: str | None = name_(index=True)
    extension: str | None = name_()
    disabled: bool
    password_hash: str = text_()
    language: str = text_()
    created_at: datetime = time_()


class TokenTable(Row, table=True):
    __tablename__ = "api_tokens"
    token_id: str = text_(primary_key=True)
    account_id: str = part_of("accounts.account_id", index=True)
    label: str = text_()
    created_at: datetime = time_()
    expires_at: datetime | None = time_()
    last_used_at: datetime | None = time_()
    token_sha256: str = text_(unique=True)
    scopes: list[Any] | None = json_()


accounts = table_of(AccountTable)
api_tokens = table_of(TokenTable)
