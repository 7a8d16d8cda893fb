"""Grouping, inhibition, silences and escalation: how much people hear of a case. It hides and stops no change."""
