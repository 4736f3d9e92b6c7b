"""A picture of medians with their ranges: horizontal bars, drawn without a library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from loadtests.bench.figures import Spread

_WIDTH, _LABELS, _NUMBERS, _ROW, _TOP = 860, 330, 90, 26, 44
_OURS, _THEIRS, _LINE, _TEXT = "#0b7a75", "#9aa5b1", "#52606d", "#1f2933"
_FONT = 'role="img" font-family="sans-serif" font-size="13"'
_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Bar:
    """One row; ours stand out."""

    label: str
    value: Spread
    is_ours: bool = False


def bars(title: str, unit: str, rows: Sequence[Bar]) -> str:
    """The whole picture as SVG, readable on white and on dark pages alike."""
    top = max(row.value.high for row in rows)
    step = _step(top)
    scale = (_WIDTH - _LABELS - _NUMBERS) / (math.ceil(top / step) * step)
    height = _TOP + len(rows) * _ROW + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" {_FONT}>',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="24" font-size="15" fill="{_TEXT}">{escape(title)}</text>',
        *_grid(top, step, scale, height, unit),
    ]
    for place, row in enumerate(rows):
        parts += _bar(row, _TOP + place * _ROW, scale)
    return "\n".join((*parts, "</svg>", ""))


def _grid(top: float, step: float, scale: float, height: int, unit: str) -> list[str]:
    parts = []
    for turn in range(math.ceil(top / step) + 1):
        x = _LABELS + turn * step * scale
        parts.append(
            f'<line x1="{x:.1f}" y1="{_TOP - 6}" x2="{x:.1f}" y2="{height - 26}" stroke="#e4e7eb"/>'
        )
        parts.append(
            f'<text x="{x:.1f}" y="{height - 10}" text-anchor="middle" font-size="11"'
            f' fill="{_LINE}">{turn * step:g}</text>'
        )
    parts.append(
        f'<text x="{_LABELS - 8}" y="{height - 10}" text-anchor="end" font-size="11"'
        f' fill="{_LINE}">{escape(unit)}</text>'
    )
    return parts


def _bar(row: Bar, y: int, scale: float) -> list[str]:
    width, low, high = (
        value * scale for value in (row.value.median, row.value.low, row.value.high)
    )
    color = _OURS if row.is_ours else _THEIRS
    text, middle = y + 13, y + 9
    left, right = f"{_LABELS + low:.1f}", f"{_LABELS + high:.1f}"
    label, shown = escape(row.label), f"{row.value.median:.1f}"
    return [
        f'<text x="{_LABELS - 8}" y="{text}" text-anchor="end" fill="{_TEXT}">{label}</text>',
        f'<rect x="{_LABELS}" y="{y}" width="{width:.1f}" height="18" rx="2" fill="{color}"/>',
        f'<path d="M{left} {middle}H{right}" stroke="{_LINE}" stroke-width="2"/>',
        f'<text x="{_LABELS + high + 6:.1f}" y="{text}" fill="{_TEXT}">{shown}</text>',
    ]


def _step(top: float) -> float:
    """A round number of which five or so reach the top."""
    rough = top / 5
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in _STEPS if step * power >= rough)
