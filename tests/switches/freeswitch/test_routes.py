"""What a call came through, by single events; and that it is told before the bridge."""

from __future__ import annotations

import pytest

from controller.core import facts as f
from controller.core.rules import PolicyScope, Route
from controller.switches.freeswitch.connection import Event
from controller.switches.freeswitch.routes import MAX_NAME, MAX_NAMES, route, routes_of, to_note

from .captured import events, translator

TENANTS = {"acme.test"}
QUEUE = PolicyScope.QUEUE


def talking() -> list[Event]:
    found: list[Event] = []
    for event in events("01"):
        found.append(dict(event))
        if event["Event-Name"] == "CHANNEL_BRIDGE":
            return found
    raise AssertionError("no bridge in the capture")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sales", (Route(QUEUE, "sales"),)),
        ("sales@acme.test", (Route(QUEUE, "sales", "acme.test"),)),
        ("sales@default", (Route(QUEUE, "sales"),)),
        ("sales@other.test", (Route(QUEUE, "sales"),)),
        (" sales ", (Route(QUEUE, "sales"),)),
        ("", ()), ("@acme.test", ()), (" \r\n", ()),
        ("a\r\nUnique-ID: b", (Route(QUEUE, "a  Unique-ID: b"),)),
        ("x" * 5000, (Route(QUEUE, "x" * MAX_NAME),)),
    ],
)  # fmt: skip
def test_a_name_and_whose_it_is(text: str, expected: tuple[Route, ...]) -> None:
    assert route(QUEUE, text, TENANTS) == expected


def test_several_values_of_one_variable() -> None:
    event = {"variable_tapeline_queue": "ARRAY::sales|:support@acme.test|:sales", "variable_cc_queue": "vip"}
    assert routes_of(event, TENANTS) == (
        Route(QUEUE, "sales"), Route(QUEUE, "support", "acme.test"), Route(QUEUE, "vip"),
    )  # fmt: skip
    many = "ARRAY::" + "|:".join(str(n) for n in range(1000))
    assert len(routes_of({"variable_tapeline_queue": many}, TENANTS)) == MAX_NAMES


def test_routes_are_told_before_the_bridge_and_once() -> None:
    reader, told = translator(), []
    for event in talking():
        if event["Event-Name"] == "CHANNEL_BRIDGE":
            event["variable_tapeline_ring_group"] = "all@test.io"
        told += reader.facts(event)
        if event["Event-Name"] == "CHANNEL_BRIDGE":
            told += reader.facts(event)
    routed = [n for n, fact in enumerate(told) if isinstance(fact, f.LegRouted)]
    entered = [n for n, fact in enumerate(told) if isinstance(fact, f.BridgeEntered)]
    assert len(routed) == 1
    assert routed[0] < entered[0]
    fact = told[routed[0]]
    assert isinstance(fact, f.LegRouted)
    assert fact.routes == (Route(PolicyScope.RING_GROUP, "all", "test.io"),), "its domain is a tenant's"


def test_what_was_exported_to_the_called_leg_its_caller_came_through() -> None:
    """All that is told before a pickup. An outbound rule is the called leg's alone."""
    reader, told = translator(), []
    for event in talking():
        if event["Event-Name"] == "CHANNEL_CREATE" and event["Call-Direction"] == "outbound":
            event |= {"variable_tapeline_ring_group": "all", "variable_tapeline_outbound_rule": "mobile"}
            told = reader.facts(event)
            break
        reader.facts(event)
    [started] = [fact for fact in told if isinstance(fact, f.LegStarted)]
    [routed] = [fact for fact in told if isinstance(fact, f.LegRouted)]
    assert {r.name for r in started.routes} == {"all", "mobile"}
    assert routed.leg_id == started.origin
    assert [r.name for r in routed.routes] == ["all"]


@pytest.mark.parametrize(
    "entering",
    [
        {
            "Event-Subclass": "callcenter::info",
            "CC-Action": "member-queue-start",
            "CC-Queue": "sales@test.io",
        },
        {"Event-Subclass": "fifo::info", "FIFO-Action": "push", "FIFO-Name": "sales@test.io"},
    ],
)
def test_entering_a_queue(entering: Event) -> None:
    reader = translator()
    created = next(e for e in talking() if e["Event-Name"] == "CHANNEL_CREATE")
    reader.facts(created)
    leg = created["Unique-ID"]
    event = {
        "Event-Name": "CUSTOM", "Unique-ID": leg, "CC-Member-Session-UUID": leg,
        "variable_tapeline_receptionist": "welcome", **entering,
    }  # fmt: skip
    [routed] = reader.facts(event)
    assert isinstance(routed, f.LegRouted)
    assert routed.routes == (
        Route(PolicyScope.RECEPTIONIST, "welcome"), Route(QUEUE, "sales", "test.io"),
    )  # fmt: skip
    assert reader.facts(event) == [], "told once"
    assert reader.facts({**event, "Unique-ID": "nobody", "CC-Member-Session-UUID": "nobody"}) == []


def test_a_fifo_is_noted_on_the_leg_if_a_command_can_carry_its_name() -> None:
    event = {
        "Event-Subclass": "fifo::info",
        "FIFO-Action": "push",
        "Unique-ID": "leg-1",
        "FIFO-Name": "s@a.b",
    }
    assert to_note(event) == ("leg-1", "s@a.b")
    assert to_note({**event, "FIFO-Name": "x y\n\napi shutdown"}) is None
    assert to_note({**event, "FIFO-Action": "consumer_pop"}) is None


def test_a_conference_is_a_bridge_of_many() -> None:
    reader = translator()
    said: list[f.Fact] = []
    for leg, action in (("a", "add-member"), ("b", "add-member"), ("a", "del-member"), ("b", "floor-change")):
        said += reader.facts(
            {
                "Event-Name": "CUSTOM", "Event-Subclass": "conference::maintenance", "Action": action,
                "Unique-ID": leg, "Conference-Unique-ID": "room",
            }
        )  # fmt: skip
    assert [(type(x), x.leg_id) for x in said if isinstance(x, f.BridgeEntered | f.BridgeLeft)] == [
        (f.BridgeEntered, "a"), (f.BridgeEntered, "b"), (f.BridgeLeft, "a"),
    ]  # fmt: skip
    assert len({x.bridge_id for x in said if isinstance(x, f.BridgeEntered | f.BridgeLeft)}) == 1
