"""How a card will look, bound into its buttons: whoever edits it afterwards takes their say from them."""

from __future__ import annotations

from activities._world import World
from stanch.chat_surface import ReadsBack
from stanch.ports import Message


def look_in_chat(world: World, message: Message) -> str:
    """A digest of what people will read; "" where the chat system cannot tell what somebody had read at a click."""
    name = world.first("chat")
    port = world.connector("chat", name) if name else None
    return port.look(message) if isinstance(port, ReadsBack) else ""
