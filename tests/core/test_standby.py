"""What the switch is told beforehand says what the policy says, and never that what is forbidden is recorded;
what it did by itself becomes calls like any other."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count, product

from hypothesis import given
from hypothesis import strategies as st

from controller.core import facts as f
from controller.core.alone import LeftBehind, one_call, tell
from controller.core.calls import Call
from controller.core.captures import CaptureState
from controller.core.commands import CloseCapture, OpenCapture
from controller.core.desk import Desk
from controller.core.direction import direction_of
from controller.core.options import Alone, Hears, TenantOptions
from controller.core.parties import Party
from controller.core.policy import Policy, decide
from controller.core.recording import segment_path
from controller.core.rules import Mode, PolicyRule, PolicyScope, Route
from controller.core.standby import DIRECTIONS, EVERYBODY, Letter, table
from tests.policies import policy_of, tenant_rule, user_rule

from .test_policy import CAME_IN, OTHER_USER, STRANGER, USER, USER_OF_BETA, Kind, S, T, legs, rules

_policies = st.builds(
    lambda some, alone, hears: Policy(
        False,
        tuple({(r.scope, r.tenant, r.name): r for r in some}.values()),
        {
            t: TenantOptions(alone=alone, announcement="hello" if hears is not Hears.NOBODY else "",
                             announce_to=hears)
            for t in ("acme", "beta")
        },
    ),
    st.lists(rules(), max_size=6),
    st.sampled_from(Alone),
    st.sampled_from([Hears.NOBODY, Hears.NOBODY, Hears.EXTERNAL]),
)  # fmt: skip
_talks = st.sampled_from(
    [t for t in product((USER, OTHER_USER, STRANGER, CAME_IN, USER_OF_BETA), repeat=2) if t[0] is not t[1]]
)
_routes = st.lists(st.builds(Route, st.just(PolicyScope.QUEUE), st.sampled_from(["sales", "gw"])), max_size=1)


def letters(policy: Policy, tenant: str, talk: tuple[Party, Party], routed: bool) -> list[str]:
    """What a dialplan finds for the users of a tenant; dialplan/ does the same in a switch's own words."""
    rows = table(policy)
    direction = direction_of(legs(*talk), tenant)
    return [
        rows.get((tenant, str(party.user)), rows[tenant, EVERYBODY])[DIRECTIONS.index(direction) + 3 * routed]
        for party in talk
        if party.internal and party.tenant == tenant
    ]


def recorded(found: list[str]) -> bool:
    return Letter.FORBID not in found and bool({Letter.OWN, Letter.RECORD} & set(found))


@given(_policies, _talks, _routes, st.sampled_from(["a", "b", "c"]))
def test_what_the_switch_is_told_is_what_the_policy_says(
    policy: Policy, talk: tuple[Party, Party], routes: list[Route], call_id: str
) -> None:
    for tenant in ("acme", "beta"):
        if not any(party.internal and party.tenant == tenant for party in talk):
            continue
        decision = decide(policy, Kind.AUDIO, tenant, legs(*talk, routes=routes), call_id=call_id)
        found = letters(policy, tenant, talk, bool(routes))
        if policy.options_of(tenant).alone is Alone.LEAVE:
            # Whatever cannot be told is not recorded: whoever is recorded, the policy wants recorded.
            assert decision.record or not recorded(found), (decision, found)
        elif policy.options_of(tenant).announce_to is Hears.NOBODY:
            # And the other way round: whatever the policy wants recorded is.
            assert recorded(found) or not decision.record, (decision, found)


@given(_policies, _talks)
def test_what_users_and_tenants_forbid_is_never_recorded(policy: Policy, talk: tuple[Party, Party]) -> None:
    """Nor where the tenant wants what is not known recorded."""
    plain = Policy(
        False,
        tuple(
            r for r in policy.rules if r.scope in (PolicyScope.SYSTEM, PolicyScope.TENANT, PolicyScope.USER)
        ),
        policy.options,
    )
    for tenant in {party.tenant for party in talk if party.internal and party.tenant}:
        if decide(plain, Kind.AUDIO, tenant, legs(*talk)).forbidden:
            assert not recorded(letters(policy, tenant, talk, False))
            assert not recorded(letters(policy, tenant, talk, True))


def test_the_rows_in_full() -> None:
    policy = policy_of(
        tenant_rule("acme"),
        user_rule("acme", "101", True),
        PolicyRule(PolicyScope.USER, "acme", "102", audio=S.FORBID),
        PolicyRule(PolicyScope.USER, "acme", "103", audio=S.ON, sample_percent=50),
        PolicyRule(PolicyScope.USER, "acme", "104", audio=S.ON, mode=Mode.ON_DEMAND_START),
        PolicyRule(PolicyScope.QUEUE, "beta", "sales", audio=S.FORBID),
        tenant_rule("beta", True),
        tenant_rule("an odd/name", True),
        options={"beta": TenantOptions(alone=Alone.RECORD)},
    )
    assert table(policy) == {
        ("acme", "*"): "nnnnnn",
        ("acme", "101"): "wwwwww",
        ("acme", "102"): "ffffff",  # 103: whether a call is in the sample, no switch can tell
        ("beta", "*"): "rrrrrr",
    }
    closed = Policy(False, policy.rules)
    assert table(closed)["beta", "*"] == "rrrnnn"


# ── what was left behind ──────────────────────────────────────────────────────────────────────

ids = (f"id{n}" for n in count())


def left(recording: str, *parties: Party, after: float = 0, names: str = "ab") -> LeftBehind:
    at = T + timedelta(seconds=after)
    facts: dict[str, tuple[f.LegFact, ...]] = {}
    for number, (name, party) in enumerate(zip(names, parties, strict=True)):
        facts[name] = (
            f.LegStarted(name, at, party, calling=number == 0, origin=names[0] if number else None),
            f.LegAnswered(name, at),
            f.BridgeEntered(name, names, at),
        )
    seen = f.CaptureSeen(
        f"{recording}.1", names[0], segment_path("acme", recording, 1, Kind.AUDIO, at),
        False, f.CaptureNote(at, alone=True),
    )  # fmt: skip
    return LeftBehind(seen, at, facts)


def told(policy: Policy, *notes: LeftBehind, lasts: float = 10) -> list[Call]:
    ends = {note.recording_id: note.began_at + timedelta(seconds=lasts) for note in notes}
    effects = tell(list(notes), ends, policy, lambda: next(ids))
    assert not effects.commands, "there is nobody left to be told anything"
    return list(effects.changed.values())


def test_a_call_that_is_over_is_told_with_its_people_and_its_reason() -> None:
    [call] = told(policy_of(user_rule("acme", "101", True)), left("R1", USER, STRANGER))
    assert call.ended_at == T + timedelta(seconds=10)
    assert [leg.party for leg in call.legs.values()] == [USER, STRANGER]
    [recording] = call.recordings
    assert (recording.recording_id, recording.rule, recording.provisional) == ("R1", "user.on", False)
    [segment] = recording.segments
    assert segment.state is CaptureState.ENDED
    assert (segment.opened_at, segment.closed_at) == (T, T + timedelta(seconds=10))


def test_what_must_not_have_been_recorded_is_left_to_destruction() -> None:
    for policy, rule in (
        (policy_of(PolicyRule(PolicyScope.USER, "acme", "101", audio=S.FORBID)), "user.forbid"),
        (policy_of(user_rule("acme", "101")), "user.off"),
        (policy_of(PolicyRule(PolicyScope.USER, "acme", "101", audio=S.ON, mode=Mode.ON_DEMAND)),
         "user.on_demand"),
    ):  # fmt: skip
        [call] = told(policy, left("R1", USER, STRANGER))
        [recording] = call.recordings
        assert (recording.rule, recording.provisional) == (rule, True)


def test_the_captures_of_one_call_are_one_call() -> None:
    one, two = left("R1", USER, STRANGER), left("R2", USER, OTHER_USER, after=12, names="ac")
    other = left("R3", OTHER_USER, STRANGER, names="xy")
    groups = one_call([two, other, one])
    assert sorted([n.recording_id for n in g] for g in groups) == [["R1", "R2"], ["R3"]]
    [call] = told(policy_of(user_rule("acme", "101", True)), one, two)
    assert [r.recording_id for r in call.recordings] == ["R1", "R2"]
    assert set(call.legs) == {"a", "b", "c"}
    assert all(r.running is None and r.ended_at for r in call.recordings)
    assert call.recordings[0].segments[0].closed_at == T + timedelta(seconds=10)


# ── what is found running ─────────────────────────────────────────────────────────────────────


def found_running(
    policy: Policy, *, ours: bool, asked: f.CaptureNote | None = None
) -> tuple[Call, list[str], Desk]:
    """A controller that comes (or goes) on, and a capture that the switch began meanwhile; ``ours``: one of
    our own runs as well."""
    desk = Desk(lambda: next(ids), policy)
    note = left("R9", USER, STRANGER)
    running = []
    if ours:
        effects = desk.apply(f.SwitchSnapshot(T, note.legs))
        [opened] = [c for _, c in effects.commands if isinstance(c, OpenCapture)]
        desk.apply(f.CaptureOpened(opened.capture_id, T))
        running = [f.CaptureSeen(opened.capture_id, opened.leg_id, opened.path, False)]
    alone = replace(note.capture, note=asked or note.capture.note)
    effects = desk.apply(f.SwitchSnapshot(T + timedelta(seconds=5), note.legs, (*running, alone)))
    [call] = desk.book
    return call, [c.capture_id for _, c in effects.commands if isinstance(c, CloseCapture)], desk


def test_what_runs_is_taken_over_and_goes_on() -> None:
    call, closed, _ = found_running(policy_of(user_rule("acme", "101", True)), ours=False)
    assert [(r.recording_id, r.provisional) for r in call.recordings] == [("R9", False)]
    assert not closed


def test_what_runs_and_is_not_to_be_recorded_ends_and_is_destroyed() -> None:
    for policy, rule in (
        (policy_of(user_rule("acme", "101")), "user.off"),
        (policy_of(PolicyRule(PolicyScope.USER, "acme", "101", audio=S.FORBID)), "user.forbid"),
    ):
        call, closed, _ = found_running(policy, ours=False)
        assert [(r.rule, r.provisional) for r in call.recordings] == [(rule, True)]
        assert closed == ["R9.1"]


def test_of_two_captures_of_one_conversation_the_switch_s_own_is_destroyed() -> None:
    policy = policy_of(user_rule("acme", "101", True))
    call, closed, desk = found_running(policy, ours=True)
    assert closed == ["R9.1"]
    ours, extra = call.recordings
    assert (ours.provisional, ours.running is not None) == (False, True)
    assert (extra.recording_id, extra.rule, extra.provisional) == ("R9", "recorded_twice", True)
    desk.apply(f.CaptureClosed("R9.1", T + timedelta(seconds=6), "stopped"))
    assert extra.segments[0].state is CaptureState.ENDED
    # One that the controller itself had opened is no extra: whatever it is of, it is kept.
    asked = f.CaptureNote(T)
    call, closed, _ = found_running(policy, ours=True, asked=asked)
    assert not any(r.rule == "recorded_twice" for r in call.recordings)
