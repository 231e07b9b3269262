"""A leg on which somebody else comes to be: only where the switch says that it is somebody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

from controller.core import facts as f
from controller.core.commands import BindFeatureCodes
from controller.core.desk import Desk
from controller.core.parties import Party, Side
from tests.policies import policy_of, tenant_rule

AT = datetime(2026, 11, 28, 10, tzinfo=UTC)
USER = Party(Side.INTERNAL, "acme.test", "102", "102")
CALLER = Party(Side.EXTERNAL, "acme.test", None, "+15550001111")
ELSEWHERE = Party(Side.EXTERNAL, None, None, "+15557654321")


def desk_with_a_call() -> Desk:
    ids = count(1)
    desk = Desk(lambda: f"I{next(ids)}", policy_of((tenant_rule("acme.test", True),)))
    desk.apply(f.LegStarted("a", AT, CALLER, calling=True))
    desk.apply(f.LegStarted("b", AT, USER, calling=False, origin="a"))
    return desk


def talk(desk: Desk) -> None:
    for leg in ("a", "b"):
        desk.apply(f.LegAnswered(leg, AT + timedelta(seconds=1)))
        desk.apply(f.BridgeEntered(leg, "B", AT + timedelta(seconds=1)))


def test_who_signed_in_stays_whatever_a_later_event_says() -> None:
    desk = desk_with_a_call()
    desk.apply(f.LegIdentified("b", AT, ELSEWHERE))
    talk(desk)
    [call] = desk.book
    assert call.legs["b"].party == USER
    assert [r.tenant for r in call.recordings] == ["acme.test"]


def test_where_the_call_was_sent_on_two_parties_outside_are_not_recorded() -> None:
    desk = desk_with_a_call()
    effects = desk.apply(f.LegIdentified("b", AT, ELSEWHERE, replaced=True))
    assert not [c for _, c in effects.commands if isinstance(c, BindFeatureCodes)], "no codes for them"
    talk(desk)
    [call] = desk.book
    assert call.legs["b"].party == ELSEWHERE
    assert call.recordings == []
    assert {d.rule for d in call.decisions.values()} == {"external_only"}
