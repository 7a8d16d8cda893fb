"""What can be wrong with an expression: when its file loads, and when it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stanch.errors import ConfigError, Problem, StanchError


@dataclass(frozen=True)
class Mistake:
    """One mistake in an expression, `offset` characters into its text."""

    code: str
    message: str
    hint: str = ""
    offset: int = 0


class ExpressionError(ConfigError):
    """An expression does not fit its types; `mistakes` holds all that could be found.

    Codes: P301 does not compile, P302 wrong result type, P303 unknown name or field, P304 unknown word of an
    enumeration, P305 optional field compared without `has()`, P306 int and double mixed, P307 too large or expensive.
    """

    default_code = "P301"

    def __init__(self, source: str, mistakes: Iterable[Mistake]) -> None:
        self.source = source
        self.mistakes = tuple(mistakes)
        self._first = self.mistakes[0]
        super().__init__(self._first.message, code=self._first.code, hint=self._first.hint)
        self.problems = self.located("", _in_source(source))

    def located(
        self, file: str, locate: Callable[[int], tuple[int, int]], *, codes: Callable[[str], str] = str
    ) -> tuple[Problem, ...]:
        """The mistakes as problems of a file.

        Args:
            file: its name.
            locate: gives line and column for an offset into the expression's text, see `Document.inside`.
            codes: renames codes for files that have their own.
        """
        return tuple(self._problem(mistake, file, locate, codes) for mistake in self.mistakes)

    @staticmethod
    def _problem(
        mistake: Mistake, file: str, locate: Callable[[int], tuple[int, int]], codes: Callable[[str], str]
    ) -> Problem:
        line, column = locate(mistake.offset)
        return Problem(
            code=codes(mistake.code), message=mistake.message, file=file, line=line, column=column, hint=mistake.hint
        )


class ExpressionFailed(StanchError):
    """An expression gave no value; whatever depends on it must not act."""

    default_code = "X001"


def _in_source(source: str) -> Callable[[int], tuple[int, int]]:
    def locate(offset: int) -> tuple[int, int]:
        before = source[:offset]
        return before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1

    return locate
