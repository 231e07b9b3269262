"""What the demo shows: progress on stderr, live on a terminal and line by line elsewhere; results."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from .calls import DemoCall
from .report import CallReport, RoundReport

#: What a switch's jitter buffer takes. Phones that are later spoil recordings by themselves.
JITTER_MS = 40


class Board:
    """One thing at a time is under way; ``say`` tells its newest step, `done` what stays.

    Texts from outside (numbers, errors) are never read as markup.
    """

    def __init__(self, err: Console | None = None) -> None:
        self.err = err or Console(stderr=True, highlight=False)
        self._live: Live | None = None
        self._spinner: Spinner | None = None
        self._calls: dict[str, tuple[DemoCall, list[str]]] = {}

    def say(self, text: str) -> None:
        """A step of what is under way; of a call if it begins with ``caller → callee: ``."""
        name, found, step = text.partition(": ")
        if found and name in self._calls:
            self._calls[name][1].append(step)
        elif self._spinner is not None:
            self._spinner.update(text=Text(text))
        if self._live is None:
            self.err.print(f"{datetime.now():%H:%M:%S}", text, markup=False)
        else:
            self._live.update(self._picture(), refresh=True)

    def done(self, text: str) -> None:
        """What stays to be read."""
        self.err.print("[green]✓[/]", Text(text))

    def note(self, text: str) -> None:
        self.err.print("[yellow]![/]", Text(text))

    def error(self, text: str) -> None:
        self.err.print("[red]✗[/]", Text(text))

    @contextlib.contextmanager
    def working(self, text: str, calls: Sequence[DemoCall] = ()) -> Iterator[None]:
        """Show what is under way, with a line for each call that is being played."""
        self._calls = {f"{c.caller} → {c.callee}": (c, []) for c in calls}
        self._spinner = Spinner("dots", Text(text))
        if not self.err.is_terminal:
            self.err.print(f"{datetime.now():%H:%M:%S}", text, markup=False)
            try:
                yield
            finally:
                self._calls = {}
            return
        with Live(self._picture(), console=self.err, transient=True, refresh_per_second=8) as self._live:
            try:
                yield
            finally:
                self._live, self._calls = None, {}

    def _picture(self) -> Group:
        assert self._spinner is not None
        if not self._calls:
            return Group(self._spinner)
        table = Table(box=None, padding=(0, 2), show_header=False)
        table.add_column(no_wrap=True, min_width=max(map(len, self._calls)))
        table.add_column(no_wrap=True, overflow="ellipsis")
        table.add_column(no_wrap=True, overflow="ellipsis")
        for name, (call, steps) in self._calls.items():
            over = bool(steps) and steps[-1] == "ended"
            # The first step says that it calls; its title does so already.
            now = "ended" if over else "".join(steps[1:][-1:]) or ("talking" if steps else "waiting")
            table.add_row(
                Text(name, "dim" if over or not steps else "bold"), Text(now, "dim" if over else "cyan"),
                Text(call.title, "dim"),
            )  # fmt: skip
        return Group(self._spinner, table)


def welcome(url: str, accounts: Sequence[tuple[str, str, str]], switch: str, once: bool) -> Panel:
    """Where the catalog is, and who may sign in: (login, password, what they see)."""
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for heading in ("login", "password", "sees"):
        table.add_column(heading)
    for login, password, sees in accounts:
        table.add_row(Text(login, "bold"), Text(password, "bold cyan"), Text(sees))
    end = "One round of calls, then it ends." if once else "Calls go on until Ctrl-C."
    head = Text.assemble("Catalog  ", (url, f"bold underline link {url}"))
    return Panel(
        Group(head, Text(""), table, Text(""), Text(end, "dim")),
        title=f"Tapeline with {switch}", title_align="left", expand=False, padding=(1, 2),
    )  # fmt: skip


def results(report: RoundReport, number: int) -> Group:
    """The round's table, and below it each problem in full."""
    table = Table(title=f"Round {number}", title_justify="left", header_style="bold")
    table.add_column("Call", no_wrap=True)
    table.add_column("Recorded?", ratio=3)
    table.add_column("Length", justify="right", no_wrap=True)
    table.add_column("Pause asked", ratio=2)
    table.add_column("Silent in the audio", ratio=2)
    table.add_column("Verdict", no_wrap=True)
    for call in report.calls:
        table.add_row(*_row(call))
    problems = [Text(f"✗ {problem}", "red") for problem in report.problems]
    if problems and report.phones_late_ms > JITTER_MS:
        late = (
            f"! The phones' own packets left up to {report.phones_late_ms} ms late: this machine is too busy"
        )
        problems.append(Text(late, "yellow"))
    return Group(table, *problems)


def _row(call: CallReport) -> tuple[Text, ...]:
    recorded = Text("yes" if call.recorded else "no", "bold")
    if call.why:
        recorded.append(f"  {call.why}", "dim")
    asked = "\n".join(
        f"{p.way}, {_wall(p.asked_at)} – {_wall(p.resumed_at) if p.resumed_at else 'end'}"
        for p in call.pauses
    )
    found = "\n".join(
        "nowhere"
        if p.found_from_ms is None or p.found_to_ms is None
        else f"{_clock(p.found_from_ms)} – {_clock(p.found_to_ms)} (asked {_clock(p.asked_from_ms)} – "
        f"{_clock(p.asked_to_ms)})"
        for p in call.pauses
    )
    return (
        Text(call.title),
        recorded,
        Text(_clock(call.duration_ms) if call.recorded else "–"),
        Text(asked or "–"),
        Text(found or "–"),
        Text("BAD", "bold red") if call.problems else Text("good", "green"),
    )


def _wall(at: datetime) -> str:
    return f"{at.astimezone():%H:%M:%S}"


def _clock(ms: int) -> str:
    return f"{ms // 60_000}:{ms % 60_000 / 1000:04.1f}"
