"""The arguments that commands about tables and dates share, and their terminal."""

from __future__ import annotations

import datetime as dt
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from rich.console import Console

PLAIN_WIDTH = 150  # of output that goes to a file or a pipe


def add_selection(parser: ArgumentParser) -> None:
    parser.add_argument("--phase", action="append", default=[], help="a phase, such as 3; may be given again")
    parser.add_argument("--table", action="append", default=[], help="a table; may be given again")
    parser.add_argument("--season", action="append", default=[], help="a season; may be given again")
    parser.add_argument("--start", type=date, metavar="DATE", help="first date, such as 2024-01-15")
    parser.add_argument("--end", type=date, metavar="DATE", help="last date, included")


def selected(options: dict[str, Any]) -> dict[str, Any]:
    """The values of `add_selection`, by the names that scopes and plans use."""
    return {
        "phases": options["phase"],
        "tables": options["table"],
        "seasons": options["season"],
        "start": options["start"],
        "end": options["end"],
    }


def add_json(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON for programs instead of a table")


def date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no date; write it like 2024-01-15") from None


def terminal(stream: Any, *, quiet: bool = False, soft_wrap: bool = False) -> Console:
    """Colours and the window's width on a terminal; plain text, wide enough for tables, anywhere else.

    Text is printed as it is. With `soft_wrap` the terminal breaks long lines.
    """
    file = getattr(stream, "_out", stream)
    console = Console(file=file, quiet=quiet, markup=False, highlight=False, soft_wrap=soft_wrap)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console
