"""Decisions a second in the core: the policy function alone, and whole calls through the desk."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

from controller.core import facts as f
from controller.core.calls import Leg
from controller.core.commands import CaptureCommand, CloseCapture, OpenCapture
from controller.core.desk import Desk
from controller.core.direction import Direction
from controller.core.media_kinds import Kind
from controller.core.parties import Party, Side
from controller.core.policy import Policy, decide
from controller.core.rules import ROUTE_SCOPES, Mode, PolicyRule, PolicyScope, Route, Setting

from .result import Aim, Result

USERS, RULES, TENANTS = 10_000, 200, 20
CONVERSATIONS = 20_000
CALLS = 4_000
ROUNDS = 5
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def run() -> Result:
    result = Result("decisions", "Decisions in the core")
    policy, dice = _policy(), random.Random(2)
    talks = [_talk(dice) for _ in range(CONVERSATIONS)]

    def decisions() -> int:
        for tenant, legs in talks:
            decide(policy, Kind.AUDIO, tenant, legs, call_id="01JD")
        return len(talks)

    one = _rate(decisions)
    calls = _rate(lambda: _calls(policy))
    result.rows += [
        {"what": f"decide(), {USERS:,} users, {RULES} rules", "a second and core (median)": round(one)},
        {"what": "whole calls through the desk", "a second and core (median)": round(calls)},
    ]  # fmt: skip
    result.aims.append(Aim("decisions a second and core", "≥ 100,000", f"{one:,.0f}", one >= 100_000))
    return result


def _rate(work: Callable[[], int]) -> float:
    """Per second of this process's own CPU time, so that what else the machine does counts little."""
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        done = work()
        found.append(done / (time.process_time() - began))
    return statistics.median(found)


def _policy() -> Policy:
    """Every setting, mode and sample as likely as the others; a quarter of the rules is for one direction."""
    dice, settings = random.Random(1), list(Setting)
    scopes = sorted(ROUTE_SCOPES)
    directions = [frozenset(Direction)] * 3 + [frozenset({Direction.INBOUND})]
    rules = [
        PolicyRule(
            PolicyScope.USER, f"t{n % TENANTS}", str(n), dice.choice(settings), dice.choice(settings),
            dice.choice(directions), dice.choice(list(Mode)), dice.choice([100, 100, 100, 20]),
        )
        for n in range(USERS)
    ]  # fmt: skip
    rules += [
        PolicyRule(
            scopes[n % len(scopes)], f"t{n % TENANTS}", f"r{n}", dice.choice(settings), dice.choice(settings),
            dice.choice(directions),
        )
        for n in range(RULES - TENANTS)
    ]  # fmt: skip
    rules += [PolicyRule(PolicyScope.TENANT, f"t{n}", "", dice.choice(settings)) for n in range(TENANTS)]
    return Policy(True, tuple(rules))


def _talk(dice: random.Random) -> tuple[str, tuple[Leg, Leg]]:
    """Somebody from outside, through a trunk and a queue or the like, with a user."""
    user, through = dice.randrange(USERS), dice.randrange(RULES - TENANTS)
    tenant = f"t{user % TENANTS}"
    outside = Leg("a", Party(Side.EXTERNAL, tenant, number="+4930123", trunk="gw"), NOW, calling=True)
    scopes = sorted(ROUTE_SCOPES)
    outside.routes = (Route(scopes[through % len(scopes)], f"r{through}"),)
    inside = Leg("b", Party(Side.INTERNAL, tenant, str(user), str(user)), NOW, calling=False)
    return tenant, (outside, inside)


def _calls(policy: Policy) -> int:
    """Ring, answer, talk, hang up; the switch answers at once."""
    ids = count()
    desk = Desk(lambda: f"id{next(ids)}", policy)
    for n in range(CALLS):
        user = n % USERS
        tenant = f"t{user % TENANTS}"
        a, b = f"a{n}", f"b{n}"
        inside = Party(Side.INTERNAL, tenant, str(user), str(user))
        _apply(desk, f.LegStarted(a, NOW, Party(Side.EXTERNAL, tenant, number="+4930123", trunk="gw")))
        _apply(desk, f.LegStarted(b, NOW, inside, calling=False, origin=a))
        _apply(desk, f.LegAnswered(b, NOW))
        _apply(desk, f.BridgeEntered(a, f"B{n}", NOW))
        _apply(desk, f.BridgeEntered(b, f"B{n}", NOW))
        _apply(desk, f.LegHungUp(a, NOW))
        _apply(desk, f.LegHungUp(b, NOW))
    return CALLS


def _apply(desk: Desk, fact: f.Fact) -> None:
    for _, command in desk.apply(fact).commands:
        if isinstance(command, OpenCapture):
            _apply(desk, f.CaptureOpened(command.capture_id, NOW))
        elif isinstance(command, CloseCapture):
            _apply(desk, f.CaptureClosed(command.capture_id, NOW))
        else:
            assert not isinstance(command, CaptureCommand)
