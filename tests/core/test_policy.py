"""The truth tables of docs/reference/policy.md, read from there and executed; and what must hold of any."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.calls import Leg
from controller.core.direction import Direction
from controller.core.errors import InvalidPolicy
from controller.core.media_kinds import Kind
from controller.core.options import options_from
from controller.core.parties import Party, Side
from controller.core.policy import Decision, Policy, Verdict, decide
from controller.core.rules import (
    ROUTE_SCOPES,
    Mode,
    PolicyRule,
    PolicyScope,
    Route,
    Setting,
    sample_point,
)
from tests.policies import policy_of, tenant_rule, user_rule

from .notation import Row, Stage

DOCUMENT = Path(__file__).parents[2] / "docs/reference/policy.md"
T = datetime(2026, 11, 22, 12, tzinfo=UTC)
USER = Party(Side.INTERNAL, "acme", "101", "101")
OTHER_USER = Party(Side.INTERNAL, "acme", "102", "102")
USER_OF_BETA = Party(Side.INTERNAL, "beta", "101", "101")
STRANGER = Party(Side.EXTERNAL, number="+4930123")
CAME_IN = Party(Side.EXTERNAL, "acme", number="+4930999", trunk="gw")
S = Setting


def legs(*parties: Party, routes: Iterable[Route] = ()) -> list[Leg]:
    """A conversation: the first party has called, by these routes."""
    found = [Leg(f"l{n}", party, T, calling=n == 0) for n, party in enumerate(parties)]
    if found:
        found[0].routes = tuple(routes)
    return found


def audio(policy: Policy, *parties: Party, routes: Iterable[Route] = (), call_id: str = "") -> Decision:
    return decide(policy, Kind.AUDIO, "acme", legs(*parties, routes=routes), call_id=call_id)


def table(name: str) -> list[dict[str, str]]:
    """The rows of the table that follows ``<!-- table: NAME -->``."""
    text = DOCUMENT.read_text(encoding="utf-8").partition(f"<!-- table: {name} -->\n")[2]
    lines = re.match(r"(?:\|.*\n)+", text)
    assert lines, f"no table {name} in {DOCUMENT.name}"
    head, _, *rows = ([c.strip() for c in line.strip("|").split("|")] for line in lines[0].splitlines())
    return [dict(zip(head, row, strict=True)) for row in rows]


def row_id(row: dict[str, str]) -> str:
    return " ".join(row.values())


def on(word: str) -> bool:
    return {"on": True, "yes": True, "off": False, "no": False}[word]


# ── the tables ────────────────────────────────────────────────────────────────────────────────


def test_the_tables_are_complete() -> None:
    rows = {tuple(row.values())[:5] for row in table("with-a-user")}
    switch = ("on", "off")
    assert rows == set(product(switch, switch, switch, switch, ("audio", "video")))
    assert len(table("external-only")) == 2**3
    assert {(r["tenant audio"], r["user audio"]) for r in table("two-rules")} == set(product(S, S))
    assert {row["mode"] for row in table("modes")} == set(Mode)


@pytest.mark.parametrize("row", table("with-a-user"), ids=row_id)
def test_a_call_of_a_user(row: dict[str, str]) -> None:
    policy = policy_of(
        tenant_rule("acme", on(row["tenant audio"]), on(row["tenant video"])),
        user_rule("acme", "101", on(row["user audio"]), on(row["user video"])),
    )
    for parties in ((USER, STRANGER), (STRANGER, USER), (OTHER_USER, USER), (USER, CAME_IN)):
        sound, picture = (
            decide(policy, kind, "acme", legs(*parties), video_call=row["call"] == "video") for kind in Kind
        )
        assert (sound.record, picture.record) == (on(row["WAV"]), on(row["MP4"]))
        decisive = picture if picture.record and not sound.record else sound
        assert decisive.rule == row["rule"]
        if row["call"] == "audio":
            assert picture.rule == "not_a_video_call"


@pytest.mark.parametrize("row", table("two-rules"), ids=row_id)
def test_what_two_rules_come_to(row: dict[str, str]) -> None:
    policy = policy_of(
        PolicyRule(PolicyScope.TENANT, "acme", audio=Setting(row["tenant audio"])),
        PolicyRule(PolicyScope.USER, "acme", "101", audio=Setting(row["user audio"])),
    )
    decision = audio(policy, USER, STRANGER)
    assert (decision.record, decision.rule) == (on(row["WAV"]), row["rule"])


@pytest.mark.parametrize("row", table("external-only"), ids=row_id)
def test_two_external_parties(row: dict[str, str]) -> None:
    policy = policy_of(
        tenant_rule("acme", on(row["tenant audio"])),
        user_rule("acme", "101", True),
        external=on(row["between external numbers"]),
    )
    decision = decide(
        policy,
        Kind.AUDIO,
        "acme",
        legs(STRANGER, CAME_IN),
        already_recorded=on(row["recorded before"]),
    )
    assert (decision.record, decision.rule) == (on(row["WAV"]), row["rule"])


@pytest.mark.parametrize("row", table("by-hand"), ids=row_id)
def test_asked_for_by_hand(row: dict[str, str]) -> None:
    policy = policy_of(
        PolicyRule(PolicyScope.TENANT, "acme", audio=Setting(row["tenant audio"])),
        PolicyRule(PolicyScope.USER, "acme", "101", audio=Setting(row["user audio"])),
    )
    decision = decide(
        policy,
        Kind.AUDIO,
        "acme",
        legs(STRANGER, CAME_IN) if row["parties"] == "two external" else legs(USER, STRANGER),
        requested="start" in row["asked"],
        stopped="stop" in row["asked"],
    )
    assert (decision.record, decision.rule) == (on(row["WAV"]), row["rule"])


@pytest.mark.parametrize("row", table("modes"), ids=row_id)
def test_what_a_user_may_in_each_mode(row: dict[str, str]) -> None:
    def after(*codes: str, more: str = "") -> tuple[str, str, str]:
        """What the last code was answered, the recording's fate, and what the switch was told."""
        stage = Stage(f"user 101@acme audio {row['mode']}{more}")
        told = [stage.play(Row(0, what, "")) for what in ("alice calls", "xena is called for alice")]
        told.append(stage.play(Row(3, "alice + xena in B1", "")))
        told += [stage.play(Row(10, f"alice dials {code}", "")) for code in codes]
        stage.play(Row(20, "alice + xena hang up", ""))
        left = stage.recordings()
        fate = "not recorded" if not left else "destroyed at end" if "provisional" in left[0] else "kept"
        return told[-1].partition(";")[0], fate, told[-1]

    assert after()[1] == row["untouched"]
    answer, fate, _ = after("*44")
    assert ("refused" if answer.startswith("no: FORBIDDEN_BY_MODE") else fate) == row["start"]
    answer, fate, told = after("*44", "*45")
    stopped = "stopped" if "close R1.1" in told and fate == "kept" else "went on"
    assert ("refused" if answer.startswith("no:") else stopped) == row["stop after it"]
    for codes, more, column in (
        (("*44", "*48"), "", "pause"),
        (("*48",), "; tenant acme audio require", "pause, if the tenant forces"),
    ):
        answer, _, told = after(*codes, more=more)
        paused = "paused" if "mask R1.1" in told else "went on"
        assert ("refused" if answer.startswith("no:") else paused) == row[column]


# ── scopes, directions, samples ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("scope", sorted(ROUTE_SCOPES))
def test_a_rule_of_each_scope(scope: PolicyScope) -> None:
    policy = policy_of(PolicyRule(scope, "acme", "x", audio=S.ON))
    through = Route(scope, "x")
    assert audio(policy, STRANGER, USER, routes=[through]).rule == f"{scope}.on"
    assert audio(policy, STRANGER, USER, routes=[replace(through, tenant="acme")]).record
    assert not audio(policy, STRANGER, USER, routes=[replace(through, tenant="beta")]).record
    assert not audio(policy, STRANGER, USER, routes=[replace(through, name="y")]).record
    for other in ROUTE_SCOPES - {scope}:
        assert not audio(policy, STRANGER, USER, routes=[Route(other, "x")]).record
    assert not audio(policy, STRANGER, USER).record
    assert not decide(policy, Kind.AUDIO, "beta", legs(STRANGER, USER_OF_BETA, routes=[through])).record


def test_who_forbids_audio_forbids_the_sound_of_a_video() -> None:
    policy = policy_of(
        PolicyRule(PolicyScope.TENANT, "acme", audio=S.FORBID, video=S.REQUIRE),
        user_rule("acme", "101", True),
    )
    decision = decide(policy, Kind.VIDEO, "acme", legs(USER, STRANGER), video_call=True, requested=True)
    assert (decision.verdict, decision.rule) == (Verdict.LEAVE, "tenant.forbid")
    policy = policy_of(PolicyRule(PolicyScope.TENANT, "acme", video=S.FORBID), user_rule("acme", "101", True))
    assert decide(policy, Kind.AUDIO, "acme", legs(USER, STRANGER), video_call=True).record


def test_a_trunk_may_be_the_systems() -> None:
    policy = policy_of(PolicyRule(PolicyScope.TRUNK, None, "gw", audio=S.FORBID), tenant_rule("acme", True))
    assert audio(policy, CAME_IN, USER).rule == "trunk.forbid"
    assert audio(policy, STRANGER, USER).record


def test_the_systems_rule_is_about_every_tenant() -> None:
    policy = policy_of(PolicyRule(PolicyScope.SYSTEM, audio=S.REQUIRE))
    assert audio(policy, USER, STRANGER).rule == "system.require"
    assert decide(policy, Kind.AUDIO, "beta", legs(USER_OF_BETA, USER)).required


@pytest.mark.parametrize(
    ("parties", "direction"),
    [
        ((USER, STRANGER), Direction.OUTBOUND),
        ((STRANGER, USER), Direction.INBOUND),
        ((USER, OTHER_USER), Direction.INTERNAL),
        ((USER, USER_OF_BETA), Direction.OUTBOUND),
        ((STRANGER, CAME_IN), Direction.EXTERNAL),
    ],
)
def test_directions_are_the_tenants_own(parties: tuple[Party, ...], direction: Direction) -> None:
    for only in Direction:
        rule = PolicyRule(PolicyScope.TENANT, "acme", audio=S.ON, directions=frozenset({only}))
        policy = policy_of(rule, external=True)
        assert audio(policy, *parties).record == (only is direction)


def test_a_sample_can_be_proved() -> None:
    rule = PolicyRule(PolicyScope.QUEUE, "acme", "sales", audio=S.ON, sample_percent=25)
    policy, through = policy_of(rule), [Route(PolicyScope.QUEUE, "sales")]
    inside = 0
    for n in range(4000):
        digest = hashlib.sha256(f"call{n}\nqueue\nacme\nsales\n".encode()).digest()
        expected = int.from_bytes(digest[:8], "big") / 2**64 < 0.25
        decision = audio(policy, STRANGER, USER, routes=through, call_id=f"call{n}")
        assert decision.record == expected
        assert decision.rule == ("queue.on" if expected else "queue.not_sampled")
        inside += expected
    assert 900 < inside < 1100
    assert 0 <= sample_point("x", rule) < 100


def test_a_user_in_the_mode_never_is_so_in_and_out_of_the_sample() -> None:
    rule = PolicyRule(PolicyScope.USER, "acme", "101", audio=S.ON, mode=Mode.NEVER, sample_percent=0)
    assert audio(policy_of(rule), USER, STRANGER).rule == "user.never"


def test_a_sample_weakens_no_require() -> None:
    rule = PolicyRule(PolicyScope.USER, "acme", "101", audio=S.REQUIRE, sample_percent=0)
    assert audio(policy_of(rule), USER, STRANGER).required


def test_the_reason_names_who_decided_and_who_did_not() -> None:
    policy = policy_of(
        PolicyRule(PolicyScope.TENANT, "acme", audio=S.REQUIRE), user_rule("acme", "101", False)
    )
    assert audio(policy, USER, STRANGER).reason == (
        "recorded because tenant acme requires audio; user 101 has audio off"
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: PolicyRule(PolicyScope.SYSTEM, "acme"),
        lambda: PolicyRule(PolicyScope.TENANT, None),
        lambda: PolicyRule(PolicyScope.TENANT, "acme", "name"),
        lambda: PolicyRule(PolicyScope.QUEUE, "acme", ""),
        lambda: PolicyRule(PolicyScope.QUEUE, None, "sales"),
        lambda: PolicyRule(PolicyScope.QUEUE, "acme", "sales", mode=Mode.ALWAYS),
        lambda: PolicyRule(PolicyScope.TENANT, "acme", sample_percent=50),
        lambda: PolicyRule(PolicyScope.USER, "acme", "1", sample_percent=101),
        lambda: PolicyRule(PolicyScope.USER, "acme", "1", directions=frozenset()),
    ],
)
def test_rules_that_cannot_be_meant(make: object) -> None:
    with pytest.raises(InvalidPolicy):
        make()  # type: ignore[operator]


# ── who is who ────────────────────────────────────────────────────────────────────────────────


def test_an_external_party_with_a_users_number_is_still_external() -> None:
    liar = Party(Side.EXTERNAL, "acme", "101", number="101", name="101")
    assert not audio(policy_of(user_rule("acme", "101", True)), liar, USER_OF_BETA).record


def test_a_users_setting_is_the_tenants_own_affair() -> None:
    policy = policy_of(user_rule("acme", "101", True))
    talk = legs(USER, USER_OF_BETA)
    assert decide(policy, Kind.AUDIO, "acme", talk).record
    assert not decide(policy, Kind.AUDIO, "beta", talk).record


def test_a_user_without_a_rule_is_as_the_tenant_says_of_new_users() -> None:
    options = {"acme": options_from({"new_user": {"audio": "on", "mode": "on_demand"}})}
    policy = policy_of(user_rule("acme", "102", False), options=options)
    assert audio(policy, USER, STRANGER).rule == "user.on_demand"
    assert audio(policy, OTHER_USER, STRANGER).rule == "user.off"
    assert audio(policy, USER_OF_BETA, STRANGER).rule == "nobody_wants"


# ── properties ────────────────────────────────────────────────────────────────────────────────

_settings = st.sampled_from(Setting)
_directions = st.frozensets(st.sampled_from(Direction), min_size=1)


@st.composite
def rules(draw: st.DrawFn) -> PolicyRule:
    scope = draw(st.sampled_from(PolicyScope))
    tenant: str | None = draw(st.sampled_from(["acme", "beta"]))
    name = draw(st.sampled_from(["101", "102", "gw", "sales"]))
    if scope is PolicyScope.SYSTEM:
        tenant = None
    if scope in (PolicyScope.SYSTEM, PolicyScope.TENANT):
        name = ""
    sampled = scope in (PolicyScope.QUEUE, PolicyScope.USER)
    return PolicyRule(
        scope, tenant, name, draw(_settings), draw(_settings), draw(_directions),
        mode=draw(st.sampled_from(Mode)) if scope is PolicyScope.USER else Mode.ALWAYS_PAUSE,
        sample_percent=draw(st.sampled_from([0, 50, 100])) if sampled else 100,
    )  # fmt: skip


_policies = st.builds(
    lambda external, some: Policy(external, tuple({(r.scope, r.tenant, r.name): r for r in some}.values())),
    st.booleans(),
    st.lists(rules(), max_size=6),
)
_parties = st.sampled_from([USER, OTHER_USER, STRANGER, CAME_IN, USER_OF_BETA])
_talks = st.builds(
    lambda parties, routes: legs(*parties, routes=routes),
    st.lists(_parties, max_size=4),
    st.lists(st.builds(Route, st.sampled_from(sorted(ROUTE_SCOPES)), st.sampled_from(["sales", "gw"]))),
)


@st.composite
def questions(draw: st.DrawFn) -> dict[str, object]:
    return {
        "kind": draw(st.sampled_from(Kind)),
        "tenant": draw(st.sampled_from(["acme", "beta"])),
        "legs": draw(_talks),
        "call_id": draw(st.sampled_from(["a", "b", "c"])),
        "video_call": draw(st.booleans()),
        "already_recorded": draw(st.booleans()),
        "requested": draw(st.booleans()),
        "stopped": draw(st.booleans()),
    }


@given(_policies, questions())
def test_there_is_always_an_answer_with_a_reason(policy: Policy, question: dict) -> None:
    decision = decide(policy, **question)
    assert decision.reason
    assert decision.rule
    if not policy.record_external and not any(leg.party.internal for leg in question["legs"]):
        assert decision.verdict is Verdict.LEAVE
    if question["stopped"] and not decision.required:
        assert decision.verdict is Verdict.LEAVE


@given(_policies, questions(), st.randoms())
def test_the_order_of_rules_does_not_matter(policy: Policy, question: dict, dice: object) -> None:
    shuffled = list(policy.rules)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert decide(Policy(policy.record_external, tuple(shuffled)), **question) == decide(policy, **question)


@given(_policies, questions(), rules())
def test_adding_a_rule_never_takes_a_forbid_back(policy: Policy, question: dict, more: PolicyRule) -> None:
    if any((r.scope, r.tenant, r.name) == (more.scope, more.tenant, more.name) for r in policy.rules):
        return
    before = decide(policy, **question)
    after = decide(Policy(policy.record_external, (*policy.rules, more)), **question)
    if before.forbidden:
        assert after.forbidden
    if before.required and not after.required:
        assert after.forbidden, "only a forbid weakens a require"


@given(_policies, questions())
def test_a_forbid_that_applies_wins(policy: Policy, question: dict) -> None:
    forbid = PolicyRule(PolicyScope.SYSTEM, audio=S.FORBID, video=S.FORBID)
    others = tuple(r for r in policy.rules if r.scope is not PolicyScope.SYSTEM)
    decision = decide(Policy(policy.record_external, (*others, forbid)), **question)
    assert decision.verdict is Verdict.LEAVE


@given(_policies, questions())
def test_another_tenants_rules_decide_nothing(policy: Policy, question: dict) -> None:
    mine = tuple(r for r in policy.rules if r.tenant in (None, question["tenant"]))
    assert decide(Policy(policy.record_external, mine), **question) == decide(policy, **question)
