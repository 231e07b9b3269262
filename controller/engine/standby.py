"""Keeps a switch ready to carry on alone: what it is told beforehand, the sign that we are there, and what it
did by itself while we were not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

import structlog

from ..core.alone import LeftBehind, one_call, tell
from ..core.desk import Desk
from ..core.effects import Effects
from ..core.policy import Policy
from ..core.standby import Table, table
from .ports import Catalog, LinkState, StandbyRefused, Switch, SwitchDown
from .spool_eyes import SpoolEyes

log = structlog.get_logger(__name__)

#: How often the switch is told that we are there. Its own limit is some of these (`standby_after_s`).
BEAT_S = 1.0
#: How soon after a connection the first one follows: until then the switch takes us for away.
SOON_S = 0.1
#: So many beats lie between two looks at what was left behind; the first is at once.
LOOK_EVERY = 10
#: A switch that cannot do it (a module is not loaded) is asked again after this.
AGAIN_S = 60.0
#: So long is waited for one who can see when a file was last written.
BLIND = timedelta(seconds=60)


class StandbyKeeper:
    """``spool``: where its files are seen. ``held`` gives the recordings in memory; ``carry`` takes what
    follows from a call that was told afterwards; ``may_act`` whether the switch is ours."""

    def __init__(
        self,
        switch: Switch,
        desk: Desk,
        catalog: Catalog,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        spool: SpoolEyes | None,
        held: Callable[[], Collection[str]],
        carry: Callable[[Effects], None],
        may_act: Callable[[], bool],
    ) -> None:
        self._switch, self._desk, self._catalog = switch, desk, catalog
        self._now, self._new_id = now, new_id
        self._spool, self._held, self._carry = spool, held, carry
        self._may_act = may_act
        self._link: datetime | None = None
        self._policy: Policy | None = None
        self._pushed: Table | None = None
        self._beats = 0
        self._looked_for: set[str] = set()
        self._refused = ""
        self._blind_since: datetime | None = None

    async def run(self) -> None:
        """Never returns by itself; cancel it to stop."""
        while True:
            wait = SOON_S
            if self._switch.status.state is LinkState.UP and self._may_act():
                wait = BEAT_S
                try:
                    await self.beat()
                    self._refused = ""
                except StandbyRefused as error:
                    wait, self._pushed = AGAIN_S, None
                    if str(error) != self._refused:
                        log.warning("standby.refused", switch=self._switch.name, reason=str(error))
                    self._refused = str(error)
                except (SwitchDown, TimeoutError):
                    self._pushed = None
                except Exception:
                    # The database is away, say. What was left behind stays where it is.
                    log.exception("standby.failed", switch=self._switch.name)
            await asyncio.sleep(wait)

    async def beat(self) -> None:
        """Once: tell what has changed, then that we are there, then look what was left behind.

        Raises StandbyRefused, SwitchDown, TimeoutError, and what the catalog raises.
        """
        standby, since = self._switch.standby, self._switch.status.since
        if since != self._link:
            self._link, self._pushed, self._beats = since, None, 0
        if not standby.after_s:
            if self._pushed is None:
                await standby.withdraw()
                self._pushed = {}
        else:
            await self._tell()
            await standby.renew()
        if self._beats % LOOK_EVERY == 0:
            await self.collect()
        self._beats += 1

    async def _tell(self) -> None:
        """A table that is half told is never read: the first is told whole before it counts, and after that
        each row stands for itself."""
        policy = self._desk.policy
        if self._pushed is not None and policy is self._policy:
            return
        wanted = await asyncio.to_thread(table, policy)
        if self._pushed is None:
            await self._switch.standby.replace(wanted)
        else:
            before, self._pushed = self._pushed, None  # whatever fails on the way, all is told again
            gone: dict[tuple[str, str], str | None] = {key: None for key in before if key not in wanted}
            new = {key: row for key, row in wanted.items() if before.get(key) != row}
            await self._switch.standby.change(gone | new)
        self._policy, self._pushed = policy, wanted

    async def collect(self) -> None:
        """Make calls of what the switch did by itself. A note is forgotten once its recording has a row, so
        whatever dies in between, it is done again."""
        notes = await self._switch.standby.left_behind()
        if not notes:
            return
        known = await self._catalog.recordings_among([note.recording_id for note in notes])
        for recording_id in known:
            await self._switch.standby.forget(recording_id)
        held = self._held()
        over: list[LeftBehind] = []
        for note in notes:
            if note.recording_id in known or note.recording_id in held:
                continue
            if any(self._desk.book.call_of(leg_id) for leg_id in note.legs):
                await self._look_for(note)
            else:
                over.append(note)
        for group in one_call(over):
            if (ends := await self._ends(group)) is None:
                continue
            told = tell(group, ends, self._desk.policy, self._new_id)
            for call in told.changed.values():
                for recording in call.recordings:
                    log.info(
                        "standby.adopted",
                        switch=self._switch.name,
                        call=call.call_id,
                        recording=recording.recording_id,
                        kept=not recording.provisional,
                        reason=recording.reason,
                    )
            self._carry(told)

    async def _ends(self, group: Sequence[LeftBehind]) -> dict[str, datetime] | None:
        """When each file was last written. None: nobody can say, and whoever can may be back soon."""
        seen: dict[str, datetime | None] = {}
        try:
            for note in group:
                seen[note.recording_id] = (
                    await self._spool.written_at(note.capture.path) if self._spool else None
                )
            self._blind_since = None
        except OSError as error:
            self._blind_since = self._blind_since or self._now()
            if self._now() - self._blind_since < BLIND:
                return None
            log.warning("standby.end_unseen", switch=self._switch.name, why=error.strerror or str(error))
        return {n.recording_id: min(seen.get(n.recording_id) or n.began_at, self._now()) for n in group}

    async def _look_for(self, note: LeftBehind) -> None:
        """The switch began it although we were connected (we were slow): what runs is asked for anew. If it
        runs no more, its call has to end first."""
        if note.recording_id not in self._looked_for:
            self._looked_for.add(note.recording_id)
            await self._switch.standby.look_again()
