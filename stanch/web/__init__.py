"""The HTTP edge: webhooks, API, chat and ticket callbacks, console."""
