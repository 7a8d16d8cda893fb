"""Tickets of cases: what they are told, what they say, and where they go."""
