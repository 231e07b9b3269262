"""Tags and notes on recordings, each change in the audit; a note's text is not (engine.retention)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.annotations import MOST_NOTES, MOST_TAGS, note_of, position_of, tag_of
from ..core.errors import InvalidPolicy
from ..core.retention import RuleScope, covering
from ..engine.people import Scope
from ..engine.retention import Annotations, NoteRow
from . import tables as t
from .columns import loose
from .erasing import note_line
from .gate import Gate
from .kept_rows import holds_of, kept_of
from .writing import OnDatabase, add_missing, insert

_r, _t, _n, _rule = t.recordings.c, t.tags.c, t.notes.c, t.retention_rules.c


class Annotating(OnDatabase):
    """engine.retention.AnnotationStore."""

    async def annotations(self, scope: Scope, recording_id: str) -> Annotations | None:
        async with self._database.reading() as connection:
            row = await self._recording(connection, scope, recording_id)
            if row is None:
                return None
            tags = select(_t.tag).where(_t.recording_id == recording_id).order_by(_t.tag)
            notes = (
                select(_n.note_id, _n.at, _n.by, _n.text, _n.position_ms)
                .where(_n.recording_id == recording_id)
                .order_by(_n.at, _n.note_id)
            )
            (kept,) = await kept_of(connection, [row], self._now())
            return Annotations(
                tuple((await connection.execute(tags)).scalars()),
                tuple(NoteRow(*note) for note in await connection.execute(notes)),
                tuple(covering(kept, await holds_of(connection, [row.tenant]))),
            )

    async def add_tag(
        self, scope: Scope, recording_id: str, tag: str, by: str, address: str = "", *, retained: bool = False
    ) -> bool:
        tag = tag_of(tag)
        async with self._database.writing() as connection:
            row = await self._recording(connection, scope, recording_id)
            if row is None:
                return False
            await self._may_tag(connection, row.tenant, tag, retained)
            there = set(
                (await connection.execute(select(_t.tag).where(_t.recording_id == recording_id))).scalars()
            )
            if tag in there:
                return True
            if len(there) >= MOST_TAGS:
                raise InvalidPolicy(f"tag: a recording has {MOST_TAGS} tags at most")
            values = {
                "recording_id": recording_id, "tag": tag, "tenant": row.tenant, "added_at": self._now(),
                "added_by": by,
            }  # fmt: skip
            await add_missing(connection, t.tags, [values])
            await note_line(connection, self._now(), by, row.tenant, "tag", recording_id, f"+ {tag}", address)
            return True

    async def remove_tag(
        self, scope: Scope, recording_id: str, tag: str, by: str, address: str = "", *, retained: bool = False
    ) -> bool:
        tag = tag_of(tag)
        async with self._database.writing() as connection:
            row = await self._recording(connection, scope, recording_id)
            if row is None:
                return False
            await self._may_tag(connection, row.tenant, tag, retained)
            this = delete(t.tags).where(_t.recording_id == recording_id, _t.tag == tag)
            if (await connection.execute(this)).rowcount == 0:
                return False
            await note_line(connection, self._now(), by, row.tenant, "tag", recording_id, f"- {tag}", address)
            return True

    async def add_note(
        self, scope: Scope, recording_id: str, text: str, by: str, note_id: str, address: str = "",
        *, position_ms: int | None = None,
    ) -> bool:  # fmt: skip
        text, position_ms = note_of(text), position_of(position_ms)
        async with self._database.writing() as connection:
            row = await self._recording(connection, scope, recording_id)
            if row is None:
                return False
            count = select(func.count()).where(_n.recording_id == recording_id)
            if (await connection.execute(count)).scalar_one() >= MOST_NOTES:
                raise InvalidPolicy(f"note: a recording has {MOST_NOTES} notes at most")
            values = {
                "note_id": note_id, "recording_id": recording_id, "tenant": row.tenant, "at": self._now(),
                "by": by, "text": text, "search": loose(text), "position_ms": position_ms,
            }  # fmt: skip
            await connection.execute(insert(connection, t.notes).values(values))
            await note_line(
                connection, self._now(), by, row.tenant, "note", recording_id, f"added {note_id}", address
            )
            return True

    async def remove_note(
        self, scope: Scope, recording_id: str, note_id: str, by: str, address: str = "", *, others: bool
    ) -> bool:
        async with self._database.writing() as connection:
            row = await self._recording(connection, scope, recording_id)
            if row is None:
                return False
            this = delete(t.notes).where(_n.recording_id == recording_id, _n.note_id == note_id)
            if not others:
                this = this.where(_n.by == by)
            if (await connection.execute(this)).rowcount == 0:
                return False
            gone = f"taken away {note_id}"
            await note_line(connection, self._now(), by, row.tenant, "note", recording_id, gone, address)
            return True

    async def tags_in_use(self, scope: Scope, limit: int = 200) -> list[str]:
        query = (
            select(_t.tag).where(Gate(scope).administered(_t.tenant)).distinct().order_by(_t.tag).limit(limit)
        )  # fmt: skip
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    @staticmethod
    async def _recording(connection: AsyncConnection, scope: Scope, recording_id: str) -> Any:
        query = select(t.recordings).where(
            _r.recording_id == recording_id, _r.deleted_at.is_(None), Gate(scope).recordings()
        )
        # Two who tag at once count one after the other.
        return (await connection.execute(query.with_for_update(of=t.recordings, key_share=True))).first()

    @staticmethod
    async def _may_tag(connection: AsyncConnection, tenant: str, tag: str, retained: bool) -> None:
        """A tag that a retention rule is about decides how long a recording is kept."""
        named = exists().where(_rule.tenant == tenant, _rule.scope == str(RuleScope.TAG), _rule.name == tag)
        if not retained and (await connection.execute(select(named))).scalar():
            raise InvalidPolicy(
                f"tag: “{tag}” decides how long recordings are kept; an administrator sets it"
            )  # fmt: skip
