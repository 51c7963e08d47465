"""Tables of commands in a pipe or a narrow window: their numbers stay whole."""

import io
import re
from contextlib import suppress

import pytest
from django.core.management import call_command
from rich.console import Console

from apps.cli.grids import Grid
from apps.coverage.models import Partition
from apps.pipeline import arguments
from tests.conftest import day

COMMANDS = (("coverage",), ("verify", "2024-01-01", "2024-01-20"), ("sources",), ("windows", "--days", "5"))


def printed(grid: Grid, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    grid.print_on(console)
    return console.file.getvalue().splitlines()


@pytest.fixture
def grid() -> Grid:
    grid = Grid()
    grid.text("table")
    grid.numbers("complete", "of", "%")
    grid.text("left out")
    grid.row(
        "  daily.sales", "1,234,567", "1,234,567", "100", "12 bootstrap, 1 accepted, 30 off the calendar"
    )
    return grid


def test_a_wide_window_has_a_row_in_a_line(grid):
    assert printed(grid, 150)[1].split()[:4] == ["daily.sales", "1,234,567", "1,234,567", "100"]
    assert printed(grid, 150)[1].endswith("100  12 bootstrap, 1 accepted, 30 off the calendar")


@pytest.mark.parametrize("width", [80, 60, 40, 10])
def test_a_number_is_whole_at_any_width(grid, width):
    said = "\n".join(printed(grid, width))

    assert re.search(r"1,234,567 +1,234,567 +100", said)
    assert "…" not in said


def test_texts_are_wrapped_before_titles(grid):
    lines = printed(grid, 62)

    assert max(map(len, lines)) <= 62
    assert lines[0].split() == ["table", "complete", "of", "%", "left", "out"]
    assert " ".join(line[42:].strip() for line in lines).endswith("30 off the calendar")


def test_brackets_in_a_name_are_printed_as_they_are():
    grid = Grid()
    grid.text("table")
    grid.row("sales [old]")

    assert printed(grid, 80)[1].strip() == "sales [old]"


def numbers(said: str) -> list[str]:
    return sorted(re.findall(r"\d[\d,:-]*", said))


@pytest.mark.parametrize("width", [150, 100, 60])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_prints_the_same_numbers_at_any_width(monkeypatch, capsys, words, width, first_scan):
    Partition.objects.filter(table="weekly.trend", date=day("01-19")).update(state="accepted")

    def said(columns: int) -> str:
        monkeypatch.setattr(arguments, "PLAIN_WIDTH", columns)
        with suppress(SystemExit):
            call_command(*words)
        return capsys.readouterr().out

    wide, narrow = (re.sub(r"Verification.*", "", said(columns)) for columns in (400, width))
    assert "…" not in narrow
    assert numbers(narrow) == numbers(wide)
