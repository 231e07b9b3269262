"""What a call came through: by variables, by app_queue, by half-legs, after a reconnection, when cut."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from controller.core import facts as f
from controller.core.requests import DialledCode, Means
from controller.core.rules import PolicyScope, Route
from controller.switches.asterisk.channels import HOLDING
from controller.switches.asterisk.messages import RefusedInput

from .bench import Bench
from .captured import LATER, translator
from .scripted_ami import ScriptedAmi, channel

Eventually = Callable[..., Awaitable[None]]
SALES = Route(PolicyScope.QUEUE, "sales")
OUTSIDE = channel("u1", "PJSIP/trunk-00000001", state="4", side="external")
AGENT = channel("u2", "PJSIP/101-00000002", state="0", user="101", linked="u1")


def with_variables(row: dict, *said: str) -> dict:
    return {**row, "ChanVariable": [*row["ChanVariable"], *said]}


class TestVariables:
    def test_from_the_first_event_on(self) -> None:
        row = with_variables(AGENT, "REC_RING_GROUP=all", "REC_QUEUE=", "REC_INBOUND_RULE=main")
        [started] = translator().facts({"Event": "Newchannel", **row})
        assert isinstance(started, f.LegStarted)
        assert started.routes == (
            Route(PolicyScope.RING_GROUP, "all"), Route(PolicyScope.INBOUND_RULE, "main"),
        )  # fmt: skip

    def test_set_later_it_is_told_once_and_before_the_bridge(self) -> None:
        translate = translator()
        translate.facts({"Event": "Newchannel", **AGENT})
        # The event of a variable that is set still has the channel's variables of before.
        [routed] = translate.facts({"Event": "VarSet", "Variable": "REC_QUEUE", "Value": "sales", **AGENT})
        assert routed == f.LegRouted("u2", LATER, (SALES,))
        again = {"Event": "Newstate", **with_variables(AGENT, "REC_QUEUE=sales")}
        assert translate.facts(again) == []
        # With two underscores VarSet names another variable; the bridge's own event says it first.
        entered = with_variables(AGENT, "REC_QUEUE=sales", "REC_OUTBOUND_RULE=mobile")
        routed, bridged = translate.facts({"Event": "BridgeEnter", "BridgeUniqueid": "b1", **entered})
        assert routed == f.LegRouted("u2", LATER, (Route(PolicyScope.OUTBOUND_RULE, "mobile"),))
        assert isinstance(bridged, f.BridgeEntered)

    @pytest.mark.parametrize(
        ("row", "tenant"),
        [
            (AGENT, None),  # an internal caller may have called another tenant's queue
            (OUTSIDE, "acme.test"),  # the dialplan has said whose number was called
            (with_variables(AGENT, "REC_ROUTE_TENANT=other.test"), "other.test"),
        ],
    )
    def test_whose_it_is(self, row: dict, tenant: str | None) -> None:
        [started] = translator().facts({"Event": "Newchannel", **with_variables(row, "REC_QUEUE=sales")})
        assert isinstance(started, f.LegStarted)
        assert started.routes == (Route(PolicyScope.QUEUE, "sales", tenant),)

    def test_a_name_is_bounded(self) -> None:
        row = with_variables(AGENT, "REC_QUEUE=" + "x" * 5000)
        [started] = translator().facts({"Event": "Newchannel", **row})
        assert isinstance(started, f.LegStarted)
        assert len(started.routes[0].name) == 256


class TestQueue:
    def test_app_queue_says_so_without_any_variable(self) -> None:
        translate = translator()
        translate.facts({"Event": "Newchannel", **AGENT})
        joined = {"Event": "QueueCallerJoin", "Queue": "sales", "Position": "1", **AGENT}
        assert translate.facts(joined) == [f.LegRouted("u2", LATER, (SALES,))]

    def test_half_legs_stand_for_the_caller_and_agents_do_not(self) -> None:
        translate = translator()
        translate.facts({"Event": "Newchannel", **with_variables(OUTSIDE, "REC_QUEUE=sales")})
        half = channel("u3", "Local/103@internal-00000001;2", linked="u1", side="")
        [started] = translate.facts({"Event": "Newchannel", **half})
        assert isinstance(started, f.LegStarted)
        assert [route.name for route in started.routes] == ["sales"]
        [agent] = translate.facts({"Event": "Newchannel", **AGENT})
        assert isinstance(agent, f.LegStarted)
        assert agent.routes == ()
        later = {"Event": "VarSet", "Variable": "REC_RING_GROUP", "Value": "all", **OUTSIDE}
        assert {fact.leg_id for fact in translate.facts(later)} == {"u1", "u3"}


class TestBridgesWithoutTalk:
    def test_a_parking_lot_is_no_conversation(self) -> None:
        translate = translator()
        translate.facts({"Event": "Newchannel", **AGENT})
        parked = {"Event": "BridgeEnter", "BridgeUniqueid": "lot", "BridgeTechnology": HOLDING, **AGENT}
        assert not [x for x in translate.facts(parked) if isinstance(x, f.BridgeEntered)]

    def test_neither_is_our_own_helper_a_call(self) -> None:
        helper = channel("u9", "Local/s@tapeline-say-0000000a;2", side="")
        assert translator().facts({"Event": "Newchannel", **helper}) == []
        other = channel("u9", "Local/s@tapeline-saying-0000000a;2", side="")
        assert len(translator().facts({"Event": "Newchannel", **other})) == 1


FEATURE = {"Event": "UserEvent", "UserEvent": "TapelineFeature", **AGENT}


class TestCodes:
    def test_a_code_means_what_its_tenant_says(self) -> None:
        request = translator().request({**FEATURE, "Code": "*71"})
        assert request is not None
        assert (request.operation, request.means) == (DialledCode("*71"), Means.FEATURE_CODE)

    @pytest.mark.parametrize(("key", "asked"), [("on", "start-recording"), ("off", "stop-recording")])
    def test_the_record_key(self, key: str, asked: str) -> None:
        request = translator().request({**FEATURE, "Key": key})
        assert request is not None
        assert (str(request.operation), request.means) == (asked, Means.RECORD_KEY)

    @pytest.mark.parametrize("said", [{"Code": "48"}, {"Code": "*1234567"}, {"Code": "*4x"}, {"Key": "ON"}])
    def test_nothing_else(self, said: dict[str, str]) -> None:
        with pytest.raises(RefusedInput, match="unknown operation"):
            translator().request({**FEATURE, **said})


class TestReconnection:
    async def test_the_snapshot_tells_routes_and_leaves_parking_lots_out(
        self, tmp_path: Path, eventually: Eventually
    ) -> None:
        async with ScriptedAmi(tmp_path) as ami:
            caller = channel(
                "u1", "PJSIP/trunk-00000001", side="external", Duration="00:01:00", BridgeId="b1",
                Application="Queue", ApplicationData="sales,t,,,60",
            )  # fmt: skip
            parked = channel(
                "u5", "PJSIP/102-00000005", user="102", Duration="00:01:00", BridgeId="lot",
                Application="Park", ApplicationData="",
            )  # fmt: skip
            ami.rows = [caller, with_variables(parked, "REC_RECEPTIONIST=welcome")]
            ami.holding = ["lot"]
            async with Bench(ami.config()) as bench:
                await eventually(lambda: bench.of(f.SwitchSnapshot), "a snapshot")
                [snapshot] = bench.of(f.SwitchSnapshot)
                started = {x.leg_id: x for xs in snapshot.legs.values() for x in xs if hasattr(x, "routes")}
                assert started["u1"].routes == (Route(PolicyScope.QUEUE, "sales", "acme.test"),)
                assert started["u5"].routes == (Route(PolicyScope.RECEPTIONIST, "welcome"),)
                entered = [x for xs in snapshot.legs.values() for x in xs if isinstance(x, f.BridgeEntered)]
                assert [x.leg_id for x in entered] == ["u1"]

    async def test_a_queue_is_noted_on_the_channel(self, tmp_path: Path, eventually: Eventually) -> None:
        async with ScriptedAmi(tmp_path) as ami, Bench(ami.config()) as bench:
            await eventually(lambda: bench.of(f.SwitchSnapshot), "a snapshot")
            name = str(AGENT["Channel"])
            ami.variables |= {(name, "CHANNEL(appname)"): "Queue", (name, "CHANNEL(appdata)"): "sales,,,,60"}
            ami.event("Newchannel", **AGENT)
            ami.event("QueueCallerJoin", Queue="sales", **AGENT)
            await eventually(lambda: (name, "REC_QUEUE") in ami.variables, "the note")
            assert ami.variables[name, "REC_QUEUE"] == "sales"
            assert [x.routes for x in bench.of(f.LegRouted)] == [(SALES,)], "told once"

    async def test_line_ends_in_the_callers_number_hide_no_queue(
        self, tmp_path: Path, eventually: Eventually
    ) -> None:
        """They cut the event before the queue's name; the channel is asked instead."""
        async with ScriptedAmi(tmp_path) as ami:
            ami.system_name = "secret77"
            async with Bench(ami.config()) as bench:
                await eventually(lambda: bench.of(f.SwitchSnapshot), "a snapshot")
                row = channel("secret77-1.1", "PJSIP/101-00000002", state="4", user="101")
                name = str(row["Channel"])
                ami.variables |= {(name, "CHANNEL(appname)"): "Queue", (name, "CHANNEL(appdata)"): "sales"}
                ami.event("Newchannel", **row)
                ami.send(
                    f"Event: QueueCallerJoin\r\nSystemName: secret77\r\nChannel: {name}\r\n"
                    "CallerIDNum: 1\r\nQueue: nobody\r\n\r\n"
                )
                await eventually(lambda: bench.of(f.LegRouted), "the route")
                assert {r.name for x in bench.of(f.LegRouted) for r in x.routes} == {"sales"}
