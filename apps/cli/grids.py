"""Tables that commands print. A number is never cut, however narrow the window.

Texts are wrapped first; then the space between columns shrinks, then titles are wrapped.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

BETWEEN = (2, 1)  # spaces between two columns: as a rule, and in a narrow window
NARROWEST_TEXT = 16
NARROWEST_TITLE = 3


class Grid:
    """Columns of numbers and of texts; `print_on` sets their widths."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.texts: set[int] = set()  # the places of columns that may be wrapped
        self.left: set[int] = set()
        self.rows: list[tuple[tuple[str, ...], str]] = []

    def numbers(self, *titles: str, left: bool = False) -> None:
        """Columns whose cells are never wrapped, such as amounts and dates."""
        for title in titles:
            if left:
                self.left.add(len(self.titles))
            self.titles.append(title)

    def text(self, title: str) -> None:
        """A column whose cells are wrapped if the window is too narrow."""
        self.texts.add(len(self.titles))
        self.numbers(title, left=True)

    def row(self, *cells: str, style: str = "") -> None:
        self.rows.append((cells, style))

    def print_on(self, console: Console) -> None:
        """Lines are wider than the window only if even the narrowest columns are."""
        widths, between = self.layout(console.width)
        whole = sum(widths) + between * (len(widths) - 1)
        table = Table(box=None, pad_edge=False, padding=(0, between, 0, 0), header_style="bold", width=whole)
        for place, (title, width) in enumerate(zip(self.titles, widths, strict=True)):
            table.add_column(
                Text(title), justify="left" if place in self.left else "right", width=width, overflow="fold"
            )
        for cells, style in self.rows:
            table.add_row(*map(Text, cells), style=style)
        console.print(table, crop=False)

    def layout(self, most: int) -> tuple[list[int], int]:
        """The width of each column and the space between two, so that all fit into `most` if possible."""
        longest = [
            max((cell_len(cells[place]) for cells, _ in self.rows), default=0)
            for place in range(len(self.titles))
        ]
        widths = [max(width, cell_len(title)) for width, title in zip(longest, self.titles, strict=True)]
        gaps = len(widths) - 1
        wide, close = BETWEEN
        narrow(widths, dict.fromkeys(self.texts, NARROWEST_TEXT), by=sum(widths) + wide * gaps - most)
        if sum(widths) + wide * gaps <= most:
            return widths, wide
        numbers = {
            place: max(width, NARROWEST_TITLE)
            for place, width in enumerate(longest)
            if place not in self.texts
        }
        narrow(widths, numbers, by=sum(widths) + close * gaps - most)
        return widths, close


def narrow(widths: list[int], narrowest: dict[int, int], *, by: int) -> None:
    """Shrinks the widest of these columns, one character at a time."""
    while by > 0:
        wide = [place for place, least in narrowest.items() if widths[place] > least]
        if not wide:
            return
        widths[max(wide, key=widths.__getitem__)] -= 1
        by -= 1
