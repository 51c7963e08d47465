"""What a check said: its level, a sentence, the value it found, the threshold it wanted, and what to do about it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from apps import masking


class Level(StrEnum):
    """The worst first. What was not asked or not answered is no pass; a note is about what there is no need to ask."""

    FAILURE = "failure"
    UNKNOWN = "unknown"
    WARNING = "warning"
    SKIPPED = "skipped"
    PASS = "pass"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing that a check found. `command` and `link` are remedies: words to type, or an address of the console.

    `deed` is what the link is called; `data` is for programs.
    """

    level: Level
    text: str
    value: str = ""
    threshold: str = ""
    detail: str = ""
    command: str = ""
    link: str = ""
    deed: str = "Look at it"
    data: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Masks secrets in what was quoted of a job or an answer."""
        for name in ("text", "value", "threshold", "detail", "command"):
            object.__setattr__(self, name, masking.text(getattr(self, name)))


@dataclass(frozen=True)
class Result:
    """A check with all that it found. Its answers are good for `valid_for` seconds after `asked_at`."""

    name: str
    kind: str
    severity: str
    is_built_in: bool
    asked_at: dt.datetime
    valid_for: int
    seconds: float
    findings: tuple[Finding, ...] = field(default=())

    @property
    def level(self) -> Level:
        """The worst that was found; a check that found nothing to ask about was skipped."""
        found = {finding.level for finding in self.findings} - {Level.NOTE}
        return next((level for level in Level if level in found), Level.SKIPPED)

    @property
    def is_critical(self) -> bool:
        return self.severity == "critical"

    @property
    def is_in_the_way(self) -> bool:
        """Whether it is critical and failed, or could not be asked."""
        return self.is_critical and self.level in (Level.FAILURE, Level.UNKNOWN)

    @property
    def valid_until(self) -> dt.datetime:
        return self.asked_at + dt.timedelta(seconds=self.valid_for)

    @property
    def worst(self) -> Finding | None:
        """The first finding of its level."""
        return next((finding for finding in self.findings if finding.level == self.level), None)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"asked_at": self.asked_at.isoformat(), "level": self.level}


def from_json(stored: dict[str, Any]) -> Result:
    values = {name: value for name, value in stored.items() if name != "level"}
    found = tuple(Finding(**(each | {"level": Level(each["level"])})) for each in values.pop("findings"))
    asked_at = dt.datetime.fromisoformat(values.pop("asked_at"))
    return Result(**values, asked_at=asked_at, findings=found)


# Findings by their level: passed("Every file is there.", value="3 files").
OfLevel = Callable[..., Finding]
passed: OfLevel = partial(Finding, Level.PASS)
failed: OfLevel = partial(Finding, Level.FAILURE)
warned: OfLevel = partial(Finding, Level.WARNING)
unknown: OfLevel = partial(Finding, Level.UNKNOWN)
noted: OfLevel = partial(Finding, Level.NOTE)
skipped: OfLevel = partial(Finding, Level.SKIPPED)


def some(names: Iterable[str], *, most: int = 5) -> str:
    """Names with commas; many are cut, with how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
