"""How the Slack connector talks to Slack."""
