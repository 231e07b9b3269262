"""``tapeline user`` and ``tapeline token``: accounts, passwords, second factors, sessions and tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from controller.cli.common import operator
from controller.core.roles import Permission, Role
from controller.engine.entry import Group, SessionRow, Stage
from controller.engine.reading import Account, Scope
from controller.web.passwords import Passwords

from .conftest import Tapeline

NOW = datetime.now(UTC)


def account(tapeline: Tapeline, login: str) -> Account:
    found = tapeline.within(lambda catalog: catalog.credentials(login))
    assert found is not None
    return found.account


def test_an_account_is_made_changed_and_disabled(tapeline: Tapeline, tmp_path: Path) -> None:
    printed = tapeline.run("user", "add", "sue", "--role", "supervisor", "--tenant", "acme", "--generate")
    password = printed.split("password: ")[1].strip()
    found = tapeline.within(lambda catalog: catalog.credentials("sue"))
    assert found is not None

    async def fits() -> bool:
        return await Passwords().verify(password, found.password_hash)

    assert tapeline.within(lambda _: fits())
    tapeline.within(lambda catalog: catalog.set_group(Group("g1", "acme", "Front")))
    tapeline.run("user", "change", "sue", "--group", "Front")
    assert tapeline.within(lambda catalog: catalog.groups_of(found.account.account_id)) == ["g1"]
    assert "no group 'Back'" in tapeline.refused("user", "change", "sue", "--group", "Back")
    assert "needs one" in tapeline.refused("user", "change", "sue", "--role", "user")
    tapeline.run("user", "change", "sue", "--role", "user", "--extension", "101", "--disable")
    changed = account(tapeline, "sue")
    assert (changed.role, changed.extension, changed.disabled) == (Role.USER, "101", True)
    assert tapeline.json("user", "list") == [
        {"login": "sue", "role": "user", "tenant": "acme", "extension": "101", "disabled": True}
    ]
    weak = tmp_path / "weak"
    weak.write_text("passwordpassword")
    assert "first" in tapeline.refused("user", "password", "sue", "--password-file", str(weak))
    assert "no account" in tapeline.refused("user", "sign-out", "nobody")
    log = tapeline.within(lambda catalog: catalog.audit_entries(Scope("acme")))
    assert {(e.account, e.action) for e in log} == {
        (operator(), "account made"), (operator(), "account changed"),
    }  # fmt: skip


def test_sessions_and_second_factors_end(tapeline: Tapeline) -> None:
    tapeline.run("user", "add", "root", "--generate")
    of = account(tapeline, "root").account_id
    row = SessionRow("hash", "nonce", of, Stage.FULL, NOW, NOW, NOW + timedelta(hours=1))
    tapeline.within(lambda catalog: catalog.add_session(row))
    tapeline.within(lambda catalog: catalog.begin_factor(of, "sealed"))
    assert tapeline.run("user", "sign-out", "root").strip() == "1 ended"
    assert tapeline.within(lambda catalog: catalog.sessions(of, NOW)) == []
    tapeline.run("user", "reset-totp", "root")
    assert "no second factor" in tapeline.refused("user", "reset-totp", "root")


def test_a_token_is_printed_once_and_opens_what_its_scopes_say(tapeline: Tapeline) -> None:
    tapeline.run("user", "add", "ada", "--role", "tenant_administrator", "--tenant", "acme", "--generate")
    printed = tapeline.run(
        "token", "add", "ada", "--scope", "see_calls", "--scope", "download", "--days", "7"
    )
    text = printed.strip()
    assert text.startswith("tl_")
    digest = sha256(text.encode()).hexdigest()
    bearer = tapeline.within(lambda catalog: catalog.bearer(digest, NOW))
    assert bearer is not None
    assert bearer.token.scopes == (Permission.SEE_CALLS, Permission.DOWNLOAD)
    assert tapeline.within(lambda catalog: catalog.bearer(digest, NOW + timedelta(days=8))) is None
    [listed] = tapeline.json("token", "list", "ada")
    assert text not in str(listed)
    beyond = tapeline.refused("token", "add", "ada", "--scope", "system_settings")
    assert "itself does not have" in beyond
    tapeline.run("token", "remove", "ada", listed["token_id"])
    assert "no token" in tapeline.refused("token", "remove", "ada", listed["token_id"])
