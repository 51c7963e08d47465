"""What went wrong, in few words: a message for each failed date, its signature, its class, and what is still open."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db.models import Exists, OuterRef, QuerySet, Subquery, Sum

from apps.coverage.models import Partition
from apps.runs.models import Run, Step

LONGEST_LOG = 5_000_000  # bytes from the end that are read for messages
LONGEST_LINE = 2_000
LONGEST_MESSAGE = 500

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
# Numbers in a column type such as DECIMAL(5,2) belong to the cause, not to the case.
TYPE = re.compile(r"\b[A-Z]+\(\d+(?:,\s*\d+)?\)")
PRIVATE = 0xE000  # letters that no text uses stand in for what is kept
VARYING = re.compile(
    r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"  # uuid
    r"|\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"  # date, moment
    r"|\b0x[0-9a-fA-F]+\b"
    r"|\b(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{8,}\b"  # hash
    r"|[+-]?\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d+)?"  # number
)
CLASSES = (
    ("quota", r"quota|rate.?limit|too many requests|\b429\b"),
    ("timeout", r"tim(ed|e) ?out|deadline"),
    ("auth", r"permission|denied|unauthori[sz]ed|forbidden|credential|\b40[13]\b"),
    ("upstream", r"connection|unreachable|unavailable|\b50[234]\b|refused|reset by peer|dns|busy|locked"),
    ("data missing", r"no rows|not found|no such|missing|0 records|empty|nothing to"),
)


def signature(message: str) -> str:
    """The message without its dates and numbers: failures of one cause read the same."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return chr(PRIVATE + len(kept) - 1)

    protected = TYPE.sub(keep, message)
    bare = VARYING.sub("…", protected)
    restored = "".join(
        kept[place] if 0 <= (place := ord(letter) - PRIVATE) < len(kept) else letter for letter in bare
    )
    without_lead = re.sub(r"^(?:…[\s:,-]*)+(?=\S)", "", restored.strip())  # "2024-02-16: ..." says it twice
    return re.sub(r"\s+", " ", without_lead).strip()[:LONGEST_MESSAGE]


def key(signature: str) -> str:
    """A signature's short name, for addresses."""
    return hashlib.blake2b(signature.encode(), digest_size=6).hexdigest()


def suggested_class(message: str) -> str:
    """A guess at where to look first: data missing, upstream, quota, timeout, auth, code."""
    for name, pattern in CLASSES:
        if re.search(pattern, message, re.IGNORECASE):
            return name
    return "code"


def messages(log: Path, dates: Iterable[dt.date]) -> dict[dt.date, str]:
    """What a job's log says went wrong, by date; only dates for which it says something.

    An error belongs to the date that it names, else to the date named last before it ("Processing day 3/14:
    2024-01-17"). Errors before any date belong to all dates. The last error of a date counts; of a traceback, its
    last line.
    """
    wanted = list(dates)
    found: dict[dt.date, str] = {}
    at: dt.date | None = wanted[0] if len(wanted) == 1 else None
    general = ""
    for text, is_error in said(log):
        at = named_date(text, wanted) or at
        if is_error and at:
            found[at] = text
        elif is_error:
            general = text
    return {date: found.get(date, general) for date in wanted if found.get(date) or general}


def said(log: Path) -> Iterator[tuple[str, bool]]:
    """A log's lines without what loggers put before them, and whether each tells of an error."""
    in_traceback = False
    for line in map(plain, tail(log).splitlines()):
        if TRACEBACK in line:
            in_traceback = True
        elif in_traceback and (line.startswith(" ") or not line):
            continue  # the way to the error, not the error
        else:
            yield PREFIX.sub("", line).strip()[:LONGEST_MESSAGE], in_traceback or bool(ERROR.search(line))
            in_traceback = False


def plain(line: str) -> str:
    return CONTROL.sub(" ", COLOUR.sub("", line[:LONGEST_LINE])).rstrip()


def named_date(text: str, wanted: list[dt.date]) -> dt.date | None:
    for word in DATE.findall(text):
        try:
            date = dt.date.fromisoformat(word)
        except ValueError:
            continue
        if date in wanted:
            return date
    return None


def tail(log: Path, most: int = LONGEST_LOG) -> str:
    """The end of a log as text; empty where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - most, 0))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""


@dataclass(frozen=True)
class FailureGroup:
    """Failures that say the same."""

    signature: str
    sample: str
    steps: tuple[Step, ...]

    @property
    def key(self) -> str:
        return key(self.signature)

    @property
    def count(self) -> int:
        return len(self.steps)

    @property
    def tables(self) -> list[str]:
        return list(dict.fromkeys(step.table for step in self.steps))

    @property
    def dates(self) -> list[dt.date]:
        return sorted({step.date for step in self.steps})

    @property
    def first_at(self) -> dt.datetime | None:
        return min((step.finished_at for step in self.steps if step.finished_at), default=None)

    @property
    def last_attempt_id(self) -> int | None:
        """Of the newest attempt that ended so; its log is the place to look."""
        return max((step.attempt_id for step in self.steps if step.attempt_id), default=None)

    @property
    def last_at(self) -> dt.datetime | None:
        return max((step.finished_at for step in self.steps if step.finished_at), default=None)

    @property
    def suggested_class(self) -> str:
        return suggested_class(self.sample)

    @property
    def runs(self) -> list[int]:
        return sorted({step.run_id for step in self.steps})

    @property
    def attempts(self) -> int:
        """How often these partitions were tried: over all runs, where `for_pages` counted that."""
        return sum(getattr(step, "tries", step.attempts) for step in self.steps)


def grouped(steps: Iterable[Step]) -> list[FailureGroup]:
    """Failed steps by signature, the most frequent first."""
    groups: dict[str, list[Step]] = defaultdict(list)
    for step in steps:
        groups[step.signature].append(step)
    found = [FailureGroup(text, members[0].message, tuple(members)) for text, members in groups.items()]
    return sorted(found, key=lambda group: (-group.count, group.signature))


def open_steps() -> QuerySet[Step]:
    """The failed steps whose partition nobody filled since: for each partition only the last run's."""
    still_open = Partition.objects.open_failures().filter(
        table=OuterRef("table"), date=OuterRef("date"), run_id=OuterRef("run_id")
    )
    return Step.objects.failed().filter(Exists(still_open)).order_by("table", "date")


def open_failures() -> list[FailureGroup]:
    """All that is still open, over all runs, by signature."""
    return grouped(open_steps())


def for_pages(steps: QuerySet[Step]) -> QuerySet[Step]:
    """The same with no more columns than groups ask for, and how often each partition was tried."""
    tried = Step.objects.filter(table=OuterRef("table"), date=OuterRef("date")).order_by().values("table")
    tries = tried.annotate(tries=Sum("attempts")).values("tries")
    return steps.annotate(tries=Subquery(tries)).only(
        "run_id", "table", "date", "message", "signature", "attempts", "finished_at", "attempt_id"
    )


def to_retry(run: Run, signatures: Iterable[str] = ()) -> list[tuple[str, dt.date]]:
    """The partitions that failed or were skipped in a run; with signatures, or their keys, only those failures."""
    steps = run.steps.filter(status__in=(Step.Status.FAILED, Step.Status.SKIPPED))
    return list(said_by(steps, signatures).values_list("table", "date"))


def said_by(steps: QuerySet[Step], signatures: Iterable[str]) -> QuerySet[Step]:
    """The steps with one of these signatures, named by their text or their key; all where none is named."""
    wanted = set(signatures)
    if not wanted:
        return steps
    known = steps.order_by().values_list("signature", flat=True).distinct()
    return steps.filter(signature__in=[text for text in known if text in wanted or key(text) in wanted])
