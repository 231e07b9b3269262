"""Captured AMI streams in, a table of facts out; and events that nobody sane would send."""

from __future__ import annotations

import base64
import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core import facts as f
from controller.core.media_kinds import Kind, Verb
from controller.core.parties import Party, Side
from controller.core.requests import LegActor, LegTarget, Means, NameTarget, SystemActor, UserActor
from controller.switches.asterisk.channels import with_own_variables
from controller.switches.asterisk.headers import timestamp
from controller.switches.asterisk.messages import RefusedInput
from controller.switches.asterisk.translate import Translator

from .captured import LATER, capture_bytes, events, story, translator, without_repeats
from .scripted_ami import channel

PLAIN = """
    L1 calls 102
    L2 is called 102 for L1
    L2 answered
    L1 answered
    L2 enters B1
    L1 enters B1
    L1 leaves B1
    L2 leaves B1
"""
INBOUND = """
    L1 calls 101
    L1 is outside by trunk 5551234
    L2 is called 101 for L1
    L2 answered
    L1 answered
    L2 enters B1
    L1 enters B1
"""
SCENARIOS = {
    "01": PLAIN + "    L2 hung up: Normal Clearing\n    L1 hung up: Normal Clearing",
    "02": INBOUND
    + """
    L1 leaves B1
    L2 leaves B1
    L1 hung up: Normal Clearing
    L2 hung up: Normal Clearing
    """,
    "03": PLAIN + "    L1 hung up: Normal Clearing\n    L2 hung up: Normal Clearing",
    # blind transfer to the outside: the agent's leg ends, the next bridge holds two outsiders
    "04": INBOUND
    + """
    L2 unheld
    L1 leaves B1
    L2 leaves B1
    L2 hung up: Normal Clearing
    L3 is called for L1
    L3 is outside by trunk
    L3 is outside by trunk 90777
    L3 answered
    L3 enters B2
    L1 enters B2
    L1 leaves B2
    L3 leaves B2
    L3 hung up: Normal Clearing
    L1 hung up: Normal Clearing
    """,
    # attended transfer: the caller moves into the consultation's bridge
    "05": INBOUND
    + """
    L2 held
    L3 calls 90777
    L4 is called for L3
    L4 is outside by trunk
    L4 is outside by trunk 90777
    L4 answered
    L3 answered
    L4 enters B2
    L3 enters B2
    L2 unheld
    L3 unheld
    L1 leaves B1
    L3 leaves B2
    L1 enters B2
    L2 leaves B1
    L2 hung up: Normal Clearing
    L3 hung up: Normal Clearing
    L1 leaves B2
    L4 leaves B2
    L1 hung up: Normal Clearing
    L4 hung up: Normal Clearing
    """,
    "08": """
    L1 calls 102
    L2 is called 102 for L1
    L2 answered
    L1 answered
    L2 enters B1
    L1 enters B1
    L1 held
    L3 calls *48
    L3 answered
    L3 hung up: Normal Clearing
    L1 unheld
    L4 calls *49
    L4 answered
    L4 hung up: Normal Clearing
    L1 leaves B1
    L2 leaves B1
    L1 hung up: Normal Clearing
    L2 hung up: Normal Clearing
    """,
    "10": """
    L1 calls 102
    L2 is called 102 for L1
    L2 hung up: User busy
    L1 hung up: User busy
    L3 calls 102
    L4 is called 102 for L3
    L4 hung up: Call Rejected
    L3 hung up: Call Rejected
    """,
}


def lines(table: str) -> list[str]:
    return [line.strip() for line in table.splitlines() if line.strip()]


@pytest.mark.parametrize("name", SCENARIOS)
def test_captured_scenario(name: str) -> None:
    translate = translator()
    facts = [fact for event in events(capture_bytes(name)) for fact in translate.facts(event)]
    assert without_repeats(story(facts)) == lines(SCENARIOS[name])
    assert translate.channels == {}, "what hung up is forgotten"
    assert all(fact.at.tzinfo is not None and fact.at < LATER for fact in facts), "the switch's own time"


def test_times_are_to_the_microsecond() -> None:
    assert timestamp({"Timestamp": "1795376974.267156"}, LATER) == datetime(
        2026, 11, 22, 19, 49, 34, 267156, tzinfo=UTC
    )
    for nonsense in ("", "x", "1e9", "99999999999.0", "-5.0", "١٢٣.4"):
        assert timestamp({"Timestamp": nonsense}, LATER) == LATER


def started(translate: Translator, **headers: object) -> f.LegStarted:
    row = channel("u1", "PJSIP/101-00000001", user="101") | {"Event": "Newchannel", "ChannelState": "4"}
    (fact,) = translate.facts({**row, **headers})  # type: ignore[dict-item]
    assert isinstance(fact, f.LegStarted)
    return fact


class TestParties:
    def test_a_user_by_the_endpoints_variables(self) -> None:
        party = started(translator(default_tenant=None)).party
        assert (party.side, party.tenant, party.user) == (Side.INTERNAL, "acme.test", "101")

    def test_without_any_tenant_a_party_is_external(self) -> None:
        party = started(translator(default_tenant=None), ChanVariable=["REC_SIDE=internal"]).party
        assert party.side is Side.EXTERNAL

    def test_the_default_tenant_and_the_endpoints_name(self) -> None:
        party = started(translator(), ChanVariable=[]).party
        assert (party.side, party.tenant, party.user) == (Side.INTERNAL, "acme.test", "101")

    def test_a_trunk_by_configuration_wins_over_its_variables(self) -> None:
        assert started(translator(trunks=("101",))).party.side is Side.EXTERNAL

    def test_a_trunk_keeps_the_tenant_that_the_dialplan_gave_it(self) -> None:
        party = started(translator(), ChanVariable=["REC_SIDE=external", "REC_TENANT=other.test"]).party
        assert (party.side, party.tenant, party.user) == (Side.EXTERNAL, "other.test", None)

    def test_a_side_that_is_no_side_is_outside(self) -> None:
        assert started(translator(), ChanVariable=["REC_SIDE=inside"]).party.side is Side.EXTERNAL

    def test_endpoints_with_a_dash(self) -> None:
        fact = started(translator(), Channel="PJSIP/acme-101-0000000a", ChanVariable=[])
        assert fact.party.user == "acme-101"

    def test_local_half_legs_carry_no_capture(self) -> None:
        fact = started(translator(), Channel="Local/102@internal-00000001;1")
        assert fact.recordable is False
        assert fact.party.side is Side.EXTERNAL

    def test_helpers_are_nobody(self) -> None:
        row = channel("u9", "Message/ast_msg_queue") | {"Event": "Newchannel"}
        assert translator().facts(row) == []

    @pytest.mark.parametrize(
        "name",
        ['Eve", REC_SIDE=internal', "a,b;c", "${EVIL}", "../../etc", "%0D%0AEvent: Hangup", "x" * 4000, "☎ü"],
    )
    def test_a_callers_name_changes_nothing_but_the_name(self, name: str) -> None:
        plain, odd = started(translator()), started(translator(), CallerIDName=name, CallerIDNum=name)
        assert odd.party.name == odd.party.number == name[:256]
        assert (odd.party.side, odd.party.tenant, odd.party.user) == (
            plain.party.side, plain.party.tenant, plain.party.user,
        )  # fmt: skip
        assert (odd.leg_id, odd.at, odd.dialled, odd.origin) == (
            plain.leg_id, plain.at, plain.dialled, plain.origin,
        )  # fmt: skip

    def test_a_second_header_of_the_same_name_does_not_count(self) -> None:
        fact = started(translator(), Uniqueid=["u1", "someone-elses"])
        assert fact.leg_id == "u1"


class TestNames:
    """A called outside party is never named after somebody of ours."""

    def test_after_a_blind_transfer_it_has_its_number_and_no_name(self) -> None:
        translate, known = translator(), dict[str, Party]()
        for event in events(capture_bytes("04")):
            for fact in translate.facts(event):
                if isinstance(fact, f.LegStarted | f.LegIdentified) and fact.party is not None:
                    known[fact.leg_id] = fact.party
        assert {(p.number, p.name) for p in known.values()} == {
            ("5551234", ""), ("101", "User 101"), ("90777", "")
        }  # fmt: skip

    def test_a_name_that_the_trunk_tells_later_is_its_own(self) -> None:
        translate = translator()
        called = channel("u1", "PJSIP/trunk-00000001") | {
            "ChannelState": "0", "ChanVariable": ["REC_SIDE=external"],
        }  # fmt: skip
        translate.facts({**called, "Event": "Newchannel", "CallerIDNum": "", "CallerIDName": ""})
        translate.facts(
            {**called, "Event": "NewCallerid", "CallerIDNum": "90777", "CallerIDName": "User 101"}
        )
        assert translate.channels["u1"].party.name == ""
        told = {"CallerIDNum": "90777", "CallerIDName": "Mrs Outside"}
        translate.facts({**called, "Event": "NewCallerid", "ChannelState": "6", **told})
        assert translate.channels["u1"].party.name == "Mrs Outside"

    def test_a_controller_that_starts_later_does_not_take_the_guess_for_a_name(self) -> None:
        row = channel("u1", "PJSIP/trunk-00000001") | {
            "ChannelState": "6", "Application": "AppDial", "ChanVariable": ["REC_SIDE=external"],
            "CallerIDNum": "90777", "CallerIDName": "User 101",
        }  # fmt: skip
        translate = translator()
        translate.snapshot([row], LATER)
        assert translate.facts({**row, "Event": "Newstate"}) == [f.LegAnswered("u1", LATER)]
        party = translate.channels["u1"].party
        assert (party.number, party.name) == ("90777", "")


def test_an_event_about_a_leg_never_seen_makes_none() -> None:
    row = channel("ghost", "PJSIP/101-00000001")
    for name in ("BridgeEnter", "Newstate", "Hold", "BridgeLeave"):
        assert translator().facts({"Event": name, "BridgeUniqueid": "b", **row}) == []


class TestOneChannelInAnothersPlace:
    """A transfer to somebody who still rings, a pickup: the variables of two channels are mixed."""

    MIXED = ("REC_SIDE=internal", "REC_TENANT=acme.test", "REC_USER=101")

    def test_a_trunks_channel_stays_outside(self) -> None:
        translate = translator()
        row = channel("u1", "PJSIP/trunk-00000001", side="external")
        translate.facts({"Event": "Newchannel", **row})
        mixed = {"Event": "BridgeEnter", "BridgeUniqueid": "b", **row, "ChanVariable": list(self.MIXED)}
        assert not [x for x in translate.facts(mixed) if isinstance(x, f.LegIdentified) and x.party.internal]
        assert translate.channels["u1"].party.side is Side.EXTERNAL

    def test_the_variables_come_one_by_one_after_the_channel(self) -> None:
        translate = translator(default_tenant=None)
        row = channel("u1", "PJSIP/101-00000001", state="4")
        for n in range(len(self.MIXED) + 1):
            event = {"Event": "VarSet" if n else "Newchannel", **row, "ChanVariable": list(self.MIXED[:n])}
            translate.facts(event)
        assert translate.channels["u1"].party.is_user("acme.test", "101")

    def test_a_users_channel_stays_that_users(self) -> None:
        translate = translator()
        row = channel("u3", "PJSIP/103-00000001", user="103")
        translate.facts({"Event": "Newchannel", **row})
        translate.facts(
            {"Event": "BridgeEnter", "BridgeUniqueid": "b", **row, "ChanVariable": list(self.MIXED)}
        )
        assert translate.channels["u3"].party.user == "103"

    @pytest.mark.parametrize("remembered", [True, False], ids=["reconnected", "started anew"])
    def test_after_a_reconnection_too(self, remembered: bool) -> None:
        translate = translator()
        row = channel("u1", "PJSIP/trunk-00000001", side="external", Duration="00:00:10")
        if remembered:
            translate.facts({"Event": "Newchannel", **row})
        mixed = {**row, "ChanVariable": list(self.MIXED)}
        if not remembered:
            mixed = dict(with_own_variables(mixed, {"REC_SIDE": "external"}))
        [started, *_] = translate.snapshot([mixed], LATER)["u1"]
        assert isinstance(started, f.LegStarted)
        assert started.party.side is Side.EXTERNAL
        assert started.party.user is None


# ── requests ──────────────────────────────────────────────────────────────────────────────────


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def message(
    user: str = "101", body: str = '{"operation": "pause-audio-recording", "session_id": "s1"}',
    content_type: str = "application/x-media-control+json", dialog: str = "-", sender: str | None = None,
    authorization: str | None = None,
) -> dict[str, str]:  # fmt: skip
    digest = authorization if authorization is not None else f'Digest username="{user}", realm="r", nonce="n"'
    return {
        "Event": "UserEvent", "UserEvent": "TapelineMessage", "Channel": "Message/ast_msg_queue",
        "Uniqueid": "m1", "Content-Type": b64(content_type), "Body": b64(body), "Dialog": b64(dialog),
        "From": b64(sender if sender is not None else f'"A, B" <sip:{user}@acme.test>;tag=1'),
        "Authorization": b64(digest),
    }  # fmt: skip


@pytest.fixture
def talking() -> Translator:
    """101 and 102 of acme in a call; 101's SIP Call-ID is known."""
    translate = translator(default_tenant=None)
    for leg_id, user in (("u1", "101"), ("u2", "102")):
        translate.facts({"Event": "Newchannel", **channel(leg_id, f"PJSIP/{user}-00000001", user=user)})
    translate.name_leg("u1", LATER, "call-1@phone", "s1")
    return translate


class TestRequests:
    def test_feature_code_is_the_legs_own(self, talking: Translator) -> None:
        event = {"Event": "UserEvent", "UserEvent": "TapelineFeature", "Operation": "pause-recording"}
        request = talking.request({**event, **channel("u1", "PJSIP/101-00000001")})
        assert request is not None
        assert (request.actor, request.target) == (LegActor("u1"), LegTarget("u1"))
        assert (request.operation.verb, request.operation.kinds) == (Verb.PAUSE, (Kind.AUDIO, Kind.VIDEO))
        assert request.means is Means.FEATURE_CODE

    def test_an_unknown_operation_is_refused(self, talking: Translator) -> None:
        event = {"Event": "UserEvent", "UserEvent": "TapelineFeature", "Operation": "format-disk"}
        with pytest.raises(RefusedInput, match="unknown operation 'format-disk'"):
            talking.request({**event, **channel("u1", "PJSIP/101-00000001")})

    def test_message_out_of_dialog_is_the_authenticated_users(self, talking: Translator) -> None:
        request = talking.request(message())
        assert request is not None
        assert (request.actor, request.target) == (UserActor("acme.test", "101"), NameTarget("s1"))
        assert request.means is Means.MESSAGE

    def test_message_in_dialog_is_the_legs(self, talking: Translator) -> None:
        event = message(
            body="resume-audio-recording", content_type="application/x-media-control",
            dialog="call-1@phone;from-tag=a;to-tag=b",
        )  # fmt: skip
        request = talking.request(event)
        assert request is not None
        assert (request.actor, request.target) == (LegActor("u1"), LegTarget("u1"))
        assert request.means is Means.MESSAGE_IN_DIALOG

    @pytest.mark.parametrize(
        ("event", "reason"),
        [
            (message(authorization=""), "not authenticated"),
            (message(authorization='Digest username="101", username="102"'), "not authenticated"),
            (message(authorization='Digest username="102", realm="r"'), "not the one who was authenticated"),
            (message(sender="<sip:102@acme.test>"), "not the one who was authenticated"),
            (message(sender='"<sip:101@acme.test>" <sip:102@acme.test>'), "not the one who was"),
            (message("999"), "in no call"),
            (message("102", dialog="call-1@phone;from-tag=a"), "in no dialog of the sender's"),
            (message(dialog="other@phone;from-tag=a"), "in no dialog of the sender's"),
            (message(body="{"), "not JSON"),
            (message(body='{"operation": "start-recording", "session_id": "s1"}'), "unknown operation"),
            (message(body='{"operation": "pause-audio-recording"}'), "session_id is missing"),
            (message(content_type="text/plain"), "not media control"),
            ({**message(), "Body": "%%%"}, "not whole base64"),
            ({**message(), "From": b64("")}, "not the one who was"),
        ],
    )
    def test_refused_with_the_reason(self, talking: Translator, event: dict[str, str], reason: str) -> None:
        with pytest.raises(RefusedInput, match=reason):
            talking.request(event)

    def test_bus_request_by_session_leg_or_own_channel(self, talking: Translator) -> None:
        ask = {"Event": "UserEvent", "UserEvent": "TapelineRequest", "Operation": "stop-recording"}
        by_session = talking.request({**ask, "Session-Id": "s1"})
        by_leg = talking.request({**ask, "Leg-Id": "u2"})
        own = talking.request({**ask, **channel("u1", "PJSIP/101-00000001")})
        encoded = talking.request({**ask, "Operation": b64("pause-audio-recording"), "Encoding": "base64",
                                   "Leg-Id": "u1"})  # fmt: skip
        assert by_session is not None
        assert by_leg is not None
        assert own is not None
        assert encoded is not None
        assert by_session.target == NameTarget("s1")
        assert by_leg.target == LegTarget("u2")
        assert own.target == LegTarget("u1")
        assert str(encoded.operation) == "pause-audio-recording"
        assert {r.actor for r in (by_session, by_leg, own)} == {SystemActor("bus")}
        with pytest.raises(RefusedInput, match="which call"):
            talking.request(ask)

    def test_what_we_tell_ourselves_is_no_request(self, talking: Translator) -> None:
        assert talking.request({"Event": "UserEvent", "UserEvent": "TapelineRecording"}) is None


# ── anything at all ───────────────────────────────────────────────────────────────────────────

NAMES = """
Event UserEvent Channel Uniqueid Linkedid ChannelState ChanVariable Timestamp BridgeUniqueid CallerIDNum
CallerIDName Operation Body From Authorization Dialog Content-Type DestUniqueid DialStatus Newname Exten
Duration BridgeId
"""
WORDS = """
Newchannel Newstate BridgeEnter BridgeLeave Hold Unhold Hangup Rename DialEnd UserEvent TapelineFeature
TapelineMessage TapelineRequest PJSIP/101-1 Local/1@x-1;1 u1 u2 6 4 ANSWER REC_SIDE=internal pause-recording
00:00:01
"""
VALUES = st.sampled_from(WORDS.split()) | st.text(max_size=30)
EVENTS = st.lists(
    st.dictionaries(st.sampled_from(NAMES.split()), VALUES | st.lists(VALUES, min_size=1, max_size=3)),
    max_size=12,
)


@given(EVENTS)
def test_no_events_make_it_raise(stream: list[dict[str, str | list[str]]]) -> None:
    translate = translator()
    for event in stream:
        translate.facts(event)
        with contextlib.suppress(RefusedInput):
            translate.request(event)
    translate.snapshot(stream, LATER)


@given(st.data())
def test_captured_events_in_any_order_with_losses(data: st.DataObject) -> None:
    """Only legs that a Newchannel announced ever appear."""
    stream = [e for e in events(capture_bytes("05")) if e.get("Event") != "VarSet"]
    chosen = data.draw(st.lists(st.sampled_from(stream), max_size=60))
    translate, begun = translator(), set()
    for event in chosen:
        for fact in translate.facts(event):
            if isinstance(fact, f.LegStarted):
                begun.add(fact.leg_id)
            elif not isinstance(fact, f.LegHungUp):
                assert fact.leg_id in begun
