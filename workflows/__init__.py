"""Temporal workflows: deterministic, no vendor SDK, no I/O."""
