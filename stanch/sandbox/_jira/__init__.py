"""The stand-in of Jira, part by part."""
