"""How the Jira connector talks to Jira."""
