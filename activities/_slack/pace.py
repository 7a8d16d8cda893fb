"""The pace of a channel, as one worker process sees it: a message a second, each with its turn, the last state wins.

Nothing is kept here that could be lost: whoever has to wait is told for how long, and Temporal has them wait. Turns are
given out in order, so that a hundred waiting messages do not all come back in the same second.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from stanch.errors import RetrySafe

HOLD_SECONDS = 1.0  # a wait so short is waited out here: to come back would take as long
FORGOTTEN = 60.0  # seconds after its turn for which somebody who does not come keeps it
MOST = 10_000
_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(frozen=True)
class Turn:
    """One message in line.

    Args:
        channel: in which line.
        what: names the message; the same when it comes back.
        card: the message that it rewrites, "" for a new one.
    """

    channel: str
    what: str
    card: str = ""


class Pace:
    """When which message may go out.

    Args:
        every: seconds between two messages of one channel; 0 lets everything pass.
        clock, sleep: of this machine.
    """

    def __init__(
        self,
        every: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._every, self._clock, self._sleep = every, clock, sleep
        self._lock = threading.Lock()
        self._next: OrderedDict[str, float] = OrderedDict()  # by channel: the first turn that nobody has
        self._last: OrderedDict[str, float] = OrderedDict()  # by channel: when the last message went out, or will
        self._turns: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._newest: OrderedDict[str, str] = OrderedDict()  # by card: the state that was asked for last
        self._older: OrderedDict[tuple[str, str], None] = OrderedDict()

    def take(self, turn: Turn, work: Callable[[], Any]) -> Any:
        """Do it when it is this message's turn; an update that a newer one of its card has overtaken is not done.

        Raises:
            RetrySafe: it is later; the turn is kept for when the same message comes back.
        """
        if not self._is_newest(turn):
            return {}
        left = self._left((turn.channel, f"{turn.card}:{turn.what}"))
        if left > 0:
            self._sleep(left)
            if not self._is_newest(turn):
                return {}
        try:
            return work()
        except RetrySafe as error:
            if error.retry_after is not None:
                self._told_to_wait((turn.channel, f"{turn.card}:{turn.what}"), error.retry_after)
            raise

    def _told_to_wait(self, who: tuple[str, str], seconds: float) -> None:
        """Slack has refused this one until then: it has the first turn after that, and all others come later."""
        with self._lock:
            channel, until = who[0], self._clock() + seconds
            _put(self._turns, who, until)
            _put(self._last, channel, max(self._last.get(channel, 0.0), until - self._every))
            _put(self._next, channel, max(self._next.get(channel, 0.0), until + self._every))

    def _is_newest(self, turn: Turn) -> bool:
        """Whether no newer state of the card was asked for; this one is noted as asked for."""
        if not turn.card:
            return True
        card = f"{turn.channel}:{turn.card}"
        with self._lock:
            if (card, turn.what) in self._older:
                return False
            before = self._newest.get(card, turn.what)
            if before != turn.what:
                _put(self._older, (card, before), None)
            _put(self._newest, card, turn.what)
            return True

    def _left(self, who: tuple[str, str]) -> float:
        if not self._every:
            return 0.0
        with self._lock:
            channel, now = who[0], self._clock()
            turn = self._turns.pop(who, None)
            if turn is None or now - turn > FORGOTTEN:
                turn = max(now, self._next.get(channel, now))
                _put(self._next, channel, turn + self._every)
            # Somebody may have come late to an earlier turn: the distance is kept all the same.
            turn = max(now, turn, self._last.get(channel, now - self._every) + self._every)
            if turn - now > HOLD_SECONDS:
                _put(self._turns, who, turn)
                raise RetrySafe("this channel has had a message just now", retry_after=turn - now, code="V214")
            _put(self._last, channel, turn)
            return turn - now


def _put(kept: OrderedDict[_K, _V], key: _K, value: _V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > MOST:
        kept.popitem(last=False)
