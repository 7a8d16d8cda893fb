"""The stand-in of Slack, part by part."""
