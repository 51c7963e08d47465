"""Pieces of SVG for charts and strips."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH, HEIGHT = 600, 130  # of a chart


def number(value: float) -> str:
    """To a tenth of a pixel."""
    return f"{value:.1f}"


@dataclass(frozen=True)
class Box:
    """A rectangle, its numbers as text."""

    x: str
    y: str
    width: str
    height: str

    @classmethod
    def of(cls, x: float, y: float, width: float, height: float) -> Box:
        return cls(number(x), number(y), number(width), number(height))

    @property
    def path(self) -> str:
        return rectangle(self.x, self.y, self.width, self.height)


def rectangle(x: object, y: object, width: object, height: object) -> str:
    """As a part of a path."""
    return f"M{x} {y}h{width}v{height}h-{width}z"


def dot(x: float, y: float) -> str:
    """A line of length 0 with round ends: a dot, however the picture is stretched."""
    return f"M{number(x)} {number(y)}h0"
