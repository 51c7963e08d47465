"""A page that somebody keeps open in a browser: what is live on it asks again as often as it says."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

from tests.recovery.console import Browser

ENDS, AS_BEFORE = 286, (204, 304)  # what a piece is answered that need not ask any more, or that is as it was
EVERY = re.compile(r"every ([0-9]+)s")


@dataclass
class Piece:
    """A live piece of a page: what it asks for, and how often."""

    address: str
    headers: dict[str, str]
    every: int
    due: float = field(init=False)

    def __post_init__(self) -> None:
        self.wait()

    def wait(self) -> None:
        self.due = time.monotonic() + self.every


class Reader(HTMLParser):
    """Finds the live pieces of a page, and the addresses from which its scripts fetch data."""

    def __init__(self, text: str):
        super().__init__()
        self.pieces: list[Piece] = []
        self.data: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if "data-heatmap" in named:
            self.data.append(named["data-heatmap"])
        if "data-live" in named:
            self.pieces.append(piece(named))


def piece(named: dict[str, str]) -> Piece:
    """As htmx reads its attributes."""
    every = EVERY.search(named["hx-trigger"])
    assert every, named["hx-trigger"]
    values = urlencode(json.loads(named.get("hx-vals") or "{}"))
    address = named["hx-get"] + (f"{'&' if '?' in named['hx-get'] else '?'}{values}" if values else "")
    return Piece(
        address, {"HX-Request": "true", **json.loads(named.get("hx-headers") or "{}")}, int(every[1])
    )


class OpenPage:
    """One tab of one person. `answers` counts by status what the page and its pieces were answered, `asked_again`
    how often a piece of it asked."""

    def __init__(self, browser: Browser, path: str):
        self.browser, self.path = browser, path
        self.answers: Counter[int] = Counter()
        self.asked_again = 0
        page = Reader(self.ask(path)[1])
        self.pieces = page.pieces
        for address in page.data:
            self.ask(address)

    def ask(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        status, text = self.browser.reads(path, headers or {})
        self.answers[status] += 1
        return status, text

    def refresh(self) -> None:
        """What is due asks again, and the answer takes its place."""
        self.pieces = [kept for piece in self.pieces for kept in self.of(piece)]

    def of(self, piece: Piece) -> Iterator[Piece]:
        """What stands in the piece's place now."""
        if time.monotonic() < piece.due:
            yield piece
            return
        self.asked_again += 1
        status, text = self.ask(piece.address, piece.headers)
        if status in AS_BEFORE:
            piece.wait()
            yield piece
        elif status != ENDS:
            yield from Reader(text).pieces
