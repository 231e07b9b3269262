"""Captured FreeSWITCH streams: events in, facts and requests out, and the commands that follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest
from greenswitch.esl import ESLEvent
from hypothesis import given
from hypothesis import strategies as st

from controller.core import facts as f
from controller.core.parties import Party, Side
from controller.core.requests import DialledCode, LegActor, LegTarget, Means, NameTarget, SystemActor
from controller.switches.freeswitch.connection import Event
from controller.switches.freeswitch.events import MAX_TEXT, timestamp
from controller.switches.freeswitch.frames import decode_event
from controller.switches.freeswitch.requests import RefusedInput
from controller.switches.freeswitch.translate import Translator

from .captured import LATER, NAMES, capture_bytes, events, frames, translator
from .stories import Story

TALKING = """
L1 101@test.io calls 102
> bind L1
L2 102@test.io is called for L1
> bind L2
L2 is 102@test.io, named 'ua102'
L2 has video
L2 answered
L1 is 101@test.io, named '101'
L1 has video
L1 answered
L1 enters B1
L2 enters B1
> open R2.1 (audio) on L1
> open R3.1 (video) on L1
"""
CALLEE_HANGS_UP = """
L2 hung up: MANAGER_REQUEST
> close R2.1
> close R3.1
L1 leaves B1
L2 leaves B1
L1 hung up: MANAGER_REQUEST
"""
CALLER_HANGS_UP = """
L1 leaves B1
> close R2.1
> close R3.1
L2 leaves B1
L1 hung up: MANAGER_REQUEST
L2 hung up: MANAGER_REQUEST
"""

#: capture → what it says. The captures made in the streams are other people's and are left alone.
STORIES = {
    "01": TALKING + CALLEE_HANGS_UP.replace("MANAGER_REQUEST", "NORMAL_CLEARING"),
    # The second external party is not heard: the first segment is closed before L3 is even called.
    "02": TALKING + """
L2 leaves B1
> close R2.1
> close R3.1
L3 +15551234567 outside by external is called for L2
L3 is +15551234567 outside by external, named '+15551234567'
L3 has video
L3 answered
L2 enters B2
L3 enters B2
> open R2.2 (audio) on L2
> open R3.2 (video) on L2
L1 leaves B1
L1 hung up: NORMAL_CLEARING
L2 leaves B2
> close R2.2
> close R3.2
L3 leaves B2
L2 hung up: MANAGER_REQUEST
L3 hung up: MANAGER_REQUEST
""",
    "03": """
L1 +15550001111 outside by external calls 102
L2 102@test.io is called for L1
> bind L2
L2 is 102@test.io, named 'ua102'
L2 has video
L2 answered
L1 is +15550001111 outside by external, named '+15550001111'
L1 has video
L1 answered
L1 enters B1
L2 enters B1
> open R2.1 (audio) on L2
> open R3.1 (video) on L2
L2 hung up: NORMAL_CLEARING
L1 leaves B1
L2 leaves B1
L1 hung up: NO_ROUTE_DESTINATION
""",
    "04": TALKING + """
L3 101@test.io calls +15551234567
> bind L3
L4 +15551234567 outside by external is called for L3
L4 is +15551234567 outside by external, named '+15551234567'
L4 has video
L4 answered
L3 is 101@test.io, named '101'
L3 has video
L3 answered
L3 enters B2
L4 enters B2
> open R5.1 (audio) on L3
> open R6.1 (video) on L3
L3 leaves B2
> close R5.1
> close R6.1
L4 leaves B2
L1 leaves B1
> close R2.1
> close R3.1
L2 leaves B1
L1 hung up: NORMAL_CLEARING
L2 enters B3
L4 enters B3
> open R2.2 (audio) on L2
> open R3.2 (video) on L2
L3 hung up: ATTENDED_TRANSFER
L4 hung up: MANAGER_REQUEST
> close R2.2
> close R3.2
L2 leaves B3
L4 leaves B3
L2 hung up: MANAGER_REQUEST
""",
    # A capture stands still while its own leg holds the other: it moves to the leg that is held.
    "05": TALKING + """
L1 held
> close R2.1
> open R2.2 (audio) on L2
> close R3.1
> open R3.2 (video) on L2
L1 unheld
""" + CALLEE_HANGS_UP.replace("> close R2.1\n> close R3.1\n", ""),
    # The MESSAGE with a wrong password makes no event at all.
    "06": TALKING + """
message: pause-audio-recording of L1: accepted
> mask R2.1
> mask R3.1
refused: session_id is missing and the MESSAGE is not in a dialog, of 101@test.io
refused: the body is not JSON: JSONDecodeError, of 101@test.io
""" + CALLER_HANGS_UP,
    "07": TALKING + """
message_in_dialog: pause-audio-recording of L2: accepted
> mask R2.1
> mask R3.1
message_in_dialog: resume-audio-recording of L1: accepted
> unmask R2.1
> unmask R3.1
""" + CALLEE_HANGS_UP,
    # This capture's binding named the operation by another header than ours do.
    "08": TALKING + "refused: a feature code without a meaning, of L1\n" + CALLEE_HANGS_UP,
    "09": TALKING + CALLEE_HANGS_UP,
    "10": TALKING + CALLER_HANGS_UP,
    "12": """
L1 101@test.io calls 109
> bind L1
L1 hung up: SUBSCRIBER_ABSENT
""",
}  # fmt: skip


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


@pytest.mark.parametrize("name", sorted(STORIES))
def test_a_captured_call_as_a_table(name: str) -> None:
    story = Story(translator())
    told = story.tell(events(name))
    assert told == lines(STORIES[name])
    assert not story.desk.book.calls, "nothing is left of an ended call"


@pytest.mark.parametrize("name", NAMES)
def test_every_event_that_is_not_subscribed_to_is_nothing(name: str) -> None:
    told = translator()
    for event in events(name):
        if event["Event-Name"] in ("CHANNEL_STATE", "CHANNEL_CALLSTATE", "API", "HEARTBEAT", "CODEC"):
            assert told.facts(event) == []
            assert told.request(event) is None


@pytest.mark.parametrize("name", NAMES)
def test_events_late_twice_or_lost_never_raise(name: str) -> None:
    """The fold behind it tolerates them (tests/core); here: the translator's own memory of bridges."""
    all_events = [e for e in events(name) if e["Event-Name"].startswith(("CHANNEL_", "RECORD"))]
    for order in (all_events[::-1], [e for e in all_events for _ in (1, 2)], all_events[1::2]):
        Story(translator()).tell(order)


# ── hostile names ─────────────────────────────────────────────────────────────────────────

#: Headers that FreeSWITCH fills with the caller's display name, seen in capture 11.
NAME_HEADERS = (
    "Caller-Caller-ID-Name", "Caller-Orig-Caller-ID-Name", "Other-Leg-Caller-ID-Name",
    "Other-Leg-Orig-Caller-ID-Name", "Sent-Callee-ID-Name", "variable_sip_from_display",
    "variable_last_sent_callee_id_name",
)  # fmt: skip
NUMBER_HEADERS = ("Caller-Caller-ID-Number", "Caller-Orig-Caller-ID-Number", "variable_sip_from_user")
FORGED = "x%0AUnique-ID: forged-by-caller"
HOSTILE = [
    FORGED, "x\nUnique-ID: forged-by-caller", "x\r\n\r\nEvent-Name: CHANNEL_HANGUP_COMPLETE", "${hostname}",
    "%{system(id)}", "a,b;c|d", '"quoted"', "'; DROP TABLE recording;--", "../../etc/passwd", "<b>&amp;</b>",
    "Zoë Ångström 李雷 🎙", "a\u2028b\u0085c", "\x00\x01\x1f", "n" * 4000, "{", "\\", "%", "", " ",
]  # fmt: skip


def with_text(stream: Iterator[Event], headers: tuple[str, ...], text: str) -> Iterator[Event]:
    """The stream as it would be had the caller sent this text, where the call came from the trunk."""
    for event in stream:
        changed = dict(event)
        for header in headers:
            if header in changed and changed[header] not in ("102", "ua102", "Outbound Call"):
                changed[header] = text
        yield changed


def without_texts(fact: f.Fact) -> f.Fact:
    party = getattr(fact, "party", None)
    return replace(fact, party=replace(party, name="", number="")) if isinstance(party, Party) else fact  # type: ignore[arg-type]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("headers", [NAME_HEADERS, NUMBER_HEADERS], ids=["name", "number"])
def test_a_hostile_text_changes_nothing_but_name_and_number(headers: tuple[str, ...], text: str) -> None:
    plain, hostile = translator(), translator()
    pairs = list(zip(events("11"), with_text(events("11"), headers, text), strict=True))
    for event, changed in pairs:
        expected, found = plain.facts(event), hostile.facts(changed)
        assert [without_texts(x) for x in found] == [without_texts(x) for x in expected]
        for fact in found:
            if isinstance(fact, f.LegStarted | f.LegIdentified) and fact.party is not None:
                assert fact.party.name in (text[:MAX_TEXT], "ua102", "") or headers is NUMBER_HEADERS
                assert len(fact.party.name) <= MAX_TEXT
                assert len(fact.party.number) <= MAX_TEXT
        assert hostile.request(changed) is None


@given(st.text(max_size=40))
def test_any_name_is_the_name_and_nothing_else(text: str) -> None:
    created = next(e for e in events("11") if e["Event-Name"] == "CHANNEL_CREATE")
    [expected] = translator().facts(created)
    [found] = translator().facts({**created, "Caller-Caller-ID-Name": text})
    assert isinstance(found, f.LegStarted)
    assert found.party.name == text
    assert replace(found, party=replace(found.party, name=" forged")) == expected


def plain_headers(body: bytes) -> dict[str, str]:
    """A plain event read as its writer means it: lines first, then each value decoded once."""
    pairs = (line.partition(": ") for line in body.decode().split("\n") if line)
    return {key: unquote(value) for key, _, value in pairs}


def test_the_stock_parser_is_fooled_by_the_plain_form_and_ours_is_not() -> None:
    """greenswitch 0.0.19 decodes a whole frame and then splits it. A name sent as ``x%0AUnique-ID: …``
    arrives with its % as it is, for FreeSWITCH does not encode one twice (facts of the real switch)."""
    created = next(
        frame.body
        for frame in frames(capture_bytes("11", "plain"))
        if b"Event-Name: CHANNEL_CREATE" in frame.body
    )
    truth = plain_headers(created)
    unharmed = ESLEvent(created.decode()).headers
    assert unharmed["Unique-ID"] == truth["Unique-ID"]

    on_the_wire = FORGED.replace(" ", "%20").replace(":", "%3A").encode()
    attacked = created.replace(
        b"Caller-Caller-ID-Name: %20forged", b"Caller-Caller-ID-Name: " + on_the_wire, 1
    )
    assert attacked != created
    fooled = ESLEvent(attacked.decode()).headers
    assert fooled["Unique-ID"] == "forged-by-caller"
    assert fooled["Caller-Caller-ID-Name"] == "x"

    # The same call as our client asks for it, in JSON: there is one Unique-ID, and the name is whole.
    body = next(
        frame.body for frame in frames(capture_bytes("11")) if b'"Event-Name":"CHANNEL_CREATE"' in frame.body
    )
    event = decode_event(body.replace(b'" forged"', f'"{FORGED}"'.encode()))
    before = decode_event(body)
    assert event is not None
    assert before is not None
    assert event["Unique-ID"] == before["Unique-ID"]
    assert event["Caller-Caller-ID-Name"] == FORGED
    assert {k for k in event if event[k] != before.get(k)} <= set(NAME_HEADERS)


def test_the_stock_parser_loses_what_the_capture_says_of_hostile_calls() -> None:
    """In the captured stream itself, untouched: values with line ends in them come out changed."""
    changed: set[str] = set()
    for frame in frames(capture_bytes("11", "plain")):
        if frame.content_type == "text/event-plain":
            stock = ESLEvent(frame.body.decode()).headers
            truth = plain_headers(frame.body.partition(b"\n\n")[0])
            changed |= {key for key, value in truth.items() if stock.get(key, "").strip() != value.strip()}
    assert changed
    kept = {key for event in events("11") for key in changed & event.keys() if "\r\n" in event[key]}
    assert kept == changed, "ours keeps the line ends that the stock parser changes"


# ── what is asked for ─────────────────────────────────────────────────────────────────────

FEATURE = {"Event-Name": "CUSTOM", "Event-Subclass": "tapeline::feature", "Unique-ID": "leg-1"}
BUS = {"Event-Name": "CUSTOM", "Event-Subclass": "tapeline::request", "Operation": "pause-recording"}
MESSAGE = {
    "Event-Name": "RECV_MESSAGE", "type": "application/x-media-control+json", "from_user": "101",
    "from_host": "test.io", "sip_profile": "internal", "from_sip_ip": "127.0.0.9",
    "_body": '{"operation": "pause-audio-recording", "session_id": "S1"}',
}  # fmt: skip


def test_a_feature_code_is_of_the_leg_that_dialled_it() -> None:
    request = translator().request({**FEATURE, "Code": "*48", "Operation": "pause-recording"})
    assert request is not None
    assert (request.target, request.actor) == (LegTarget("leg-1"), LegActor("leg-1"))
    assert (str(request.operation), request.means) == ("pause-recording", Means.FEATURE_CODE)
    by_code = translator().request({**FEATURE, "Code": "*48"})
    assert by_code is not None
    assert by_code.operation == DialledCode("*48"), "its meaning is for the tenant's settings to say"


def test_a_request_on_the_bus_names_a_session_or_a_leg() -> None:
    for headers, name in (
        ({"Session-Id": "S1"}, "S1"), ({"Session-ID": "S1"}, "S1"), ({"Unique-ID": "leg-1"}, "leg-1"),
        ({"Session-Id": "S" * 1000}, "S" * MAX_TEXT),
    ):  # fmt: skip
        request = translator().request({**BUS, **headers})
        assert request is not None
        assert request.target == NameTarget(name)
        assert request.actor == SystemActor("switch bus")


@pytest.mark.parametrize("request_id", ["", "a b", "a\nb", "ü", "x" * 65, "${a}"])
def test_an_odd_request_id_is_replaced(request_id: str) -> None:
    request = translator().request({**BUS, "Session-Id": "S1", "Request-ID": request_id})
    assert request is not None
    assert request.request_id == "Q1"


@pytest.mark.parametrize(
    "event",
    [
        {**FEATURE, "Code": "*4x"}, {**FEATURE, "Code": "*1234567"}, {**FEATURE, "Code": "48"},
        {**FEATURE, "Unique-ID": "", "Code": "*48"},
        {**BUS, "Operation": "format"}, {**BUS},
        {**MESSAGE, "sip_profile": "external"}, {**MESSAGE, "_body": "{"}, {**MESSAGE, "_body": ""},
        {**MESSAGE, "_body": '{"operation": "pause-audio-recording"}'},
        {**MESSAGE, "_body": '{"operation": "stop-recording", "session_id": "S1"}'},
        {**MESSAGE, "type": "application/x-media-control", "_body": "pause-audio-recording"},
        {**MESSAGE, "type": "application/x-media-control", "_body": "rm -rf", "Unique-ID": "leg-1"},
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_refused_with_a_reason(event: Event) -> None:
    with pytest.raises(RefusedInput) as refused:
        translator().request(event)
    assert refused.value.reason


def test_a_message_of_another_type_is_nobody_s_business() -> None:
    assert translator().request({**MESSAGE, "type": "text/plain"}) is None


def test_who_sent_a_message_is_held_against_the_address_it_came_from() -> None:
    checked, trusting = (
        translator().request(MESSAGE),
        translator(message_address_check=False).request(MESSAGE),
    )
    assert checked is not None
    assert trusting is not None
    assert getattr(checked.actor, "address", None) == "127.0.0.9"
    assert getattr(trusting.actor, "address", "?") is None


# ── parties, times, files ─────────────────────────────────────────────────────────────────

INBOUND = {"Event-Name": "CHANNEL_CREATE", "Unique-ID": "u", "Call-Direction": "inbound",
           "variable_direction": "inbound", "Channel-Name": "sofia/internal/101@x"}  # fmt: skip
OUTBOUND = {**INBOUND, "Call-Direction": "outbound", "variable_direction": "outbound"}
AUTH = {"variable_user_name": "101", "variable_domain_name": "acme.test"}
DIALLED = {"variable_dialed_user": "102", "variable_dialed_domain": "acme.test"}
SENT_ON = {"variable_sip_redirect_count": "1",
           "variable_sip_redirected_to": "<sip:%2B15557654321@127.0.0.9:5060>;q=1"}  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "side", "who", "trunk"),
    [
        ({**INBOUND, **AUTH}, Side.INTERNAL, ("acme.test", "101"), None),
        ({**OUTBOUND, **DIALLED}, Side.INTERNAL, ("acme.test", "102"), None),
        # The calling leg also carries whom it dialled, the called leg who dialled it.
        ({**INBOUND, **DIALLED}, Side.EXTERNAL, (None, None), None),
        ({**OUTBOUND, **AUTH}, Side.EXTERNAL, (None, None), None),
        ({**INBOUND, **AUTH, "variable_sofia_profile_name": "external"},
         Side.EXTERNAL, (None, None), "external"),
        ({**OUTBOUND, **DIALLED, "variable_sip_gateway_name": "g"}, Side.EXTERNAL, ("acme.test", None), "g"),
        ({**INBOUND, "Caller-Caller-ID-Number": "101"}, Side.EXTERNAL, (None, None), None),
        # 102's phone has answered 302: whoever is called on the same leg now has not signed in.
        ({**OUTBOUND, **DIALLED, **SENT_ON}, Side.EXTERNAL, (None, None), None),
        # The caller of such a leg carries where it was sent to as well.
        ({**INBOUND, **AUTH, "variable_sip_redirected_to": SENT_ON["variable_sip_redirected_to"]},
         Side.INTERNAL, ("acme.test", "101"), None),
    ],
)  # fmt: skip
def test_who_is_on_a_leg(
    headers: Event, side: Side, who: tuple[str | None, str | None], trunk: str | None
) -> None:
    party = translator(tenant_of_gateway={"g": "acme.test"}).party(headers)
    assert (party.side, (party.tenant, party.user), party.trunk) == (side, who, trunk)


@pytest.mark.parametrize("text", ["", "x", "-1", "٣", "²", "9" * 18, "9" * 5000, "1.5"])
def test_a_time_that_is_none_is_replaced(text: str) -> None:
    assert timestamp({"Event-Date-Timestamp": text}, LATER) == LATER
    told = translator().leg_from_dump({**INBOUND, "Caller-Channel-Created-Time": text})
    assert told[0].at == LATER


def test_who_answers_where_a_phone_sent_the_call_takes_the_user_s_place() -> None:
    answered = {**OUTBOUND, **DIALLED, "Event-Name": "CHANNEL_ANSWER"}
    [before] = [x for x in translator().facts(answered) if isinstance(x, f.LegIdentified)]
    [after] = [x for x in translator().facts({**answered, **SENT_ON}) if isinstance(x, f.LegIdentified)]
    assert (before.replaced, after.replaced) == (False, True)
    assert after.party == Party(Side.EXTERNAL, None, None, "+15557654321")


def test_times_are_the_switch_s_own() -> None:
    at = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)
    assert timestamp({"Event-Date-Timestamp": str(int(at.timestamp() * 1_000_000))}, LATER) == at


@pytest.mark.parametrize(
    ("path", "capture_id"),
    [
        ("/srv/tapes/rec/acme.test/2026/11/22/REC1.2.wav", "REC1.2"),
        ("/srv/tapes/other/acme.test/2026/11/22/REC1.2.wav", None),
        ("/srv/tapes/rec/c1.wav", None),
        ("/srv/tapes/rec/acme.test/2026/11/22/../../x.wav", None), ("", None),
    ],
)  # fmt: skip
def test_which_capture_a_file_belongs_to(path: str, capture_id: str | None) -> None:
    assert translator().capture_id(path) == capture_id
    stopped = {"Event-Name": "RECORD_STOP", "Record-File-Path": path, "Unique-ID": "u"}
    told = translator().facts(stopped)
    assert [getattr(x, "capture_id", None) for x in told] == ([capture_id] if capture_id else [])


def test_no_event_without_its_leg() -> None:
    told: Translator = translator()
    for name in (
        "CHANNEL_CREATE",
        "CHANNEL_ANSWER",
        "CHANNEL_HANGUP_COMPLETE",
        "CHANNEL_HOLD",
        "CHANNEL_BRIDGE",
    ):
        assert told.facts({"Event-Name": name}) == []
    assert told.facts({}) == []


def test_a_capture_that_ends_with_its_leg_is_not_opened_again() -> None:
    """RECORD_STOP of a leg that hangs up comes before its hang-up and its leaving of the bridge."""
    story = Story(translator())
    bridged = next(n for n, e in enumerate(events("01")) if e["Event-Name"] == "CHANNEL_BRIDGE")
    story.tell([e for n, e in enumerate(events("01")) if n <= bridged])
    assert story.lines[-2:] == ["> open R2.1 (audio) on L1", "> open R3.1 (video) on L1"]
    [recording, _] = next(iter(story.desk.book)).recordings
    segment = recording.segments[0]
    stopped = {
        "Event-Name": "RECORD_STOP", "Unique-ID": segment.leg_id, "Answer-State": "hangup",
        "Record-File-Path": f"/srv/tapes/rec/{segment.path}", "Record-Completion-Cause": "success-silence",
    }  # fmt: skip
    assert [type(x) for x in translator().facts(stopped)] == [f.CaptureClosed]
    told = story.tell([stopped])
    assert not [line for line in told if line.startswith("> open R2.2")]
    assert len(recording.segments) == 1
    assert recording.segments[0].state.final
