"""Connectors and activities: everything that touches the outside world; one connector a file."""
