"""Slack's rules for messages and dialogs: which blocks it takes and how long their parts may be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stanch.shapes import is_dict, is_list

# docs.slack.dev, Block Kit reference.
MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
TEXT = 40_000
SECTION = 3000
FIELDS = 10
FIELD = 2000
HEADER = 150
ACTIONS = 25
CONTEXT = 10
BUTTON_TEXT = 75
BUTTON_VALUE = 2000
ID = 255
VIEW_TITLE = 24
PRIVATE_METADATA = 3000
URL = 3000
TYPED = 3000
RADIOS = 10
CHOICE = 150
STYLES = ("primary", "danger")


def mistakes(blocks: object, *, limit: int = MESSAGE_BLOCKS) -> list[str]:
    """What Slack would refuse about the blocks, as its response messages say it; empty when it takes them."""
    if not is_list(blocks):
        return ["must be an array"]
    found = [f"no more than {limit} items allowed"] if len(blocks) > limit else []
    for index, block in enumerate(blocks):
        found += [f"{message} [json-pointer:/blocks/{index}]" for message in _block(block)]
    ids = [element.get("action_id") for element in elements(blocks)]
    if len(ids) != len(set(ids)):
        found.append("`action_id` already exists")
    return found


def elements(blocks: list[Any]) -> list[dict[str, Any]]:
    """Every button of the blocks, in order."""
    rows = [block for block in blocks if is_dict(block) and block.get("type") == "actions"]
    return [element for row in rows for element in row.get("elements", []) if is_dict(element)]


def view_mistakes(view: object) -> list[str]:
    """The same for a dialog."""
    if not is_dict(view) or view.get("type") != "modal":
        return ["unsupported view"]
    found = list(_text(view.get("title"), limit=VIEW_TITLE, plain=True))
    for name in ("submit", "close"):
        found += list(_text(view[name], limit=VIEW_TITLE, plain=True)) if name in view else []
    blocks = view.get("blocks")
    if is_list(blocks) and "submit" not in view and any(is_dict(one) and one.get("type") == "input" for one in blocks):
        found.append("`submit` is required when an `input` block is within blocks array")
    return found + _kept(view) + mistakes(blocks, limit=VIEW_BLOCKS)


def home_mistakes(view: object) -> list[str]:
    """The same for a home."""
    if not is_dict(view) or view.get("type") != "home":
        return ["unsupported view"]
    return _kept(view) + mistakes(view.get("blocks"), limit=VIEW_BLOCKS)


def _kept(view: dict[str, Any]) -> list[str]:
    """What a view keeps for its app."""
    found = [] if len(str(view.get("private_metadata", ""))) <= PRIVATE_METADATA else ["private_metadata is too long"]
    return found + ([] if len(str(view.get("callback_id", ""))) <= ID else ["callback_id is too long"])


def _block(block: object) -> Iterator[str]:
    if not is_dict(block):
        yield "must be an object"
        return
    if len(str(block.get("block_id", ""))) > ID:
        yield "block_id is too long"
    check = _CHECKS.get(str(block.get("type")))
    if check is None:
        yield f"unsupported type: {block.get('type')}"
    else:
        yield from check(block)


def _header(block: dict[str, Any]) -> Iterator[str]:
    yield from _text(block.get("text"), limit=HEADER, plain=True)


def _section(block: dict[str, Any]) -> Iterator[str]:
    fields = block.get("fields")
    if block.get("text") is None and not fields:
        yield "must define either `text` or `fields`"
    if block.get("text") is not None:
        yield from _text(block["text"], limit=SECTION)
    if len(fields or ()) > FIELDS:
        yield f"no more than {FIELDS} items allowed"
    for field in fields or ():
        yield from _text(field, limit=FIELD)


def _context(block: dict[str, Any]) -> Iterator[str]:
    parts = block.get("elements")
    if not is_list(parts) or not 0 < len(parts) <= CONTEXT:
        yield f"must have 1 to {CONTEXT} elements"
        return
    for part in parts:
        yield from _text(part, limit=SECTION)


def _actions(block: dict[str, Any]) -> Iterator[str]:
    parts = block.get("elements")
    if not is_list(parts) or not 0 < len(parts) <= ACTIONS:
        yield f"must have 1 to {ACTIONS} elements"
        return
    for part in parts:
        yield from _button(part)


def _button(part: object) -> Iterator[str]:
    if not is_dict(part) or part.get("type") != "button":
        yield "unsupported element"
        return
    yield from _text(part.get("text"), limit=BUTTON_TEXT, plain=True)
    if len(str(part.get("value", ""))) > BUTTON_VALUE:
        yield "value is too long"
    if not 0 < len(str(part.get("action_id", ""))) <= ID:
        yield "action_id must have 1 to 255 characters"
    if "style" in part and part["style"] not in STYLES:
        yield "unknown style"
    if len(str(part.get("url", ""))) > URL:
        yield "url is too long"


def _input(block: dict[str, Any]) -> Iterator[str]:
    yield from _text(block.get("label"), limit=FIELD, plain=True)
    if "hint" in block:
        yield from _text(block["hint"], limit=FIELD, plain=True)
    element = block.get("element")
    kind = element.get("type") if is_dict(element) else ""
    if not is_dict(element) or kind not in ("plain_text_input", "radio_buttons"):
        yield "unsupported element"
        return
    if not 0 < len(str(element.get("action_id", ""))) <= ID:
        yield "action_id must have 1 to 255 characters"
    if kind == "radio_buttons":
        yield from _choices(element.get("options"))
    elif not 0 <= int(element.get("max_length", TYPED)) <= TYPED:
        yield "max_length is too large"


def _choices(options: object) -> Iterator[str]:
    if not is_list(options) or not 0 < len(options) <= RADIOS:
        yield f"must have 1 to {RADIOS} options"
        return
    for option in options:
        yield from _text(option.get("text"), limit=BUTTON_TEXT)
        if not 0 < len(str(option.get("value", ""))) <= CHOICE:
            yield f"value must have 1 to {CHOICE} characters"


def _divider(_block: dict[str, Any]) -> Iterator[str]:
    yield from ()


def _text(part: object, *, limit: int, plain: bool = False) -> Iterator[str]:
    if not is_dict(part) or not isinstance(part.get("text"), str):
        yield "missing required text"
        return
    kinds = ("plain_text",) if plain else ("plain_text", "mrkdwn")
    if part.get("type") not in kinds:
        yield f"text must be {' or '.join(kinds)}"
    if not 0 < len(part["text"].encode("utf-16-le")) // 2 <= limit:
        yield f"must be 1 to {limit} characters"


_CHECKS = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "input": _input,
    "divider": _divider,
}
