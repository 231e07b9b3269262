"""``tapeline explain``: what would be recorded of a call that has not taken place, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from ..catalog.facade import SqlCatalog
from ..config import SwitchConfig, load
from ..core.direction import Direction
from ..core.parties import Party, Side
from ..core.policy import Decision
from ..core.rules import PolicyScope, Route
from ..switching import video_supported
from ..web.explaining import Answer, Explanation, Imagined, Said, explain
from ..web.imagining import notes, video_promised
from .common import ConfigOption, JsonOption, NotPossible, console, print_json, with_catalog
from .rules import rule_as_json

STRANGER = "an outside number"


def explain_command(
    tenant: Annotated[str, typer.Option(help="For whose recordings.")],
    user: Annotated[str | None, typer.Option(help="The tenant's user in the call.")] = None,
    direction: Annotated[
        Direction | None,
        typer.Option(help="Which way the call goes; internal with --other-user.", show_default="inbound"),
    ] = None,
    other_user: Annotated[str | None, typer.Option(help="Whom the user calls: an internal call.")] = None,
    queue: Annotated[str | None, typer.Option(help="The queue that it comes through.")] = None,
    ring_group: Annotated[str | None, typer.Option(help="The ring group that it comes through.")] = None,
    receptionist: Annotated[
        str | None, typer.Option(help="The virtual receptionist that it comes through.")
    ] = None,
    trunk: Annotated[str | None, typer.Option(help="The trunk that it comes or goes by.")] = None,
    inbound_rule: Annotated[str | None, typer.Option(help="The inbound rule that let it in.")] = None,
    outbound_rule: Annotated[str | None, typer.Option(help="The outbound rule that let it out.")] = None,
    video: Annotated[bool, typer.Option("--video", help="It is a video call.")] = False,
    call_id: Annotated[
        str | None, typer.Option(help="A call's id, to learn whether it is in a queue's or user's sample.")
    ] = None,
    switch: Annotated[
        str | None, typer.Option(help="The switch that it is on; an Asterisk records no video.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Say what would be recorded of an imagined call, because of which rule, and who may control it.

    Decided by the settings in the catalog as they are now, and by the function that decides real calls.
    """
    through = {
        PolicyScope.TRUNK: trunk,
        PolicyScope.INBOUND_RULE: inbound_rule,
        PolicyScope.OUTBOUND_RULE: outbound_rule,
        PolicyScope.QUEUE: queue,
        PolicyScope.RING_GROUP: ring_group,
        PolicyScope.RECEPTIONIST: receptionist,
    }
    call = imagine(tenant, user, other_user, direction, through, video=video, call_id=call_id or "")
    able, doubt = records_video(load(config).switches, switch)
    call = replace(call, video_supported=able)

    async def work(catalog: SqlCatalog) -> None:
        policy = await catalog.policy()
        told = [*notes(policy, call), *([doubt] if video and doubt else [])]
        found = explain(policy, call)
        if as_json:
            print_json(as_plain(found, told))
        else:
            _print(found, told)

    with_catalog(config, work)


def records_video(switches: Sequence[SwitchConfig], name: str | None) -> tuple[bool, str]:
    """Whether the switch that is meant records video; where some do and some do not, a note that says
    so. Raises NotPossible for a switch that is not configured."""
    if name is not None and name not in {s.name for s in switches}:
        there = ", ".join(s.name for s in switches) or "none"
        raise NotPossible(f"there is no switch {name!r} in the configuration; there are: {there}")
    return video_promised({s.name: video_supported(s) for s in switches}, name or "")


def imagine(
    tenant: str,
    user: str | None,
    other_user: str | None,
    direction: Direction | None,
    through: Mapping[PolicyScope, str | None],
    *,
    video: bool,
    call_id: str,
) -> Imagined:
    """The call that the options describe. Raises NotPossible for those that do not go together."""
    direction = direction or (Direction.INTERNAL if other_user else Direction.INBOUND)
    if other_user and direction is not Direction.INTERNAL:
        raise NotPossible("--other-user makes an internal call: leave --direction out, or say internal")
    if direction is Direction.EXTERNAL and user:
        raise NotPossible("a call with a --user is not external: leave out one of them")
    if direction is not Direction.EXTERNAL and not user:
        raise NotPossible("say which --user, or --direction external for a call between external numbers")
    me = Party(Side.INTERNAL, tenant, user, user or "")
    stranger = Party(Side.EXTERNAL, None, None, STRANGER)
    colleague = Party(Side.INTERNAL, tenant, other_user, other_user or "another extension")
    caller, callee = {
        Direction.INBOUND: (stranger, me),
        Direction.OUTBOUND: (me, stranger),
        Direction.INTERNAL: (me, colleague),
        Direction.EXTERNAL: (stranger, stranger),
    }[direction]
    routes = tuple(Route(scope, name, tenant) for scope, name in through.items() if name)
    return Imagined(tenant, caller, callee, routes, video, call_id)


# ── the answer ────────────────────────────────────────────────────────────────────────────────


def _print(found: Explanation, notes: Iterable[str]) -> None:
    for answer in found.answers:
        verdict = Text.assemble((str(answer.kind), "bold"), ": ", (str(answer.decision.verdict), "bold"))
        console.print(verdict, f"({answer.decision.rule})")
        console.print(f"  {answer.decision.reason}", markup=False)
        if answer.otherwise is not None:
            percent = " and ".join(_samples(answer.said))
            console.print(f"  so for the calls in the sample of {percent};", markup=False)
            console.print(f"  any other: {answer.otherwise.reason} ({answer.otherwise.rule})", markup=False)
        rules = Table("rule", "setting", "says", "")
        for said in answer.said:
            rules.add_row(
                *map(Text, (said.subject, said.setting, _says(said, found.direction))),
                Text("decided" if said.decided else "", "bold"),
            )
        if answer.said:
            console.print(rules)
        may = Table("who", "may pause", "may start", "may stop")
        for one in answer.may:
            may.add_row(Text(one.who), *(_yes(x) for x in (one.pause, one.start, one.stop)))
        console.print(may)
    for note in notes:
        console.print(Text.assemble(("note", "yellow"), ": ", note))


def _samples(said: Iterable[Said]) -> list[str]:
    return [f"{s.subject} ({s.rule.sample_percent:g} %)" for s in said if s.rule.sample_percent < 100]


def _says(said: Said, direction: Direction) -> str:
    if not said.direction_fits:
        return f"nothing: it is not about {direction} calls"
    return "nothing" if said.says is None else said.says.replace("_", " ")


def _yes(may: bool) -> str:
    return "yes" if may else "no"


def as_plain(found: Explanation, notes: Iterable[str]) -> dict[str, Any]:
    """The answer for JSON."""
    return {
        "tenant": found.call.tenant,
        "direction": str(found.direction),
        "notes": list(notes),
        "answers": {str(answer.kind): _answer(answer) for answer in found.answers},
    }


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        **_decision(answer.decision),
        "outside_sample": None if answer.otherwise is None else _decision(answer.otherwise),
        "rules": [
            {
                "subject": said.subject,
                "setting": str(said.setting),
                "direction_fits": said.direction_fits,
                "says": None if said.says is None else str(said.says),
                "decided": said.decided,
                "rule": rule_as_json(said.rule),
            }
            for said in answer.said
        ],
        "may": [
            {"who": one.who, "pause": one.pause, "start": one.start, "stop": one.stop} for one in answer.may
        ],
    }


def _decision(decision: Decision) -> dict[str, str]:
    return {"verdict": str(decision.verdict), "rule": decision.rule, "reason": decision.reason}
