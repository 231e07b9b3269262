"""Accounts, tokens and the audit."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from controller.catalog import Database, SqlCatalog
from controller.catalog import tables as t
from controller.core.rules import Setting
from controller.engine.reading import Account, ApiToken, AuditEntry, Credentials, Role, Scope, UserSettings

from .conftest import NOW

ANN = Account("ann", "Ann@Red.example", Role.USER, "red.example", "1001")
ROOT = Account("root", "root", Role.SYSTEM, None, None)


async def test_credentials_by_login_without_case(catalog: SqlCatalog) -> None:
    await catalog.add_account(ANN, "$argon2id$hash")
    for login in ("Ann@Red.example", "ann@red.EXAMPLE"):
        assert await catalog.credentials(login) == Credentials(ANN, "$argon2id$hash")
    for login in ("ann", "", "Ann@Red.example ", "ann%", "\x00", "\ud800"):
        assert await catalog.credentials(login) is None
    await catalog.set_password("ann", "new")
    assert await catalog.credentials(ANN.login) == Credentials(ANN, "new")
    assert await catalog.account("ann") == ANN
    assert await catalog.account("bob") is None
    with pytest.raises(ValueError, match="no account"):
        await catalog.set_password("bob", "new")


async def test_a_login_is_taken_once(catalog: SqlCatalog) -> None:
    others = [Account(f"id{n}", "ANN@red.example", Role.USER, "blue.example", "2") for n in range(5)]
    results = await asyncio.gather(
        *(catalog.add_account(account, "hash") for account in [ANN, *others]), return_exceptions=True
    )
    assert [type(r) for r in results].count(ValueError) == 5
    assert len(await catalog.accounts(Scope(None))) == 1
    with pytest.raises(ValueError, match="taken"):
        await catalog.add_account(ANN, "hash")


WIDER_THAN_THEIR_ROLE = [
    Account("x", "x", Role.TENANT, None, None),
    Account("x", "x", Role.TENANT, "", None),
    Account("x", "x", Role.USER, None, "1001"),
    Account("x", "x", Role.USER, "red.example", None),
    Account("x", "x", Role.USER, "red.example", ""),
]


@pytest.mark.parametrize("account", [*WIDER_THAN_THEIR_ROLE, Account("x", " ", Role.SYSTEM, None, None)])
async def test_an_account_that_lacks_what_limits_it_is_refused(account: Account) -> None:
    catalog = SqlCatalog(None)  # type: ignore[arg-type]  # refused before a database is asked
    with pytest.raises(ValueError, match="needs a"):
        await catalog.add_account(account, "hash")


async def test_the_database_refuses_it_too(database: Database) -> None:
    async def add(account: Account) -> None:
        row = {
            "account_id": "x", "login": "x", "login_key": "x", "role": str(account.role),
            "tenant": account.tenant, "extension": account.extension, "disabled": False,
            "password_hash": "", "created_at": NOW,
        }  # fmt: skip
        async with database.writing() as connection:
            await connection.execute(t.accounts.insert(), row)

    for account in WIDER_THAN_THEIR_ROLE:
        with pytest.raises(IntegrityError):
            await add(account)
    await add(ANN)


async def speaks_for(catalog: SqlCatalog, token_sha256: str, at: datetime) -> Account | None:
    found = await catalog.bearer(token_sha256, at)
    return found and found.account


async def test_tokens(catalog: SqlCatalog) -> None:
    for account in (ANN, ROOT):
        await catalog.add_account(account, "hash")
    forever = ApiToken("t1", "ann", "script", NOW, None, None)
    brief = ApiToken("t2", "ann", "brief", NOW + timedelta(1), NOW + timedelta(2), None)
    await catalog.add_token(forever, "aa")
    await catalog.add_token(brief, "bb")
    assert await catalog.tokens("ann") == [forever, brief]
    assert await catalog.tokens("root") == []
    assert await speaks_for(catalog, "aa", NOW) == ANN
    assert await speaks_for(catalog, "bb", NOW + timedelta(2) - timedelta(seconds=1)) == ANN
    assert await catalog.bearer("bb", NOW + timedelta(2)) is None
    for unknown in ("", "cc", "AA", "a%"):
        assert await catalog.bearer(unknown, NOW) is None
    assert not await catalog.remove_token("root", "t1")  # not root's own
    assert await catalog.remove_token("ann", "t1")
    assert not await catalog.remove_token("ann", "t1")
    assert await catalog.bearer("aa", NOW) is None
    assert [token.token_id for token in await catalog.tokens("ann")] == ["t2"]


async def test_when_a_token_was_last_used_to_the_minute(catalog: SqlCatalog) -> None:
    await catalog.add_account(ANN, "hash")
    await catalog.add_token(ApiToken("t1", "ann", "script", NOW, None, None), "aa")
    for seconds, expected in ((0, 0), (30, 0), (60, 60), (300, 300)):
        await catalog.bearer("aa", NOW + timedelta(seconds=seconds))
        (token,) = await catalog.tokens("ann")
        assert token.last_used_at == NOW + timedelta(seconds=expected)


async def test_a_disabled_account_has_no_tokens_that_work(catalog: SqlCatalog) -> None:
    off = Account("off", "off", Role.TENANT, "red.example", None, disabled=True)
    await catalog.add_account(off, "hash")
    await catalog.add_token(ApiToken("t1", "off", "", NOW, None, None), "aa")
    assert await catalog.bearer("aa", NOW) is None
    found = await catalog.credentials("off")
    assert found is not None
    assert found.account.disabled


async def test_the_audit_newest_first(catalog: SqlCatalog) -> None:
    entries = [
        AuditEntry(NOW - timedelta(n), "ann", "red.example", "listened", f"rec{n}", "why", "127.0.0.1")
        for n in range(5)
    ]
    for entry in entries:
        await catalog.audit(entry)
    assert await catalog.audit_entries(Scope(None)) == entries[::-1]  # as written, whatever their times
    assert await catalog.audit_entries(Scope("red.example"), limit=2) == [entries[4], entries[3]]
    await catalog.audit(AuditEntry(NOW, "x\x00", None, "sign-in refused", "\ud800'; --", "é" * 4000))
    (newest, *_) = await catalog.audit_entries(Scope(None), limit=1)
    assert (newest.account, newest.subject, newest.tenant) == ("x\ufffd", "\ufffd'; --", None)


async def test_a_user_s_settings_are_changed_not_doubled(catalog: SqlCatalog) -> None:
    for audio in (Setting.ON, Setting.OFF):
        await catalog.set_user(UserSettings("red.example", "1001", "Ann", audio, Setting.ON))
    assert await catalog.users(Scope(None)) == [
        UserSettings("red.example", "1001", "Ann", Setting.OFF, Setting.ON)
    ]
    for tenant, user in (("", "1001"), ("red.example", "")):
        with pytest.raises(ValueError, match="needs"):
            await catalog.set_user(UserSettings(tenant, user, "", Setting.ON, Setting.ON))
