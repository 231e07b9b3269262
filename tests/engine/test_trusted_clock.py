"""What deletion takes for the time when the wall clock jumps, or the machine was off."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.engine.trusted_clock import OFF, SET, TrustedClock, Uptime, uptime

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE, DAY, YEAR = timedelta(minutes=1), timedelta(days=1), timedelta(days=365)
NONE = timedelta()


class Machine:
    """Its wall clock and how long it has been running, each as a test says."""

    def __init__(self, file: Path) -> None:
        self.true, self.set, self.boot, self.began = NOON, NONE, "one", NOON - DAY
        self.file = file
        self.clock = TrustedClock(
            file,
            lambda: self.true + self.set,
            lambda: Uptime(self.boot, (self.true - self.began).total_seconds()),
        )

    def later(self, span: timedelta) -> None:
        self.true += span

    def restarted(self, off: timedelta) -> None:
        self.true += off
        self.boot, self.began = self.boot + "'", self.true


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "clock.json")
    assert made.clock.now() == NOON  # the first time, the clock is all there is
    return made


@pytest.mark.parametrize("by", [2 * SET, YEAR, 10 * YEAR])
def test_a_jump_forward_makes_nothing_older(machine: Machine, by: timedelta) -> None:
    machine.later(5 * MINUTE)
    machine.set = by
    assert machine.clock.now() == machine.true
    assert machine.clock.doubt() == by
    machine.later(40 * DAY)
    assert machine.clock.now() == machine.true, "the time that has passed has passed"
    machine.set = NONE
    assert (machine.clock.now(), machine.clock.doubt()) == (machine.true, NONE)


def test_a_jump_back_counts_until_somebody_has_looked_after_what_was_told_meanwhile(machine: Machine) -> None:
    machine.set = -YEAR
    machine.later(MINUTE)
    assert machine.clock.now() == machine.true - YEAR
    assert machine.clock.doubt() == -YEAR
    machine.later(DAY)
    machine.set = NONE
    for _ in range(3):  # what was recorded then says that it is a year older than it is
        machine.later(MINUTE)
        assert (machine.clock.now(), machine.clock.doubt()) == (machine.true - YEAR, -YEAR)
    machine.set = YEAR
    assert (machine.clock.now(), machine.clock.doubt()) == (machine.true - YEAR, YEAR)
    machine.restarted(DAY)
    machine.set = NONE
    assert machine.clock.doubt() == -YEAR
    machine.clock.trust()
    assert (machine.clock.now(), machine.clock.doubt()) == (machine.true, NONE)


def test_there_and_back_and_there_again_gains_nothing(machine: Machine) -> None:
    for _ in range(50):
        machine.set = -0.9 * SET
        machine.clock.now()
        machine.set = NONE
        machine.clock.now()
    machine.set = 1.5 * SET
    assert machine.clock.now() == machine.true


def test_a_time_servers_word_is_believed(machine: Machine) -> None:
    for by in (SET / 2, SET / 2 - 5 * MINUTE, SET / 2 + 5 * MINUTE):
        machine.set = by
        machine.later(MINUTE)
        assert (machine.clock.now(), machine.clock.doubt()) == (machine.true + by, NONE)


def test_a_machine_that_was_off(machine: Machine) -> None:
    machine.restarted(OFF - DAY)
    assert (machine.clock.now(), machine.clock.doubt()) == (machine.true, NONE)
    began = machine.true
    machine.restarted(2 * OFF)
    machine.later(MINUTE)
    assert machine.clock.now() == began + MINUTE, "for how long it was off nobody can vouch"
    assert machine.clock.doubt() == 2 * OFF
    machine.clock.trust()
    assert (machine.clock.now(), machine.clock.doubt()) == (machine.true, NONE)


def test_processes_share_it_and_a_restart_of_one_forgets_nothing(machine: Machine) -> None:
    machine.set = YEAR
    another = TrustedClock(machine.file, lambda: machine.true + YEAR, lambda: Uptime("one", 86_400.0))
    assert another.doubt() == YEAR
    another.trust()
    assert machine.clock.doubt() == NONE


@pytest.mark.parametrize("text", ["", "{", "[]", '{"at": 1}', '{"at": "x", "boot": "one", "runs_s": 1}'])
def test_a_note_that_cannot_be_read_is_made_anew(machine: Machine, text: str) -> None:
    machine.file.write_text(text)
    assert machine.clock.now() == machine.true
    machine.set = YEAR
    assert machine.clock.doubt() == YEAR


def test_a_folder_that_takes_nothing(machine: Machine) -> None:
    """A full disk, say: what was sure stays sure."""
    machine.file.with_name(f".{machine.file.name}.{os.getpid()}").mkdir()
    machine.later(DAY)
    assert machine.clock.now() == machine.true
    machine.set = YEAR
    assert machine.clock.now() == machine.true
    with pytest.raises(OSError, match="clock"):
        machine.clock.trust()


def test_the_machine_says_how_long_it_has_been_running() -> None:
    first, second = uptime(), uptime()
    assert first.boot
    assert first.boot == second.boot
    assert second.runs_s >= first.runs_s > 0
