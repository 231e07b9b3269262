"""Rules and options in the catalog: set, seen through the gate, taken back, and the policy they make."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from controller.catalog import Database, SqlCatalog
from controller.core.direction import Direction
from controller.core.errors import InvalidPolicy
from controller.core.media_kinds import OPERATIONS
from controller.core.options import DEFAULT_OPTIONS, Channels, NewUser, PauseStyle, TenantOptions
from controller.core.policy import Policy
from controller.core.rules import ROUTE_SCOPES, Mode, PolicyRule, PolicyScope, Setting
from controller.engine.ports import DirectoryUser
from controller.engine.reading import Scope, SystemSettings, TenantSettings, UserSettings

from .conftest import NOW
from .story import Story, inside, outside

ALL = Scope(None)
ON, OFF, FORBID = Setting.ON, Setting.OFF, Setting.FORBID
INBOUND = frozenset({Direction.INBOUND})
RED, BLUE = "red.example", "blue.example"

OPTIONS = TenantOptions(
    codes={"*70": OPERATIONS["pause-recording"], "#71": OPERATIONS["resume-audio-recording"]},
    pause_style=PauseStyle.CUT, longest_pause_s=90, pause_tone=True, announcement="a/b",
    channels=Channels.STEREO, new_user=NewUser(ON, FORBID, Mode.ON_DEMAND),
)  # fmt: skip
QUEUE = PolicyRule(PolicyScope.QUEUE, RED, "sales ü", ON, FORBID, INBOUND, sample_percent=12.5)


async def test_settings_come_back_whole(catalog: SqlCatalog) -> None:
    system = SystemSettings(True, Setting.REQUIRE, FORBID, INBOUND)
    tenant = TenantSettings(RED, FORBID, ON, INBOUND, OPTIONS)
    user = UserSettings(RED, "101", "Ann", ON, Setting.REQUIRE, INBOUND, Mode.ALWAYS, 33.3)
    await catalog.set_system(system)
    await catalog.set_tenant(tenant)
    await catalog.set_user(user)
    await catalog.set_rule(QUEUE)
    assert await catalog.system() == system
    assert await catalog.tenants(ALL) == [tenant]
    assert await catalog.users(ALL) == [user]
    assert await catalog.rules(ALL) == [QUEUE]
    policy = await catalog.policy()
    assert policy == Policy(True, (system.rule, tenant.rule, QUEUE, user.rule), {RED: OPTIONS})
    assert policy.options_of(BLUE) == DEFAULT_OPTIONS


@pytest.mark.parametrize("scope", sorted(ROUTE_SCOPES))
async def test_a_rule_of_every_scope(catalog: SqlCatalog, scope: PolicyScope) -> None:
    rule = PolicyRule(scope, RED, "x", ON)
    await catalog.set_rule(replace(rule, audio=OFF))
    await catalog.set_rule(rule)
    assert await catalog.rules(ALL) == [rule]
    assert [t.tenant for t in await catalog.tenants(ALL)] == [RED]
    assert await catalog.remove_rule(ALL, scope, RED, "x")
    assert not await catalog.remove_rule(ALL, scope, RED, "x")
    assert await catalog.rules(ALL) == []
    assert (await catalog.policy()).rules == ()


async def test_a_rule_of_other_scopes_is_set_elsewhere(catalog: SqlCatalog) -> None:
    for rule in (
        PolicyRule(PolicyScope.SYSTEM),
        PolicyRule(PolicyScope.TENANT, RED),
        PolicyRule(PolicyScope.USER, RED, "101"),
    ):
        with pytest.raises(ValueError, match="own settings"):
            await catalog.set_rule(rule)


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("set_tenant", TenantSettings("")),
        ("set_tenant", TenantSettings(RED, directions=frozenset())),
        ("set_user", UserSettings("", "101")),
        ("set_user", UserSettings(RED, "")),
        ("set_user", UserSettings(RED, "101", sample_percent=100.5)),
        ("set_system", SystemSettings(directions=frozenset())),
    ],
)
async def test_what_makes_no_rule_is_not_kept(catalog: SqlCatalog, method: str, settings: Any) -> None:
    with pytest.raises(InvalidPolicy):
        await getattr(catalog, method)(settings)
    assert await catalog.tenants(ALL) == []
    assert await catalog.policy() == Policy()


# ── the gate ──────────────────────────────────────────────────────────────────────────────────

RULES = {
    "system's": PolicyRule(PolicyScope.TRUNK, None, "line", ON),
    "red's": PolicyRule(PolicyScope.TRUNK, RED, "line", ON),
    "red's queue": PolicyRule(PolicyScope.QUEUE, RED, "sales", ON),
    "blue's": PolicyRule(PolicyScope.QUEUE, BLUE, "sales", ON),
}
SEEN = {
    ALL: set(RULES),
    Scope(RED): {"red's", "red's queue"},
    Scope(BLUE): {"blue's"},
    Scope("green.example"): set(),
    # Users have no business with rules, and a scope that makes no sense sees nothing.
    Scope(RED, "101"): set(),
    Scope(RED, ""): set(),
    Scope(""): set(),
    Scope("", ""): set(),
    Scope(None, "101"): set(),
    Scope("red%"): set(),
}


@pytest.mark.parametrize("scope", SEEN, ids=str)
async def test_rules_are_seen_and_removed_through_the_gate(catalog: SqlCatalog, scope: Scope) -> None:
    for rule in RULES.values():
        await catalog.set_rule(rule)
    expected = [rule for name, rule in RULES.items() if name in SEEN[scope]]
    assert sorted(await catalog.rules(scope), key=repr) == sorted(expected, key=repr)
    for name, rule in RULES.items():
        removed = await catalog.remove_rule(scope, rule.scope, rule.tenant, rule.name)
        assert removed == (name in SEEN[scope]), name
    left = {name for name in RULES if name not in SEEN[scope]}
    assert len(await catalog.rules(ALL)) == len(left)


# ── the policy, read again only when something has changed ────────────────────────────────────


async def test_every_change_is_seen_by_every_controller(catalog: SqlCatalog, database: Database) -> None:
    other = SqlCatalog(database, lambda: NOW)  # another process
    story = Story()
    story.talk("a", inside("101"), "b", outside("1555"))
    changes = [
        lambda: catalog.set_system(SystemSettings(True)),
        lambda: catalog.set_tenant(TenantSettings(RED, ON)),
        lambda: catalog.set_tenant(TenantSettings(RED, ON, options=OPTIONS)),
        lambda: catalog.set_user(UserSettings(RED, "109", "", ON)),
        lambda: catalog.set_rule(QUEUE),
        lambda: catalog.remove_rule(Scope(RED), QUEUE.scope, RED, QUEUE.name),
        lambda: story.save(catalog),  # brings a new user
        lambda: catalog.import_users([DirectoryUser(BLUE, "201", "Bo")]),
    ]
    before = await other.policy()
    for change in changes:
        await change()
        now = await other.policy()
        assert now != before
        assert await SqlCatalog(database, lambda: NOW).policy() == now
        before = now


async def test_what_has_not_changed_is_not_read_again(catalog: SqlCatalog) -> None:
    await catalog.set_user(UserSettings(RED, "101", "", ON))
    policy = await catalog.policy()
    story = Story()
    story.talk("a", inside("101"), "b", outside("1555"))  # nobody new
    await story.save(catalog)
    await catalog.import_users([DirectoryUser(RED, "101", "Ann")])  # a name decides nothing
    assert not await catalog.remove_rule(ALL, PolicyScope.QUEUE, RED, "none")
    assert await catalog.policy() is policy


async def test_a_user_s_mode_counts_without_a_setting(catalog: SqlCatalog) -> None:
    await catalog.set_user(UserSettings(RED, "101", mode=Mode.ALWAYS))
    rule = (await catalog.policy()).user(RED, "101")
    assert rule is not None
    assert rule.mode is Mode.ALWAYS


async def test_options_of_a_newer_version_are_named(catalog: SqlCatalog, database: Database) -> None:
    await catalog.set_tenant(TenantSettings(RED, options=OPTIONS))
    async with database.writing() as connection:
        statement = """UPDATE tenants SET options = '{"colour":"red"}'"""
        await connection.exec_driver_sql(statement)
    with pytest.raises(InvalidPolicy, match=r"the options of tenant red\.example: unknown option 'colour'"):
        await SqlCatalog(database, lambda: NOW).policy()


async def test_only_what_was_chosen_is_stored(catalog: SqlCatalog, database: Database) -> None:
    """So that a default of a later version reaches the tenants that have not chosen."""
    await catalog.set_tenant(TenantSettings(RED, options=TenantOptions(channels=Channels.STEREO)))
    await catalog.set_tenant(TenantSettings(BLUE))
    async with database.reading() as connection:
        stored = (
            (await connection.exec_driver_sql("SELECT options FROM tenants ORDER BY tenant")).scalars().all()
        )
    assert stored == ["{}", '{"channels":"stereo"}']


# ── who is first seen ─────────────────────────────────────────────────────────────────────────


async def test_users_first_seen_have_their_tenant_s_defaults(catalog: SqlCatalog) -> None:
    await catalog.set_tenant(TenantSettings(RED, options=OPTIONS))
    await catalog.set_user(UserSettings(RED, "101", "Ann", OFF, mode=Mode.NEVER))
    story = Story()
    story.talk("a", inside("101"), "b", inside("102"))
    story.talk("c", inside("201", BLUE), "d", inside("102"))
    await story.save(catalog)
    by_user = {u.user: u for u in await catalog.users(ALL)}
    assert by_user["101"] == UserSettings(RED, "101", "Ann", OFF, mode=Mode.NEVER)
    assert by_user["102"] == UserSettings(RED, "102", "", ON, FORBID, mode=Mode.ON_DEMAND)
    assert by_user["201"] == UserSettings(BLUE, "201", "", OFF, OFF)
    assert await catalog.tenants(Scope(BLUE)) == [TenantSettings(BLUE)]
    # What is set afterwards stays set.
    await catalog.set_user(replace(by_user["102"], audio=OFF))
    story.talk("e", inside("102"), "f", outside("1"))
    await story.save(catalog)
    assert (await catalog.users(Scope(RED, "102")))[0].audio is OFF


async def test_imported_users_too_and_names_only_where_there_is_none(catalog: SqlCatalog) -> None:
    await catalog.set_tenant(TenantSettings(RED, options=OPTIONS))
    await catalog.set_user(UserSettings(RED, "101", "Ann", OFF))
    await catalog.set_user(UserSettings(RED, "102", "", OFF))
    found = [
        DirectoryUser(RED, "101", "Anna"), DirectoryUser(RED, "102", "Bob"), DirectoryUser(RED, "103", "Cy"),
        DirectoryUser(BLUE, "201"),
    ]  # fmt: skip
    for _ in range(2):
        await catalog.import_users(found)
        assert await catalog.users(ALL) == [
            UserSettings(BLUE, "201", "", OFF, OFF),
            UserSettings(RED, "101", "Ann", OFF),
            UserSettings(RED, "102", "Bob", OFF),
            UserSettings(RED, "103", "Cy", ON, FORBID, mode=Mode.ON_DEMAND),
        ]
    await catalog.import_users([])


async def test_many_at_once_lose_nothing(catalog: SqlCatalog, database: Database) -> None:
    """Two controllers' calls, the pages and an import, all at the same rows."""
    other = SqlCatalog(database, lambda: NOW)

    async def calls(into: SqlCatalog, prefix: str) -> None:
        story = Story(prefix=prefix)
        for n in range(20):
            story.talk(
                f"{prefix}a{n}", inside(str(100 + n), RED), f"{prefix}b{n}", inside(str(119 - n), BLUE)
            )
            await story.save(into)

    async def pages(into: SqlCatalog, tenant: str) -> None:
        for n in range(20):
            await into.set_user(UserSettings(tenant, str(100 + n), "", ON))
            await into.set_rule(PolicyRule(PolicyScope.QUEUE, tenant, str(n), ON))

    people = [DirectoryUser(t, str(n)) for t in (BLUE, RED) for n in range(119, 99, -1)]
    await asyncio.gather(
        calls(catalog, "one"), calls(other, "two"), pages(catalog, RED), pages(other, BLUE),
        catalog.import_users(people), other.import_users(people[::-1]),
    )  # fmt: skip
    users = await catalog.users(ALL)
    assert len(users) == 40
    assert {u.audio for u in users} == {ON}
    assert len((await other.policy()).rules) == 80
    assert await catalog.policy() == await other.policy()
