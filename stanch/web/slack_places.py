"""Where a card's button may be pressed: in the conversation that the card was posted to, as records have it."""

from __future__ import annotations

import asyncio

from stanch.errors import DependencyError
from stanch.slack.signing import Button, Interaction
from stanch.web.services import Services
from stanch.web.slack_people import Who

LOOK_SECONDS = 0.2
NOT_HERE = Who(code="I432", refusal="This card was not posted here by Stanch. Use the card that you were sent.")
PERSONS = ("U", "W")  # no conversations: a chat system that names a person as the place has not said which it is


async def misplaced(services: Services, deed: Interaction, button: Button) -> bool:
    """Whether the card is known to be elsewhere, so that somebody has copied its buttons to this place.

    Dialogs and the home have no place. Where records do not answer, or have no place of this card, the token, the
    person and the digest decide, as they do in any case.
    """
    if not deed.channel:
        return False
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            places = await asyncio.to_thread(services.records.chat_places, button.case_id, button.approval_id)
    except (TimeoutError, DependencyError):
        return False
    known = {place for place in places if not place.startswith(PERSONS)}
    return bool(known) and deed.channel not in known
