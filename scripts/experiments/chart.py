"""Draws latency over time, and the servers' memory under it, as SVG."""

import math
from collections.abc import Iterable
from html import escape

Points = list[tuple[float, float]]
LEFT, WIDTH = 70, 520
LABEL_WIDTH = 120
COLOURS = ["#1f6fb4", "#8fbbe0", "#c8442b", "#eba596", "#2e8b57"]


def text(x: float, y: float, anchor: str, words: str, colour: str = "black") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>'


class Panel:
    """One pair of axes; the horizontal one is time from 0 to `seconds`."""

    def __init__(self, top: float, height: float, low: float, high: float, seconds: float, *, logarithmic: bool) -> None:
        self.top, self.height, self.seconds = top, height, seconds
        self._scale = math.log10 if logarithmic else float
        self._low, self._high = self._scale(low), self._scale(high)

    def x(self, second: float) -> float:
        return LEFT + second / self.seconds * WIDTH

    def y(self, value: float) -> float:
        return self.top + self.height * (1 - (self._scale(value) - self._low) / (self._high - self._low))

    def grid(self, ticks: Iterable[float]) -> list[str]:
        drawn = []
        for tick in ticks:
            drawn += [line(LEFT, self.y(tick), LEFT + WIDTH, self.y(tick), 'stroke="#ddd"')]
            drawn += [text(LEFT - 8, self.y(tick) + 4, "end", f"{tick:,.9g}")]
        return drawn

    def curve(self, points: Points, colour: str) -> str:
        places = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.2"/>'

    def mark(self, second: float) -> str:
        return line(self.x(second), self.top, self.x(second), self.top + self.height, 'stroke="#555" stroke-dasharray="4 3"')


def draw(title: str, seconds: float, latencies: dict[str, Points], memory: Points, events: dict[str, float]) -> str:
    """Times in seconds, latencies in microseconds on a logarithmic axis of whole decades, memory in MiB from 0."""
    values = [y for points in latencies.values() for _, y in points]
    low, high = math.floor(math.log10(max(1, min(values)))), math.ceil(math.log10(max(values) + 1))
    upper = Panel(66, 220, 10**low, 10**high, seconds, logarithmic=True)
    step = 10 ** math.floor(math.log10(max(y for _, y in memory)))
    top = step * math.ceil(max(y for _, y in memory) * 1.05 / step)
    lower = Panel(322, 80, 0, top, seconds, logarithmic=False)
    drawn = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 450" font-family="sans-serif" font-size="12">',
        '<rect width="640" height="450" fill="white"/>',
        text(LEFT, 20, "start", f"{title}: latency over time, µs"),
        *upper.grid(10**power for power in range(low, high + 1)),
        text(LEFT, 312, "start", "memory of all servers, MiB"),
        *lower.grid([0, top / 2, top]),
    ]
    for index, (name, points) in enumerate(latencies.items()):
        drawn += [text(LEFT + index * 110, 40, "start", name, COLOURS[index])]
        drawn += [upper.curve(points, COLOURS[index])]
    drawn += [lower.curve(memory, COLOURS[-1])]
    for index, (label, second) in enumerate(events.items()):
        drawn += [upper.mark(second), lower.mark(second)]
        # Labels of events that are close to each other stand on both sides; on the left one only where there is room.
        is_left = index % 2 == 0 and upper.x(second) - LEFT > LABEL_WIDTH
        side, anchor = (-4, "end") if is_left else (4, "start")
        drawn += [text(upper.x(second) + side, 60, anchor, label, "#555")]
    every = max(1, round(seconds / 10))
    for second in range(0, math.floor(seconds) + 1, every):
        drawn += [text(lower.x(second), 420, "middle", str(second))]
    drawn += [text(LEFT + WIDTH / 2, 440, "middle", "seconds since the load began"), "</svg>"]
    return "\n".join(drawn) + "\n"
