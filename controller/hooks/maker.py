"""What the pages, the API and the command line need to set a webhook up (engine.hooks.HookMaker)."""

from __future__ import annotations

from .guard import Guard, NotAllowed
from .signing import HookKeys


class Maker:
    def __init__(self, keys: HookKeys, guard: Guard) -> None:
        self._keys, self._guard = keys, guard

    @property
    def public_key(self) -> str:
        return self._keys.public_key

    def new_secret(self, hook_id: str) -> tuple[str, str]:
        return self._keys.new_secret(hook_id)

    async def refused(self, url: str) -> str:
        try:
            await self._guard.target(url)
        except NotAllowed as error:
            return str(error)
        return ""
