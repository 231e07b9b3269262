"""FreeSWITCH's words for commands: what is unsafe is refused, never sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.commands import Announce, BindFeatureCodes, Layout
from controller.core.feature_codes import DEFAULT_CODES
from controller.core.media_kinds import OPERATIONS
from controller.demo.lab import project_folder
from controller.switches.freeswitch import verbs

LEG = "9d258548-8e45-4f86-aed3-3f1abbd25011"
PATH = "/srv/tapes/rec/acme.test/2026/11/22/REC1.1.wav"
PAUSE = OPERATIONS["pause-recording"]

UNSAFE = [
    "", " ", "a b", f"{LEG} ", f" {LEG}", "a\nb", f"{LEG}\n", "a\rb", "a\r\n\r\nb", "a\0b", "${hostname}",
    "$a", "{a}", "a,b", "a;b", "^^:a", "a|b", "a'b", 'a"b', "a\\b", "a%0Ab", "a&b", "a`b`", "ü", "٣",
    "a\u2028b", "a\u00a0b", "a" * 2000,
]  # fmt: skip


@pytest.mark.parametrize("text", [*UNSAFE, "a`b@h", "a" * 257])
def test_unsafe_leg_ids_are_refused(text: str) -> None:
    for attempt in (
        lambda: verbs.record(text, "start", PATH),
        lambda: verbs.note_mask(text, "REC1.1", on=True),
        lambda: verbs.bind_codes(BindFeatureCodes(text, (("*48", PAUSE),))),
        lambda: verbs.announce(Announce(text, (("Action", "paused"),))),
    ):
        with pytest.raises(verbs.UnsafeArgument):
            attempt()


@pytest.mark.parametrize(
    "leg", ["f81d4fae-7dec@10.0.0.1", "a:b/c?d@[::1]", "a(b)<c>!*+~[d]_e.f-g@h", "x" * 256]
)
def test_a_leg_may_be_called_what_a_caller_s_call_id_is(leg: str) -> None:
    """inbound-use-callid-as-uuid: each of these was recorded, masked and asked about on 1.10.12."""
    assert verbs.record(leg, "start", PATH) == f"uuid_record {leg} start {PATH}"
    assert verbs.bind_codes(BindFeatureCodes(leg, (("*48", PAUSE),))).startswith(f"sendmsg {leg}\n")


@pytest.mark.parametrize("text", [*UNSAFE, "..", "../a", "/srv/../etc/passwd", "/srv/rec/..", "a/../b"])
def test_unsafe_paths_are_refused(text: str) -> None:
    with pytest.raises(verbs.UnsafeArgument):
        verbs.record(LEG, "start", text)


@pytest.mark.parametrize(
    "code", ["", "48", "*", "**", "*4 8", "*48,exec:system", "*48\n", "*٣", "*4848484", "~^.*$", "*48|*49"]
)
def test_unsafe_codes_are_refused(code: str) -> None:
    with pytest.raises(verbs.UnsafeArgument):
        verbs.bind_codes(BindFeatureCodes(LEG, ((code, PAUSE),)))


@given(st.text(max_size=60))
def test_what_is_let_through_holds_nothing_that_a_command_is_split_at(text: str) -> None:
    for check in (verbs.leg, verbs.path):
        try:
            passed = check(text)
        except verbs.UnsafeArgument:
            continue
        assert passed == text
        assert not set(text) & set(" \t\r\n\0,;|^${}'\"\\%&`")
        assert text.isascii()


@given(st.lists(st.tuples(st.sampled_from(["Reason", "Action"]), st.text(max_size=700)), max_size=4))
def test_an_announcement_is_one_message_with_the_headers_it_was_given(fields: list[tuple[str, str]]) -> None:
    text = verbs.announce(Announce(LEG, tuple(fields)))
    # FreeSWITCH ends a header at LF (CR as well) and the message at an empty line.
    lines = text.split("\n")
    assert lines[:3] == ["sendevent CUSTOM", "Event-Subclass: tapeline::recording", f"Leg-Id: {LEG}"]
    assert [line.partition(": ")[0] for line in lines[3:]] == [key for key, _ in fields]
    assert all(lines)
    assert not set(text) & set("\r\0\x0b\x0c\x1c\u2028\u2029")


def test_the_words_as_freeswitch_knows_them() -> None:
    assert verbs.record(LEG, "mask", PATH) == f"uuid_record {LEG} mask {PATH}"
    assert verbs.prepare_record(LEG, own_voice_only=True) == (
        f"uuid_setvar_multi {LEG} RECORD_READ_ONLY=true;RECORD_PRE_BUFFER_FRAMES=1;"
        "enable_file_write_buffering=8192;RECORD_STEREO=false;RECORD_STEREO_SWAP=false"
    )
    alone = (project_folder() / "dialplan/freeswitch/alone.xml").read_text()
    assert verbs.WRITE_BUFFER in alone, "a killed switch loses no more while it is alone"
    assert "RECORD_READ_ONLY=false;" in verbs.prepare_record(LEG, own_voice_only=False)
    assert verbs.note_mask(LEG, "REC1.1", on=True) == (
        f"uuid_setvar_multi {LEG} tapeline_masked_REC1_1=true;tapeline_paused=true"
    )
    assert verbs.note_mask(LEG, "REC1.1", on=False) == (
        f"uuid_setvar_multi {LEG} tapeline_masked_REC1_1=;tapeline_paused="
    )
    bound = verbs.bind_codes(BindFeatureCodes(LEG, tuple(DEFAULT_CODES.items())))
    assert bound.startswith(f"sendmsg {LEG}\ncall-command: execute\n")
    assert "\n\n" not in bound
    for code, operation in DEFAULT_CODES.items():
        assert f"{verbs.REALM},{code},exec[i]:event," in bound
        assert f"Operation={operation}\\,Code={code},self,self" in bound
    assert bound.endswith(f"^digit_action_set_realm:{verbs.REALM}^set:{verbs.BOUND}=true inline"), "the last"


def test_only_the_events_that_are_needed_are_asked_for() -> None:
    assert verbs.SUBSCRIPTION.startswith("event json ")
    assert "ALL" not in verbs.SUBSCRIPTION.split()


@pytest.mark.parametrize(
    ("layout", "stereo", "swapped"),
    [
        (Layout.MONO, "false", "false"),
        (Layout.OWN_LEFT, "true", "false"),
        (Layout.OWN_RIGHT, "false", "true"),
    ],
)
def test_every_start_says_all_of_how_it_records(layout: Layout, stereo: str, swapped: str) -> None:
    """The variables stay on the leg: what an earlier capture was made with must not count again."""
    said = verbs.prepare_record(LEG, own_voice_only=False, layout=layout).split(" ")[2].split(";")
    assert f"RECORD_STEREO={stereo}" in said
    assert f"RECORD_STEREO_SWAP={swapped}" in said
    assert "RECORD_READ_ONLY=false" in said


@pytest.mark.parametrize("sound", ["a b.wav", "a\nb", "", "x" * 301, "$(x)", "a'b"])
def test_a_sound_is_one_argument(sound: str) -> None:
    with pytest.raises(verbs.UnsafeArgument):
        verbs.displace(LEG, "start", sound)


@pytest.mark.parametrize("queue", ["a b", "a\nb", "", "${x}", "x" * 129])
def test_a_queue_is_one_argument(queue: str) -> None:
    with pytest.raises(verbs.UnsafeArgument):
        verbs.note_queue(LEG, "tapeline_fifo", queue)


def test_every_filter_lets_what_is_needed_through() -> None:
    """One that names nothing of ours; beside it only what is not wanted, each by a word of its own."""
    first, *others = verbs.FILTERS
    assert first == "filter Event-Name /[A-Z]/"
    assert all(len(f.split(" ")) == 3 and f.split(" ")[2].startswith("-") for f in others)
    needed = {"add-member", "del-member", "member-queue-start", "push", "displace"}
    assert not needed & {f.split(" ")[2].removeprefix("-") for f in others}
