"""Who works on which recording: candidates, claims, ends, heartbeats (engine.jobs.JobStore)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    delete,
    func,
    literal,
    null,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.media_kinds import Kind
from ..engine.jobs import Candidate, Claimed, JobState, Lane, Limits, Node, Outcome, Phase
from ..engine.media_ports import MediaState
from . import tables as t
from .media_rows import is_due
from .writing import OnDatabase, chunks, upsert

# Any number that is ours: nodes claim one after another, so that a tenant's limit is one.
_CLAIMS = 0x7461_7066
_DUE_STATES = ("spooled", "stored", "failed")
_OPEN = text("jobs.state IN ('waiting', 'running', 'retrying')")
_TAKEN = text("jobs.node <> ''")
_SECOND_DEATH, _MORE_DEATHS = timedelta(seconds=10), timedelta(minutes=10)
_KIND = {Lane.SOUND: Kind.AUDIO, Lane.FILM: Kind.VIDEO}
_NODE = select(*(t.nodes.c[f.name] for f in fields(Node)))
_NOBODYS = {"node": "", "step": "", "progress": None}


class JobRows(OnDatabase):
    """engine.jobs.JobStore."""

    async def candidates(
        self, lane: Lane, switches: Collection[str], limit: int, *, orphans: bool = False,
        elsewhere: Collection[str] = (),
    ) -> list[Candidate]:  # fmt: skip
        """What may be claimed now, tenants taking turns, each one's oldest first.

        Files only of these switches; with ``orphans`` also of switches that no living node has, but for
        those that are ``elsewhere``.
        What was broken off comes first, what has failed before comes last.
        """
        async with self._database.reading() as connection:
            others = set(elsewhere)
            if orphans:
                for row in await connection.execute(select(t.nodes.c.switches)):
                    others |= set(row.switches)
            found = self._finishing() if lane is Lane.FINISHING else None
            if found is None:
                seen: ColumnElement[bool] = t.recordings.c.switch.in_(switches)
                if orphans:
                    seen = or_(seen, t.recordings.c.switch.not_in(others))
                found = self._takeable(_KIND[lane], seen)
            listed = found.subquery()
            c = listed.c
            turn = func.row_number().over(partition_by=c.tenant, order_by=(c.rank, c.at, c.recording_id))
            ranked = select(listed, turn.label("turn")).subquery()
            query = (
                select(ranked)
                .where(ranked.c.turn <= limit)
                .order_by(ranked.c.turn, ranked.c.rank, ranked.c.at, ranked.c.recording_id)
                .limit(limit)
            )
            rows = (await connection.execute(query)).all()
        return [
            Candidate(row.recording_id, row.tenant, Kind(row.kind), Phase(row.phase), bool(row.again))
            for row in rows
        ]

    def _free(self) -> ColumnElement[bool]:
        j = t.jobs.c
        return and_(j.node == "", or_(j.next_at.is_(None), j.next_at <= self._now()))

    def _takeable(self, kind: Kind, seen: ColumnElement[bool]) -> Any:
        r, j = t.recordings.c, t.jobs.c
        failed = r.media_state == str(MediaState.FAILED)
        both = t.recordings.join(t.calls, t.calls.c.call_id == r.call_id)
        again = and_(j.open_run, j.phase == str(Phase.FILES))
        due = (
            select(
                r.recording_id, r.tenant, r.kind, literal(str(Phase.FILES)).label("phase"),
                case((again, 1), else_=0).label("again"),
                case((again, 0), (failed, 3), else_=1).label("rank"),
                case((failed, r.media_at), else_=r.ended_at).label("at"),
            )
            .select_from(both.outerjoin(t.jobs, j.recording_id == r.recording_id))
            .where(*is_due(), or_(j.recording_id.is_(None), self._free()), r.kind == str(kind), seen)
        )  # fmt: skip
        # Broken off between the recording's last state and the note about the run.
        broken = self._broken(Phase.FILES).where(r.kind == str(kind), seen, r.media_state.not_in(_DUE_STATES))
        return due.union_all(broken)

    def _broken(self, phase: Phase) -> Select[Any]:
        r, j = t.recordings.c, t.jobs.c
        return (
            select(
                r.recording_id, r.tenant, r.kind, j.phase, literal(1).label("again"),
                literal(0).label("rank"), r.ended_at.label("at"),
            )
            .select_from(t.jobs.join(t.recordings, r.recording_id == j.recording_id))
            .where(_OPEN, j.phase == str(phase), j.open_run, self._free())
        )  # fmt: skip

    def _finishing(self) -> Any:
        r, j = t.recordings.c, t.jobs.c
        fresh = (
            select(
                r.recording_id, r.tenant, r.kind, j.phase, literal(0).label("again"),
                case((j.tries > 0, 3), else_=1).label("rank"), r.ended_at.label("at"),
            )
            .select_from(t.jobs.join(t.recordings, r.recording_id == j.recording_id))
            .where(
                _OPEN, j.phase == str(Phase.FINISHING), ~j.open_run, self._free(),
                r.media_state == str(MediaState.AVAILABLE),
            )
        )  # fmt: skip
        return fresh.union_all(self._broken(Phase.FINISHING))

    async def claim(
        self, node: str, wanted: Sequence[Candidate], limits: Limits, at_most: int
    ) -> list[Claimed]:
        """Make so many of them this node's, the first that nobody has and whose tenant's limit allows it."""
        if not wanted:
            return []
        ids = [c.recording_id for c in wanted]
        now = self._now()
        async with self._database.writing() as connection:
            if not self._database.sqlite:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _CLAIMS})
            j, r = t.jobs.c, t.recordings.c
            found = await connection.execute(select(t.jobs).where(j.recording_id.in_(ids)))
            rows = {row.recording_id: row for row in found}
            query = select(r.recording_id, r.media_state).where(r.recording_id.in_(ids))
            states = dict((await connection.execute(query)).all())
            counts = select(j.tenant, func.count()).where(_TAKEN).group_by(j.tenant)
            busy: Counter[str] = Counter(dict((await connection.execute(counts)).all()))
            claimed: list[Claimed] = []
            new: list[dict[str, Any]] = []
            for candidate in wanted:
                row = rows.get(candidate.recording_id)
                if len(claimed) >= at_most:
                    break
                if busy[candidate.tenant] >= limits.of(candidate.tenant):
                    continue
                if not _claimable(candidate, row, states.get(candidate.recording_id), now):
                    continue
                again = row is not None and row.open_run
                run = 1 if row is None else row.run + (0 if again else 1)
                deaths = row.deaths if row is not None and again else 0
                tries = 0 if row is None or row.phase != candidate.phase else row.tries
                busy[candidate.tenant] += 1
                claimed.append(
                    Claimed(
                        candidate.recording_id,
                        candidate.tenant,
                        candidate.kind,
                        candidate.phase,
                        run,
                        again,
                        tries,
                    )
                )
                new.append({
                    "recording_id": candidate.recording_id, "tenant": candidate.tenant,
                    "phase": str(candidate.phase), "state": str(JobState.RUNNING), "run": run,
                    "open_run": True, "tries": tries, "deaths": deaths, "step": "", "progress": None,
                    "node": node,
                    "error": row.error if row is not None and tries else "", "next_at": None,
                    "started_at": now, "ended_at": None,
                })  # fmt: skip
            await upsert(connection, t.jobs, new)
        return claimed

    async def settle(
        self, node: str, job: Claimed, outcome: Outcome, *, next_at: datetime | None = None
    ) -> bool:
        """Note how a run ended. False, and nothing is noted, if the job is another node's by now."""
        values: dict[str, Any] = {
            **_NOBODYS,
            "open_run": False,
            "error": outcome.error[:2000],
            "next_at": None,
        }
        if not outcome.error and outcome.finishing:
            r = t.recordings.c
            playable = select(r.recording_id).where(
                r.recording_id == job.recording_id, r.media_state == str(MediaState.AVAILABLE)
            )
            state = case((playable.exists(), str(JobState.WAITING)), else_=str(JobState.DONE))
            values |= {"phase": str(Phase.FINISHING), "state": state, "tries": 0, "ended_at": self._now()}
        elif not outcome.error:
            values |= {"state": str(JobState.DONE), "tries": 0, "ended_at": self._now()}
        else:
            bad = JobState.FAILED if outcome.final else JobState.RETRYING
            values |= {"state": str(bad), "tries": job.tries + 1, "next_at": next_at}
            values |= {"ended_at": self._now()} if outcome.final else {}
        return await self._give_up(node, job, values)

    async def let_go(self, node: str, job: Claimed, *, next_at: datetime | None = None) -> None:
        """Give a job back in the middle of its run: whoever claims it goes on with it."""
        await self._give_up(node, job, {**_NOBODYS, "state": str(JobState.WAITING), "next_at": next_at})

    async def _give_up(self, node: str, job: Claimed, values: dict[str, Any]) -> bool:
        j = t.jobs.c
        mine = and_(j.recording_id == job.recording_id, j.node == node, j.run == job.run)
        async with self._database.writing() as connection:
            changed = await connection.execute(update(t.jobs).where(mine).values(values))
            return changed.rowcount > 0

    async def note_progress(self, node: str, progress: Mapping[str, tuple[str, float | None]]) -> None:
        """Recording id → (step, 0 to 1)."""
        j = t.jobs.c
        async with self._database.writing() as connection:
            for recording_id, (step, fraction) in progress.items():
                change = update(t.jobs).where(j.recording_id == recording_id, j.node == node)
                await connection.execute(change.values(step=step, progress=fraction))

    async def beat(self, node: Node) -> None:
        row = asdict(node) | {"switches": list(node.switches)}
        async with self._database.writing() as connection:
            await upsert(connection, t.nodes, [row])

    async def nodes(self) -> list[Node]:
        async with self._database.reading() as connection:
            rows = (await connection.execute(_NODE.order_by(t.nodes.c.name))).mappings().all()
        return [Node(**{**row, "switches": tuple(row["switches"])}) for row in rows]

    async def bury(self, node: Node) -> int:
        """Take a dead node's jobs from it, if it has not beaten since; how many they were."""
        n = t.nodes.c
        async with self._database.writing() as connection:
            gone = await connection.execute(delete(t.nodes).where(n.name == node.name, n.beats == node.beats))
            if not gone.rowcount:
                return 0
            return await self._free_all(connection, t.jobs.c.node == node.name)

    async def sign_off(self, node: str) -> int:
        """Give everything back in good order: this node ends."""
        n, j = t.nodes.c, t.jobs.c
        values = {**_NOBODYS, "state": str(JobState.WAITING)}
        async with self._database.writing() as connection:
            await connection.execute(delete(t.nodes).where(n.name == node))
            changed = await connection.execute(update(t.jobs).where(j.node == node).values(values))
            return changed.rowcount

    async def free_strays(self) -> int:
        """Take from nodes that nobody knows what they have; how many jobs that were."""
        async with self._database.reading() as connection:
            query = select(t.jobs.c.node).where(_TAKEN, t.jobs.c.node.not_in(select(t.nodes.c.name)))
            if (await connection.execute(query.limit(1))).first() is None:
                return 0
        async with self._database.writing() as connection:
            return await self._free_all(connection, t.jobs.c.node.not_in(select(t.nodes.c.name)))

    async def _free_all(self, connection: AsyncConnection, whose: ColumnElement[bool]) -> int:
        # What kills its worker every time must not kill one after the other in a row.
        j, now = t.jobs.c, self._now()
        rests = case(
            (j.deaths == 0, null()),
            (j.deaths == 1, literal(now + _SECOND_DEATH, j.next_at.type)),
            else_=literal(now + _MORE_DEATHS, j.next_at.type),
        )
        values = {**_NOBODYS, "state": str(JobState.WAITING), "next_at": rests, "deaths": j.deaths + 1}
        changed = await connection.execute(update(t.jobs).where(_TAKEN, whose).values(values))
        return changed.rowcount

    async def hurry(self, switches: Collection[str]) -> None:
        """Let what waits to be tried again be tried now (a worker has just started)."""
        r, j = t.recordings.c, t.jobs.c
        mine = select(r.recording_id).where(r.recording_id == j.recording_id, r.switch.in_(switches))
        async with self._database.writing() as connection:
            await connection.execute(
                update(t.jobs).where(_OPEN, j.next_at.is_not(None), mine.exists()).values(next_at=None)
            )

    async def forget_jobs(self, before: datetime) -> int:
        """Remove what was done before; the recordings stay, of course."""
        j = t.jobs.c
        old = and_(j.ended_at < before, j.state != str(JobState.FAILED), j.node == "", ~j.open_run)
        forgotten = 0
        while True:  # in small bites: calls are saved by the same writer
            async with self._database.writing() as connection:
                some = select(j.recording_id).where(old).limit(1000)
                ids = list((await connection.execute(some)).scalars())
                for part in chunks(ids):
                    await connection.execute(delete(t.jobs).where(j.recording_id.in_(part)))
            forgotten += len(ids)
            if len(ids) < 1000:
                return forgotten


def _claimable(candidate: Candidate, row: Any, media_state: str | None, now: datetime) -> bool:
    if media_state is None:
        return False
    if row is not None:
        if row.node or (row.next_at is not None and row.next_at > now):
            return False
        if row.open_run:
            return bool(row.phase == candidate.phase)
    if candidate.phase is Phase.FILES:
        return media_state in _DUE_STATES
    waiting = row is not None and row.phase == Phase.FINISHING
    return waiting and row.state in _OPEN_STATES and media_state == MediaState.AVAILABLE


_OPEN_STATES = (str(JobState.WAITING), str(JobState.RETRYING))
