"""The console: server-rendered pages for people, with htmx only for what refreshes by itself."""
