"""The pure core that walks a pinned plan."""
