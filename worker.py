"""Composition root: binds the catalogue to the connectors and starts processes."""
