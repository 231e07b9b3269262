"""Sessions, tokens' scopes, second factors, identities, groups, and an audit that only grows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError

from controller.catalog import Database, SqlCatalog
from controller.catalog import tables as t
from controller.core.roles import Permission
from controller.core.rules import PolicyScope, Route
from controller.engine.entry import ApiToken, Group, MemberKind, SessionRow, Stage
from controller.engine.reading import Account, AuditEntry, AuditFilter, RecordingFilter, Role, Scope, Team

from .conftest import NOW
from .story import Story, inside, outside

SUE = Account("sue", "sue", Role.SUPERVISOR, "red.example", None)
ANN = Account("ann", "ann", Role.TENANT, "red.example", None)
BOB = Account("bob", "bob", Role.TENANT, "blue.example", None)
EVERY = RecordingFilter()


def session(name: str, account: Account = ANN, *, hours: float = 12, stage: Stage = Stage.FULL) -> SessionRow:
    return SessionRow(
        f"hash-{name}", name, account.account_id, stage, NOW, NOW, NOW + timedelta(hours=hours), "127.0.0.1",
        "Firefox on Linux",
    )  # fmt: skip


async def test_sessions_are_found_ended_and_forgotten(catalog: SqlCatalog) -> None:
    for account in (ANN, BOB):
        await catalog.add_account(account, "hash")
    for row in (session("a"), session("b"), session("half", stage=Stage.CODE), session("of-bob", BOB)):
        await catalog.add_session(row)
    found = await catalog.session("hash-a", NOW)
    assert found == (session("a"), ANN)
    assert await catalog.session("hash-a", NOW + timedelta(hours=12)) is None
    assert await catalog.session("a", NOW) is None
    assert {s.nonce for s in await catalog.sessions("ann", NOW)} == {"a", "b"}
    assert not await catalog.end_session("ann", "of-bob")
    assert await catalog.end_session("ann", "a")
    assert await catalog.session("hash-a", NOW) is None
    await catalog.set_password("ann", "other", keep="b")
    assert [s.nonce for s in await catalog.sessions("ann", NOW)] == ["b"]
    assert await catalog.session("hash-half", NOW) is None
    await catalog.change_account(Account("ann", "ann", Role.TENANT, "red.example", None, disabled=True))
    assert await catalog.session("hash-b", NOW) is None
    assert await catalog.session("hash-of-bob", NOW) is not None


async def test_a_token_keeps_its_scopes(catalog: SqlCatalog) -> None:
    await catalog.add_account(ANN, "hash")
    for name, scopes in (("all", None), ("none", ()), ("some", (Permission.SEE_CALLS, Permission.DOWNLOAD))):
        await catalog.add_token(ApiToken(name, "ann", name, NOW, None, None, scopes), name)
        found = await catalog.bearer(name, NOW)
        assert found is not None
        assert found.token.scopes == scopes


async def test_a_code_is_taken_once_and_a_recovery_code_once(catalog: SqlCatalog) -> None:
    await catalog.add_account(ANN, "hash")
    await catalog.begin_factor("ann", "sealed-1")
    await catalog.begin_factor("ann", "sealed-2")
    assert not await catalog.spend_step("ann", 5), "it does not count before it is confirmed"
    assert await catalog.confirm_factor("ann", 100, ["c1", "c2"])
    assert not await catalog.confirm_factor("ann", 101, ["c3"])
    with pytest.raises(ValueError, match="already"):
        await catalog.begin_factor("ann", "sealed-3")
    assert not await catalog.spend_step("ann", 100)
    assert await catalog.spend_step("ann", 101)
    assert not await catalog.spend_step("ann", 101)
    assert not await catalog.spend_step("ann", 99)
    assert await catalog.spend_recovery_code("ann", "c1")
    assert not await catalog.spend_recovery_code("ann", "c1")
    assert await catalog.recovery_codes_left("ann") == 1
    assert await catalog.remove_factor("ann")
    assert await catalog.second_factor("ann") is None
    assert await catalog.recovery_codes_left("ann") == 0


async def test_a_subject_is_one_account_s(catalog: SqlCatalog) -> None:
    for account in (ANN, BOB):
        await catalog.add_account(account, "")
    await catalog.link("https://idp", "s1", "ann")
    await catalog.link("https://idp", "s1", "ann")
    with pytest.raises(ValueError, match="another"):
        await catalog.link("https://idp", "s1", "bob")
    assert await catalog.account_of("https://idp", "s1") == ANN
    assert await catalog.account_of("https://other", "s1") is None


async def test_groups_are_of_one_tenant(catalog: SqlCatalog) -> None:
    for account in (SUE, BOB):
        await catalog.add_account(account, "hash")
    red = Group("g1", "red.example", "Support", ((MemberKind.QUEUE, "sales"), (MemberKind.USER, "1001")))
    await catalog.set_group(red)
    await catalog.set_group(Group("g2", "blue.example", "Support"))
    assert await catalog.groups(Scope("red.example")) == [red]
    assert len(await catalog.groups(Scope(None))) == 2
    assert await catalog.groups(Scope("red.example", "1001")) == []
    with pytest.raises(ValueError, match="already"):
        await catalog.set_group(Group("g3", "red.example", "Support"))
    with pytest.raises(ValueError, match="another tenant"):
        await catalog.set_group(Group("g1", "blue.example", "Mine"))
    with pytest.raises(ValueError, match="no such group"):
        await catalog.set_groups_of("sue", ["g2"])
    await catalog.set_groups_of("sue", ["g1"])
    found = await catalog.account("sue")
    assert found is not None
    assert found.scope.team == Team(frozenset({"1001"}), frozenset({"sales"}))
    assert not await catalog.remove_group(Scope("blue.example"), "g1")
    assert await catalog.remove_group(Scope("red.example"), "g1")
    assert (await catalog.account("sue")).scope.team == Team()  # type: ignore[union-attr]


async def fill(catalog: SqlCatalog) -> dict[str, str]:
    """Calls of red: 1001's, 1002's, one through red's queue sales, one through a ring group; and one of
    blue's through a queue of the same name."""
    story = Story()
    sales, ring = (
        Route(s, n, "red.example")
        for s, n in ((PolicyScope.QUEUE, "sales"), (PolicyScope.RING_GROUP, "front"))
    )
    blues = Route(PolicyScope.QUEUE, "sales", "blue.example")
    ids = {
        "1001": story.talk("a1", inside("1001"), "a2", outside("+1")),
        "1002": story.talk("b1", inside("1002"), "b2", outside("+2")),
        "queue": story.talk("c1", outside("+3"), "c2", inside("1003"), routes=(sales,)),
        "ring": story.talk("d1", outside("+4"), "d2", inside("1004"), routes=(ring,)),
        "blue": story.talk("e1", outside("+5"), "e2", inside("1001", "blue.example"), routes=(blues,)),
    }
    await story.save(catalog)
    return ids


TEAMS = (
    (Team(), set()),
    (Team(users=frozenset({"1001"})), {"1001"}),
    (Team(users=frozenset({"1001", "1002", "nobody"})), {"1001", "1002"}),
    (Team(queues=frozenset({"sales"})), {"queue"}),
    (Team(ring_groups=frozenset({"front"}), users=frozenset({"1002"})), {"ring", "1002"}),
    (Team(ring_groups=frozenset({"sales"}), queues=frozenset({"front"})), set()),
    (Team(users=frozenset({"", "%", "100"})), set()),
)


@pytest.mark.parametrize(("team", "expected"), TEAMS)
async def test_a_supervisor_reaches_the_team_s_calls_only(
    catalog: SqlCatalog, team: Team, expected: set[str]
) -> None:
    ids = await fill(catalog)
    names = {call_id: name for name, call_id in ids.items()}
    scope = Scope("red.example", None, team)
    assert {names[c.call_id] for c in (await catalog.calls(scope, EVERY)).items} == expected
    assert {names[r.call_id] for r in (await catalog.recordings(scope, EVERY)).items} == expected
    for row in (await catalog.recordings(Scope(None), EVERY)).items:
        seen = await catalog.recording(scope, row.recording_id)
        assert (seen is not None) == (names[row.call_id] in expected)
        assert (await catalog.call(scope, row.call_id) is not None) == (names[row.call_id] in expected)
    assert {u.user for u in await catalog.users(scope)} == {n for n in expected if n.isdigit()}
    assert await catalog.rules(scope) == []
    assert await catalog.audit_entries(scope) == []
    assert (await catalog.calls(Scope(None, None, team), EVERY)).items == ()


async def test_nobody_changes_the_audit_not_even_by_the_database(
    catalog: SqlCatalog, database: Database
) -> None:
    for n in range(4):
        who = "ann" if n % 2 else "bob_%"
        await catalog.audit(AuditEntry(NOW + timedelta(n), who, "red.example", f"act{n % 2}", f"thing {n}"))
    for statement in (update(t.audit).values(account="nobody"), delete(t.audit)):
        with pytest.raises(DBAPIError, match="only grows"):
            async with database.writing() as connection:
                await connection.execute(statement)
    page = await catalog.audit_page(Scope("red.example"), AuditFilter(), limit=3)
    assert [entry.subject for _, entry in page] == ["thing 3", "thing 2", "thing 1"]
    rest = await catalog.audit_page(Scope("red.example"), AuditFilter(), before=page[-1][0])
    assert [entry.subject for _, entry in rest] == ["thing 0"]

    async def found(**where: object) -> list[str]:
        lines = await catalog.audit_page(Scope("red.example"), AuditFilter(**where))  # type: ignore[arg-type]
        return [entry.subject for _, entry in lines]

    assert await found(account="ANN") == ["thing 3", "thing 1"]
    assert await found(account="_%") == ["thing 2", "thing 0"]
    assert await found(action="act1", subject="ING 3") == ["thing 3"]
    assert await found(since=NOW + timedelta(1), until=NOW + timedelta(3)) == ["thing 2", "thing 1"]
    assert await catalog.audit_actions(Scope("red.example")) == ["act0", "act1"]
    assert await catalog.audit_page(Scope("blue.example"), AuditFilter()) == []
