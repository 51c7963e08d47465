"""What the log of a call says of its dates: which it names, and an error message for each."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from apps import masking
from apps.runs.failures.signatures import LONGEST_MESSAGE

LONGEST_LOG = 5_000_000  # bytes from the end that are read for messages
LONGEST_LINE = 2_000
DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b")
ERROR = re.compile(r"\b(ERROR|CRITICAL|FATAL)\b|(Error|Exception):|\berror:")
TRACEBACK = "Traceback (most recent call last)"
COLOUR = re.compile(r"\x1b\[[0-9;?]*[@-~]")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

# What a logging line begins with: when, who, how bad.
PREFIX = re.compile(
    r"^\W*(\d{4}-\d\d-\d\d[T ])?(\d\d:\d\d(:\d\d)?([.,]\d+)?(Z|[+-]\d\d:?\d\d)?)?\W*([\w.]+\s*[-:|\]]\s*)?"
    r"(ERROR|CRITICAL|FATAL|WARNING|INFO)\b[\s:\-\]|]*",
)


@dataclass(frozen=True)
class LogReading:
    """What a job's log says of the dates of its call: `named` are those that it names one by one, in the order of
    their first mention, `errors` those that it names with an error; `general` is an error of no date."""

    named: tuple[dt.date, ...] = ()
    errors: Mapping[dt.date, str] = field(default_factory=dict)
    general: str = ""

    def message(self, date: dt.date) -> str:
        """What went wrong on the date; empty if the log says nothing."""
        return self.errors.get(date, self.general)


def read_log(log: Path, dates: Iterable[dt.date]) -> LogReading:
    """Reads a log for the dates of a call.

    An error belongs to the date that it names, else to the date named last before it ("Processing day 3/14:
    2024-01-17"). Errors before any date belong to all dates. A line that names the whole call ("processing 2024-01-01
    to 2024-01-05") names none of its dates. The last error of a date counts; of a traceback, its last line.
    """
    wanted = list(dates)
    named: dict[dt.date, None] = {}
    errors: dict[dt.date, str] = {}
    at: dt.date | None = wanted[0] if len(wanted) == 1 else None
    general = ""
    for text, is_error in log_lines(log):
        in_line = named_dates(text, wanted)
        if in_line and (is_error or not is_headline(in_line, wanted)):
            at = in_line[0]
            named[at] = None
        if is_error and at:
            errors[at] = text
        elif is_error:
            general = text
    return LogReading(tuple(named), errors, general)


def is_headline(in_line: Collection[dt.date], wanted: Sequence[dt.date]) -> bool:
    """Whether a line that names these dates is about the whole call: its first and last date, or many of them."""
    whole = {min(wanted), max(wanted)}
    return len(whole) == 2 and (whole <= set(in_line) or len(in_line) > 2)


def log_lines(log: Path) -> Iterator[tuple[str, bool]]:
    """A log's lines without what loggers put before them, and whether each tells of an error; these are masked."""
    in_traceback = False
    for line in map(plain, tail(log).splitlines()):
        if TRACEBACK in line:
            in_traceback = True
        elif in_traceback and (line.startswith(" ") or not line):
            continue  # the way to the error, not the error
        else:
            is_error = in_traceback or bool(ERROR.search(line))
            text = PREFIX.sub("", line).strip()
            yield (masking.text(text) if is_error else text)[:LONGEST_MESSAGE], is_error
            in_traceback = False


def plain(line: str) -> str:
    return CONTROL.sub(" ", COLOUR.sub("", line[:LONGEST_LINE])).rstrip()


def named_dates(text: str, wanted: Collection[dt.date]) -> list[dt.date]:
    """The wanted dates that a line names, each once, in its order."""
    found: dict[dt.date, None] = {}
    for word in DATE.findall(text):
        with suppress(ValueError):
            if (date := dt.date.fromisoformat(word)) in wanted:
                found[date] = None
    return list(found)


def tail(log: Path, most: int = LONGEST_LOG) -> str:
    """The end of a log as text; empty if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - most, 0))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
