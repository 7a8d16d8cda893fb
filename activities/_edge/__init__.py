"""What gateways that are written by file or admin interface have in common."""
