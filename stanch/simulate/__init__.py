"""The same core as in production, driven by invented answers and a virtual clock: nothing is ever sent."""

from __future__ import annotations

from stanch.simulate.driver import Setting, simulate
from stanch.simulate.examples import Result, run_example
from stanch.simulate.report import ApprovalLine, ChangeLine, EffectLine, Line, Refused, Report

__all__ = [
    "ApprovalLine",
    "ChangeLine",
    "EffectLine",
    "Line",
    "Refused",
    "Report",
    "Result",
    "Setting",
    "run_example",
    "simulate",
]
