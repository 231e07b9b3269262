"""The demo from the first process to the last: switch, controller, phones, rounds of calls, the end."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..engine.reading import Role
from .asterisk_lab import AsteriskLab
from .asterisk_lab import provision as provision_asterisk
from .calls import CALLS, FORCED_TENANTS, RECORDED_USERS
from .freeswitch_lab import FreeSwitchLab
from .lab import USERS, LabUnavailable
from .phone import PhoneError
from .report import RoundReport, examine
from .running import RunningController
from .scenario import DemoPhones, open_phones, play
from .show import Board

AnyLab = AsteriskLab | FreeSwitchLab


def ending_signals() -> list[signal.Signals]:
    """What asks the demo to end: Ctrl-C, a service manager, a closed terminal (not under nohup)."""
    found = [signal.SIGINT, signal.SIGTERM]
    return found if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [*found, signal.SIGHUP]


#: Between two rounds, so that there is time to look at the table.
REST_S = 5.0

#: The login of an ordinary user, who sees only their own calls.
_USER = ("other.test", "201")


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything up and running. ``accounts``: (login, password, what they see)."""

    lab: AnyLab
    controller: RunningController
    phones: DemoPhones
    accounts: tuple[tuple[str, str, str], ...]
    folder: Path
    board: Board

    async def round(self, title: str) -> RoundReport:
        """Play all the calls and judge what was recorded of them. Raises LabUnavailable."""
        since = datetime.now(UTC)
        with self.board.working(title, CALLS):
            try:
                played = await play(self.lab, self.phones, self.board.say, CALLS)
            except PhoneError as error:
                raise LabUnavailable(str(error)) from error
        with self.board.working("Listening to the recordings"):
            report = await examine(self.controller, self.lab.kind, played, since, self.folder)
        if (await self.controller.api("GET", "/healthz")).status == 0:
            raise LabUnavailable(f"the controller has ended:\n{self.controller.log()[-2000:]}")
        return report


def prepare(switch: str, board: Board) -> None:
    """Fetch what the switch needs, once. Blocking; may be interrupted. Raises LabUnavailable."""
    if switch == "asterisk":
        with board.working("Asterisk"):
            provision_asterisk(board.say)
        board.done("Asterisk is there")


@contextlib.asynccontextmanager
async def staged(switch: str, port: int, keep: Path | None, board: Board) -> AsyncIterator[Stage]:
    """Start everything; end everything. Raises LabUnavailable."""
    with _folder(keep) as folder:
        async with contextlib.AsyncExitStack() as stack:
            with board.working("Starting the switch"):
                lab: AnyLab = AsteriskLab() if switch == "asterisk" else FreeSwitchLab()
                await stack.enter_async_context(lab)
                board.say("Starting the controller")
                controller = RunningController(folder, (lab,), port=port)
                accounts = await _people(controller)
                await stack.enter_async_context(controller)
                board.say("Registering the phones")
                try:
                    phones = await stack.enter_async_context(open_phones(lab))
                except (PhoneError, OSError) as error:
                    raise LabUnavailable(f"the phones cannot register: {error}") from error
            board.done(f"{lab.kind} carries calls, the controller is up, {len(lab.users)} phones are in")
            if keep is not None:
                stack.callback(_keep_logs, lab, folder)
            yield Stage(lab, controller, phones, accounts, folder, board)


async def _people(controller: RunningController) -> tuple[tuple[str, str, str], ...]:
    """Settings under which the table of calls is right, and who may sign in."""
    await controller.set_policy(
        users={(tenant, user): (tenant, user) in RECORDED_USERS for user, (_, tenant) in USERS.items()},
        tenants={tenant: tenant in FORCED_TENANTS for tenant in {tenant for _, tenant in USERS.values()}},
        external=False,
    )
    tenant, extension = _USER
    people = (
        ("admin", Role.SYSTEM, None, None, "everything"),
        ("manager", Role.TENANT, "acme.test", None, "all calls of acme.test"),
        (extension, Role.USER, tenant, extension, f"only the calls of {extension} at {tenant}"),
    )
    accounts = []
    for login, role, of, number, sees in people:
        password = secrets.token_hex(8)
        await controller.add_account(login, password, role, of, number)
        accounts.append((login, password, sees))
    return tuple(accounts)


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """The catalog's folder: a temporary one, or one to be kept. Raises LabUnavailable."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="tapeline-demo-") as name:
            yield Path(name)
        return
    try:
        keep.mkdir(parents=True, exist_ok=True)
        if any(keep.iterdir()):
            raise LabUnavailable(f"{keep} is not empty: name a new folder, or empty this one")
    except OSError as error:
        raise LabUnavailable(f"cannot keep anything in {keep}: {error.strerror}") from error
    yield keep.resolve()


def _keep_logs(lab: AnyLab, folder: Path) -> None:
    with contextlib.suppress(OSError):
        shutil.copyfile(lab.log, folder / f"{lab.kind}.log")


@contextlib.contextmanager
def ended_by_signals(board: Board) -> Iterator[None]:
    """Cancel the current task at the first signal; the next ones change nothing, so that all is
    ended in order (everything that is waited for then has a deadline)."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    asked = False

    def end() -> None:
        nonlocal asked
        if not asked:
            asked = True
            board.note("Ending: hanging up, stopping the controller and the switch")
            task.cancel()

    numbers = ending_signals()
    for number in numbers:
        loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
