"""Retrieve: what the shop's knowledge says about the question."""

from __future__ import annotations

from workers.pipeline.turn import Services, Turn

SNIPPETS = 5


async def retrieve(turn: Turn, services: Services) -> Turn:
    """Sets `snippets`, best first."""
    if not turn.question:
        return turn
    loaded = await services.knowledge.current(services.db, turn.tenant)
    earlier = [said.text for said in turn.session.history if said.role == "user"]
    return turn._replace(snippets=tuple(loaded.retriever.search(turn.question, k=SNIPPETS, earlier=earlier)))
