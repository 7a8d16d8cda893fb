"""What ownership rules leave open, what a change of them would do, and what reassignments teach."""

from __future__ import annotations
