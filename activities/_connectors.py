"""The connectors as the web service may use them: by name, with nothing else of the world."""

from __future__ import annotations

from activities._world import World
from stanch.ports import ChatPort, TicketPort


class Connectors:
    """Built when first asked for."""

    def __init__(self, world: World) -> None:
        self._world = world

    def tickets(self, name: str) -> TicketPort:
        port: TicketPort = self._world.connector("tickets", name)
        return port

    def chat(self) -> ChatPort | None:
        name = self._world.first("chat")
        return self._world.connector("chat", name) if name else None
