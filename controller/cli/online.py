"""``tapeline live | share | audit | report | group``: over the REST API of a running Tapeline."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from ..client import Ask, models, requests
from ..engine.ids import now
from .common import NotPossible, console, print_json
from .remote import (
    JsonOption,
    MostOption,
    SinceOption,
    TokenOption,
    UntilOption,
    UrlOption,
    connected,
    first,
    length,
    parties,
    plain,
    show,
    show_one,
    time_of,
)

live = typer.Typer(no_args_is_help=True, help="Calls that are up now, and their recordings.")
shares = typer.Typer(no_args_is_help=True, help="Links to recordings.")
audit = typer.Typer(no_args_is_help=True, help="Who has listened, downloaded and changed what.")
groups = typer.Typer(no_args_is_help=True, help="Groups of users, queues and ring groups.")

CallName = Annotated[
    str, typer.Argument(metavar="CALL", help="Its id, the switch's id of a leg, or the SIP Call-ID.")
]
KindOption = Annotated[str, typer.Option("--kind", help="audio, video, or both.")]
EverybodyOption = Annotated[bool, typer.Option("--everybody", help="Of all, not only one's own.")]


def _states(call: models.LiveCall) -> str:
    return ", ".join(f"{r.kind} {'paused' if r.paused else r.state}" for r in call.recordings)


@live.command("list")
def list_live(
    most: MostOption = 200, as_json: JsonOption = False, url: UrlOption = "", token: TokenOption = ""
) -> None:
    """Show the calls that are up."""
    columns = {
        "call": lambda c: c.call_id, "begun": lambda c: c.started_at,
        "parties": parties,
        "recording": lambda c: _states(c) or "none",
    }  # fmt: skip
    with connected(url, token) as client:
        show(first(client, requests.live_calls(), most), columns, as_json=as_json)


@live.command("watch")
def watch(as_json: JsonOption = False, url: UrlOption = "", token: TokenOption = "") -> None:
    """Show each change as it happens, until Ctrl-C; with --json an object a line."""
    with connected(url, token) as client:
        for change in client.live():
            if as_json:
                typer.echo(change.model_dump_json())
            elif change.call is None:
                console.print(f"{change.call_id}: over")
            else:
                console.print(f"{change.call_id}: {plain(_states(change.call) or 'not recorded')}")


def _control(verb: str, name: str, kind: str, as_json: bool, url: str, token: str) -> None:
    if kind not in ("audio", "video", "both"):
        raise NotPossible(f"--kind: audio, video or both, not {kind!r}")
    operation = f"{verb}-recording" if kind == "both" else f"{verb}-{kind}-recording"
    with connected(url, token) as client:
        done = client.send(requests.control(name, operation))
    if as_json:
        print_json(done.model_dump(mode="json"))
    else:
        sure = (
            "confirmed by the switch" if done.confirmed else "accepted; the switch has not confirmed it yet"
        )
        console.print(f"{done.call_id}: {plain(done.reason)}, {sure}")


@live.command("pause")
def pause(
    call: CallName, kind: KindOption = "both", as_json: JsonOption = False, url: UrlOption = "",
    token: TokenOption = "",
) -> None:  # fmt: skip
    """Pause a call's recording."""
    _control("pause", call, kind, as_json, url, token)


@live.command("resume")
def resume(
    call: CallName, kind: KindOption = "both", as_json: JsonOption = False, url: UrlOption = "",
    token: TokenOption = "",
) -> None:  # fmt: skip
    """Resume it."""
    _control("resume", call, kind, as_json, url, token)


@live.command("start")
def start(
    call: CallName, kind: KindOption = "audio", as_json: JsonOption = False, url: UrlOption = "",
    token: TokenOption = "",
) -> None:  # fmt: skip
    """Start recording a call, where the policy allows it."""
    _control("start", call, kind, as_json, url, token)


@live.command("stop")
def stop(
    call: CallName, kind: KindOption = "both", as_json: JsonOption = False, url: UrlOption = "",
    token: TokenOption = "",
) -> None:  # fmt: skip
    """Stop recording it, where the policy allows it."""
    _control("stop", call, kind, as_json, url, token)


@shares.command("list")
def list_shares(
    everybody: EverybodyOption = False, most: MostOption = 50, as_json: JsonOption = False,
    url: UrlOption = "", token: TokenOption = "",
) -> None:  # fmt: skip
    """Show links and how often they were opened."""
    columns = {
        "share": lambda s: s.share_id, "label": lambda s: s.label, "for": lambda s: s.audience,
        "until": lambda s: s.expires_at, "opened": lambda s: s.uses,
        "state": lambda s: "revoked" if s.revoked_at else "expired" if s.expires_at <= now() else "good",
    }  # fmt: skip
    with connected(url, token) as client:
        show(first(client, requests.shares(everybody=everybody), most), columns, as_json=as_json)


@shares.command("add")
def add_share(
    recording_ids: Annotated[list[str], typer.Argument(metavar="RECORDING...", help="Their ids.")],
    days: Annotated[int, typer.Option(min=1, max=365, help="It ends after so many days.")] = 7,
    label: Annotated[str, typer.Option(help="What it is for; shown to whoever follows it.")] = "",
    public: Annotated[bool, typer.Option("--public", help="For whoever has it, without signing in.")] = False,
    allow_download: Annotated[bool, typer.Option("--download", help="It may be downloaded too.")] = False,
    uses: Annotated[int | None, typer.Option(min=1, help="It may be opened so often.")] = None,
    as_json: JsonOption = False,
    url: UrlOption = "",
    token: TokenOption = "",
) -> None:
    """Make a link and print it; it is shown this once."""
    ask = requests.share(
        recording_ids, now() + timedelta(days=days), label=label, most_uses=uses, download=allow_download,
        audience="public" if public else "signed_in",
    )  # fmt: skip
    with connected(url, token) as client:
        made = client.send(ask)
    if as_json:
        print_json(made.model_dump(mode="json"))
    else:
        typer.echo(made.url)


@shares.command("revoke")
def revoke_share(
    share_id: Annotated[str, typer.Argument(metavar="SHARE", help="Its id.")],
    everybody: EverybodyOption = False, url: UrlOption = "", token: TokenOption = "",
) -> None:  # fmt: skip
    """A link counts no longer."""
    with connected(url, token) as client:
        client.send(requests.revoke_share(share_id, everybody=everybody))


@audit.command("list")
def list_audit(
    account: Annotated[str | None, typer.Option(help="A part of who.")] = None,
    action: Annotated[str | None, typer.Option(help="What was done, whole, such as listen.")] = None,
    since: SinceOption = None, until: UntilOption = None, most: MostOption = 50,
    as_json: JsonOption = False, url: UrlOption = "", token: TokenOption = "",
) -> None:  # fmt: skip
    """Show the audit's lines, the newest first."""
    where = requests.audit(
        account=account, action=action, since=time_of(since, now()), until=time_of(until, now())
    )
    columns = {
        "at": lambda e: e.at, "who": lambda e: e.account, "what": lambda e: e.action,
        "of": lambda e: e.subject, "detail": lambda e: e.detail, "from": lambda e: e.address,
    }  # fmt: skip
    with connected(url, token) as client:
        show(first(client, where, most), columns, as_json=as_json)


@audit.command("export")
def export_audit(
    to: Annotated[Path, typer.Option("--to", help="The file.")],
    format: Annotated[str, typer.Option("--format", help="csv, or jsonl: a JSON object a line.")] = "csv",
    since: SinceOption = None, until: UntilOption = None, url: UrlOption = "", token: TokenOption = "",
) -> None:  # fmt: skip
    """Write all of the audit into a file."""
    with connected(url, token) as client:
        try:
            file = client.save(
                "audit/export", to, format=format, since=time_of(since, now()), until=time_of(until, now())
            )
        except OSError as error:
            raise NotPossible(f"--to: {to}: {error.strerror or error}") from error
    console.print(str(file), markup=False)


def report_command(
    by: Annotated[str, typer.Option(help="What a row is: day, hour, user, queue, tenant and so on.")] = "day",
    since: SinceOption = "30d", until: UntilOption = None,
    zone: Annotated[str, typer.Option(help="Whose days, such as Europe/Berlin.")] = "UTC",
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: JsonOption = False, url: UrlOption = "", token: TokenOption = "",
) -> None:  # fmt: skip
    """Sum up calls, recorded minutes, pauses and what is missing."""
    where = {"by": by, "since": time_of(since, now()), "until": time_of(until, now()), "zone": zone}
    with connected(url, token) as client:
        if csv:
            typer.echo(client.send(requests.report_csv(**where)).decode(), nl=False)
            return
        found = client.send(requests.report(**where))
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    columns = {
        by: lambda r: r.key, "calls": lambda r: r.sums.calls, "answered": lambda r: r.sums.answered,
        "recordings": lambda r: r.sums.recordings, "recorded": lambda r: length(r.sums.recorded_ms),
        "pauses": lambda r: r.sums.pauses, "missing": lambda r: r.sums.missing,
    }  # fmt: skip
    show(found.rows, columns, as_json=False)


@groups.command("list")
def list_groups(
    most: MostOption = 200, as_json: JsonOption = False, url: UrlOption = "", token: TokenOption = ""
) -> None:
    """Show the groups."""
    columns = {
        "group": lambda g: g.group_id, "tenant": lambda g: g.tenant, "name": lambda g: g.name,
        "users": lambda g: ", ".join(g.users), "queues": lambda g: ", ".join(g.queues),
        "ring groups": lambda g: ", ".join(g.ring_groups),
    }  # fmt: skip
    with connected(url, token) as client:
        show(first(client, requests.groups(), most), columns, as_json=as_json)


@groups.command("add")
def add_group(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="Whose.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")],
    user: Annotated[list[str] | None, typer.Option(help="A user; repeatable.")] = None,
    queue: Annotated[list[str] | None, typer.Option(help="A queue; repeatable.")] = None,
    ring_group: Annotated[list[str] | None, typer.Option(help="A ring group; repeatable.")] = None,
    as_json: JsonOption = False, url: UrlOption = "", token: TokenOption = "",
) -> None:  # fmt: skip
    """Make a group."""
    ask = requests.create_group(
        tenant, name, users=user or [], queues=queue or [], ring_groups=ring_group or []
    )
    with connected(url, token) as client:
        show_one(client.send(ask), as_json=as_json)


@groups.command("remove")
def remove_group(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="Whose.")],
    group_id: Annotated[str, typer.Argument(metavar="GROUP", help="Its id.")],
    url: UrlOption = "", token: TokenOption = "",
) -> None:  # fmt: skip
    """Remove a group."""
    with connected(url, token) as client:
        client.send(requests.delete_group(tenant, group_id))


def call_command(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="GET, POST, PUT, PATCH or DELETE.")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="Below /api/v1, such as tenants/acme.test.")],
    body: Annotated[str | None, typer.Option(help="The JSON to send.")] = None,
    url: UrlOption = "", token: TokenOption = "",
) -> None:  # fmt: skip
    """Any other operation of the API: send it and print the JSON that comes."""
    import json

    try:
        sent = None if body is None else json.loads(body)
    except ValueError as error:
        raise NotPossible(f"--body is no JSON: {error}") from error
    path, _, query = path.strip("/").removeprefix("api/v1/").partition("?")
    asked = Ask(
        method.upper(), f"/api/v1/{path}", lambda b: json.loads(b) if b else None, _query(query), sent
    )
    with connected(url, token) as client:
        print_json(client.send(asked))


def _query(text: str) -> dict[str, list[str]]:
    from urllib.parse import parse_qs

    return parse_qs(text)
