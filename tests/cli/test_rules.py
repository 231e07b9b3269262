"""``tapeline rule`` and ``tapeline policy``: set, changed in part, shown, taken back, refused by name."""

from __future__ import annotations

import pytest

from controller.core.direction import Direction
from controller.core.policy import Policy
from controller.core.rules import Mode, PolicyRule, PolicyScope, Setting
from controller.engine.reading import Scope, SystemSettings, TenantSettings

from .conftest import Tapeline

ALL = Scope(None)

#: The words after `rule set`, and the rule that they make.
SET = [
    (["system", "--audio", "on"], PolicyRule(PolicyScope.SYSTEM, audio=Setting.ON)),
    (["tenant", "acme", "--audio", "require"], PolicyRule(PolicyScope.TENANT, "acme", audio=Setting.REQUIRE)),
    (
        ["tenant", "--tenant", "acme", "--video", "off"],
        PolicyRule(PolicyScope.TENANT, "acme", video=Setting.OFF),
    ),
    (["trunk", "main", "--audio", "on"], PolicyRule(PolicyScope.TRUNK, None, "main", Setting.ON)),
    (
        ["trunk", "main", "--tenant", "acme", "--audio", "on"],
        PolicyRule(PolicyScope.TRUNK, "acme", "main", Setting.ON),
    ),
    (
        ["queue", "sales [vip]", "--tenant", "acme", "--audio", "on", "--sample", "12.5"],
        PolicyRule(PolicyScope.QUEUE, "acme", "sales [vip]", Setting.ON, sample_percent=12.5),
    ),
    *(
        (
            [scope, "x", "--tenant", "acme", "--video", "forbid", "--directions", "inbound,internal"],
            PolicyRule(
                scope, "acme", "x", video=Setting.FORBID,
                directions=frozenset({Direction.INBOUND, Direction.INTERNAL}),
            ),
        )
        for scope in (
            PolicyScope.INBOUND_RULE, PolicyScope.OUTBOUND_RULE, PolicyScope.RING_GROUP,
            PolicyScope.RECEPTIONIST,
        )
    ),
    (
        ["user", "101", "--tenant", "acme", "--audio", "on", "--mode", "on_demand"],
        PolicyRule(PolicyScope.USER, "acme", "101", Setting.ON, mode=Mode.ON_DEMAND),
    ),
]  # fmt: skip


def policy(tapeline: Tapeline) -> Policy:
    return tapeline.within(lambda catalog: catalog.policy())


@pytest.mark.parametrize(("words", "rule"), SET, ids=lambda x: " ".join(x) if isinstance(x, list) else "")
def test_a_rule_is_set_and_taken_back(tapeline: Tapeline, words: list[str], rule: PolicyRule) -> None:
    tapeline.run("rule", "set", *words)
    assert rule in policy(tapeline).rules
    (listed,) = [
        r
        for r in tapeline.json("rule", "list")
        if (r["scope"], r["tenant"], r["name"]) == (rule.scope, rule.tenant, rule.name)
    ]
    assert (listed["audio"], listed["video"]) == (rule.audio, rule.video)
    assert set(listed["directions"]) == set(rule.directions)
    name = words[1] if len(words) > 1 and not words[1].startswith("--") else ""
    tenant = ["--tenant", rule.tenant] if rule.tenant else []
    tapeline.run("rule", "remove", words[0], *([name] if name else []), *tenant)
    assert all({r.audio, r.video} == {Setting.INHERIT} for r in policy(tapeline).rules)


def test_what_is_not_given_stays(tapeline: Tapeline) -> None:
    user = ["user", "101", "--tenant", "acme"]
    tapeline.run("rule", "set", *user, "--audio", "on", "--mode", "on_demand", "--sample", "20")
    tapeline.run("rule", "set", *user, "--video", "on", "--directions", "outbound")
    tapeline.run("tenant", "option", "set", "acme", "channels=stereo")
    tapeline.run("rule", "set", "tenant", "acme", "--audio", "forbid")
    tapeline.run("policy", "user", "acme", "101", "--no-audio")
    rules = {r.scope: r for r in policy(tapeline).rules}
    assert rules[PolicyScope.USER] == PolicyRule(
        PolicyScope.USER, "acme", "101", Setting.OFF, Setting.ON, frozenset({Direction.OUTBOUND}),
        Mode.ON_DEMAND, 20.0,
    )  # fmt: skip
    assert rules[PolicyScope.TENANT].audio is Setting.FORBID
    assert policy(tapeline).options_of("acme").channels == "stereo"
    tapeline.run("rule", "set", *user, "--directions", "every")
    tapeline.run("policy", "system", "--external")
    tapeline.run("rule", "set", "system", "--audio", "require")
    assert tapeline.within(lambda c: c.system()) == SystemSettings(True, Setting.REQUIRE)
    assert len(next(r for r in policy(tapeline).rules if r.scope is PolicyScope.USER).directions) == 4


def test_only_the_rule_goes_not_what_it_is_about(tapeline: Tapeline) -> None:
    tapeline.run("rule", "set", "user", "101", "--tenant", "acme", "--audio", "on")
    tapeline.run("tenant", "option", "set", "acme", "channels=stereo")
    tapeline.run("rule", "remove", "tenant", "acme")
    tapeline.run("rule", "remove", "user", "101", "--tenant", "acme")
    (tenant,) = tapeline.within(lambda c: c.tenants(ALL))
    assert tenant.options.channels == "stereo"
    assert [u.user for u in tapeline.within(lambda c: c.users(ALL))] == ["101"]


def test_the_simple_switches(tapeline: Tapeline) -> None:
    tapeline.run("policy", "tenant", "acme", "--audio")
    tapeline.run("policy", "tenant", "acme", "--no-video")
    assert tapeline.within(lambda c: c.tenants(ALL)) == [TenantSettings("acme", Setting.ON, Setting.OFF)]
    tapeline.run("policy", "user", "acme", "101", "--audio")
    shown = tapeline.run("policy", "show")
    assert "calls between external numbers: off" in shown
    assert [line.split("│")[3:5] for line in shown.splitlines() if "101" in line] == [[" 101  ", " on      "]]


def test_lists_can_be_narrowed(tapeline: Tapeline) -> None:
    for tenant in ("acme", "other"):
        tapeline.run("rule", "set", "queue", "sales", "--tenant", tenant, "--audio", "on")
        tapeline.run("rule", "set", "user", "101", "--tenant", tenant, "--audio", "on")
    assert {r["tenant"] for r in tapeline.json("rule", "list", "--tenant", "acme")} == {"acme"}
    assert {r["scope"] for r in tapeline.json("rule", "list", "--scope", "queue")} == {"queue"}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["set", "queue", "sales", "--audio", "on"], "a rule of a queue needs a tenant"),
        (["set", "queue", "--tenant", "acme"], "a rule of a queue needs the queue's name"),
        (["set", "system", "x"], "a rule of the system has no name of its own"),
        (["set", "system", "--tenant", "acme"], "a rule of the system has no tenant"),
        (["set", "tenant"], "a rule of a tenant needs a tenant"),
        (["set", "tenant", "acme", "--tenant", "other"], "a tenant's rule has one name: the tenant's"),
        (["set", "trunk", "x", "--sample", "5"], "only queues and users have a sample"),
        (["set", "ring_group", "x", "--tenant", "acme", "--mode", "never"], "only users have a mode"),
        (["set", "user", "1", "--tenant", "acme", "--sample", "101"], "a sample is 0 to 100 percent"),
        (["set", "user", "1", "--tenant", "acme", "--directions", "up"], "directions: want one of inbound, "),
        (["set", "user", "1", "--tenant", "acme", "--directions", ","], "a rule without any direction "),
        (["remove", "queue", "x", "--tenant", "acme"], "there is no rule of queue 'x' of tenant acme"),
    ],
)  # fmt: skip
def test_refusals_name_what_is_wrong(tapeline: Tapeline, words: list[str], why: str) -> None:
    before = policy(tapeline)
    assert tapeline.refused("rule", *words).startswith(why)
    assert policy(tapeline) == before
