"""A live card is drawn once for everybody who sees the same, and carries each reader's own token."""

from __future__ import annotations

import httpx
import pytest

from controller.web.live_cards import Shared
from controller.web.pages import live

from .serving import served
from .world import World, form_token, sign_in


def test_what_was_made_is_not_made_again_and_the_oldest_goes() -> None:
    asked: list[int] = []

    def make(n: int) -> str:
        asked.append(n)
        return str(n)

    shared = Shared(make, most=2)
    assert [shared.of(n) for n in (1, 2, 1, 3, 1, 2)] == ["1", "2", "1", "3", "1", "2"]
    assert asked == [1, 2, 3, 2], "2 was the one that nobody had asked for the longest"


async def first_card(url: str, who: str, spoken: str = "en") -> tuple[str, str]:
    """The reader's own token, and the first card of the stream."""
    headers = {"accept-language": spoken}
    async with httpx.AsyncClient(base_url=url, timeout=15, headers=headers) as client:
        assert (await sign_in(client, who)).status_code == 303
        token = form_token((await client.get("/live")).text)
        async with client.stream("GET", "/live/stream") as answer:
            lines = []
            async for line in answer.aiter_lines():
                if not line:
                    break
                lines.append(line)
    assert lines[0] == "event: call"
    return token, "\n".join(lines[1:])


async def test_one_card_for_several_with_each_ones_own_token(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []

    def draw(of: tuple[object, ...]) -> str:
        drawn.append(of)
        return live._card(of)  # type: ignore[arg-type]

    monkeypatch.setattr(live, "_CARDS", Shared(draw))
    async with served(world) as url:
        (mine, card), (yours, other), (third, users) = [
            await first_card(url, who) for who in ("red-admin", "red-admin", "red-101")
        ]
        _, german = await first_card(url, "red-admin", "de")
    assert len({mine, yours, third}) == 3
    assert "Laufender Anruf" in german, "each language is drawn for itself"
    assert "Laufender Anruf" not in card
    assert f'value="{mine}"' in card
    assert f'value="{yours}"' in other
    assert yours not in card + users
    assert live._TOKEN not in card + other + users
    assert card.replace(mine, "") == other.replace(yours, ""), "apart from the token it is the same"
    assert len(drawn) in (2, 3), (
        "the user has a rule of its own; the administrator's two English sessions share"
    )
    calls = {of[0].call_id for of in drawn}  # type: ignore[attr-defined]
    assert calls == {world.calls["live-red"]}
