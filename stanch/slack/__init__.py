"""What Slack sends and what it is shown, read and written strictly; no network."""
