"""A plan as SVG: no script, no style sheet, nothing fetched, every text escaped."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from stanch.graph._layout import LINE, PAD, Arrow, Block, Box, Frame, Shape, layout
from stanch.plan import Plan
from stanch.sinks.text import one_line

_FILL = {
    "read": ("#eaf2fb", "#2f6db3"),
    "record": ("#eef6ee", "#3d7a45"),
    "notify": ("#f4f0fa", "#6a4fa3"),
    "change": ("#fdf0dc", "#b36b00"),
    "irreversible": ("#fbe3e1", "#a3271d"),
}
_GATE = ("#fffbe0", "#7a6a00")
_PLAIN = ("#ffffff", "#444444")
_BADGES = {
    "approve": "GATE",
    "wait": "WAIT",
    "choose": "CHOICE",
    "parallel": "PARALLEL",
    "stop": "STOP",
    "set": "SET",
} | {"playbook": "CALL"}
_ROUND = {"read": 14, "record": 0, "notify": 6, "change": 2, "irreversible": 2}
_MARGIN = 24.0
_HEAD = 56.0
_FOOT = 64.0
_LEGEND = (
    ("read", "looks only: round"),
    ("record", "writes a ticket: square"),
    ("notify", "tells people: dashed"),
    ("change", "changes production: thick"),
    ("irreversible", "cannot be undone: double"),
    ("gate", "asks people: six corners"),
)
_ITEM = 190.0


def svg_of(plan: Plan) -> str:
    """The picture of a plan; effects are told by colour, outline and word alike."""
    block = layout(plan)
    width = max(block.width, 3 * _ITEM) + 2 * _MARGIN
    height = block.height + 2 * _MARGIN + _HEAD + _FOOT
    left = (width - block.width) / 2
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width:.0f} {height:.0f}"'
            f' width="{width:.0f}" height="{height:.0f}" font-family="sans-serif" font-size="12">',
            f"<title>{_text(plan.title)}</title>",
            f"<desc>Steps of the playbook {_text(plan.playbook)}, top to bottom; mode {plan.mode.value}.</desc>",
            '<rect width="100%" height="100%" fill="#ffffff"/>',
            *_heading(plan),
            *_shapes(block, left, _MARGIN + _HEAD),
            *_legend(height - _FOOT),
            "</svg>\n",
        )
    )


def _text(value: str) -> str:
    """Escaped, on one line, without control characters."""
    return escape(one_line(value, limit=300))


def _heading(plan: Plan) -> Iterator[str]:
    yield f'<text x="{_MARGIN}" y="34" font-size="18" font-weight="bold" fill="#111">{_text(plan.title)}</text>'
    told = f"{plan.playbook}, mode {plan.mode.value}, {plan.owner}"
    yield f'<text x="{_MARGIN}" y="54" fill="#444">{_text(told)}</text>'


def _shapes(block: Block, x: float, y: float) -> Iterator[str]:
    """Frames first, so that nothing is hidden behind one."""
    shapes = sorted(block.moved(x, y), key=lambda shape: not isinstance(shape, Frame))
    for shape in shapes:
        yield from _drawn(shape)


def _drawn(shape: Shape) -> Iterator[str]:
    if isinstance(shape, Box):
        yield from _step(shape)
    elif isinstance(shape, Frame):
        yield from _frame(shape)
    else:
        yield from _arrow(shape)


def _step(box: Box) -> Iterator[str]:
    fill, line = _GATE if box.kind == "approve" else _FILL.get(box.effect, _PLAIN)
    yield from _outline(box, fill, line)
    badge = _BADGES.get(box.kind) or box.effect.upper()
    inset = 20 if box.kind == "approve" else 14
    bold = f'x="{box.x + inset:.1f}" y="{box.y + PAD + 12:.1f}" font-weight="bold" fill="#111"'
    yield f"<text {bold}>{_text(box.name)}</text>"
    if badge:
        place = f'x="{box.x + box.width - inset:.1f}" y="{box.y + PAD + 12:.1f}" text-anchor="end"'
        yield f'<text {place} font-size="10" font-weight="bold" fill="{line}">{badge}</text>'
    for number, text in enumerate(box.lines, start=1):
        at = box.y + PAD + 12 + LINE * number
        yield f'<text x="{box.x + inset:.1f}" y="{at:.1f}" fill="#222">{_text(text)}</text>'


def _outline(box: Box, fill: str, line: str) -> Iterator[str]:
    x, y, right, bottom = box.x, box.y, box.x + box.width, box.y + box.height
    paint = f'fill="{fill}" stroke="{line}"'
    if box.kind == "approve":
        half, cut = (y + bottom) / 2, min(10.0, box.width / 3)
        points = ((x, half), (x + cut, y), (right - cut, y), (right, half), (right - cut, bottom), (x + cut, bottom))
        corners = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        yield f'<polygon points="{corners}" {paint} stroke-width="3"/>'
        return
    wide = {"change": 3.0, "irreversible": 2.0}.get(box.effect, 1.2)
    dash = ' stroke-dasharray="6 3"' if box.effect == "notify" else ""
    corner = 20 if box.kind in ("wait", "start", "end") else _ROUND.get(box.effect, 4)
    yield _rect(x, y, box.width, box.height, f'rx="{corner}" {paint} stroke-width="{wide}"{dash}')
    if box.effect == "irreversible":
        yield _rect(x + 4, y + 4, box.width - 8, box.height - 8, f'fill="none" stroke="{line}" stroke-width="1.5"')


def _rect(x: float, y: float, width: float, height: float, words: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" {words}/>'


def _frame(frame: Frame) -> Iterator[str]:
    dash = "" if frame.usual else ' stroke-dasharray="4 4"'
    words = f'rx="4" fill="#000000" fill-opacity="0.02" stroke="#999999"{dash}'
    yield _rect(frame.x, frame.y, frame.width, frame.height, words)
    for number, text in enumerate(frame.heading):
        at = frame.y + PAD + 8 + LINE * number
        yield f'<text x="{frame.x + PAD:.1f}" y="{at:.1f}" font-style="italic" fill="#444">{_text(text)}</text>'


def _arrow(arrow: Arrow) -> Iterator[str]:
    dash = "" if arrow.usual else ' stroke-dasharray="4 3"'
    ends = f'x1="{arrow.x:.1f}" y1="{arrow.y:.1f}" x2="{arrow.to_x:.1f}" y2="{arrow.to_y:.1f}"'
    yield f'<line {ends} stroke="#555555" stroke-width="1.4"{dash}/>'
    if not arrow.tip:
        return
    x, y = arrow.to_x, arrow.to_y
    tip = ((x, y), (x - 4, y - 8), (x + 4, y - 8)) if arrow.usual else ((x, y), (x - 8, y - 4), (x - 8, y + 4))
    yield f'<polygon points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in tip)}" fill="#555555"/>'


def _legend(y: float) -> Iterator[str]:
    for number, (effect, told) in enumerate(_LEGEND):
        x, row = _MARGIN + _ITEM * (number % 3), y + 24 * (number // 3)
        kind = "approve" if effect == "gate" else "do"
        sample = Box(x, row, 18, 14, "", kind, effect, ())
        fill, line = _GATE if effect == "gate" else _FILL[effect]
        yield from _outline(sample, fill, line)
        yield f'<text x="{x + 26:.1f}" y="{row + 11:.1f}" font-size="11" fill="#333">{told}</text>'
