"""The page on which a person sees the stand-in's channels and presses buttons."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from stanch.sandbox._slack.workspace import Channel, Workspace

NEWEST = 50
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 56rem; padding: 1rem; color: #1d1c1d; }
nav a { margin-right: .75rem; } nav a[aria-current] { font-weight: 700; text-decoration: none; color: inherit; }
article { border: 1px solid #ddd; border-radius: 8px; margin: .75rem 0; padding: .5rem 1rem; overflow-wrap: anywhere; }
h3, p { white-space: pre-wrap; margin: .4rem 0; } small { color: #616061; white-space: pre-wrap; }
dl { display: grid; grid-template-columns: 1fr 1fr; gap: .4rem 1rem; } dd { margin: 0; white-space: pre-wrap; }
form { display: inline-block; margin: .3rem .4rem .3rem 0; }
button { font: inherit; padding: .35rem .9rem; border-radius: 6px; border: 1px solid #8d8d8e; background: #fff; }
button.primary { background: #007a5a; border-color: #007a5a; color: #fff; }
button.danger { background: #b3123f; border-color: #b3123f; color: #fff; }
"""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Slack stand-in</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5">
<link rel="stylesheet" href="/style.css"></head>
<body><h1>Slack stand-in</h1>
<nav aria-label="Act as">Act as:
{% for person in people %}<a href="/?as={{ person.id|urlencode }}"
{%- if person.id == actor %} aria-current="true"{% endif %}>{{ person.name }}</a>{% endfor %}</nav>
{% for channel, messages in channels %}
<section><h2>{{ "@" if channel.person else "#" }}{{ channel.name }}</h2>
{% for message in messages %}<article id="m{{ message.ts }}">
{% for block in message.blocks %}
{% if block.type == "header" %}<h3>{{ block.text|shown }}</h3>
{% elif block.type == "section" %}{% if block.get("text") %}<p>{{ block.text|shown }}</p>{% endif %}
{% if block.get("fields") %}<dl>{% for field in block["fields"] %}<dd>{{ field|shown }}</dd>{% endfor %}</dl>{% endif %}
{% elif block.type == "context" %}<small>{% for part in block.elements %}{{ part|shown }} {% endfor %}</small>
{% elif block.type == "actions" %}{% for part in block.elements %}
<form method="post" action="/press"><input type="hidden" name="as" value="{{ actor }}">
<input type="hidden" name="channel" value="{{ channel.id }}"><input type="hidden" name="ts" value="{{ message.ts }}">
<button class="{{ part.get("style", "") }}" name="button" value="{{ part.action_id }}">
{{- part.text|shown -}}
</button></form>
{% endfor %}{% endif %}
{% else %}<p>{{ message.text|decoded }}</p>
{% endfor %}</article>
{% else %}<p>No messages yet.</p>{% endfor %}</section>
{% endfor %}</body></html>
"""


def page(workspace: Workspace, *, actor: str) -> str:
    """The whole page as one person sees it; every text is escaped by the template engine."""
    with workspace.lock:
        people = [person for person in workspace.people.values() if not person.deleted]
        chosen = actor if actor in workspace.people else (people[0].id if people else "")
        rooms = [(room, _newest(workspace, room)) for room in workspace.channels.values() if _visible(room, chosen)]
        return _TEMPLATE.render(people=people, actor=chosen, channels=rooms)


def _visible(channel: Channel, person_id: str) -> bool:
    return channel.person in ("", person_id)


def _newest(workspace: Workspace, channel: Channel) -> Sequence[dict[str, Any]]:
    return workspace.history(channel.id)[-NEWEST:][::-1]


def _decoded(text: str) -> str:
    for entity in ("&lt;", "&gt;", "&amp;"):
        text = text.replace(entity, html.unescape(entity))
    return text


def _shown(part: dict[str, Any]) -> str:
    text = str(part.get("text", ""))
    return text if part.get("type") == "plain_text" else _decoded(text)


def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters.update(shown=_shown, decoded=_decoded)
    return environment.from_string(_PAGE)


_TEMPLATE = _template()
