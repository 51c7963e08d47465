"""What went wrong, in few words: a message for each failed date, its signature, its class, and what is still open."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache, reduce
from operator import or_
from pathlib import Path
from typing import Any, TypeVar

from django.db.models import Count, Exists, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum, TextField
from django.db.models.functions import Cast

from apps import masking
from apps.coverage.models import Partition
from apps.runs.models import Run, Step
from apps.text import count

Group = TypeVar("Group", bound="FailureGroup")
Part = Mapping[str, Any]

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
# What differs between failures of one cause that meet different things, see `kind`.
QUOTED = re.compile(r"(?<!\w)(?:'[^']+'|\"[^\"]+\"|`[^`]+`|“[^”]+”)(?!\w)")
IDENTIFIER = re.compile(r"\b\w+(?:[./_-]\w+)+\b|\b[a-z]+[A-Z]\w*\b|\b\w*_\w+\b")
IS_ERROR = re.compile(r"(Error|Exception|Warning)$")
PROPER_NAME = re.compile(r"(?<=[\w,…] )[A-Z][a-z'’-]+\b")
CLASSES = (
    ("quota", r"quota|rate.?limit|too many requests|\b429\b"),
    ("timeout", r"tim(ed|e) ?out|deadline"),
    ("auth", r"permission|denied|unauthori[sz]ed|forbidden|credential|\b40[13]\b"),
    ("upstream", r"connection|unreachable|unavailable|\b50[234]\b|refused|reset by peer|dns|busy|locked"),
    ("data missing", r"no rows|not found|no such|missing|0 records|empty|nothing to"),
)


def signature(message: str) -> str:
    """The message without its dates and numbers: failures of one cause read the same. Without secrets, too."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return chr(PRIVATE + len(kept) - 1)

    protected = TYPE.sub(keep, masking.text(message))
    bare = VARYING.sub("…", protected)
    restored = "".join(
        kept[place] if 0 <= (place := ord(letter) - PRIVATE) < len(kept) else letter for letter in bare
    )
    without_lead = re.sub(r"^(?:…[\s:,-]*)+(?=\S)", "", restored.strip())  # "2024-02-16: ..." says it twice
    return re.sub(r"\s+", " ", without_lead).strip()[:LONGEST_MESSAGE]


@lru_cache(maxsize=4096)  # a signature is there many times
def kind(signature: str) -> str:
    """The signature without the names in it: quoted words, identifiers, proper names within a sentence.

    What kind of error it is (KeyError, a column type) stays, and so do plain words: other causes read differently.
    """
    bare = QUOTED.sub("…", signature)
    bare = IDENTIFIER.sub(lambda match: match[0] if IS_ERROR.search(match[0]) else "…", bare)
    return re.sub(r"…(?:\s*…)+", "…", PROPER_NAME.sub("…", bare))


def cause(status: str, signature: str) -> str:
    """What open steps are grouped by, wherever they are listed, counted or retried: failures by their kind, skips by
    their signature. The name of an input is why its readers were skipped."""
    return signature if status == Step.Status.SKIPPED else kind(signature)


def headline(cause: str, signatures: Iterable[str]) -> str:
    """What a group is called: its signature where all have the same, else what they have in common."""
    found = set(signatures)
    return found.pop() if len(found) == 1 else cause


def key(cause: str) -> str:
    """A group's short name, for addresses."""
    return hashlib.blake2b(cause.encode(), digest_size=6).hexdigest()


def suggested_class(message: str) -> str:
    """A guess at where to look first: data missing, upstream, quota, timeout, auth, code."""
    for name, pattern in CLASSES:
        if re.search(pattern, message, re.IGNORECASE):
            return name
    return "code"


@dataclass(frozen=True)
class LogReading:
    """What a job's log says of the dates of its call: `named` are those that it names one by one, in the order of
    their first mention, `errors` those that it names with an error; `general` is an error of no date."""

    named: tuple[dt.date, ...] = ()
    errors: Mapping[dt.date, str] = field(default_factory=dict)
    general: str = ""

    def message(self, date: dt.date) -> str:
        """What went wrong on the date; empty where the log says nothing."""
        return self.errors.get(date, self.general)


def read(log: Path, dates: Iterable[dt.date]) -> LogReading:
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
    for text, is_error in said(log):
        in_line = named_dates(text, wanted)
        if in_line and (is_error or not is_headline(in_line, wanted)):
            at = in_line[0]
            named[at] = None
        if is_error and at:
            errors[at] = text
        elif is_error:
            general = text
    return LogReading(tuple(named), errors, general)


def messages(log: Path, dates: Iterable[dt.date]) -> dict[dt.date, str]:
    """What a job's log says went wrong, by date; only dates for which it says something."""
    wanted = list(dates)
    found = read(log, wanted)
    return {date: found.message(date) for date in wanted if found.message(date)}


def is_headline(in_line: Collection[dt.date], wanted: Sequence[dt.date]) -> bool:
    """Whether a line that names these dates is about the whole call: its first and last date, or many of them."""
    whole = {min(wanted), max(wanted)}
    return len(whole) == 2 and (whole <= set(in_line) or len(in_line) > 2)


def said(log: Path) -> Iterator[tuple[str, bool]]:
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
    """Failures that say the same, but for names. `attempts` is how often their partitions were tried in vain, over all
    runs where asked; `redos` are those whose date was complete before.

    The log of the newest attempt that ended so, `last_attempt_id`, is the place to look.
    """

    cause: str
    signature: str
    sample: str
    count: int
    tables: list[str]
    dates: list[dt.date]
    runs: list[int]
    attempts: int
    redos: int
    first_at: dt.datetime | None
    last_at: dt.datetime | None
    last_attempt_id: int | None

    @property
    def key(self) -> str:
        return key(self.cause)

    @property
    def suggested_class(self) -> str:
        return suggested_class(self.sample)

    @property
    def tried(self) -> str:
        """ "2 dates, each tried once", "1 date, tried 3 times", "4 partitions of 2 dates, tried 5 times in all"."""
        dates = count(len(self.dates), "date")
        what = dates if self.count <= len(self.dates) else f"{count(self.count, 'partition')} of {dates}"
        if not self.attempts:
            return f"{what}, never tried"
        if self.attempts == self.count:
            return f"{what}, tried once" if self.count == 1 else f"{what}, each tried once"
        return f"{what}, tried {count(self.attempts, 'time')}{' in all' if self.count > 1 else ''}"


@dataclass(frozen=True)
class StepGroup(FailureGroup):
    """The same, with the steps at hand."""

    steps: tuple[Step, ...]


def grouped(steps: Iterable[Step]) -> list[StepGroup]:
    """Failed and skipped steps by cause, the most frequent first."""
    groups: dict[str, list[Step]] = defaultdict(list)
    for step in steps:
        groups[cause(step.status, step.signature)].append(step)
    return by_frequency(step_group(text, members) for text, members in groups.items())


def step_group(cause: str, steps: list[Step]) -> StepGroup:
    finished = [step.finished_at for step in steps if step.finished_at]
    return StepGroup(
        cause=cause,
        signature=headline(cause, (step.signature for step in steps)),
        sample=steps[0].message,
        count=len(steps),
        tables=list(dict.fromkeys(step.table for step in steps)),
        dates=sorted({step.date for step in steps}),
        runs=sorted({step.run_id for step in steps}),
        attempts=sum(step.attempts for step in steps),
        redos=sum(step.is_redo for step in steps),
        first_at=min(finished, default=None),
        last_at=max(finished, default=None),
        last_attempt_id=max((step.attempt_id for step in steps if step.attempt_id), default=None),
        steps=tuple(steps),
    )


def by_frequency(groups: Iterable[Group]) -> list[Group]:
    return sorted(groups, key=lambda group: (-group.count, group.signature))


def groups_of(steps: QuerySet[Step]) -> list[FailureGroup]:
    """What `grouped` tells, without a step being loaded: in two queries, with the attempts of all runs."""
    parts: dict[str, list[Part]] = defaultdict(list)
    for part in parts_of(steps):
        parts[cause(part["status"], part["signature"])].append(part)
    if not parts:
        return []
    dates = dates_of(steps)
    return by_frequency(group_of_parts(text, some, sorted(dates[text])) for text, some in parts.items())


def parts_of(steps: QuerySet[Step]) -> Iterable[Part]:
    """The steps counted by status, signature, table and run, in the order in which they first failed."""
    same = Step.objects.filter(table=OuterRef("table"), date=OuterRef("date"))
    in_vain = same.exclude(status=Step.Status.SUCCEEDED)
    tried = in_vain.order_by().values("table")
    tries = Subquery(tried.annotate(tries=Sum("attempts")).values("tries"))
    parts = steps.order_by().annotate(tries=tries).values("status", "signature", "table", "run_id").annotate(
        count=Count("id"),
        attempts=Sum("tries"),
        redos=Count("id", filter=Q(is_redo=True)),
        sample=Min("message"),
        first=Min("id"),
        first_at=Min("finished_at"),
        last_at=Max("finished_at"),
        last_attempt=Max("attempt_id"),
    )  # fmt: skip
    return parts.order_by("first")


def dates_of(steps: QuerySet[Step]) -> dict[str, set[dt.date]]:
    """The dates of each cause. They stay text until they are known to differ: most are there many times."""
    found: dict[str, set[dt.date]] = defaultdict(set)
    date_of = cache(dt.date.fromisoformat)
    day = Cast("date", TextField())
    rows = steps.order_by().values_list("status", "signature", day).distinct()
    for status, text, date in rows.iterator():
        found[cause(status, text)].add(date_of(date))
    return found


def group_of_parts(cause: str, parts: list[Part], dates: list[dt.date]) -> FailureGroup:
    return FailureGroup(
        cause=cause,
        signature=headline(cause, (part["signature"] for part in parts)),
        sample=parts[0]["sample"],
        count=sum(part["count"] for part in parts),
        tables=list(dict.fromkeys(part["table"] for part in parts)),
        dates=dates,
        runs=sorted({part["run_id"] for part in parts}),
        attempts=sum(part["attempts"] for part in parts),
        redos=sum(part["redos"] for part in parts),
        first_at=min((part["first_at"] for part in parts if part["first_at"]), default=None),
        last_at=max((part["last_at"] for part in parts if part["last_at"]), default=None),
        last_attempt_id=max((part["last_attempt"] for part in parts if part["last_attempt"]), default=None),
    )


def mark(status: str, is_redo: bool) -> Partition.Activity:
    """What a decided step leaves on its partition, until another run decides that."""
    match status:
        case Step.Status.FAILED:
            return Partition.Activity.REDO_FAILED if is_redo else Partition.Activity.FAILED
        case Step.Status.SKIPPED if is_redo:
            return Partition.Activity.REDO_SKIPPED
    return Partition.Activity.NONE


def open_steps() -> QuerySet[Step]:
    """The steps that are still to be done: for each partition only what the last run that decided it left."""
    still_open = Partition.objects.open_failures().filter(
        table=OuterRef("table"), date=OuterRef("date"), run_id=OuterRef("run_id")
    )
    return Step.objects.not_done().filter(Exists(still_open)).order_by("table", "date")


def off_calendar() -> list[tuple[str, dt.date]]:
    """The open failures that no run fills any more: the calendar does not expect their dates now."""
    found = Partition.objects.open_failures().filter(Partition.OFF_CALENDAR)
    return list(found.order_by("table", "date").values_list("table", "date"))


def open_failures() -> list[FailureGroup]:
    """All that is still open, over all runs, by cause."""
    return groups_of(open_steps())


def to_retry(run: Run, signatures: Iterable[str] = ()) -> list[tuple[str, dt.date]]:
    """The partitions that failed or were skipped in a run; with signatures, or keys of groups, only those groups."""
    steps = run.steps.filter(status__in=(Step.Status.FAILED, Step.Status.SKIPPED))
    return list(said_by(steps, signatures).values_list("table", "date"))


def said_by(steps: QuerySet[Step], signatures: Iterable[str]) -> QuerySet[Step]:
    """The steps of the groups that one of these signatures is in, or whose keys these are; all where none is named."""
    wanted = list(signatures)
    if not wanted:
        return steps
    chosen: dict[str, list[str]] = defaultdict(list)
    for status, text in steps.order_by().values_list("status", "signature").distinct():
        if is_named(cause(status, text), {cause(status, each) for each in wanted}, wanted):
            chosen[status].append(text)
    some = [Q(status=status, signature__in=texts) for status, texts in chosen.items()]
    return steps.filter(reduce(or_, some)) if some else steps.none()


def is_named(cause: str, causes: Collection[str], keys: Collection[str]) -> bool:
    return cause in causes or key(cause) in keys
