"""The command line: ``tapeline serve | worker | doctor | demo | sweep | explain | user``, and more."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import orjson
import typer
from rich.console import Console
from rich.text import Text

from . import __version__
from .bootstrap import assembled
from .cli_backup import backup_command, restore_command
from .cli_common import console
from .cli_disk import calculate
from .cli_explain import explain_command
from .cli_import import import_command
from .cli_jobs import jobs
from .cli_online import audit, call_command, groups, live, report_command, shares
from .cli_options import tenants
from .cli_people import people, tokens
from .cli_policy import settings
from .cli_proof import evidence_commands, proof, verify_command
from .cli_recordings import calls, recordings
from .cli_redact import redact_command
from .cli_retention import retention
from .cli_rules import rule
from .cli_sealing import sealing
from .cli_store import store
from .cli_sweep import sweep_command
from .cli_tags import note, tag
from .cli_transcripts import find_command, transcribe_command
from .cli_trash import erase_command, hold, trash
from .cli_webhooks import webhooks
from .cli_worker import worker_command
from .config import load
from .core.errors import TapelineError
from .demo.cli import demo
from .doctor import examine
from .guiding import prepare
from .logs import set_up_logging
from .notifying import ServiceManager, watched

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(people, name="user")
app.add_typer(tokens, name="token")
app.add_typer(settings, name="policy")
app.add_typer(rule, name="rule")
app.add_typer(tenants, name="tenant")
app.add_typer(store, name="store")
app.add_typer(jobs, name="jobs")
app.add_typer(calculate, name="calculate")
app.add_typer(sealing, name="sealing")
app.add_typer(proof, name="proof")
app.add_typer(evidence_commands, name="evidence")
app.add_typer(retention, name="retention")
app.add_typer(trash, name="trash")
app.add_typer(hold, name="hold")
app.add_typer(webhooks, name="webhook")
app.add_typer(tag, name="tag")
app.add_typer(note, name="note")
app.command("backup")(backup_command)
app.command("restore")(restore_command)
app.add_typer(recordings, name="recordings")
app.add_typer(calls, name="calls")
app.add_typer(live, name="live")
app.add_typer(shares, name="share")
app.add_typer(audit, name="audit")
app.add_typer(groups, name="group")
app.command("report")(report_command)
app.command("api")(call_command)
app.command("erase")(erase_command)
app.command("sweep")(sweep_command)
app.command("verify")(verify_command)
app.command()(demo)
app.command("worker")(worker_command)
app.command("explain")(explain_command)
app.command("import")(import_command)
app.command("transcribe")(transcribe_command)
app.command("redact")(redact_command)
app.command("find")(find_command)
T = TypeVar("T")

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="TAPELINE_CONFIG", help="The configuration file (TOML)."),
]


@app.command()
def serve(config: ConfigOption = None) -> None:
    """Run the controller: switches, recordings, pages and API."""
    settings = load(config)
    set_up_logging(settings.log_level)

    async def work() -> None:
        # Told outside of the parts: what the engine writes at the end is still watched.
        async with watched(ServiceManager()) as manager, assembled(settings) as parts:
            # What is there now stays for good. Going through it again with every full garbage
            # collection would hold each call's control up for some 150 ms now and then.
            gc.collect()
            gc.freeze()
            first = await prepare(settings, parts)

            def on_ready(url: str) -> None:
                console.print("The catalog is at", Text(url, "bold"))
                if first:
                    console.print("Nobody may sign in yet. The first administrator is made, once, at:")
                    console.print(f"{url}{first}", soft_wrap=True, markup=False)
                manager.ready()

            await parts.run(on_ready)

    _run(work())


@app.command()
def doctor(
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check the configuration against this machine and the running switches."""
    found = _run(examine(load(config)))
    fine = all(check.ok for _, checks in found for check in checks)
    if as_json:
        _print_json({"ok": fine, "findings": {about: [asdict(c) for c in cs] for about, cs in found}})
    else:
        for about, checks in found:
            console.print()
            console.print(Text(about, "bold"))
            for check in checks:
                mark = Text("ok  ", "green") if check.ok else Text("BAD ", "red")
                console.print(mark, check.what, "-", check.found)
                if check.mend:
                    console.print(f"      → {check.mend}")
    raise typer.Exit(0 if fine else 1)


@app.command()
def version() -> None:
    """Print the version."""
    console.print(__version__)


def _print_json(value: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")


def _run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def main() -> NoReturn:
    """The console script: our own errors are told in one sentence, without a traceback."""
    try:
        app()
    except* TapelineError as group:
        for error in _leaves(group):
            Console(stderr=True).print(f"tapeline: {error}", markup=False, highlight=False)
        sys.exit(2)
    sys.exit(0)


def _leaves(group: BaseExceptionGroup[TapelineError]) -> list[TapelineError]:
    found: list[TapelineError] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
