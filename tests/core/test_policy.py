"""The truth tables of docs/reference/policy.md, read from there and executed."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.media_kinds import Kind
from controller.core.parties import Party, Side
from controller.core.policy import Policy, Rule, Switches, Verdict, decide

DOCUMENT = Path(__file__).parents[2] / "docs/reference/policy.md"
USER = Party(Side.INTERNAL, "acme", "101", "101")
OTHER_USER = Party(Side.INTERNAL, "acme", "102", "102")
STRANGER = Party(Side.EXTERNAL, number="+4930123")
CAME_IN = Party(Side.EXTERNAL, "acme", number="+4930999", trunk="gw")


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


def test_the_table_is_complete() -> None:
    rows = {tuple(row.values())[:5] for row in table("with-a-user")}
    switch = ("on", "off")
    assert rows == set(product(switch, switch, switch, switch, ("audio", "video")))
    assert len(table("external-only")) == 2**3


@pytest.mark.parametrize("row", table("with-a-user"), ids=row_id)
def test_a_call_of_a_user(row: dict[str, str]) -> None:
    policy = Policy(
        tenants={"acme": Switches(on(row["tenant audio"]), on(row["tenant video"]))},
        users={("acme", "101"): Switches(on(row["user audio"]), on(row["user video"]))},
    )
    for parties in ((USER, STRANGER), (STRANGER, USER), (OTHER_USER, USER), (USER, CAME_IN)):
        audio, video = (
            decide(policy, kind, "acme", parties, video_call=row["call"] == "video") for kind in Kind
        )
        assert (audio.record, video.record) == (on(row["WAV"]), on(row["MP4"]))
        decisive = video if video.record and not audio.record else audio
        assert decisive.rule == row["rule"]
        if row["call"] == "audio":
            assert video.rule is Rule.NOT_VIDEO


@pytest.mark.parametrize("row", table("external-only"), ids=row_id)
def test_two_external_parties(row: dict[str, str]) -> None:
    policy = Policy(
        record_external=on(row["between external numbers"]),
        tenants={"acme": Switches(audio=on(row["tenant audio"]))},
        users={("acme", "101"): Switches(audio=True)},
    )
    decision = decide(
        policy,
        Kind.AUDIO,
        "acme",
        (STRANGER, CAME_IN),
        video_call=False,
        already_recorded=on(row["recorded before"]),
    )
    assert (decision.record, decision.rule) == (on(row["WAV"]), row["rule"])


@pytest.mark.parametrize("row", table("by-hand"), ids=row_id)
def test_asked_for_by_hand(row: dict[str, str]) -> None:
    policy = Policy(
        tenants={"acme": Switches(audio=on(row["tenant audio"]))},
        users={("acme", "101"): Switches(audio=on(row["user audio"]))},
    )
    decision = decide(
        policy,
        Kind.AUDIO,
        "acme",
        (STRANGER, CAME_IN) if row["parties"] == "two external" else (USER, STRANGER),
        video_call=False,
        requested="start" in row["asked"],
        stopped="stop" in row["asked"],
    )
    assert (decision.record, decision.rule) == (on(row["WAV"]), row["rule"])


def test_an_external_party_with_a_users_number_is_still_external() -> None:
    policy = Policy(users={("acme", "101"): Switches(audio=True)})
    liar = Party(Side.EXTERNAL, "acme", "101", number="101", name="101")
    assert not decide(policy, Kind.AUDIO, "acme", (liar, USER_OF_BETA), video_call=False).record


USER_OF_BETA = Party(Side.INTERNAL, "beta", "101", "101")


def test_a_users_setting_is_the_tenants_own_affair() -> None:
    policy = Policy(users={("acme", "101"): Switches(audio=True)})
    parties = (USER, USER_OF_BETA)
    assert decide(policy, Kind.AUDIO, "acme", parties, video_call=False).record
    assert not decide(policy, Kind.AUDIO, "beta", parties, video_call=False).record


_switches = st.builds(Switches, st.booleans(), st.booleans())


@given(
    st.booleans(),
    _switches,
    _switches,
    st.lists(st.sampled_from([USER, OTHER_USER, STRANGER, CAME_IN, USER_OF_BETA]), max_size=4),
    st.sampled_from(list(Kind)),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_whatever_is_set_there_is_an_answer_with_a_reason(
    external: bool, tenant: Switches, user: Switches, parties: list[Party], kind: Kind,
    video_call: bool, already: bool, requested: bool, stopped: bool,
) -> None:  # fmt: skip
    policy = Policy(external, {"acme": tenant}, {("acme", "101"): user})
    decision = decide(
        policy, kind, "acme", parties,
        video_call=video_call, already_recorded=already, requested=requested, stopped=stopped,
    )  # fmt: skip
    assert decision.reason
    if not external and not any(p.internal for p in parties):
        assert decision.verdict is Verdict.LEAVE
    if stopped:
        assert decision.rule is Rule.STOPPED
