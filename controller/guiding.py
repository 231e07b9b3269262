"""What the first run's guide is given: doctor's checks, and the users of the switches' own directories."""

from __future__ import annotations

from dataclasses import dataclass

from .bootstrap import Parts
from .catalog.facade import SqlCatalog
from .config import Config
from .doctor import examine
from .engine.ports import DirectoryUnreadable
from .engine.reading import Scope
from .importing import ImportPlan, plan
from .switching import make_directory
from .web.first_run import Newcomers, nobody_yet


@dataclass(frozen=True, slots=True)
class SwitchUsers:
    """web.first_run.UserImport: `tapeline import` and its dry run."""

    config: Config
    catalog: SqlCatalog

    @property
    def switches(self) -> tuple[str, ...]:
        return tuple(s.name for s in self.config.switches)

    async def look(self, switch: str) -> Newcomers:
        return _newcomers(await self._plan(switch))

    async def make(self, switch: str) -> Newcomers:
        planned = await self._plan(switch)
        await self.catalog.import_users(planned.to_write)
        return _newcomers(planned)

    async def _plan(self, switch: str) -> ImportPlan:
        section = next(s for s in self.config.switches if s.name == switch)
        try:
            found, whole = await make_directory(section).users(), Scope(None)
        except DirectoryUnreadable as error:
            # Of what it says to whoever typed a command, the page needs the reason only.
            raise DirectoryUnreadable(str(error.__cause__ or "") or "it does not answer") from error
        return plan(found, await self.catalog.tenants(whole), await self.catalog.users(whole))


def _newcomers(planned: ImportPlan) -> Newcomers:
    users = tuple((u.tenant, u.user, u.name) for u in planned.new_users)
    return Newcomers(planned.new_tenants, users, len(planned.known) + len(planned.named))


async def prepare(config: Config, parts: Parts) -> str:
    """Gives the guide what it needs. The path of the first run's page with its token, while no account
    exists; else ""."""
    guide = parts.guide
    guide.doctor = lambda: examine(config)
    guide.users = SwitchUsers(config, parts.catalog)
    return f"/first-run?token={guide.token}" if await nobody_yet(parts.catalog) else ""
