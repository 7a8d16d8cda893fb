"""What may never be done, whoever asks: a pure judgement of one effect against policy and state."""

from stanch.guards.check import check, check_action
from stanch.guards.load import load_guards
from stanch.guards.model import Attempt, Blast, GuardPolicy, GuardState, Refusal, Stop

__all__ = ["Attempt", "Blast", "GuardPolicy", "GuardState", "Refusal", "Stop", "check", "check_action", "load_guards"]
