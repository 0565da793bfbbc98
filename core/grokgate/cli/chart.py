"""Draws how strategies did: text for a terminal, and an SVG that reads on light and dark."""

from collections.abc import Callable, Sequence
from html import escape

from msgspec import Struct

from grokgate.scheduler.simulate.measure import Result

_BLOCKS = "▁▂▃▄▅▆▇█"
_WIDTH, _LEFT, _RIGHT = 760, 60, 20
_TOP, _PANEL, _GAP = 118, 180, 62
_COLORS = ("#3b82f6", "#f97316", "#10b981", "#a855f7", "#ef4444", "#64748b")
_DASHES = ("", "7 3", "2 3", "9 3 2 3", "1 4", "12 4")
_BAR, _BAR_LEFT, _LONGEST = 16, 170, 380
_TICKS = 4


class _Measure(Struct, frozen=True):
    title: str
    better: str
    value: Callable[[Result], float]
    form: str


_MEASURES = (
    _Measure("Calls answered, of all", "more is better", lambda result: result.success, "{:.1%}"),
    _Measure(
        "Quota left over when its window ended, of all units",
        "less is better",
        lambda result: result.unused,
        "{:.1%}",
    ),
    _Measure(
        "Even use of the accounts, by Jain's index",
        "1 is even",
        lambda result: result.tokens,
        "{:.3f}",
    ),
    _Measure(
        "Failed attempts on accounts whose attempt before had failed too",
        "less is better",
        lambda result: result.avoidable,
        "{:.0f}",
    ),
)


def sparkline(values: Sequence[float]) -> str:
    """Return one character for each value from 0 to 1; a blank for one below 0."""
    top = len(_BLOCKS) - 1
    return "".join(" " if value < 0 else _BLOCKS[round(value * top)] for value in values)


def draw(results: Sequence[Result]) -> str:
    """Return an SVG: calls answered over time, and below it a group of bars for each measure.

    Args:
        results: Of the same calls; at least one.
    """
    top = _TOP
    parts = [*_head(results), *_lines(results, top)]
    top += _PANEL + _GAP
    for measure in _MEASURES:
        parts += _bars(results, top, measure)
        top += 30 + _BAR * len(results) + 14
    body = "\n".join(parts)
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" role="img"
 aria-label="Strategies of the scheduler compared on the same simulated calls">
<style>
text {{ font: 12px system-ui, "DejaVu Sans", sans-serif; fill: #1f2937 }}
.title {{ font-weight: 600 }}
.note {{ fill: #4b5563; font-weight: 400 }}
.paper {{ fill: #ffffff }}
.grid {{ stroke: #d1d5db; stroke-width: 1 }}
.curve {{ fill: none; stroke-width: 2 }}
@media (prefers-color-scheme: dark) {{
text {{ fill: #e5e7eb }}
.note {{ fill: #9ca3af }}
.paper {{ fill: #0d1117 }}
.grid {{ stroke: #374151 }}
}}
</style>
<rect class="paper" width="{_WIDTH}" height="{top}" rx="10"/>
{body}
</svg>
"""


def _head(results: Sequence[Result]) -> list[str]:
    first = results[0]
    scale, unit = _unit(first.span_s)
    told = (
        f"{first.calls} simulated calls on {first.accounts} accounts in"
        f" {first.span_s / scale:.3g} {unit}, the same for every strategy"
    )
    drawn = [f'<text class="title" x="{_LEFT}" y="30">{told}</text>']
    for place, result in enumerate(results):
        x = _LEFT + 150 * place
        drawn.append(f'<path class="curve" d="M{x} 54h26" {_pen(place)}/>')
        drawn.append(f'<text x="{x + 32}" y="58">{escape(result.policy)}</text>')
    return drawn


def _lines(results: Sequence[Result], top: int) -> list[str]:
    drawn = [_title(top - 26, "Calls answered over time", "share of the calls that came in then")]
    for share in (0.0, 0.5, 1.0):
        y = top + _PANEL * (1 - share)
        drawn.append(f'<path class="grid" d="M{_LEFT} {y:.0f}H{_WIDTH - _RIGHT}"/>')
        drawn.append(_label(_LEFT - 8, y + 4, f"{share:.0%}", "end"))
    scale, unit = _unit(results[0].span_s)
    for tick in range(_TICKS + 1):
        x = _LEFT + (_WIDTH - _RIGHT - _LEFT) * tick / _TICKS
        time = results[0].span_s / scale * tick / _TICKS
        anchor = "end" if tick == _TICKS else "middle"
        drawn.append(_label(x, top + _PANEL + 18, f"{time:.3g} {unit}", anchor))
    for place, result in enumerate(results):
        drawn.append(f'<path class="curve" d="{_curve(result.over_time, top)}" {_pen(place)}/>')
    return drawn


def _curve(values: Sequence[float], top: int) -> str:
    """Return a path through the middles of the spans in which calls came in."""
    step = (_WIDTH - _RIGHT - _LEFT) / max(1, len(values))
    points = [
        f"{_LEFT + step * (number + 0.5):.1f} {top + _PANEL * (1 - value):.1f}"
        for number, value in enumerate(values)
        if value >= 0
    ]
    return "M" + "L".join(points) if points else ""


def _bars(results: Sequence[Result], top: int, measure: _Measure) -> list[str]:
    drawn = [_title(top + 12, measure.title, measure.better)]
    longest = max(1e-9, *(measure.value(result) for result in results))
    for place, result in enumerate(results):
        y = top + 22 + _BAR * place
        value = measure.value(result)
        width = _LONGEST * value / longest
        drawn.append(f'<text x="{_LEFT}" y="{y + 11}">{escape(result.policy)}</text>')
        drawn.append(
            f'<rect x="{_BAR_LEFT}" y="{y + 1}" width="{width:.1f}" height="{_BAR - 4}"'
            f' rx="2" fill="{_COLORS[place % len(_COLORS)]}"/>'
        )
        drawn.append(_label(_BAR_LEFT + width + 8, y + 11, measure.form.format(value), "start"))
    return drawn


def _title(y: int, title: str, note: str) -> str:
    told = f'{escape(title)} <tspan class="note">({escape(note)})</tspan>'
    return f'<text class="title" x="{_LEFT}" y="{y}">{told}</text>'


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.0f}" text-anchor="{anchor}">{text}</text>'


def _pen(place: int) -> str:
    dash = _DASHES[place % len(_DASHES)]
    return f'stroke="{_COLORS[place % len(_COLORS)]}" stroke-dasharray="{dash}"'


def _unit(span_s: float) -> tuple[float, str]:
    """Return the unit in which a span of time is told: seconds in it, and its sign."""
    return next(
        (unit for unit in ((3600.0, "h"), (60.0, "min")) if span_s >= 2 * unit[0]), (1.0, "s")
    )
