"""What the connectors of trackers have in common."""
