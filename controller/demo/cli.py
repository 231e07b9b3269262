"""``tapeline demo``: real calls on a real switch, recorded, paused, listened to, found in the catalog."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import orjson
import typer
from rich.console import Console

from ..core.errors import TapelineError
from .report import RoundReport
from .show import Board, results, welcome
from .stage import REST_S, ended_by_signals, ending_signals, prepare, staged

DEFAULT_PORT = 8080
HOST = "127.0.0.1"

#: The exit statuses: as a shell would say it of a command that was interrupted, for the last one.
OK, BAD, UNAVAILABLE, INTERRUPTED = 0, 1, 2, 130


class SwitchKind(StrEnum):
    ASTERISK = "asterisk"
    FREESWITCH = "freeswitch"


def demo(
    switch: Annotated[SwitchKind, typer.Option(help="Which switch carries the calls.")] = SwitchKind.ASTERISK,
    once: Annotated[
        bool, typer.Option("--once", help="One round of calls; exit status 1 if anything is wrong with it.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --once: print the result as JSON, and nothing else.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            show_default=str(DEFAULT_PORT),
            help="Where the catalog listens; 0 takes any free port.",
        ),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(help="Keep recordings, catalog and logs in this new folder.", file_okay=False),
    ] = None,
) -> None:
    """A whole telephone system on this machine: real calls, recorded, paused and found in the catalog.

    Needs no root and touches nothing outside of temporary folders and a cache. Goes on until
    Ctrl-C, which leaves nothing running. Exit status: 0 all was well, 1 a recording is missing,
    unexpected or leaks, 2 it cannot run here, 130 interrupted before the first round had ended.
    """  # fmt: skip
    board = Board()
    if as_json and not once:
        board.error("--json is for one round: add --once")
        raise typer.Exit(UNAVAILABLE)
    raise typer.Exit(_outcome(switch.value, once, as_json, port, keep, board))


def _outcome(
    switch: str, once: bool, as_json: bool, port: int | None, keep: Path | None, board: Board
) -> int:
    try:
        for number in ending_signals():
            signal.signal(number, _interrupt)
        chosen = choose_port(port, board)
        prepare(switch, board)
        return asyncio.run(_run(switch, once, as_json, chosen, keep, board))
    except KeyboardInterrupt:
        board.note("Stopped.")
        return INTERRUPTED
    except TapelineError as error:
        board.error(str(error))
        return UNAVAILABLE


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """While packages are fetched, in a blocking way: leave by the ``finally`` of whoever works."""
    raise KeyboardInterrupt


async def _run(switch: str, once: bool, as_json: bool, port: int, keep: Path | None, board: Board) -> int:
    out = Console(highlight=False)
    talk = board.err if as_json else out
    rounds = 0
    bad = False
    with ended_by_signals(board):
        try:
            async with staged(switch, port, keep, board) as stage:
                talk.print(welcome(stage.controller.url, stage.accounts, stage.lab.kind, once))
                while True:
                    report = await stage.round(f"Round {rounds + 1}: calls are under way")
                    rounds += 1
                    bad = bad or bool(report.problems)
                    _tell(report, rounds, talk, as_json)
                    if once:
                        break
                    with board.working(f"The next round begins in {REST_S:.0f} s (Ctrl-C ends the demo)"):
                        await asyncio.sleep(REST_S)
        except asyncio.CancelledError:
            if once or rounds == 0:
                return INTERRUPTED
        finally:
            if keep is not None and rounds:
                board.note(f"Recordings, catalog and logs are kept in {keep}")
    board.done("Nothing of the demo is left running")
    return BAD if bad else OK


def _tell(report: RoundReport, number: int, talk: Console, as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(report.as_json(), option=orjson.OPT_INDENT_2) + b"\n")
        sys.stdout.buffer.flush()
    talk.print(results(report, number))


def choose_port(wanted: int | None, board: Board) -> int:
    """The port for the catalog. The usual one may give way to a free one, a named one may not.

    Raises PortTaken.
    """
    port = DEFAULT_PORT if wanted is None else wanted
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if wanted is not None:
                raise PortTaken(
                    f"cannot listen on {HOST}:{port}: {error.strerror}. Leave --port out, or name another one"
                ) from error
            board.note(f"Port {port} is taken: the catalog gets a free one")
            return 0
    return port


class PortTaken(TapelineError):
    """The port that was asked for cannot be had; the text says what to do."""
