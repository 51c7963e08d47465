"""The log of an attempt, line by line: its end, and what came since."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from apps import masking

CHUNK = 64_000  # bytes that a page is given at a time
COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
LEVELS = (
    ("error", re.compile(r"\b(ERROR|CRITICAL|FATAL)\b|\b\w*(Error|Exception)\b:|^Traceback ")),
    ("warn", re.compile(r"\b(WARN|WARNING)\b")),
)


@dataclass(frozen=True)
class Line:
    text: str

    @property
    def level(self) -> str:
        """ "error", "warn" or nothing, by what the line says of itself."""
        return next((name for name, pattern in LEVELS if pattern.search(self.text)), "")


@dataclass(frozen=True)
class Piece:
    """Whole lines, and the offset in bytes from which the next piece follows."""

    lines: tuple[Line, ...] = ()
    end: int = 0
    cut: bool = False


def other_machine(log: Path, worker: str) -> str:
    """The machine that has the log; empty if this one has it, or it is not known to be anywhere else."""
    return "" if worker == settings.WORKER_NAME or log.exists() else worker


def size(log: Path) -> int:
    """In bytes; 0 if there is no log."""
    try:
        return log.stat().st_size
    except OSError:
        return 0


def last_lines(log: Path, most: int, *, is_over: bool) -> Piece:
    """The last lines of what is there; `cut` says whether there is more before them."""
    whole = size(log)
    start = max(whole - CHUNK, 0)
    read = since(log, start, is_over=is_over)
    lines = read.lines[1:] if start else read.lines  # the first one may begin in its middle
    return Piece(lines[-most:], read.end, cut=bool(start) or len(lines) > most)


def since(log: Path, offset: int, *, is_over: bool, most: int = CHUNK) -> Piece:
    """The lines after an offset. While the log grows, a line without its end is left for later."""
    try:
        with log.open("rb") as file:
            file.seek(offset)
            raw = file.read(most)
    except OSError:
        return Piece(end=offset)
    if not (is_over and len(raw) < most):
        raw = whole_lines(raw, most)
    return Piece(tuple(lines_of(raw.decode("utf-8", errors="replace"))), offset + len(raw))


def whole_lines(raw: bytes, most: int) -> bytes:
    """Up to the last end of a line; all of it where a single line fills the piece."""
    end = raw.rfind(b"\n") + 1
    return raw[:end] if end or len(raw) < most else raw


def lines_of(text: str) -> Iterable[Line]:
    """The lines to be shown: without colours, without secrets."""
    plain = "\n".join(CONTROL.sub("", COLOUR.sub("", line)) for line in text.splitlines())
    return map(Line, masking.text(plain).splitlines())


def masked(log: Path) -> Iterator[str]:
    """All of a log for a download, without secrets, a piece at a time; OSError if there is none."""
    with log.open("rb") as file:
        while lines := file.readlines(CHUNK):
            yield masking.text(b"".join(lines).decode("utf-8", errors="replace"))
